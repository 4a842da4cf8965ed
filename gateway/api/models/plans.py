"""The release plan of an application as JSON: how each column would leave, in words and for programs."""

from __future__ import annotations

import json
from typing import Any

from gateway.anonymize.operations import compile_plan
from gateway.anonymize.plan import Plan
from gateway.api.models.base import Model


class PlanWordsOut(Model):
    """One line of the plan for people."""

    zh: str
    en: str


class ReleasePlanOut(Model):
    """How each column would leave, and under which limits."""

    plan_sha256: str
    """What a dry run, the audit log and the release's report name."""
    words: tuple[PlanWordsOut, ...]
    plan: dict[str, Any]
    """``docs/schemas/release-plan.schema.json``."""
    program: dict[str, Any]
    """What back ends execute: ``docs/schemas/operations.schema.json``. It holds no key."""

    @staticmethod
    def of(plan: Plan) -> ReleasePlanOut:
        """Return the model of a plan."""
        return ReleasePlanOut(
            plan_sha256=plan.sha256(),
            words=tuple(PlanWordsOut(zh=zh, en=en) for zh, en in plan.words()),
            plan=json.loads(plan.canonical()),
            program=compile_plan(plan).to_json(),
        )
