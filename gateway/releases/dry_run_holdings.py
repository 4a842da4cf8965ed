"""What a recipient holds already, and what that does to the data applied for (design 5): combining, overlapping.

Taken from the recipient's grants and from the extracts of which a byte was delivered. What was certified as deleted is
listed and does not count: the recipient answers for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from gateway.ids import GrantId
from gateway.policies.records import Grant, Level, Population, Scope
from gateway.policies.scope import civil_date
from gateway.releases.dry_run import ROW_LEVELS
from gateway.releases.dry_run_figures import rounded
from gateway.releases.records import Extract, ExtractState
from rulebook.records import Divisions, ProfileField, Rulebook

OVERLAP: Final = "overlap"
"""An extract that is not certified as deleted holds some of the same pupils."""
COMBINATION: Final = "combination"
"""Such an extract holds columns that are not applied for, and others by which rows can be joined."""
RELINK: Final = "relink"
"""Such an extract holds masks of persons, or pseudonyms, and the data applied for are of a stricter level."""
NOT_DELETED: Final = "not_deleted"
"""Extracts are not certified as deleted."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What was delivered under one grant."""

    grant: str
    application: str
    purpose: str
    profile: str
    level: str
    fields: tuple[str, ...]
    """Names of the fields that were delivered, of any of the extracts."""
    territory: str
    deliveries: int
    rows_about: int
    """Rows of the largest extract, rounded."""
    first: str
    """Civil date of the first delivery."""
    last: str
    valid_to: str
    undeleted: int
    """Extracts that are not certified as deleted."""
    overlaps: bool
    """Whether an undeleted one may hold pupils of the data applied for."""
    joined_by: tuple[str, ...]
    """Labels of quasi-identifiers that both hold; rows can be joined by them."""
    added: tuple[str, ...]
    """Labels of columns that it holds and that are not applied for."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that a recipient holds, with the warnings that follow."""

    items: tuple[Holding, ...]
    together: tuple[str, ...]
    """Labels of all columns that the recipient would hold of overlapping pupils, the data applied for among them."""
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """Return the holdings as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Holdings:
        """Return what ``to_json`` wrote."""
        value = json.loads(text)
        listed = ("fields", "joined_by", "added")
        items = tuple(Holding(**{**item, **{name: tuple(item[name]) for name in listed}}) for item in value["items"])
        return Holdings(items, tuple(value["together"]), tuple(value["warnings"]))


def holdings_of(
    scope: Scope, grants: Sequence[Grant], extracts: Mapping[GrantId, Sequence[Extract]], book: Rulebook
) -> Holdings:
    """Return what was delivered under ``grants`` of one recipient, against ``scope``, which is applied for.

    ``extracts`` is grant id -> its extracts.
    """
    items = []
    for grant in grants:
        delivered = [one for one in extracts.get(grant.id, ()) if one.first_delivery_at is not None]
        if delivered:
            items.append(_holding(scope, grant, delivered, book))
    undeleted = [item for item in items if item.undeleted]
    overlapping = [item for item in items if item.overlaps]
    asked = _columns(book, scope.profile, scope.fields)
    together = dict.fromkeys(column.label for column in asked.values())
    for item in overlapping:
        together |= dict.fromkeys(item.added)
    warnings = {
        OVERLAP: bool(overlapping),
        COMBINATION: any(item.joined_by and item.added for item in overlapping),
        RELINK: any(_relinks(scope, Level(item.level)) and item.joined_by for item in overlapping),
        NOT_DELETED: bool(undeleted),
    }
    return Holdings(tuple(items), tuple(together), tuple(code for code, holds in warnings.items() if holds))


def _holding(scope: Scope, grant: Grant, delivered: Sequence[Extract], book: Rulebook) -> Holding:
    granted = grant.scope
    fields = tuple(sorted({name for one in delivered for name in one.request.fields or granted.fields}))
    kept = [one for one in delivered if one.state is not ExtractState.DELETED]
    days = sorted(civil_date(one.first_delivery_at) for one in delivered if one.first_delivery_at is not None)
    asked = _columns(book, scope.profile, scope.fields)
    held = _columns(book, granted.profile, fields)
    both_rows = scope.level in ROW_LEVELS and granted.level in ROW_LEVELS
    common = [asked[source] for source in asked if source in held]
    return Holding(
        grant=grant.id,
        application=grant.application,
        purpose=granted.purpose,
        profile=granted.profile,
        level=granted.level.value,
        fields=fields,
        territory=granted.population.territory,
        deliveries=len(delivered),
        rows_about=rounded(max(one.rows for one in delivered)).about,
        first=_text(days[0]),
        last=_text(days[-1]),
        valid_to=_text(granted.valid_to),
        undeleted=len(kept),
        overlaps=any(_overlap(scope.population, _population(grant, one), book.divisions) for one in kept),
        joined_by=tuple(column.label for column in common if column.role in {"quasi", "direct"}) if both_rows else (),
        added=tuple(held[source].label for source in held if source not in asked),
    )


def _relinks(scope: Scope, held: Level) -> bool:
    stricter = {Level.ANONYMOUS: 2, Level.PSEUDONYMOUS: 1, Level.MASKED: 0}
    return scope.level in stricter and held in stricter and stricter[held] < stricter[scope.level]


def _columns(book: Rulebook, profile: str, names: Sequence[str]) -> dict[str, ProfileField]:
    """Return the fields ``names`` of a profile by the column of the sharing view that they come from.

    Without pseudonyms: they are of one application, and cannot be joined with those of another.
    """
    found = book.profiles.get(profile)
    if found is None:  # a profile that the rule book does not know any more
        return {}
    known = [field for field in found.fields if field.operation != "pseudonymize"]
    return {field.column: field for field in known if field.name in set(names)}


def _population(grant: Grant, extract: Extract) -> Population:
    whole, request = grant.scope.population, extract.request
    return Population(
        whole.territory,
        whole.stages if request.stages is None else request.stages,
        whole.grades if request.grades is None else request.grades,
        whole.schools if request.schools is None else request.schools,
    )


def _overlap(one: Population, other: Population, divisions: Divisions) -> bool:
    """Say whether one pupil may belong to both: the territories are nested, and no condition keeps them apart."""
    if one.territory not in divisions.ancestors(other.territory) and other.territory not in divisions.ancestors(
        one.territory
    ):
        return False
    pairs = ((one.stages, other.stages), (one.grades, other.grades), (one.schools, other.schools))
    return all(first is None or second is None or first & second for first, second in pairs)


def _text(day: date) -> str:
    return day.isoformat()
