"""Principals and registrars with their days, details of schools, links of guardians (A3-3 to A3-5, A7-3, A48)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, insert, or_, select, update

from core_registry.db.bulk import upsert_frame
from core_registry.db.case_tables import guardian_accounts, posts, school_details
from core_registry.db.engine import reading, writing
from core_registry.db.sharing_row import LAST_OF_SIX
from core_registry.db.state import advance, queue
from core_registry.db.tables import departments, schools, sharing_students, students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import Post
from core_registry.domain.rules import enforces
from core_registry.errors import RegisterRuleError, StudentNotFoundError
from core_registry.staff import NewPost, PostLine, UnitAbove

_DETAILS = ("school_code", "system", "private", "admission_area", "central_school", "closed_on")


@enforces("A3-4", how="record")
def save_school_details(engine: Engine, rows: pl.DataFrame, at: datetime) -> int:
    """Write what procedures need of schools beyond the register; return the number of rows.

    Columns: school_code, system (``6-3``, ``5-4``), private, and optionally admission_area, central_school,
    closed_on. The stage in the sharing view follows the system in the same transaction (A20-4).
    Raises ``RegisterChangedError`` for an unknown school or system.
    """
    optional = {
        "admission_area": pl.lit(""),
        "central_school": pl.lit(None, pl.String),
        "closed_on": pl.lit(None, pl.Date),
    }
    frame = rows.with_columns(
        **{name: default for name, default in optional.items() if name not in rows.columns}
    ).select(*_DETAILS, pl.lit(stamp(at)).alias("updated_at"))
    with writing(engine) as connection:
        upsert_frame(connection, school_details, frame)
        for system, stage in (("5-4", "junior"), ("6-3", "primary")):
            codes = frame.filter(pl.col("system") == system)["school_code"].to_list()
            connection.execute(
                update(sharing_students)
                .where(
                    sharing_students.c.school_code.in_(codes),
                    sharing_students.c.grade == LAST_OF_SIX,
                    sharing_students.c.stage != stage,
                )
                .values(stage=stage, updated_at=stamp(at))
            )
        advance(connection)
    return frame.height


@enforces("A3-3", "A48-1", "A48-2", "A48-4", how="record")
def file_post(engine: Engine, new: NewPost, actor: Actor, now: datetime) -> int:
    """File a post and return its id.

    Raises ``RegisterRuleError`` (A3-3) when the person holds this post on that day already.
    """
    with writing(engine) as connection:
        held = connection.execute(
            select(posts.c.post_id).where(
                posts.c.account == new.account, posts.c.unit == new.unit, posts.c.post == new.post, _held(new.since)
            )
        ).first()
        if held is not None:
            raise RegisterRuleError(
                "This person holds this post already.", detail_zh="该人员已在任此岗位。", rule="A3-3"
            )
        made: int = connection.execute(
            insert(posts)
            .values(
                account=new.account, unit=new.unit, post=new.post, since=new.since, until=None,
                on_establishment=new.on_establishment, trained_on=new.trained_on, filed_on=new.filed_on,
                filed_with=new.filed_with, handed_over_to=None, entered_at=stamp(now), entered_by=actor.account,
            )
            .returning(posts.c.post_id)
        ).scalar_one()  # fmt: skip
        facts = {"post": new.post, "account": new.account, "unit": new.unit, "since": new.since.isoformat()}
        queue(connection, "registry.post", now, actor.account, {**facts, "act": "filed"})
    return made


@enforces("A48-4", how="record")
def end_post(
    engine: Engine, post_id: int, until: date, handed_over_to: str | None, actor: Actor, now: datetime
) -> None:
    """End a post on its last day ``until``, with the account to which it was handed over.

    Raises ``RegisterRuleError`` when there is no such open post or it began later.
    """
    with writing(engine) as connection:
        row = connection.execute(
            update(posts)
            .where(posts.c.post_id == post_id, posts.c.until.is_(None), posts.c.since <= until)
            .values(until=until, handed_over_to=handed_over_to)
            .returning(posts.c.account, posts.c.unit, posts.c.post)
        ).one_or_none()
        if row is None:
            raise RegisterRuleError(
                "There is no such post to end on this day.", detail_zh="没有可在该日结束的任职记录。", rule="A48-4"
            )
        facts = {"post": row.post, "account": row.account, "unit": row.unit, "until": until.isoformat()}
        queue(connection, "registry.post", now, actor.account, {**facts, "act": "ended", "to": handed_over_to})


def post_of(connection: Connection, account: str, unit: str, on: date) -> Post | None:
    """Return the filed post of an account at a unit on a day; a registrar's before a head's."""
    row = connection.execute(
        select(posts)
        .where(posts.c.account == account, posts.c.unit == unit, _held(on))
        .order_by(posts.c.post.desc(), posts.c.since.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _post(row)


@enforces("A3-3", how="record")
def responsible(connection: Connection, unit: str, on: date) -> tuple[str | None, str | None]:
    """Return the accounts of the head and the registrar of a unit on a day; the one who came last, of several."""
    rows = connection.execute(
        select(posts.c.post, posts.c.account).where(posts.c.unit == unit, _held(on)).order_by(posts.c.since)
    ).all()
    found = {row.post: row.account for row in rows}
    return found.get("head"), found.get("registrar")


@enforces("A3-5", "A7-3", how="record")
def link_guardian(
    engine: Engine, account: str, student_id: str, verified_on: date | None, actor: Actor, now: datetime
) -> None:
    """Link a guardian's account to a pupil; without ``verified_on`` it gives no right yet.

    A link that exists is verified by this, never unverified. Raises ``StudentNotFoundError``.
    """
    with writing(engine) as connection:
        ref = connection.execute(
            select(students.c.subject_ref).where(students.c.student_id == student_id)
        ).scalar_one_or_none()
        if ref is None:
            raise StudentNotFoundError("There is no such student.", detail_zh="查无此学生。")
        write_link(connection, account, student_id, verified_on, actor.account, now)
        queue(connection, "registry.guardian", now, actor.account, {"verified": verified_on is not None}, (ref,))


def write_link(
    connection: Connection, account: str, student_id: str, verified_on: date | None, by: str, now: datetime
) -> None:
    """Write the link of a guardian's account, or that it was verified; the caller tells of it."""
    verified = {"verified_on": verified_on, "verified_by": by if verified_on else None}
    link = and_(guardian_accounts.c.account == account, guardian_accounts.c.student_id == student_id)
    if connection.execute(select(guardian_accounts.c.account).where(link)).first() is None:
        connection.execute(
            insert(guardian_accounts).values(account=account, student_id=student_id, entered_at=stamp(now), **verified)
        )
    elif verified_on is not None:
        connection.execute(update(guardian_accounts).where(link).values(**verified))


def guardian_verified(connection: Connection, account: str, student_id: str) -> bool:
    """Whether a guardian's account has a verified link to a pupil (A7-3)."""
    return (
        connection.execute(
            select(guardian_accounts.c.account).where(
                guardian_accounts.c.account == account,
                guardian_accounts.c.student_id == student_id,
                guardian_accounts.c.verified_on.is_not(None),
            )
        ).first()
        is not None
    )


class SqlPosts:
    """Posts in the registry database; implements ``core_registry.staff.PostStore``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def above(self, unit: str) -> UnitAbove | None:
        """Return the departments that may file posts of a school or department, ``None`` for an unknown unit."""
        with reading(self._engine) as connection:
            school = connection.execute(
                select(schools.c.registry_superior, schools.c.supervising_dept, school_details.c.private)
                .join(school_details, school_details.c.school_code == schools.c.school_code, isouter=True)
                .where(schools.c.school_code == unit)
            ).one_or_none()
            if school is not None:
                return UnitAbove(frozenset({school.registry_superior, school.supervising_dept}), bool(school.private))
            found = connection.execute(select(departments.c.parent).where(departments.c.code == unit))
            department = found.one_or_none()
        if department is None:
            return None
        return UnitAbove(frozenset({department.parent} if department.parent else ()), private=False)

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit on a day."""
        with reading(self._engine) as connection:
            return post_of(connection, account, unit, on)

    def file(self, new: NewPost, actor: Actor, now: datetime) -> int:
        """Write a post; see ``file_post``."""
        return file_post(self._engine, new, actor, now)

    def end(self, post_id: int, until: date, handed_over_to: str | None, actor: Actor, now: datetime) -> None:
        """End a post; see ``end_post``."""
        end_post(self._engine, post_id, until, handed_over_to, actor, now)

    def of_unit(self, unit: str) -> list[PostLine]:
        """Return every post of a unit, present and past, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(posts).where(posts.c.unit == unit).order_by(posts.c.since, posts.c.post_id)
            ).all()
        return [PostLine(row.post_id, _post(row), row.filed_with, row.handed_over_to) for row in rows]


def _held(on: date) -> ColumnElement[bool]:
    return and_(posts.c.since <= on, or_(posts.c.until.is_(None), posts.c.until >= on))


def _post(row: Row[Any]) -> Post:
    return Post(
        row.account, row.unit, row.post, row.since, row.until, row.on_establishment, row.trained_on, row.filed_on
    )
