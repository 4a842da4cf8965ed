"""What happened: lists of cases, the life of a record, the look-up of a pupil elsewhere. Reads are recorded first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, or_, select

from core_registry.cases.records import CaseLine, History, Located, MembershipLine, TransitionLine
from core_registry.db.case_codec import Vault
from core_registry.db.case_facts import entry_of
from core_registry.db.case_rows import CASE_COLUMNS, CaseRows
from core_registry.db.case_tables import archive_entries, case_steps, cases, transitions
from core_registry.db.engine import writing
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.shown_texts import ShownTexts
from core_registry.db.state import Fact, queue
from core_registry.db.tables import school_memberships, schools, sharing_students, students
from core_registry.db.times import parse
from core_registry.domain.cases import Actor, Case, CaseStatus
from core_registry.domain.rules import enforces
from core_registry.domain.states import StudentState
from core_registry.errors import StudentNotFoundError


class Histories:
    """Reads histories. Every read of a person is a writing transaction whose event commits before anything is shown."""

    def __init__(self, engine: Engine, vault: Vault, index: KeyedIndex, rows: CaseRows, texts: ShownTexts) -> None:
        self._engine = engine
        self._vault = vault
        self._index = index
        self._rows = rows
        self._texts = texts

    def cases(
        self,
        actor: Actor,
        reach: frozenset[str] | None,
        now: datetime,
        *,
        status: str | None,
        kind: str | None,
        after: str,
        limit: int,
    ) -> list[CaseLine]:
        """Return cases in which the actor's unit has a part or whose school is in ``reach``, newest first.

        ``after`` is the case id of the last line before. A guardian sees the cases that the own account opened.
        """
        query = (
            select(
                cases.c.case_id, cases.c.kind, cases.c.status, cases.c.school_code, cases.c.student_id,
                cases.c.opened_at, sharing_students.c.name_masked, students.c.subject_ref,
            )
            .outerjoin(students, students.c.student_id == cases.c.student_id)
            .outerjoin(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)
            .order_by(cases.c.sequence.desc())
            .limit(limit)
        )  # fmt: skip
        if status is not None:
            query = query.where(cases.c.status == status)
        if kind is not None:
            query = query.where(cases.c.kind == kind)
        if after:
            last = select(cases.c.sequence).where(cases.c.case_id == after).scalar_subquery()
            query = query.where(cases.c.sequence < last)
        if actor.role == "guardian":
            query = query.where(cases.c.opened_by == actor.account)
        elif reach is not None:
            mine = select(case_steps.c.case_id).where(case_steps.c.unit == actor.unit)
            near = sorted(reach)
            query = query.where(
                or_(cases.c.case_id.in_(mine), cases.c.school_code.in_(near), cases.c.home_school.in_(near))
            )
        with writing(self._engine) as connection:
            rows = connection.execute(query).all()
            _note(connection, now, actor, "cases", "", [row.subject_ref for row in rows])
        return [
            CaseLine(
                row.case_id, row.kind, CaseStatus(row.status), row.school_code, row.student_id, parse(row.opened_at),
                row.name_masked,
            )
            for row in rows
        ]  # fmt: skip

    @enforces("S-4", "A50-4", how="record")
    def history(
        self, student_id: str, reach: frozenset[str] | None, actor: Actor, reason: str, now: datetime
    ) -> History:
        """Return the life of a record, oldest first. Raises ``StudentNotFoundError``, recorded as well.

        Texts of cases and entries are clear for the school that holds the record and for units that had a part in them,
        redacted for anybody else.
        """
        query = select(students).where(students.c.student_id == student_id)
        if reach is not None:
            query = query.where(students.c.school_code.in_(sorted(reach)))
        with writing(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            found = None if row is None else self._life(connection, row, actor.unit)
            _note(connection, now, actor, "history", reason, [] if row is None else [row.subject_ref])
        if found is None:
            raise StudentNotFoundError(
                "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
            )
        return found

    @enforces("A16-2", "A50-4", how="record")
    def locate(self, id_number: str, name: str, actor: Actor, reason: str, now: datetime) -> Located | None:
        """Return the pupil with this document number *and* name; the search is recorded in either case."""
        keys = self._index.key("id_number", id_number), self._index.key("name", name)
        query = (
            select(students, sharing_students.c.name_masked)
            .join(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)
            .where(students.c.id_key == keys[0], students.c.name_key == keys[1])
        )
        with writing(self._engine) as connection:
            row = connection.execute(query).one_or_none() if None not in keys else None
            _note(connection, now, actor, "locate", reason, [] if row is None else [row.subject_ref])
        if row is None:
            return None
        return Located(
            row.student_id, row.version, row.school_code, StudentState(row.state), row.grade, row.name_masked
        )

    def _life(self, connection: Connection, row: Row[Any], unit: str) -> History:
        student_id = row.student_id
        moves = connection.execute(
            select(transitions).where(transitions.c.student_id == student_id).order_by(transitions.c.transition_id)
        ).all()
        held = connection.execute(
            select(school_memberships, schools.c.name)
            .join(schools, schools.c.school_code == school_memberships.c.school_code)
            .where(school_memberships.c.student_id == student_id)
            .order_by(school_memberships.c.membership_id)
        ).all()
        entries = connection.execute(
            select(archive_entries)
            .where(archive_entries.c.student_id == student_id)
            .order_by(archive_entries.c.sequence, archive_entries.c.entry_id)
        ).all()
        found = connection.execute(
            select(*CASE_COLUMNS)
            .outerjoin(students, students.c.student_id == cases.c.student_id)
            .where(cases.c.student_id == student_id)
            .order_by(cases.c.sequence)
        ).all()
        lived = self._rows.opened(connection, found)
        own = {case.id for case in lived if unit in _parties(case)}
        holds = unit == row.school_code
        return History(
            student_id=student_id,
            state=StudentState(row.state),
            version=row.version,
            transitions=tuple(_line(move) for move in moves),
            memberships=tuple(MembershipLine(one.school_code, one.name, one.from_date, one.to_date) for one in held),
            entries=tuple(entry_of(entry) for entry in entries),
            cases=tuple(one if holds or one.id in own else self._texts.case(connection, one) for one in lived),
            texts={
                entry.entry_id: self._text(connection, entry, clear=holds or entry.unit == unit or entry.case_id in own)
                for entry in entries
                if entry.sealed is not None
            },
        )

    def _text(self, connection: Connection, entry: Row[Any], *, clear: bool) -> dict[str, Any]:
        found = self._vault.open(connection, "archive_entries", entry.entry_id, entry.key_version, entry.sealed)
        return found if clear else self._texts.entry(connection, entry.student_id, found)


def _parties(case: Case) -> set[str | None]:
    return {*(step.unit for step in case.steps), case.request.school}


def _line(row: Row[Any]) -> TransitionLine:
    return TransitionLine(
        before=None if row.before_state is None else StudentState(row.before_state),
        after=StudentState(row.after_state), on=row.event_on, entered_at=parse(row.entered_at), ground=row.ground,
        case_id=row.case_id, school_code=row.school_code, actor=row.actor, unit=row.unit, head=row.head,
        registrar=row.registrar, evidence=tuple(row.evidence.split()),
    )  # fmt: skip


def _note(
    connection: Connection, now: datetime, actor: Actor, act: str, reason: str, subjects: list[str | None]
) -> None:
    shown = tuple(dict.fromkeys(ref for ref in subjects if ref is not None))
    facts: dict[str, Fact] = {"act": act, "reason": reason, "found": len(shown)}
    queue(connection, "registry.read", now, actor.account, facts, shown)
