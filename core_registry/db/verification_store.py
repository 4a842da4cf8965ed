"""Term verification of a school, the county's check of changes, measures of data quality (A49-1, A49-2, A3-6, A4-1)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, func, insert, or_, select, update

from core_registry.db.bulk import insert_frame
from core_registry.db.case_tables import matters, school_acts, transitions, verification_results, verifications
from core_registry.db.engine import reading, writing
from core_registry.db.school_rows import PlaceOf, read_school
from core_registry.db.state import Fact, queue
from core_registry.db.tables import guardian_links, school_memberships, schools, students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.rules import enforces
from core_registry.domain.states import ON_ROLL, StudentState
from core_registry.domain.terms import YEAR_OF_GRADE, Semester, stage_of
from core_registry.domain.verification import (
    ChangeReport,
    QualityCounts,
    Verification,
    VerificationResult,
    change_report,
    counts,
    follow_ups,
    quality,
    verification_problems,
)
from core_registry.errors import CaseRefusedError, RegisterChangedError, RegisterRuleError
from core_registry.oversight.records import Quality, TermVerification

EVENT = "registry.verification"
_ON_ROLL = sorted(state.value for state in ON_ROLL)
_REQUIRED = (
    "sex", "nationality", "overseas_status", "ethnicity", "id_type", "birth_date", "grade", "class_name", "boarding",
    "disability", "left_behind", "residence_division", "household_division",
)  # fmt: skip
"""Required items of Annex 1 that lie in clear columns; name and number have keys, and are counted by them."""


class SqlVerifications:
    """Verifications and measures in the registry database."""

    def __init__(self, engine: Engine, place: PlaceOf) -> None:
        self._engine = engine
        self._place = place

    @enforces("A49-1", "A49-2", how="one act, signed; matters in the same transaction")
    def verify(
        self,
        verification_id: str,
        school: str,
        semester: Semester,
        on: date,
        deviations: Mapping[str, VerificationResult],
        actor: Actor,
        now: datetime,
    ) -> tuple[TermVerification, int]:
        """Write the result of every pupil on the roll, consistent but for ``deviations``; return it and new matters.

        One made too early, or after the term, is kept and does not count (A49-1). A pupil apart from the record and a
        record without a pupil become matters with an owner and an end, unless one is open already (A49-2). Raises
        ``CaseRefusedError`` for a deviation of somebody who is not on the roll.
        """
        with writing(self._engine) as connection:
            place = read_school(connection, school, self._place, lock=True)
            on_roll = frozenset(connection.execute(_roll(school)).scalars())
            results = {**dict.fromkeys(on_roll, VerificationResult.CONSISTENT), **deviations}
            made = Verification(school, semester, on, actor.account, results)
            valid = counts(semester, on)
            problems = verification_problems(made, on_roll)
            if len(problems) > (not valid):
                raise CaseRefusedError(problems if valid else problems[1:])
            totals = {result.value: count for result, count in made.totals.items()} | {"pupils": len(results)}
            connection.execute(
                insert(verifications).values(
                    verification_id=verification_id,
                    school_code=school,
                    school_year=semester.school_year,
                    semester=semester.number,
                    on_day=on,
                    counts=valid,
                    signed_by=actor.account,
                    entered_at=stamp(now),
                    totals=json.dumps(totals, sort_keys=True),
                )
            )
            insert_frame(
                connection,
                verification_results,
                pl.DataFrame(
                    {
                        "verification_id": [verification_id] * len(results),
                        "student_id": list(results),
                        "result": [result.value for result in results.values()],
                    },
                    schema=dict.fromkeys(("verification_id", "student_id", "result"), pl.String),
                ),
            )
            opened = _open_matters(connection, made, place, actor, now)
            facts: dict[str, Fact] = {
                "school": school, "school_year": semester.school_year, "semester": semester.number,
                "on": on.isoformat(), "counts": valid, "count": len(results), "deviations": len(deviations),
                "matters": opened,
            }  # fmt: skip
            queue(connection, EVENT, now, actor.account, facts)
        return TermVerification(
            verification_id, school, semester.school_year, semester.number, on, valid, actor.account, totals
        ), opened

    def verifications(self, schools_in: Sequence[str], school_year: int | None = None) -> list[TermVerification]:
        """Return the verifications of schools, newest first."""
        query = select(verifications).where(verifications.c.school_code.in_(schools_in))
        if school_year is not None:
            query = query.where(verifications.c.school_year == school_year)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(verifications.c.entered_at.desc()).limit(500)).all()
        return [_verification(row) for row in rows]

    @enforces("A3-6", how="record")
    def check(self, verification_id: str, actor: Actor, on: date, now: datetime) -> TermVerification:
        """Mark a verification as checked by the actor's department.

        Raises ``RegisterRuleError`` (A3-6) for another unit than the school's county or registry superior, or one that
        does not exist; ``RegisterChangedError`` for one that is checked already.
        """
        with writing(self._engine) as connection:
            row = connection.execute(
                select(verifications).where(verifications.c.verification_id == verification_id).with_for_update()
            ).one_or_none()
            place = None if row is None else read_school(connection, row.school_code, self._place)
            if row is None or place is None or actor.unit not in {place.division, place.registry_superior}:
                raise RegisterRuleError(
                    "There is no such verification, or another department checks it.",
                    detail_zh="没有该核准记录，或不属于您的单位核查。",
                    rule="A3-6",
                )
            if row.checked_by is not None:
                raise RegisterChangedError("It has been checked already.", detail_zh="该核准记录已核查。", rule="A3-6")
            connection.execute(
                update(verifications)
                .where(verifications.c.verification_id == verification_id)
                .values(checked_by=actor.account, checked_on=on)
            )
            facts: dict[str, Fact] = {"school": row.school_code, "verification": verification_id, "checked": True}
            queue(connection, EVENT, now, actor.account, facts)
            found = connection.execute(
                select(verifications).where(verifications.c.verification_id == verification_id)
            ).one()
        return _verification(found)

    def changes(self, school: str, since: date, until: date) -> ChangeReport:
        """Return the changes of state of a school in a period, with the mark of the check if there is one (A3-6)."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(transitions.c.event_on, transitions.c.after_state).where(
                    transitions.c.school_code == school, transitions.c.event_on.between(since, until)
                )
            ).all()
            marks = connection.execute(
                select(school_acts).where(school_acts.c.school_code == school, school_acts.c.kind == "change-check")
            ).all()
        made = change_report(school, since, until, [(row.event_on, StudentState(row.after_state)) for row in rows])
        period = {"since": since.isoformat(), "until": until.isoformat()}
        for mark in marks:
            if json.loads(mark.data) == period:
                return ChangeReport(school, since, until, made.changes, mark.actor, mark.event_on)
        return made

    @enforces("A4-1", how="measure")
    def quality(self, schools_in: Sequence[str], today: date) -> Quality:
        """Return the measures of the records on the roll of schools, counted by the database (A4-1)."""
        here = and_(students.c.school_code.in_(schools_in), students.c.state.in_(_ON_ROLL))
        with reading(self._engine) as connection:
            columns: list[ColumnElement[Any]] = [func.count().label("records"), *_missing(), *_wrong(today)]
            row = (
                connection.execute(select(*columns).select_from(students.join(schools, _school_of)).where(here))
                .one()
                ._mapping
            )
            no_guardian = connection.execute(
                select(func.count()).select_from(students).where(here, ~_has_guardian())
            ).scalar_one()
            broken = _broken_memberships(connection, here)
            verified, consistent = _verified(connection, schools_in)
        records: int = row["records"]
        missing = {name: int(row[f"missing_{name}"] or 0) for name in (*_REQUIRED, "id_number", "entry_month")}
        wrong = {name: int(row[f"wrong_{name}"] or 0) for name in _WRONG} | {"no-guardian": no_guardian}
        made = QualityCounts(
            required=records * len(missing),
            filled=records * len(missing) - sum(missing.values()),
            values=records * len(wrong),
            valid=records * len(wrong) - sum(wrong.values()),
            records=records,
            continuous=records - broken,
            verified=verified,
            consistent=consistent,
        )
        return Quality(
            records,
            quality(made),
            made,
            {name: count for name, count in missing.items() if count},
            {name: count for name, count in wrong.items() if count},
        )


_WRONG = ("birth-in-future", "birth-too-early", "grade-of-another-stage", "closed-school", "provisional-number")
_school_of = students.c.school_code == schools.c.school_code


def _roll(school: str) -> Any:  # noqa: ANN401  a Select of one column
    return select(students.c.student_id).where(students.c.school_code == school, students.c.state.in_(_ON_ROLL))


def _sum(condition: ColumnElement[bool], name: str) -> ColumnElement[Any]:
    return func.count().filter(condition).label(name)


def _missing() -> list[ColumnElement[Any]]:
    found = [_sum(students.c[name].is_(None), f"missing_{name}") for name in _REQUIRED]
    numberless = and_(students.c.id_key.is_(None), students.c.id_type != "Z")  # of type Z there need be none
    return [
        *found,
        _sum(numberless, "missing_id_number"),
        _sum(students.c.entry_month.is_(None), "missing_entry_month"),
    ]


def _wrong(today: date) -> list[ColumnElement[Any]]:
    other_stage = or_(
        *(
            and_(students.c.grade == grade, ~schools.c.stages.contains(stage_of(grade).value))
            for grade in YEAR_OF_GRADE
            if grade != _AMBIGUOUS
        )
    )
    return [
        _sum(students.c.birth_date > today, "wrong_birth-in-future"),
        _sum(students.c.birth_date < date(today.year - 30, 1, 1), "wrong_birth-too-early"),
        _sum(other_stage, "wrong_grade-of-another-stage"),
        _sum(schools.c.closed, "wrong_closed-school"),
        _sum(students.c.number_kind == "L", "wrong_provisional-number"),
    ]


_AMBIGUOUS = "16"
"""The sixth year is primary under 六三 and junior under 五四 (A20-4)."""


def _has_guardian() -> ColumnElement[bool]:
    return (
        select(guardian_links.c.student_id)
        .where(guardian_links.c.student_id == students.c.student_id, guardian_links.c.is_guardian)
        .exists()
    )


def _broken_memberships(connection: Connection, here: ColumnElement[bool]) -> int:
    """Return how many records have a gap or overlap between schools, or no school that holds them now.

    The same reading as ``domain.verification.gaps_and_overlaps``, by window in the database: a membership begins on the
    last day of the one before, or the day after.
    """
    spans = (
        select(
            school_memberships.c.student_id,
            school_memberships.c.from_date,
            func.lag(school_memberships.c.to_date)
            .over(partition_by=school_memberships.c.student_id, order_by=_ORDER)
            .label("before"),
            func.row_number().over(partition_by=school_memberships.c.student_id, order_by=_ORDER).label("position"),
        )
        .join(students, students.c.student_id == school_memberships.c.student_id)
        .where(here)
        .subquery()
    )
    day = 1
    distance = (
        func.julianday(spans.c.from_date) - func.julianday(spans.c.before)
        if connection.dialect.name == "sqlite"
        else spans.c.from_date - spans.c.before
    )
    torn = select(spans.c.student_id).where(
        spans.c.position > 1, or_(spans.c.before.is_(None), distance < 0, distance > day)
    )
    unheld = select(students.c.student_id).where(
        here,
        ~select(school_memberships.c.student_id)
        .where(school_memberships.c.student_id == students.c.student_id, school_memberships.c.to_date.is_(None))
        .exists(),
    )
    both = torn.union(unheld).subquery()
    return connection.execute(select(func.count()).select_from(both)).scalar_one()


_ORDER = (school_memberships.c.from_date, school_memberships.c.membership_id)


def _verified(connection: Connection, schools_in: Sequence[str]) -> tuple[int, int]:
    """Return pupils of the last verification of each school that counts, and those who were consistent."""
    last = (
        select(verifications.c.school_code, func.max(verifications.c.entered_at).label("at"))
        .where(verifications.c.school_code.in_(schools_in), verifications.c.counts)
        .group_by(verifications.c.school_code)
        .subquery()
    )
    rows = connection.execute(
        select(verifications.c.totals)
        .join(
            last,
            and_(last.c.school_code == verifications.c.school_code, last.c.at == verifications.c.entered_at),
        )
        .where(verifications.c.counts)
    ).scalars()
    totals = [json.loads(row) for row in rows]
    return sum(t["pupils"] for t in totals), sum(t[VerificationResult.CONSISTENT.value] for t in totals)


def _open_matters(connection: Connection, made: Verification, place: SchoolFacts, actor: Actor, now: datetime) -> int:
    wanted = follow_ups(made, place)
    open_now = {
        (row.student_id, row.kind)
        for row in connection.execute(
            select(matters.c.student_id, matters.c.kind).where(
                matters.c.state == "open",
                matters.c.school_code == place.code,
                matters.c.student_id.is_not(None),
            )
        )
    }
    fresh = [one for one in wanted if (one.student_id, one.matter.kind) not in open_now]
    if not fresh:
        return 0
    insert_frame(
        connection,
        matters,
        pl.DataFrame(
            {
                "matter_id": [f"ma-{secrets.token_hex(10)}" for _ in fresh],
                "kind": [one.matter.kind for one in fresh],
                "code": [one.matter.code for one in fresh],
                "rule": [one.matter.rule for one in fresh],
                "student_id": [one.student_id for one in fresh],
                "school_code": [place.code for _ in fresh],
                "owner": [one.matter.owner for one in fresh],
                "opened_on": [one.matter.on for one in fresh],
                "opened_at": [stamp(now) for _ in fresh],
                "opened_by": [actor.account for _ in fresh],
                "due_on": [one.until for one in fresh],
                "state": ["open" for _ in fresh],
                "version": [1 for _ in fresh],
            }
        ),
    )
    return len(fresh)


def _verification(row: Row[Any]) -> TermVerification:
    return TermVerification(
        row.verification_id, row.school_code, row.school_year, row.semester, row.on_day, row.counts, row.signed_by,
        json.loads(row.totals), row.checked_by, row.checked_on,
    )  # fmt: skip
