"""How values are written on pages: times in Shanghai, numbers with separators, codes with their labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gateway.console import (
    account_texts,
    alert_texts,
    audit_texts,
    canary_texts,
    case_texts,
    family_texts,
    ground_texts,
    identity_texts,
    inspection_texts,
    retention_texts,
    statistics_texts,
    texts,
    workflow_texts,
)
from gateway.console.texts import Label
from gateway.policies.phases import application_phase
from gateway.policies.scope import SHANGHAI
from gateway.releases.reports.drawings import Drawing, svg
from rulebook import Rulebook

_KIB = 1024
_TABLES: dict[str, dict[str, Label]] = {}
for _tables in (
    texts.TABLES,
    alert_texts.TABLES,
    audit_texts.TABLES,
    canary_texts.TABLES,
    case_texts.TABLES,
    account_texts.TABLES,
    family_texts.TABLES,
    ground_texts.TABLES,
    identity_texts.TABLES,
    inspection_texts.TABLES,
    retention_texts.TABLES,
    workflow_texts.TABLES,
    statistics_texts.TABLES,
):
    for _name, _entries in _tables.items():
        _TABLES.setdefault(_name, {}).update(_entries)


def moment(at: datetime | str) -> str:
    """Return an instant as ``2026-11-23 18:00:05`` in Shanghai; takes RFC 3339 text too."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return when.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def day(at: date) -> str:
    """Return a civil date as ``2026-11-23``; of an instant, the one in Shanghai."""
    return (at.astimezone(SHANGHAI).date() if isinstance(at, datetime) else at).isoformat()


def last_day(until: datetime) -> str:
    """Return the last civil day in Shanghai before an instant that itself is excluded."""
    return day(until - timedelta(microseconds=1))


def number(value: float) -> str:
    """Return a whole number with separators, ``5,000,000``; a fraction with four digits."""
    return f"{value:,d}" if isinstance(value, int) else f"{value:,.4f}"


def percent(value: float) -> str:
    """Return a share as percent with two digits."""
    return f"{value * 100:.2f}%"


def size(count: int) -> str:
    """Return a number of bytes in the largest fitting unit."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < _KIB:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KIB
    return f"{amount:.1f} GiB"


def label(code: str, table: str) -> Label:
    """Return the label of ``code`` in the table of texts named ``table``; an unknown code stands for itself."""
    known: Mapping[str, Label] = _TABLES[table]
    return known.get(str(code)) or Label(str(code), "")


def picture(drawing: Drawing) -> Markup:
    """Return a drawing as an element of the page; its texts are escaped where it is made."""
    return Markup(svg(drawing))  # noqa: S704


def place(code: str | None, book: Rulebook) -> str:
    """Return the full name of a division; a school's code, or an unknown one, stands for itself."""
    if not code:
        return "—"
    division = book.divisions.by_code.get(code)
    return code if division is None else division.full_name


def install(environment: Environment) -> None:
    """Give the templates their filters; a name that a template gets wrong is an error, never an empty place."""
    environment.undefined = StrictUndefined
    environment.trim_blocks = True
    environment.lstrip_blocks = True
    environment.filters.update(
        moment=moment, day=day, last_day=last_day, number=number, percent=percent, bytes=size, label=label, place=place
    )
    environment.filters["phase"] = application_phase
    environment.filters["svg"] = picture
    notices = {
        **texts.NOTICES,
        **alert_texts.NOTICES,
        **account_texts.NOTICES,
        **canary_texts.NOTICES,
        **family_texts.NOTICES,
        **ground_texts.NOTICES,
        **inspection_texts.NOTICES,
        **retention_texts.NOTICES,
        **workflow_texts.NOTICES,
    }
    environment.globals.update(notices=notices)
