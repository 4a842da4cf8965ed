"""Who holds a record: one school, or one department while no school does (A6-2)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, insert, select, update

from core_registry.db.case_tables import holders
from core_registry.db.tables import school_memberships
from core_registry.domain.rules import enforces

_SCHOOL_DIGITS = 10


@enforces("A6-2", how="record")
def hold(connection: Connection, student_id: str, unit: str | None, on: date) -> None:
    """Let ``unit`` (a school or division code; ``None``: nobody) hold the record from ``on``, and nobody else.

    What is held already stays as it is; a holder never ends before it began.
    """
    school = unit if unit is not None and len(unit) == _SCHOOL_DIGITS else None
    department = unit if school is None else None
    for table, column, wanted in (
        (school_memberships, school_memberships.c.school_code, school),
        (holders, holders.c.unit, department),
    ):
        present = connection.execute(
            select(column, table.c.from_date).where(table.c.student_id == student_id, table.c.to_date.is_(None))
        ).one_or_none()
        if present is not None and present[0] == wanted:
            continue
        if present is not None:
            connection.execute(
                update(table)
                .where(table.c.student_id == student_id, table.c.to_date.is_(None))
                .values(to_date=max(on, present.from_date))
            )
        if wanted is not None:
            connection.execute(
                insert(table).values({"student_id": student_id, column.name: wanted, "from_date": on, "to_date": None})
            )


def holder_of(connection: Connection, student_id: str) -> str | None:
    """Return the school or department that holds a record now, ``None`` for a closed one."""
    school = select(school_memberships.c.school_code).where(
        school_memberships.c.student_id == student_id, school_memberships.c.to_date.is_(None)
    )
    department = select(holders.c.unit).where(holders.c.student_id == student_id, holders.c.to_date.is_(None))
    found: str | None = connection.execute(
        select(func.coalesce(school.scalar_subquery(), department.scalar_subquery()))
    ).scalar_one()
    return found
