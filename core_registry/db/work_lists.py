"""What waits for a unit: steps of cases, clocks and matters in one list, most urgent first, a page at a time."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, cast

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Engine,
    Select,
    String,
    Subquery,
    and_,
    case,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.expression import cast as sql_cast

from core_registry.cases.records import WorkItem, WorkList
from core_registry.db.case_facts import Setting
from core_registry.db.case_tables import case_steps, cases, clocks, matters
from core_registry.db.engine import reading, writing
from core_registry.db.state import Fact, queue
from core_registry.db.tables import sharing_students, students
from core_registry.domain.cases import Actor
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import CaseNotFoundError, ValuesError

_NEVER = date(9999, 12, 31)
"""Where an item without a deadline stands: behind all that have one."""
_SOON = Period(3, Measure.WORKING_DAYS)
_CURSOR = "|"
Source = Literal["case", "clock", "matter"]


class WorkLists:
    """Reads and assigns work."""

    def __init__(self, engine: Engine, setting: Setting) -> None:
        self._engine = engine
        self._setting = setting

    def work(self, unit: str, today: date, *, account: str | None, after: str, limit: int) -> WorkList:
        """Return a page of what waits for ``unit`` (of ``account`` only, if given), with the counts of all of it.

        ``after`` is the ``next_after`` of the page before. Raises ``ValuesError`` for another text.
        """
        with reading(self._engine) as connection:
            total, overdue = _counts(connection, unit, account, today)
            rows = connection.execute(_page(unit, account, after, limit + 1)).all() if total else []
        soon = self._setting.calendar.after(today, _SOON).day
        more = len(rows) > limit
        items = tuple(_item(row, today, soon) for row in rows[:limit])
        last = rows[limit - 1] if more else None
        following = None if last is None else _CURSOR.join((last.urgent.isoformat(), last.source, last.item))
        return WorkList(items, total, overdue, following)

    def assign(self, unit: str, source: str, item: str, account: str | None, actor: Actor, now: datetime) -> None:
        """Give an item that waits for ``unit`` to a person, or to nobody. Raises ``CaseNotFoundError``."""
        which: dict[str, tuple[Any, ColumnElement[bool]]] = {
            "case": (case_steps, and_(case_steps.c.case_id == item, case_steps.c.unit == unit, case_steps.c.waiting)),
            "matter": (matters, and_(matters.c.matter_id == item, matters.c.owner == unit, matters.c.state == "open")),
        }
        if source == "clock" and item.isdecimal():
            running = clocks.c.state.in_(("running", "overdue"))
            which["clock"] = (clocks, and_(clocks.c.clock_id == int(item), clocks.c.unit == unit, running))
        table, condition = which.get(source, (None, None))
        done = 0
        if table is not None and condition is not None:
            with writing(self._engine) as connection:
                done = connection.execute(update(table).where(condition).values(assignee=account)).rowcount
                facts: dict[str, Fact] = {"source": source, "item": item[:48], "unit": unit, "to": account}
                if done:
                    queue(connection, "registry.assign", now, actor.account, facts)
        if not done:
            raise CaseNotFoundError("This does not wait for your unit.", detail_zh="该事项不在本单位待办中。")


def _steps(unit: str, account: str | None) -> Select[Any]:
    query = (
        select(
            literal("case", String).label("source"), cases.c.case_id.label("item"), cases.c.kind.label("kind"),
            case_steps.c.name.label("step"), case_steps.c.unit.label("unit"), case_steps.c.rule.label("rule"),
            case_steps.c.reached_on.label("reached"), case_steps.c.due_on.label("due"),
            case_steps.c.provisional.label("provisional"), case_steps.c.assignee.label("assignee"),
            cases.c.student_id.label("student_id"), cases.c.school_code.label("school_code"),
            _urgent(case_steps.c.due_on),
        )
        .join(cases, cases.c.case_id == case_steps.c.case_id)
        .where(case_steps.c.waiting, case_steps.c.unit == unit)
    )  # fmt: skip
    return query if account is None else query.where(case_steps.c.assignee == account)


def _clocks(unit: str, account: str | None) -> Select[Any]:
    query = select(
        literal("clock", String).label("source"), sql_cast(clocks.c.clock_id, String).label("item"),
        clocks.c.name.label("kind"), literal("", String).label("step"), clocks.c.unit.label("unit"),
        clocks.c.rule.label("rule"), clocks.c.event_on.label("reached"), clocks.c.due_on.label("due"),
        clocks.c.provisional.label("provisional"), clocks.c.assignee.label("assignee"),
        clocks.c.student_id.label("student_id"), sql_cast(null(), String).label("school_code"),
        _urgent(clocks.c.due_on),
    ).where(clocks.c.unit == unit, clocks.c.state.in_(("running", "overdue")))  # fmt: skip
    return query if account is None else query.where(clocks.c.assignee == account)


def _matters(unit: str, account: str | None) -> Select[Any]:
    query = select(
        literal("matter", String).label("source"), matters.c.matter_id.label("item"), matters.c.kind.label("kind"),
        matters.c.code.label("step"), matters.c.owner.label("unit"), matters.c.rule.label("rule"),
        matters.c.opened_on.label("reached"), matters.c.due_on.label("due"),
        literal_column("false", Boolean).label("provisional"), matters.c.assignee.label("assignee"),
        matters.c.student_id.label("student_id"), matters.c.school_code.label("school_code"),
        _urgent(matters.c.due_on),
    ).where(matters.c.owner == unit, matters.c.state == "open")  # fmt: skip
    return query if account is None else query.where(matters.c.assignee == account)


def _urgent(due: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(due, literal(_NEVER, Date)).label("urgent")


def _page(unit: str, account: str | None, after: str, limit: int) -> Select[Any]:
    """Return the page as one statement: each kind in its own order and limit, then all of them together."""
    arms = []
    for arm in (_steps(unit, account), _clocks(unit, account), _matters(unit, account)):
        rows = arm.subquery()
        query = select(rows)
        if after:
            query = query.where(_behind(rows, after))
        arms.append(select(query.order_by(rows.c.urgent, rows.c.source, rows.c.item).limit(limit).subquery()))
    found = union_all(*arms).subquery()
    page = select(found).order_by(found.c.urgent, found.c.source, found.c.item).limit(limit).subquery()
    return (
        select(
            page, sharing_students.c.name_masked, func.coalesce(page.c.school_code, students.c.school_code).label("at")
        )
        .outerjoin(students, students.c.student_id == page.c.student_id)
        .outerjoin(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)
        .order_by(page.c.urgent, page.c.source, page.c.item)
    )


def _behind(rows: Subquery, after: str) -> ColumnElement[bool]:
    try:
        day, source, item = after.split(_CURSOR, 2)
        last = (date.fromisoformat(day), source, item)
    except ValueError:
        raise ValuesError({"after": ("翻页标记无效", "is no mark of a page")}) from None
    return or_(
        rows.c.urgent > last[0],
        and_(rows.c.urgent == last[0], or_(rows.c.source > source, and_(rows.c.source == source, rows.c.item > item))),
    )


def _counts(connection: Connection, unit: str, account: str | None, today: date) -> tuple[int, int]:
    every = union_all(
        *(
            select(func.count().label("n"), func.count(case((rows.c.due < today, 1))).label("late")).select_from(rows)
            for rows in (
                arm.subquery() for arm in (_steps(unit, account), _clocks(unit, account), _matters(unit, account))
            )
        )
    ).subquery()
    row = connection.execute(select(func.sum(every.c.n).label("n"), func.sum(every.c.late).label("late"))).one()
    return int(row.n), int(row.late)


def _item(row: Any, today: date, soon: date) -> WorkItem:  # noqa: ANN401  a row
    state: Literal["open", "due-soon", "overdue"] = "open"
    if row.due is not None:
        state = "overdue" if row.due < today else "due-soon" if row.due <= soon else "open"
    return WorkItem(
        source=cast("Source", row.source), id=row.item, kind=row.kind, step=row.step, unit=row.unit, rule=row.rule,
        reached=row.reached, due=row.due, provisional=bool(row.provisional), state=state, assignee=row.assignee,
        student_id=row.student_id, name_masked=row.name_masked, school_code=row.at,
    )  # fmt: skip
