"""State of the service and kinds of problems as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.api.models.base import Model


class HealthOut(Model):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyOut(Model):
    """Part -> ``ok``, or the kind of what is wrong with it."""

    status: Literal["ok", "unavailable"]
    parts: dict[str, str]
    degraded: dict[str, str] = Field(default_factory=dict)
    """Parts without which the face goes on and does less, safely; a face with such a part is ready all the same."""


class ProblemTypeOut(Model):
    """A kind of problem: what it means and what to do about it."""

    type: str
    status: int
    title_zh: str
    title: str
    advice_zh: str
    advice: str


class ProblemTypeList(Model):
    """Every kind of problem, by name."""

    items: list[ProblemTypeOut]


class ConsistencyOut(Model):
    """Proof that the log of ``new`` leaves extends the one of ``old``; hashes in base64."""

    old: int
    new: int
    old_root: str
    new_root: str
    proof: list[str]
