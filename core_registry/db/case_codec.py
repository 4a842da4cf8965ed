"""Cases as rows and back: what speaks of a person goes under seal (ADR 0003)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Row

from core_registry.db.sealing import DataKeys, seal, unseal
from core_registry.db.times import parse, stamp
from core_registry.domain.cases import Case, CaseStatus, Step
from core_registry.domain.facts import Evidence
from core_registry.domain.procedures import Act
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Party, RuleResult, Status

_DAY = "$day"


class Vault:
    """Seals and opens JSON texts of a table under its data keys."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    def close(
        self, connection: Connection, table: str, row_id: str, content: Mapping[str, object], now: datetime
    ) -> dict[str, Any]:
        """Return the columns ``key_version`` and ``sealed`` for ``content``."""
        version, key = self._keys.newest(connection, table, now)
        return {"key_version": version, "sealed": self._sealed(key, table, version, row_id, dumps(content))}

    def open(self, connection: Connection, table: str, row_id: str, version: int, sealed: bytes) -> dict[str, Any]:
        """Return the content. Raises ``SealedValueError``."""
        key = self._keys.of(connection, table, version)
        found: dict[str, Any] = loads(unseal(key, (table, "sealed", version), row_id, sealed))
        return found

    @staticmethod
    def _sealed(key: AESGCM, table: str, version: int, row_id: str, content: str) -> bytes:
        return seal(key, (table, "sealed", version), [row_id], [content])[0]


def dumps(content: object) -> str:
    """Return compact JSON; days are marked so that they come back as days."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_marked)


def loads(text: str) -> Any:  # noqa: ANN401  JSON
    """Return what ``dumps`` wrote."""
    return json.loads(text, object_hook=lambda found: date.fromisoformat(found[_DAY]) if _DAY in found else found)


def _marked(value: object) -> dict[str, str]:
    if isinstance(value, date) and not isinstance(value, datetime):
        return {_DAY: value.isoformat()}
    raise TypeError(f"a {type(value).__name__} is no value of a case")


def results_text(results: Sequence[RuleResult]) -> str:
    """Return the results as JSON: they hold no personal data."""
    return dumps(
        [
            [r.rule, r.status, r.title_zh, r.title, r.needed_zh, r.needed, r.ask, r.evidence]
            for r in results
        ]
    )  # fmt: skip


def results_of(text: str) -> tuple[RuleResult, ...]:
    """Return what ``results_text`` wrote."""
    return tuple(
        RuleResult(rule, Status(status), title_zh, title, needed_zh, needed, None if ask is None else Party(ask), kind)
        for rule, status, title_zh, title, needed_zh, needed, ask, kind in loads(text)
    )


def step_row(step: Step, waiting: bool) -> dict[str, Any]:
    """Return the columns of a step but its case, position and note."""
    return {
        "name": step.name, "party": step.party.value, "act": step.act.value, "act_zh": step.act_zh, "turn": step.order,
        "rule": step.rule, "unit": step.unit, "days": step.days, "reached_on": step.reached,
        "counted_from": step.since, "due_on": step.due,
        "provisional": step.provisional, "done_on": step.done_on,
        "done_at": None if step.done_at is None else stamp(step.done_at), "done_by": step.done_by,
        "decision": step.decision, "late": step.late, "head": step.head, "registrar": step.registrar,
        "waiting": waiting,
    }  # fmt: skip


def step_of(row: Row[Any], note: str) -> Step:
    """Return a step from its row."""
    return Step(
        name=row.name, party=Party(row.party), act=Act(row.act), order=row.turn, rule=row.rule, unit=row.unit,
        act_zh=row.act_zh, days=row.days, reached=row.reached_on, since=row.counted_from,
        due=row.due_on, provisional=row.provisional,
        done_on=row.done_on, done_at=None if row.done_at is None else parse(row.done_at), done_by=row.done_by,
        decision=row.decision, late=row.late, note=note, head=row.head, registrar=row.registrar,
    )  # fmt: skip


def case_of(row: Row[Any], content: Mapping[str, Any], steps: Sequence[Step], papers: Sequence[Evidence]) -> Case:
    """Return a case from its row (with ``subject_ref``), what lay under seal, its steps and its evidence."""
    values: dict[str, Value] = content["values"]
    return Case(
        id=row.case_id,
        request=Request(row.kind, row.school_code, row.event_on, row.applied_on, row.student_id, values),
        status=CaseStatus(row.status),
        steps=tuple(steps),
        opened_by=row.opened_by,
        opened_at=parse(row.opened_at),
        version=row.version,
        changed_by=row.changed_by,
        changed_at=parse(row.changed_at),
        closed_on=row.closed_on,
        results=results_of(row.results),
        subject_ref=row.subject_ref,
        closing_note=content["closing_note"],
        evidence=tuple(papers),
    )


def whole(case: Case) -> dict[str, Any]:
    """Return all of a case as one content: how a private one lies under seal."""
    asked = case.request
    return {
        "request": [asked.kind, asked.school, asked.on, asked.applied_on, asked.student_id, dict(asked.values)],
        "steps": [{**step_row(step, waiting=False), "note": step.note} for step in case.steps],
        "opened_by": case.opened_by, "opened_at": stamp(case.opened_at), "changed_by": case.changed_by,
        "results": results_text(case.results), "subject_ref": case.subject_ref,
    }  # fmt: skip


def part_of(case_id: str, version: int, content: Mapping[str, Any]) -> Case:
    """Return the case that ``whole`` wrote; it is open."""
    kind, school, on, applied_on, student_id, values = content["request"]
    steps = []
    for found in content["steps"]:
        done_at = found["done_at"]
        steps.append(
            Step(
                name=found["name"], party=Party(found["party"]), act=Act(found["act"]), order=found["turn"],
                rule=found["rule"], unit=found["unit"], act_zh=found["act_zh"], days=found["days"],
                reached=found["reached_on"], since=found["counted_from"], due=found["due_on"],
                provisional=found["provisional"],
                done_on=found["done_on"], done_at=None if done_at is None else parse(done_at),
                done_by=found["done_by"], decision=found["decision"], late=found["late"], note=found["note"],
            )
        )  # fmt: skip
    return Case(
        id=case_id,
        request=Request(kind, school, on, applied_on, student_id, values),
        status=CaseStatus.OPEN,
        steps=tuple(steps),
        opened_by=content["opened_by"],
        opened_at=parse(content["opened_at"]),
        version=version,
        changed_by=content["changed_by"],
        results=results_of(content["results"]),
        subject_ref=content["subject_ref"],
    )
