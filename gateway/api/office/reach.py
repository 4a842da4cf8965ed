"""The doors of the registry, and for which schools a caller may act behind them (A3-2)."""

from __future__ import annotations

from core_registry.office import RegistryOffice
from gateway.api.authentication import services
from gateway.errors import UnavailableError
from gateway.ids import UnitCode
from gateway.policies.decision import Action
from gateway.policies.resources import registry_resource
from gateway.principals import Principal


def registry() -> RegistryOffice:
    """Return the office door; raises ``UnavailableError`` on a face without it."""
    office = services().office
    if office is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return office


def authorize(who: Principal, action: Action) -> UnitCode:
    """Return the unit of the caller if the policies permit ``action`` there; raises ``ForbiddenError``."""
    unit = who.unit or UnitCode("")
    services().applications.enter(who, action, registry_resource(unit), territory=unit)
    return unit


def schools_of(who: Principal, action: Action) -> frozenset[str]:
    """Return the schools for which the caller may act: the own one, or those of the territory (A3-2)."""
    unit = authorize(who, action)
    divisions = services().book.divisions
    if unit not in divisions.by_code:
        return frozenset({unit})
    schools = registry().schools()
    mine = schools["managing_authority"].is_in(list(divisions.territory(unit)))
    return frozenset(schools.filter(mine)["school_code"].to_list())
