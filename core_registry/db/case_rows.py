"""Cases and their steps in the tables; private ones wholly under seal (A24-3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, text, update

from core_registry.db.case_codec import Vault, case_of, part_of, results_text, step_of, step_row, whole
from core_registry.db.case_facts import EVIDENCE_COLUMNS, evidence_of
from core_registry.db.case_tables import case_evidence, case_steps, cases, evidence, sealed_cases
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.tables import students
from core_registry.db.times import stamp
from core_registry.domain.cases import Case, CaseStatus, Step
from core_registry.domain.facts import Evidence
from core_registry.domain.rules import enforces
from core_registry.errors import StaleCaseError

_SEPARATOR = "\x1f"
CASE_COLUMNS = (*cases.c, students.c.subject_ref)


class CaseRows:
    """Reads and writes cases. ``index`` makes the keyed hash under which a private submission is found again."""

    def __init__(self, vault: Vault, index: KeyedIndex) -> None:
        self._vault = vault
        self._index = index

    def find(self, connection: Connection, case_id: str) -> Case | None:
        """Return a case, opened; its row is locked for this transaction."""
        row = connection.execute(
            select(*CASE_COLUMNS)
            .outerjoin(students, students.c.student_id == cases.c.student_id)
            .where(cases.c.case_id == case_id)
            .with_for_update(of=cases)
        ).one_or_none()
        if row is not None:
            return self.opened(connection, [row])[0]
        return self._private(connection, sealed_cases.c.case_id == case_id)

    def by_key(self, connection: Connection, account: str, key: str) -> Case | None:
        """Return the case that ``account`` opened under ``key``; a second submission waits here for the first."""
        lookup = self._lookup(account, key)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": lookup})
        case_id = connection.execute(
            select(cases.c.case_id).where(cases.c.opened_by == account, cases.c.submission_key == key)
        ).scalar_one_or_none()
        if case_id is not None:
            return self.find(connection, case_id)
        return self._private(connection, sealed_cases.c.lookup == lookup)

    def opened(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Case]:
        """Return the cases of rows of ``CASE_COLUMNS``, their steps in one query. Raises ``SealedValueError``."""
        found = connection.execute(
            select(case_steps)
            .where(case_steps.c.case_id.in_([row.case_id for row in rows]))
            .order_by(case_steps.c.case_id, case_steps.c.position)
        ).all()
        steps: dict[str, list[Step]] = {}
        for step in found:
            note = ""
            if step.sealed_note is not None:
                row_id = f"{step.case_id}/{step.position}"
                opened = self._vault.open(connection, "case_steps", row_id, step.key_version, step.sealed_note)
                note = opened["note"]
            steps.setdefault(step.case_id, []).append(step_of(step, note))
        papers = _papers(connection, [row.case_id for row in rows])
        return [
            case_of(
                row,
                self._vault.open(connection, "cases", row.case_id, row.key_version, row.sealed),
                steps.get(row.case_id, ()),
                papers.get(row.case_id, ()),
            )
            for row in rows
        ]

    def insert(
        self, connection: Connection, case: Case, items: Sequence[str], key: str | None, number: int, home: str
    ) -> Case:
        """Write a new case with its steps and items of evidence; return it with these.

        ``home`` is the school that holds the record.
        """
        asked = case.request
        connection.execute(
            insert(cases).values(
                case_id=case.id, sequence=number, kind=asked.kind, student_id=asked.student_id,
                school_code=asked.school, home_school=home, status=case.status.value, version=case.version,
                event_on=asked.on, applied_on=asked.applied_on, opened_by=case.opened_by,
                opened_at=stamp(case.opened_at), changed_by=case.changed_by,
                changed_at=stamp(case.changed_at or case.opened_at), closed_on=case.closed_on, submission_key=key,
                results=results_text(case.results), **self._sealed(connection, case),
            )
        )  # fmt: skip
        waiting = {step.name for step in case.current}
        connection.execute(
            insert(case_steps),
            [
                {
                    "case_id": case.id, "position": position, **step_row(step, step.name in waiting),
                    **self._note(connection, case, position, step),
                }
                for position, step in enumerate(case.steps)
            ],
        )  # fmt: skip
        if items:
            rows = [{"case_id": case.id, "evidence_id": item} for item in dict.fromkeys(items)]
            connection.execute(insert(case_evidence), rows)
        return replace(case, evidence=tuple(_papers(connection, [case.id]).get(case.id, ())))

    def update(self, connection: Connection, case: Case, before: Case) -> None:
        """Write a changed case. Raises ``StaleCaseError`` when somebody was faster."""
        changes: dict[str, Any] = {
            "status": case.status.value, "version": case.version, "changed_by": case.changed_by,
            "changed_at": stamp(case.changed_at or case.opened_at), "closed_on": case.closed_on,
        }  # fmt: skip
        if case.request.student_id != before.request.student_id:
            changes["student_id"] = case.request.student_id
        if case.closing_note:
            changes.update(self._sealed(connection, case))
        done = connection.execute(
            update(cases).where(cases.c.case_id == case.id, cases.c.version == case.version - 1).values(**changes)
        )
        if done.rowcount != 1:
            raise _stale(before)
        waiting = {step.name for step in case.current}
        waited = {step.name for step in before.current}
        for position, (step, old) in enumerate(zip(case.steps, before.steps, strict=True)):
            if step == old and (step.name in waiting) == (step.name in waited):
                continue
            values = step_row(step, step.name in waiting)
            if step.note != old.note:
                values.update(self._note(connection, case, position, step))
            if old.decision is not None:
                values = {"waiting": False}
            connection.execute(
                update(case_steps)
                .where(case_steps.c.case_id == case.id, case_steps.c.position == position)
                .values(**values)
            )

    @enforces("A24-3", how="record")
    def keep_private(self, connection: Connection, case: Case, key: str | None) -> None:
        """Keep an open private case under seal, and nothing of it once it has ended. Raises ``StaleCaseError``."""
        if case.version > 1:
            done = connection.execute(
                delete(sealed_cases).where(
                    sealed_cases.c.case_id == case.id, sealed_cases.c.version == case.version - 1
                )
            )
            if done.rowcount != 1:
                raise _stale(case)
        if case.status is not CaseStatus.OPEN:
            return
        content = {**whole(case), "key": key}
        sealed = self._vault.close(connection, "sealed_cases", case.id, content, case.changed_at or case.opened_at)
        lookup = None if key is None else self._lookup(case.opened_by, key)
        connection.execute(insert(sealed_cases).values(case_id=case.id, version=case.version, lookup=lookup, **sealed))

    def key_of_private(self, connection: Connection, case_id: str) -> str | None:
        """Return the submission key of a private case."""
        row = connection.execute(select(sealed_cases).where(sealed_cases.c.case_id == case_id)).one_or_none()
        if row is None:
            return None
        content = self._vault.open(connection, "sealed_cases", row.case_id, row.key_version, row.sealed)
        found: str | None = content["key"]
        return found

    def _private(self, connection: Connection, which: Any) -> Case | None:  # noqa: ANN401  an expression
        row = connection.execute(select(sealed_cases).where(which).with_for_update()).one_or_none()
        if row is None:
            return None
        content = self._vault.open(connection, "sealed_cases", row.case_id, row.key_version, row.sealed)
        return part_of(row.case_id, row.version, content)

    def _lookup(self, account: str, key: str) -> str:
        # The key of the kind "suspect" takes any text as it is; a prefix keeps it apart from the others.
        made = self._index.key("suspect", _SEPARATOR.join(("submission", account, key)))
        return str(made)

    def _sealed(self, connection: Connection, case: Case) -> dict[str, Any]:
        content = {"values": dict(case.request.values), "closing_note": case.closing_note}
        return self._vault.close(connection, "cases", case.id, content, _at(case))

    def _note(self, connection: Connection, case: Case, position: int, step: Step) -> dict[str, Any]:
        if not step.note:
            return {"key_version": None, "sealed_note": None}
        made = self._vault.close(connection, "case_steps", f"{case.id}/{position}", {"note": step.note}, _at(case))
        return {"key_version": made["key_version"], "sealed_note": made["sealed"]}


def _papers(connection: Connection, case_ids: Sequence[str]) -> dict[str, list[Evidence]]:
    """Return what was handed in for cases, by case."""
    rows = connection.execute(
        select(case_evidence.c.case_id, *EVIDENCE_COLUMNS)
        .join(evidence, evidence.c.evidence_id == case_evidence.c.evidence_id)
        .where(case_evidence.c.case_id.in_(case_ids))
        .order_by(evidence.c.handed_in_at, evidence.c.evidence_id)
    ).all()
    found: dict[str, list[Evidence]] = {}
    for row in rows:
        found.setdefault(row.case_id, []).append(evidence_of(row))
    return found


def _at(case: Case) -> datetime:
    return case.changed_at or case.opened_at


def _stale(case: Case) -> StaleCaseError:
    return StaleCaseError(
        f"The case was changed meanwhile by {case.changed_by}; look at it again.",
        detail_zh=f"该业务已被 {case.changed_by} 更新，请重新查看后再办理。",
    )
