"""The public register of shares, made from the same rows as the grants: who received what, for what, by which ground.

It names no person: the approval is that of a unit and a post (谁批准、谁负责).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from gateway.articles import keeps
from gateway.ids import GrantId, RecipientId
from gateway.policies.queries import ApplicationQueries, GrantLifeView
from gateway.policies.records import Grant, GrantPhase, GrantState, Level
from gateway.policies.scope import current_state

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """One line of the public register of shares: no person is named. Words stand beside their codes."""

    grant: GrantId
    recipient: RecipientId
    recipient_name: str
    purpose: str
    level: Level
    fields: tuple[str, ...]
    territory: str
    ground: str
    approved_on: datetime
    valid_from: date
    valid_to: date
    uses: int
    uses_left: int
    state: GrantState
    ground_kind: str = ""
    purpose_label: str = ""
    purpose_label_en: str = ""
    field_labels: tuple[str, ...] = ()
    territory_name: str = ""
    approver_unit: str = ""
    approver_unit_name: str = ""
    approver_post: str = ""
    phase: GrantPhase = GrantPhase.ACTIVE
    deletions_owed: int = 0
    delete_by: date | None = None
    terms_version: str = ""


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """Which lines are shown; ``None`` and empty text are no condition."""

    text: str = ""
    """Stands anywhere in recipient, credit code, purpose, ground, territory, unit or a field, whatever its case."""
    purpose: str | None = None
    level: Level | None = None
    phase: GrantPhase | None = None
    territory: str | None = None
    """A division, with all below it."""
    on: date | None = None
    """A day within the granted period."""
    limit: int = 1000
    """Lines at the most, the newest."""


EVERYTHING: Final = RegisterFilter()


@keeps("A50-10")
class PublicRegister(ApplicationQueries):
    """The register, for everybody."""

    def public_register(self, wanted: RegisterFilter = EVERYTHING) -> tuple[RegisterEntry, ...]:
        """Return the lines that ``wanted`` lets through, newest first.

        Raises ``GrantInvalidError`` when a row was altered: a register that may be wrong is not shown.
        """
        rows = self._reader.read(lambda tx: self._store.grants(tx, limit=_ROWS))
        now = self._now()
        grants = [replace(row, state=current_state(row, now)) for row in rows]
        lives = self.lives(grants)
        found = [
            (row, entry)
            for row, grant in zip(rows, grants, strict=True)
            if self._passes(entry := self._entry(grant, lives[grant.id]), wanted)
        ][: wanted.limit]
        for row, _entry in found:  # what is shown is verified; a signature takes longer than a look
            self._seal.verify(row)
        return tuple(entry for _row, entry in found)

    def _entry(self, grant: Grant, life: GrantLifeView) -> RegisterEntry:
        scope, book = grant.scope, self._book
        purpose, profile = book.purposes.get(scope.purpose), book.profiles.get(scope.profile)
        words = {} if profile is None else {field.name: field.label for field in profile.fields}
        return RegisterEntry(
            grant=grant.id,
            recipient=grant.recipient,
            recipient_name=grant.recipient_name,
            purpose=scope.purpose,
            level=scope.level,
            fields=scope.fields,
            territory=scope.population.territory,
            ground=grant.ground_label,
            approved_on=grant.approved_at,
            valid_from=scope.valid_from,
            valid_to=scope.valid_to,
            uses=scope.uses,
            uses_left=grant.uses_left,
            state=grant.state,
            ground_kind=grant.ground_kind,
            purpose_label=scope.purpose if purpose is None else purpose.label,
            purpose_label_en="" if purpose is None else purpose.label_en,
            field_labels=tuple(words.get(name, name) for name in scope.fields),
            territory_name=self._place(scope.population.territory),
            approver_unit=grant.approver_unit,
            approver_unit_name=self._place(grant.approver_unit),
            approver_post=grant.approver_post,
            phase=life.phase,
            deletions_owed=len(life.owed),
            delete_by=life.delete_by,
            terms_version=grant.terms_version,
        )

    def _passes(self, entry: RegisterEntry, wanted: RegisterFilter) -> bool:
        sought = wanted.text.strip().casefold()
        texts = (
            entry.recipient_name,
            entry.recipient,
            entry.purpose_label,
            entry.purpose_label_en,
            entry.ground,
            entry.territory_name,
            entry.approver_unit_name,
            *entry.field_labels,
        )
        return (
            (not sought or any(sought in text.casefold() for text in texts))
            and wanted.purpose in {None, entry.purpose}
            and wanted.level in {None, entry.level}
            and wanted.phase in {None, entry.phase}
            and (wanted.territory is None or wanted.territory in self._book.divisions.ancestors(entry.territory))
            and (wanted.on is None or entry.valid_from <= wanted.on <= entry.valid_to)
        )

    def _place(self, code: str) -> str:
        division = self._book.divisions.by_code.get(code)
        return code if division is None else division.full_name


_ROWS: Final = 20_000


def register_csv(entries: Iterable[RegisterEntry]) -> str:
    """Return the lines as CSV (RFC 4180) with a header.

    A cell that a spreadsheet would take for a formula begins with an apostrophe: names come from outside.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for entry in entries:
        writer.writerow([_cell(value) for value in _values(entry)])
    return out.getvalue()


_COLUMNS: Final = (
    "grant", "recipient", "recipient_name", "purpose", "purpose_label", "level", "fields", "field_labels",
    "territory", "territory_name", "ground_kind", "ground", "approved_on", "valid_from", "valid_to", "uses",
    "uses_left", "state", "phase", "deletions_owed", "delete_by", "approver_unit", "approver_unit_name",
    "approver_post", "terms_version",
)  # fmt: skip


def _values(entry: RegisterEntry) -> list[str]:
    return [
        entry.grant,
        entry.recipient,
        entry.recipient_name,
        entry.purpose,
        entry.purpose_label,
        entry.level.value,
        " ".join(entry.fields),
        "、".join(entry.field_labels),
        entry.territory,
        entry.territory_name,
        entry.ground_kind,
        entry.ground,
        entry.approved_on.isoformat(),
        entry.valid_from.isoformat(),
        entry.valid_to.isoformat(),
        str(entry.uses),
        str(entry.uses_left),
        entry.state.value,
        entry.phase.value,
        str(entry.deletions_owed),
        "" if entry.delete_by is None else entry.delete_by.isoformat(),
        entry.approver_unit,
        entry.approver_unit_name,
        entry.approver_post,
        entry.terms_version,
    ]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
