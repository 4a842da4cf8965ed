"""The nightly pass over all clocks: set-based, a transaction for each rule (section 3 of the rules).

Nothing here changes the state of a record: what is overdue is marked and told, and what must be followed up becomes a
matter (A14-1, A33-2). A second pass on the same day changes nothing.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, Date, Engine, Row, Select, and_, exists, func, insert, or_, select, update

from core_registry.db.bulk import insert_frame
from core_registry.db.case_tables import (
    archive_entries,
    case_steps,
    cases,
    clocks,
    matters,
    school_details,
    transitions,
)
from core_registry.db.engine import reading, writing
from core_registry.db.state import Fact, queue
from core_registry.db.tables import departments, schools, sharing_students, students
from core_registry.db.times import stamp
from core_registry.domain.chapters.no_arrival import NoShow
from core_registry.domain.facts import EntryKind
from core_registry.domain.rules import declared, enforces
from core_registry.domain.states import StudentState
from core_registry.domain.working_days import CHINA, Deadline, Measure, Period, WorkCalendar
from core_registry.errors import RegisterRuleError
from core_registry.intake.records import Progress

ACTOR = "system"
PASS, OVERDUE, MATTER = "registry.clocks", "registry.overdue", "registry.matter"
DROPOUT, PROPOSAL = NoShow.DROPOUT.value, NoShow.PROPOSAL.value
_SUBJECTS = 500
_A_YEAR = timedelta(days=365)
_NIGHTLY = "nightly-pass"
_PASS_ROW = (clocks.c.unit == "", clocks.c.state == "met", clocks.c.name == _NIGHTLY)
"""The day of the last pass is kept as a clock of no unit, which is never in anybody's list of work."""
_SENIOR = "3"
"""First digit of the grade codes of senior high school."""
CLOCK_RULES = (
    "A9-3", "A9-10", "A13-1", "A14-1", "A19-1", "A32-1", "A33-1", "A36-3", "A37-1", "A49-1",
)  # fmt: skip
for _rule in CLOCK_RULES:
    declared(_rule, f"{__name__}:SqlClockStore", "nightly clock")

_START = func.coalesce(case_steps.c.counted_from, case_steps.c.reached_on, type_=Date).label("start")
"""The day from which a step's working days are counted: of the event that the rule names, or when it was reached."""


class SqlClockStore:
    """Clocks of all records in the registry database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last_pass(self) -> date | None:
        """Return the day of the last pass, ``None`` before the first."""
        with reading(self._engine) as connection:
            return _last_pass(connection)

    @enforces("T-7", how="nightly clock")
    def recompute(self, calendar: WorkCalendar, progress: Progress) -> int:
        """Compute the deadlines anew that were provisional; return how many changed (T-7)."""
        changed = 0
        with writing(self._engine) as connection:
            spans = connection.execute(
                select(clocks.c.event_on, clocks.c.number, clocks.c.measure)
                .where(clocks.c.provisional, clocks.c.state.in_(("running", "overdue")))
                .distinct()
            ).all()
            for done, span in enumerate(spans, start=1):
                due = calendar.after(span.event_on, Period(span.number, Measure(span.measure)))
                changed += _move_clocks(connection, span, due)
                progress("recompute", done, len(spans))
            steps = connection.execute(
                select(_START, case_steps.c.days)
                .where(case_steps.c.waiting, case_steps.c.provisional, case_steps.c.days.is_not(None))
                .distinct()
            ).all()
            for step in steps:
                due = calendar.after(step.start, Period(step.days, Measure.WORKING_DAYS))
                changed += _move_steps(connection, step, due)
        return changed

    @enforces("A50-16", how="alert in the outbox")
    def mark_overdue(self, today: date, now: datetime) -> tuple[int, int, int]:
        """Mark what is overdue on ``today`` and tell each unit once; return clocks, steps and units.

        A deadline is met up to the end of its last day (T-6). Late action stays possible: a mark blocks nothing.
        """
        at = stamp(now)
        counts: dict[str, Counter[str]] = {}
        with writing(self._engine) as connection:
            late = connection.execute(
                update(clocks)
                .where(clocks.c.state == "running", clocks.c.due_on < today)
                .values(state="overdue", alerted_at=at)
                .returning(clocks.c.unit, clocks.c.rule)
            ).all()
            steps = connection.execute(
                update(case_steps)
                .where(case_steps.c.waiting, case_steps.c.due_on < today, case_steps.c.alerted_at.is_(None))
                .values(alerted_at=at)
                .returning(case_steps.c.unit, case_steps.c.rule)
            ).all()
            for what, rows in (("clocks", late), ("steps", steps)):
                for row in rows:
                    counts.setdefault(row.unit, Counter()).update((what, f"rule {row.rule}"))
            for unit, count in sorted(counts.items()):
                named = ", ".join(f"{key[5:]} {count[key]}" for key in sorted(count) if key.startswith("rule "))
                facts: dict[str, Fact] = {
                    "unit": unit, "day": today.isoformat(), "clocks": count["clocks"], "steps": count["steps"],
                    "rules": named,
                }  # fmt: skip
                queue(connection, OVERDUE, now, ACTOR, facts)
        return len(late), len(steps), len(counts)

    @enforces("A14-1", "A14-2", how="nightly clock")
    def no_shows(
        self, divisions: Sequence[str], start: date, due: date, ends: Mapping[str, date], today: date, now: datetime
    ) -> tuple[int, int]:
        """Open what follows for pupils of ``divisions`` who did not come by ``due``; return matters and proposals.

        ``start`` is the first day of term, ``ends`` the day until which a matter of each kind is to be ended.
        Pre-registered pupils count who stood on the list by ``due``, have no case under way and were not enrolled
        since; a compulsory-stage pupil becomes a drop-out matter, of a senior one the school is asked to propose. The
        state of nobody changes.
        """
        arrived = exists().where(
            archive_entries.c.student_id == students.c.student_id,
            archive_entries.c.kind == EntryKind.ENROLMENT.value,
            archive_entries.c.event_on > due - _A_YEAR,
        )
        listed_later = exists().where(
            transitions.c.student_id == students.c.student_id,
            transitions.c.after_state == StudentState.PRE_REGISTERED.value,
            transitions.c.event_on > due,
        )
        opened = exists().where(
            matters.c.student_id == students.c.student_id,
            matters.c.kind.in_((DROPOUT, PROPOSAL)),
            or_(matters.c.opened_on >= start, matters.c.state == "open"),
        )
        under_way = exists().where(cases.c.student_id == students.c.student_id, cases.c.status == "open")
        end = datetime(due.year, due.month, due.day, tzinfo=CHINA) + timedelta(days=1)
        with writing(self._engine) as connection:
            found = connection.execute(
                _candidates()
                .where(
                    # the index of the sharing view by managing authority and state finds them without a scan
                    sharing_students.c.managing_authority.in_(select(departments.c.code)),
                    sharing_students.c.state == StudentState.PRE_REGISTERED.value,
                    schools.c.division.in_(sorted(divisions)),
                    students.c.created_at < stamp(end),
                    ~arrived,
                    ~listed_later,
                    ~opened,
                    ~under_way,
                )
                .order_by(students.c.student_id)
            ).all()
            return _open(connection, found, ("A14-1", "A14-2"), ends, today, now)

    @enforces("A14-1", "A14-2", "A33-1", "A33-2", how="nightly clock")
    def lapsed(
        self,
        clock: str,
        state: StudentState,
        rules: tuple[str, str],
        ends: Mapping[str, date],
        today: date,
        now: datetime,
    ) -> tuple[int, int]:
        """Open what follows when ``clock`` has run out and the record is still in ``state``; return matters, proposals.

        ``rules`` are those of the compulsory stage and of senior high. A renewed suspension has a new clock in place of
        the old one, a resumed one a met one: neither is found.
        """
        opened = exists().where(
            matters.c.student_id == students.c.student_id,
            matters.c.rule.in_(rules),
            or_(matters.c.opened_on >= clocks.c.event_on, matters.c.state == "open"),
        )
        with writing(self._engine) as connection:
            found = connection.execute(
                _candidates()
                .join(clocks, clocks.c.student_id == students.c.student_id)
                .where(
                    clocks.c.state == "overdue",
                    clocks.c.name == clock,
                    students.c.state == state.value,
                    ~opened,
                )
                .order_by(students.c.student_id)
            ).all()
            return _open(connection, found, rules, ends, today, now)

    def divisions(self) -> list[str]:
        """Return the divisions in which schools stand."""
        with reading(self._engine) as connection:
            return list(connection.execute(select(schools.c.division).distinct()).scalars())

    @enforces("T-6", how="guard")
    def begin(self, today: date) -> None:
        """Refuse a pass on a day before that of the last one: the clock of the host went back (I8).

        Raises ``RegisterRuleError``.
        """
        last = self.last_pass()
        if last is not None and today < last:
            raise RegisterRuleError(
                f"The clock says {today.isoformat()}, but a pass was made on {last.isoformat()}: set the clock right.",
                detail_zh=f"系统日期为 {today.isoformat()}，早于上次巡检日 {last.isoformat()}，请校正时钟后再运行。",
                rule="T-6",
            )

    def finish(self, today: date, now: datetime, facts: dict[str, int]) -> None:
        """Keep the day of the pass, and tell of a pass that did something."""
        with writing(self._engine) as connection:
            kept = connection.execute(
                update(clocks).where(*_PASS_ROW).values(event_on=today, due_on=today, met_on=today)
            )
            if not kept.rowcount:
                connection.execute(
                    insert(clocks).values(
                        name=_NIGHTLY, rule="T-6", unit="", event_on=today, number=0, measure=Measure.DAYS.value,
                        due_on=today, provisional=False, state="met", met_on=today,
                    )
                )  # fmt: skip
            if any(facts.values()):
                queue(connection, PASS, now, ACTOR, {"day": today.isoformat(), **facts})


def _last_pass(connection: Connection) -> date | None:
    return connection.execute(select(clocks.c.event_on).where(*_PASS_ROW)).scalar_one_or_none()


def _move_clocks(connection: Connection, span: Row[*tuple[Any, ...]], due: Deadline) -> int:
    """Set the new last day; what is not due any more runs again."""
    where = and_(
        clocks.c.event_on == span.event_on,
        clocks.c.number == span.number,
        clocks.c.measure == span.measure,
        clocks.c.provisional,
        clocks.c.state.in_(("running", "overdue")),
        or_(clocks.c.due_on != due.day, clocks.c.provisional != due.provisional),
    )
    later = and_(where, clocks.c.due_on < due.day, clocks.c.state == "overdue")
    connection.execute(update(clocks).where(later).values(state="running", alerted_at=None))
    return connection.execute(update(clocks).where(where).values(due_on=due.day, provisional=due.provisional)).rowcount


def _move_steps(connection: Connection, step: Row[*tuple[Any, ...]], due: Deadline) -> int:
    return connection.execute(
        update(case_steps)
        .where(
            case_steps.c.waiting,
            case_steps.c.provisional,
            _START == step.start,
            case_steps.c.days == step.days,
            or_(case_steps.c.due_on != due.day, case_steps.c.provisional != due.provisional),
        )
        .values(due_on=due.day, provisional=due.provisional)
    ).rowcount


def _candidates() -> Select[Any]:
    return (
        select(
            students.c.student_id,
            students.c.subject_ref,
            students.c.school_code,
            students.c.grade,
            school_details.c.central_school,
        )
        .select_from(sharing_students)
        .join(students, students.c.subject_ref == sharing_students.c.subject_ref)
        .join(schools, schools.c.school_code == students.c.school_code)
        .outerjoin(school_details, school_details.c.school_code == students.c.school_code)
    )


def _open(
    connection: Connection,
    found: Iterable[Row[Any]],
    rules: tuple[str, str],
    ends: Mapping[str, date],
    today: date,
    now: datetime,
) -> tuple[int, int]:
    """Write matters for candidates, owned by the school that acts for the pupil, and tell of them."""
    rows = [(row, (row.grade or "").startswith(_SENIOR)) for row in found]
    if not rows:
        return 0, 0
    frame = pl.DataFrame(
        {
            "matter_id": [f"ma-{secrets.token_hex(10)}" for _ in rows],
            "kind": [PROPOSAL if senior else DROPOUT for _, senior in rows],
            "code": ["" for _ in rows],
            "rule": [rules[senior] for _, senior in rows],
            "student_id": [row.student_id for row, _ in rows],
            "school_code": [row.school_code for row, _ in rows],
            "owner": [row.central_school or row.school_code for row, _ in rows],
            "opened_on": [today for _ in rows],
            "opened_at": [stamp(now) for _ in rows],
            "opened_by": [ACTOR for _ in rows],
            "due_on": [ends[PROPOSAL if senior else DROPOUT] for _, senior in rows],
            "state": ["open" for _ in rows],
            "version": [1 for _ in rows],
        }
    )
    insert_frame(connection, matters, frame)
    for kind, rule, wanted in ((DROPOUT, rules[0], False), (PROPOSAL, rules[1], True)):
        subjects = [row.subject_ref for row, senior in rows if senior is wanted]
        for start in range(0, len(subjects), _SUBJECTS):
            part = subjects[start : start + _SUBJECTS]
            facts: dict[str, Fact] = {"act": "open", "kind": kind, "rule": rule, "count": len(part)}
            queue(connection, MATTER, now, ACTOR, facts, part)
    senior_count = sum(senior for _, senior in rows)
    return len(rows) - senior_count, senior_count
