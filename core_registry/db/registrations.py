"""Approval of the newcomers of a school as one act: who came by the school's own form becomes active (A10-1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
from sqlalchemy import Connection, Engine, exists, select, update

from core_registry.db.act_rows import SUBJECTS, enter_all, record_act
from core_registry.db.bulk import insert_frame
from core_registry.db.case_tables import archive_entries, cases, transitions
from core_registry.db.engine import writing
from core_registry.db.posts_store import responsible
from core_registry.db.school_rows import PlaceOf, read_school
from core_registry.db.state import Fact, advance, queue
from core_registry.db.tables import imports, sharing_students, students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import EntryKind
from core_registry.domain.rules import enforces
from core_registry.domain.states import StudentState
from core_registry.errors import RegisterRuleError
from core_registry.oversight.records import SchoolAct

_WAITING, _ACTIVE = StudentState.PRE_REGISTERED.value, StudentState.ACTIVE.value
_OTHERWISE = (EntryKind.ENROLMENT.value, EntryKind.ADMISSION.value)
"""Who has one of these is registered by a case, or arrives from another stage."""
GROUND = "10"


class SqlRegistrations:
    """Newcomers in the registry database. ``place`` gives county and city of a division."""

    def __init__(self, engine: Engine, place: PlaceOf) -> None:
        self._engine = engine
        self._place = place

    @enforces("A10-1", how="whole-school act")
    def approve(self, act_id: str, school: str, on: date, actor: Actor, now: datetime) -> SchoolAct:
        """Make every pre-registered pupil active who came by a form of the school; the form is the evidence (S-4).

        Pupils with an open case or one that registers them otherwise are left out. Raises ``RegisterRuleError`` (A10-1)
        when nobody waits.
        """
        with writing(self._engine) as connection:
            read_school(connection, school, self._place, lock=True)
            waiting = _waiting(connection, school)
            if waiting.is_empty():
                raise RegisterRuleError(
                    "No pupil of this school waits for approval by a form.",
                    detail_zh="该校没有通过采集表导入、等待批准的新生。",
                    rule="A10-1",
                )
            act = SchoolAct(act_id, "registration", school, None, on, now, actor.account, actor.unit, waiting.height)
            counter = advance(connection)
            _activate(connection, waiting, act, actor)
            entry = {"source": "form", "act": act_id}
            enter_all(connection, act, waiting["student_id"].to_list(), EntryKind.ENROLMENT, entry, counter)
            refs = waiting["subject_ref"].to_list()
            facts: dict[str, Fact] = {
                "from": _WAITING, "to": _ACTIVE, "on": on.isoformat(), "ground": GROUND, "school_code": school,
                "act": act_id, "commit": counter,
            }  # fmt: skip
            for start in range(0, len(refs), SUBJECTS):
                queue(connection, "registry.state", now, actor.account, facts, refs[start : start + SUBJECTS])
            return record_act(connection, act, {"commit": counter})


def _waiting(connection: Connection, school: str) -> pl.DataFrame:
    """Return student_id, subject_ref and the SHA-256 of the form of those who wait."""
    form = (
        select(imports.c.file_sha256)
        .where(imports.c.at == students.c.created_at)
        .order_by(imports.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    otherwise = exists().where(
        archive_entries.c.student_id == students.c.student_id, archive_entries.c.kind.in_(_OTHERWISE)
    )
    open_case = exists().where(cases.c.student_id == students.c.student_id, cases.c.status == "open")
    rows: Sequence[tuple[str, str, str | None]] = [
        (row.student_id, row.subject_ref, row.form)
        for row in connection.execute(
            select(students.c.student_id, students.c.subject_ref, form.label("form"))
            .where(students.c.school_code == school, students.c.state == _WAITING, ~otherwise, ~open_case)
            .order_by(students.c.student_id)
        )
    ]
    schema = {"student_id": pl.String, "subject_ref": pl.String, "form": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("form").is_not_null())


def _activate(connection: Connection, waiting: pl.DataFrame, act: SchoolAct, actor: Actor) -> None:
    """Write state, sharing rows and transitions, each with the persons of the approving unit on that day."""
    at = stamp(act.entered_at)
    for part in waiting.iter_slices(SUBJECTS):
        connection.execute(
            update(students)
            .where(students.c.student_id.in_(part["student_id"].to_list()))
            .values(state=_ACTIVE, updated_at=at, version=students.c.version + 1)
        )
        connection.execute(
            update(sharing_students)
            .where(sharing_students.c.subject_ref.in_(part["subject_ref"].to_list()))
            .values(state=_ACTIVE, updated_at=at)
        )
    head, registrar = responsible(connection, actor.unit, act.on)
    insert_frame(
        connection,
        transitions,
        waiting.select(
            "student_id",
            pl.lit(_WAITING).alias("before_state"),
            pl.lit(_ACTIVE).alias("after_state"),
            pl.lit(act.on).alias("event_on"),
            pl.lit(at).alias("entered_at"),
            pl.lit(GROUND).alias("ground"),
            pl.lit(act.school_code).alias("school_code"),
            pl.lit(actor.account).alias("actor"),
            pl.lit(actor.unit).alias("unit"),
            pl.lit(head, dtype=pl.String).alias("head"),
            pl.lit(registrar, dtype=pl.String).alias("registrar"),
            pl.col("form").alias("evidence"),
        ),
    )
