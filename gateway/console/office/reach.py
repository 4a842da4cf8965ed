"""For which schools a registrar may act, and the door behind which they stand."""

from __future__ import annotations

from collections.abc import Iterable

from core_registry.office import Actor, CaseDesk, RegistryOffice
from gateway.console.entrances import own_registry
from gateway.console.pages import principal, services
from gateway.errors import UnavailableError
from gateway.policies.decision import Action
from gateway.principals import Role


def registry() -> RegistryOffice:
    """Return the office door; raises ``UnavailableError`` on a face without it."""
    office = services().office
    if office is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return office


def desk() -> CaseDesk:
    """Return the desk of cases; raises ``UnavailableError`` on a face without it."""
    found = services().desk
    if found is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return found


def actor(action: Action) -> Actor:
    """Return the person as the registry's procedures know people; raises ``ForbiddenError``."""
    who = principal()
    unit = who.unit or ""
    services().applications.enter(who, action, own_registry(who), territory=unit)
    return Actor(who.account, unit, "registrar" if Role.REGISTRAR in who.roles else "principal")


def unit_names(codes: Iterable[str]) -> dict[str, str]:
    """Return the names of schools and departments by code; a code that nobody knows stands for itself."""
    wanted = {code for code in codes if code}
    divisions = services().book.divisions.by_code
    names = {code: f"{divisions[code].full_name}教育行政部门" for code in wanted if code in divisions}
    frame = registry().schools()
    rows: Iterable[tuple[str, str]] = (
        frame.filter(frame["school_code"].is_in(list(wanted))).select("school_code", "name").iter_rows()
    )
    return {code: code for code in wanted} | names | dict(rows)


def schools_for(action: Action) -> dict[str, str]:
    """Return code and name of the schools for which the person may do ``action``, by code (A3-2).

    A school's own people reach that school, a department's those that it and the departments below manage.
    Raises ``ForbiddenError``.
    """
    who = principal()
    unit = who.unit or ""
    services().applications.enter(who, action, own_registry(who), territory=unit)
    divisions = services().book.divisions
    frame = registry().schools()
    if unit in divisions.by_code:
        frame = frame.filter(frame["managing_authority"].is_in(list(divisions.territory(unit))))
    else:
        frame = frame.filter(frame["school_code"] == unit)
    rows: Iterable[tuple[str, str]] = frame.sort("school_code").select("school_code", "name").iter_rows()
    return dict(rows)
