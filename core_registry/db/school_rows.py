"""Schools as the rules see them, read from the register of schools."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, select

from core_registry.db.case_tables import school_details
from core_registry.db.tables import schools
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.states import Stage
from core_registry.domain.terms import SchoolSystem
from core_registry.errors import RegisterRuleError

PlaceOf = Callable[[str], tuple[str, str] | None]
"""Division code -> (county, city), ``None`` for a code that is no division."""


def read_school(
    connection: Connection,
    code: str,
    place: PlaceOf,
    *,
    lock: bool = False,
    system_of: Callable[[str], SchoolSystem] = lambda _division: SchoolSystem.SIX_THREE,
) -> SchoolFacts:
    """Return a school without its free places; ``lock`` keeps others from changing it until the commit.

    ``system_of`` gives the system of a division, for a school without details of its own (A20-4).
    Raises ``RegisterRuleError`` for an unknown code (A2-1).
    """
    query = select(schools).where(schools.c.school_code == code)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise RegisterRuleError(
            "There is no such school in the register.", detail_zh="学校登记中没有该学校。", rule="A2-1"
        )
    county, city = place(row.division) or (row.division, f"{row.division[:4]}00")
    more = connection.execute(select(school_details).where(school_details.c.school_code == code)).one_or_none()
    return SchoolFacts(
        code=row.school_code,
        name=row.name,
        category=row.category,
        division=county,
        city=city,
        managing_authority=row.managing_authority,
        supervising_dept=row.supervising_dept,
        registry_superior=row.registry_superior,
        stages=frozenset(Stage(stage) for stage in row.stages.split()),
        system=system_of(row.division) if more is None else SchoolSystem(more.system),
        private=False if more is None else more.private,
        closed=row.closed,
        admission_area="" if more is None else more.admission_area,
        central_school=None if more is None else more.central_school,
    )
