"""Where the entries of a case come from: what its source leads to, and the entries of its own steps."""

from __future__ import annotations

from typing import Final

from gateway.audit.records import SearchQuery
from gateway.errors import ParameterError
from gateway.inspections.ports import Raised, Trail
from gateway.inspections.records import Case, FromAlert, FromChain, FromEntry, Source
from gateway.principals import Principal

FIRST_EVIDENCE: Final = 100
"""Entries of a chain that a new case takes along, the newest."""
_PAGE: Final = 200


def first_of(trail: Trail, alerts: Raised, principal: Principal, source: Source) -> list[int]:
    """Return the entries that a source leads to, ascending.

    Raises ``NotFoundError`` for an alert that is not there or not for ``principal``, ``ParameterError`` for none.
    """
    found: list[int]
    match source:
        case FromAlert(alert):
            found = list(alerts.entries_of(principal, alert))
        case FromEntry(index):
            found = [index]
        case FromChain(link, identifier):
            page = trail.found(SearchQuery(links={link: identifier}, limit=FIRST_EVIDENCE))
            found = [one.index for one in page.entries]
    if not found:
        raise ParameterError(
            "Nothing in the log has this link.", detail_zh="日志中没有该责任链的条目。", missing=("source",)
        )
    return sorted(found)


def steps_of(trail: Trail, case: Case) -> list[int]:
    """Return the entries of the case's own steps, ascending."""
    found: list[int] = []
    before: int | None = None
    while True:
        query = SearchQuery(kind="inspection.", since=case.opened_at, before=before, limit=_PAGE)
        page = trail.found(query)
        for one in page.entries:
            told = one.content["facts"]
            if isinstance(told, dict) and told.get("case") == case.id:
                found.append(one.index)
        if page.before is None:
            return sorted(found)
        before = page.before
