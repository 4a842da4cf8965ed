"""Suspensions in an archive, and cases opened by the school that holds the record; all invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from core_registry.domain.cases import Change, open_case
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts
from core_registry.domain.requests import Request
from tests.factories.cases import entry, registrar

NOW = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)


def suspended(since: date, until: date, grade: str = "31") -> ArchiveEntry:
    """Return the entry of a suspension for illness from a grade."""
    data = {"from": since.isoformat(), "until": until.isoformat(), "ground": "illness", "grade": grade}
    return replace(entry(EntryKind.SUSPENSION, since), data=data)


def opened(request: Request, known: Facts) -> Change:
    """Return the case as the school that holds the record opens it."""
    return open_case("ca-1", request, known, registrar(known.school.code), NOW, None)
