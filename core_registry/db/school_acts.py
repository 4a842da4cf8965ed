"""Acts on a whole school: promotion of all grades, class placement, merger, closure; each one transaction, set-based.

Each leaves a row of ``school_acts`` with its count. Memberships, sharing rows and archive entries
follow in the same transaction (A6-2).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Engine,
    Row,
    and_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from core_registry.db.act_rows import enter_all, record_act
from core_registry.db.bulk import insert_frame, update_frame
from core_registry.db.case_tables import archive_entries, cases, holders, posts, school_acts, school_details
from core_registry.db.engine import reading, writing
from core_registry.db.school_rows import PlaceOf, read_school
from core_registry.db.state import advance
from core_registry.db.tables import school_memberships, schools, sharing_students, students
from core_registry.db.times import parse, stamp
from core_registry.domain.cases import Actor
from core_registry.domain.chapters.class_placement import place_evenly, placement_record
from core_registry.domain.chapters.schools import RecordMove, closure_problems, merger_problems
from core_registry.domain.facts import EntryKind, SchoolFacts
from core_registry.domain.rules import enforces
from core_registry.domain.states import ON_ROLL, StudentState
from core_registry.domain.terms import YEAR_OF_GRADE, grade_after, last_grade, stage_of, starting_grade
from core_registry.errors import CaseRefusedError, RegisterRuleError
from core_registry.oversight.records import SchoolAct

_PROMOTED = (StudentState.ACTIVE.value, StudentState.TRANSFER_PENDING.value)
_SETTLED = (
    EntryKind.ENROLMENT, EntryKind.ADMISSION, EntryKind.GRADE, EntryKind.RESUMPTION, EntryKind.RETURN,
)  # fmt: skip
"""Entries that set a grade for the new school year: whoever has one since its beginning is not promoted again."""
_NEWCOMERS = (StudentState.PRE_REGISTERED.value, StudentState.LATE_ENTRY.value, StudentState.ACTIVE.value)
_ON_ROLL = sorted(state.value for state in ON_ROLL)


class SqlSchoolActs:
    """Whole-school acts in the registry database. ``place`` gives county and city of a division."""

    def __init__(self, engine: Engine, place: PlaceOf) -> None:
        self._engine = engine
        self._place = place

    def school(self, code: str) -> SchoolFacts:
        """Return a school. Raises ``RegisterRuleError`` for an unknown code."""
        with reading(self._engine) as connection:
            return read_school(connection, code, self._place)

    def acts(self, school: str, kind: str | None = None, limit: int = 100) -> list[SchoolAct]:
        """Return the acts on a school, newest first."""
        query = select(school_acts).where(or_(school_acts.c.school_code == school, school_acts.c.to_unit == school))
        if kind is not None:
            query = query.where(school_acts.c.kind == kind)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(school_acts.c.entered_at.desc()).limit(limit)).all()
        return [_act(row) for row in rows]

    @enforces("A27-3", "A20-4", how="whole-school act")
    def promote(
        self, act_id: str, school: str, school_year: int, since: date, on: date, actor: Actor, now: datetime
    ) -> SchoolAct:
        """Move every grade but the last of each stage up by one for ``school_year``; once a year, whoever asks again.

        ``since`` is the first day after the last school year. Pupils who are suspended keep their grade until they
        resume (A31-2), and so does everybody whose grade was set since then: newcomers, and disabled pupils who were
        put down a grade by a case of their own (A23-3). Nobody repeats a grade by being left out (A27-3).
        """
        with writing(self._engine) as connection:
            place = read_school(connection, school, self._place, lock=True)
            for before in connection.execute(_of_kind(school, "promotion")):
                if json.loads(before.data)["school_year"] == school_year:
                    return _act(before)
            act = SchoolAct(act_id, "promotion", school, None, on, now, actor.account, actor.unit, 0)
            moved: dict[str, list[str]] = {}
            # From the top down: the pupils of a grade move on before those of the grade below arrive in it.
            for grade in reversed(YEAR_OF_GRADE):
                after = grade_after(grade, 1)
                if after is not None and not last_grade(grade, place.system):
                    moved[grade] = self._promote_grade(connection, place, (grade, after), since, act)
            counter = advance(connection)
            for grade, pupils in moved.items():
                entries = {"before": grade, "after": grade_after(grade, 1), "why": "promotion"}
                enter_all(connection, act, pupils, EntryKind.GRADE, entries, counter)
            data: dict[str, object] = {
                "school_year": school_year, "grades": {grade: len(pupils) for grade, pupils in moved.items() if pupils},
            }  # fmt: skip
            done = replace(act, pupils=sum(map(len, moved.values())), data=data)
            return record_act(connection, done, {"school_year": school_year, "commit": counter})

    @staticmethod
    def _promote_grade(
        connection: Connection, place: SchoolFacts, grades: tuple[str, str], since: date, act: SchoolAct
    ) -> list[str]:
        """Move one grade up; return the pupils."""
        grade, after = grades
        at = stamp(act.entered_at)
        settled = exists().where(
            archive_entries.c.student_id == students.c.student_id,
            archive_entries.c.kind.in_([kind.value for kind in _SETTLED]),
            archive_entries.c.event_on >= since,
        )
        chosen = and_(
            students.c.school_code == act.school_code,
            students.c.grade == grade,
            students.c.state.in_(_PROMOTED),
            or_(students.c.entry_month.is_(None), students.c.entry_month < f"{since:%Y-%m}"),
            ~settled,
        )
        # Sharing rows first: the pupils are found by the grade that they still have.
        connection.execute(
            update(sharing_students)
            .where(sharing_students.c.subject_ref.in_(select(students.c.subject_ref).where(chosen)))
            .values(grade=after, stage=place.stage_of(after).value, updated_at=at)
        )
        return list(
            connection.execute(
                update(students)
                .where(chosen)
                .values(grade=after, updated_at=at, version=students.c.version + 1)
                .returning(students.c.student_id)
            ).scalars()
        )

    @enforces("A11-1", "A13-1", how="whole-school act, method and result recorded")
    def place_classes(
        self, act_id: str, school: str, grade: str, classes: int, standard: int, on: date, actor: Actor, now: datetime
    ) -> SchoolAct:
        """Spread the pupils of a grade who have come, or stand on the list, evenly over ``classes`` classes.

        The act keeps method, seed, sizes and sex counts. Raises ``RegisterRuleError`` (A11-1) when they do not fit
        within ``standard``, or nobody is there.
        """
        with writing(self._engine) as connection:
            place = read_school(connection, school, self._place, lock=True)
            if not starting_grade(grade, place.system):
                raise RegisterRuleError(
                    "Classes are placed anew in the first grade of a stage only.",
                    detail_zh="只在各学段起始年级统一编班。",
                    rule="A11-1",
                )
            rows = connection.execute(
                select(students.c.student_id, students.c.subject_ref, students.c.sex)
                .where(
                    students.c.school_code == school,
                    students.c.grade == grade,
                    students.c.state.in_(_NEWCOMERS),
                )
                .order_by(students.c.student_id)
            ).all()
            if not rows:
                raise RegisterRuleError(
                    "There are no pupils of this grade to place.", detail_zh="该年级没有待编班的学生。", rule="A11-1"
                )
            pupils = [(row.student_id, row.sex or "") for row in rows]
            placed = place_evenly(pupils, classes, standard, act_id)
            kept = placement_record(pupils, placed, classes, standard, by=actor.unit, seed=act_id)
            at = stamp(now)
            names = [f"{placed[row.student_id]}班" for row in rows]
            update_frame(
                connection,
                students,
                pl.DataFrame(
                    {
                        "student_id": [row.student_id for row in rows],
                        "class_name": names,
                        "updated_at": [at] * len(rows),
                    }
                ),
            )
            connection.execute(
                update(students)
                .where(students.c.school_code == school, students.c.grade == grade, students.c.state.in_(_NEWCOMERS))
                .values(version=students.c.version + 1)
            )
            update_frame(
                connection,
                sharing_students,
                pl.DataFrame(
                    {"subject_ref": [r.subject_ref for r in rows], "class_name": names, "updated_at": [at] * len(rows)}
                ),
            )
            data: dict[str, object] = {
                "grade": grade, "method": kept.method, "method_zh": kept.method_zh, "seed": kept.seed,
                "standard": standard, "sizes": dict(kept.sizes),
                "sexes": {number: dict(of) for number, of in kept.sexes.items()},
            }  # fmt: skip
            act = SchoolAct(
                act_id, "class-placement", school, None, on, now, actor.account, actor.unit, len(rows), data
            )
            return record_act(connection, act, {"grade": grade, "classes": classes, "commit": advance(connection)})

    @enforces("A8-1", "A6-2", how="whole-school act, listed and counted")
    def merge(self, act_id: str, school: str, into: str, on: date, actor: Actor, now: datetime) -> SchoolAct:
        """Move every record of ``school`` to ``into`` and close ``school``.

        Raises ``CaseRefusedError`` with all that stands against it (A8-1), ``RegisterRuleError``.
        """
        with writing(self._engine) as connection:
            # in order of code: two mergers of the same schools do not wait for each other
            found = {code: read_school(connection, code, self._place, lock=True) for code in sorted({school, into})}
            old, new = found[school], found[into]
            _require_open(old)
            held = _held(connection, school)
            stages = {row.student_id: stage_of(row.grade, old.system) for row in held if row.grade}
            move = RecordMove("merger", school, into, on, actor.account, tuple(row.student_id for row in held))
            known = {**{row.student_id: next(iter(old.stages)) for row in held}, **stages}
            problems = merger_problems(old, new, move.records, known, open_cases=_open_cases(connection, school))
            if problems:
                raise CaseRefusedError(problems)
            return self._move_all(connection, SchoolAct(
                act_id, "merger", school, into, on, now, actor.account, actor.unit, move.count,
                {"records": list(move.records)},
            ), new, held)  # fmt: skip

    @enforces("A8-2", "A6-2", how="whole-school act, listed and counted")
    def close(self, act_id: str, school: str, to_unit: str, on: date, actor: Actor, now: datetime) -> SchoolAct:
        """Close ``school``; its remaining records go to ``to_unit``: the supervising department, or a school it names.

        A department holds the archives by this act: the records keep the code of the school that they came from, and no
        membership stays open. Raises ``CaseRefusedError`` (A8-2, boundary: an active pupil), ``RegisterRuleError``.
        """
        with writing(self._engine) as connection:
            old = read_school(connection, school, self._place, lock=True)
            _require_open(old)
            held = _held(connection, school)
            move = RecordMove("closure", school, to_unit, on, actor.account, tuple(row.student_id for row in held))
            problems = closure_problems(
                old,
                to_unit,
                move.records,
                {row.student_id: StudentState(row.state) for row in held},
                named_by=actor.unit,
                open_cases=_open_cases(connection, school),
                active_accounts=_filed_posts(connection, school, on),
            )
            if problems:
                raise CaseRefusedError(problems)
            new = None if to_unit == old.supervising_dept else read_school(connection, to_unit, self._place, lock=True)
            if new is not None and new.closed:
                raise RegisterRuleError("The unit named is closed.", detail_zh="指定的接收单位已撤销。", rule="A8-2")
            return self._move_all(connection, SchoolAct(
                act_id, "closure", school, to_unit, on, now, actor.account, actor.unit, move.count,
                {"records": list(move.records)},
            ), new, held)  # fmt: skip

    def _move_all(
        self, connection: Connection, act: SchoolAct, new: SchoolFacts | None, held: Sequence[Row[*tuple[Any, ...]]]
    ) -> SchoolAct:
        """Move what ``act`` lists: memberships, records, sharing rows, archive entries; then the school is closed."""
        at = stamp(act.entered_at)
        mine = students.c.school_code == act.school_code
        connection.execute(
            update(school_memberships)
            .where(school_memberships.c.school_code == act.school_code, school_memberships.c.to_date.is_(None))
            .values(to_date=act.on)
        )
        kept = pl.DataFrame(
            {
                "student_id": [row.student_id for row in held],
                "state": [row.state for row in held],
            },
            schema={"student_id": pl.String, "state": pl.String},
        )
        if new is None:
            # what no school holds any more lies with the department; a record abroad lies with its superior already
            gone = select(students.c.student_id, literal(act.to_unit), literal(act.on, Date)).where(
                mine, ~exists().where(holders.c.student_id == students.c.student_id, holders.c.to_date.is_(None))
            )
            connection.execute(insert(holders).from_select(["student_id", "unit", "from_date"], gone))
        else:
            # only a record on the roll has a school that holds it from day to day; a final one lies in the archive
            entering = kept.filter(pl.col("state").is_in(_ON_ROLL)).select(
                "student_id", pl.lit(new.code).alias("school_code"), pl.lit(act.on).alias("from_date")
            )
            insert_frame(connection, school_memberships, entering)
            connection.execute(
                update(sharing_students)
                .where(sharing_students.c.subject_ref.in_(select(students.c.subject_ref).where(mine)))
                .values(
                    school_code=new.code,
                    school_name=new.name,
                    school_division=new.division,
                    managing_authority=new.managing_authority,
                    school_type=new.category,
                    updated_at=at,
                )
            )
            connection.execute(
                update(students).where(mine).values(school_code=new.code, updated_at=at, version=students.c.version + 1)
            )
        connection.execute(
            update(schools).where(schools.c.school_code == act.school_code).values(closed=True, updated_at=at)
        )
        connection.execute(
            update(school_details).where(school_details.c.school_code == act.school_code).values(closed_on=act.on)
        )
        counter = advance(connection)
        entry = {"why": act.kind, "from": act.school_code, "to": act.to_unit}
        enter_all(connection, act, kept["student_id"].to_list(), EntryKind.TRANSFER, entry, counter)
        return record_act(connection, act, {"to": act.to_unit, "commit": counter}, [row.subject_ref for row in held])

    def check_changes(
        self, act_id: str, school: str, since: date, until: date, count: int, actor: Actor, on: date, now: datetime
    ) -> SchoolAct:
        """Record that a department checked the changes of a period (A3-6)."""
        data: dict[str, object] = {"since": since.isoformat(), "until": until.isoformat()}
        act = SchoolAct(act_id, "change-check", school, None, on, now, actor.account, actor.unit, count, data)
        with writing(self._engine) as connection:
            return record_act(connection, act, {"since": since.isoformat(), "until": until.isoformat()})


def _of_kind(school: str, kind: str) -> Any:  # noqa: ANN401  a Select of all columns
    return select(school_acts).where(school_acts.c.school_code == school, school_acts.c.kind == kind)


def _held(connection: Connection, school: str) -> Sequence[Row[*tuple[Any, ...]]]:
    return connection.execute(
        select(students.c.student_id, students.c.subject_ref, students.c.state, students.c.grade)
        .where(students.c.school_code == school)
        .order_by(students.c.student_id)
    ).all()


def _require_open(school: SchoolFacts) -> None:
    if school.closed:
        raise RegisterRuleError(
            "The school is closed already and holds no record.", detail_zh="该学校已撤销，不再持有学籍。", rule="A8-2"
        )


def _open_cases(connection: Connection, school: str) -> int:
    here: ColumnElement[bool] = or_(cases.c.school_code == school, cases.c.home_school == school)
    return connection.execute(
        select(func.count()).select_from(cases).where(cases.c.status == "open", here)
    ).scalar_one()


def _filed_posts(connection: Connection, school: str, on: date) -> int:
    """A8-2: a closed school has no active account; the registry knows the posts that are filed with it."""
    return connection.execute(
        select(func.count())
        .select_from(posts)
        .where(posts.c.unit == school, or_(posts.c.until.is_(None), posts.c.until > on))
    ).scalar_one()


def _act(row: Row[Any]) -> SchoolAct:
    return SchoolAct(
        row.act_id, row.kind, row.school_code, row.to_unit, row.event_on, parse(row.entered_at), row.actor, row.unit,
        row.pupils, json.loads(row.data),
    )  # fmt: skip
