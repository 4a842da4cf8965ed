"""What the ledger keeps of a release, and the protocols by which other parts read it.

Of a row it keeps a tag, a keyed pseudo-random number of its pupil that differs between groups of recipients, and
digests of what left: no identifier, no value, no pseudonym. The rows lie sealed, beside the extracts' files, under a
key that only the worker can derive; the table holds one line a release.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NewType, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.policies.records import Level

Numbers = NDArray[np.uint64]
GroupId = NewType("GroupId", str)
"""Recipients that are judged as one: a credit code alone, or ``group:`` and the name of a group that may collude."""
ABSENT_CLASS = np.uint64(0)
"""Stands in ``RowTable.classes`` where no class was measured (levels without k)."""


@dataclass(frozen=True, slots=True)
class LedgerRelease:
    """One release in the ledger. It counts from the moment its file is ready, unless that ended without a use."""

    extract: ExtractId
    group: GroupId
    recipient: RecipientId
    grant: GrantId
    application: str
    purpose: str
    profile: str
    level: Level
    school_year: int
    """The year in which the school year began."""
    chain: str
    """SHA-256 of what a chain of levels is about: purpose, profile, columns and their hierarchies, school year."""
    levels: Mapping[str, int]
    """Column -> level, of a release by global recoding; empty otherwise."""
    k: int | None
    demands: Mapping[str, int]
    """Sensitive column of the sharing view -> the different values that each class had to hold."""
    rows: int
    withheld: int
    """Rows kept back for the sake of earlier releases."""
    sha256: str
    """Of the plain content of the sealed rows."""
    size: int
    """Plain bytes of the sealed rows."""
    digest: str
    """How content digests were made; digests of different makes cannot be compared."""
    snapshot: str
    created_at: datetime
    keep_until: date
    """The last day on which it counts; after it, its rows are destroyed."""
    wrapped_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class History:
    """What counts against a group at one moment, oldest first; ``version`` changes with each release under k."""

    group: GroupId
    version: int
    releases: tuple[LedgerRelease, ...]

    @property
    def measured(self) -> tuple[LedgerRelease, ...]:
        """Return the releases whose classes were measured: joint k is about them."""
        return tuple(one for one in self.releases if one.k is not None)


@dataclass(frozen=True, slots=True)
class RowTable:
    """The rows of a release, in order of their tags (``high``, then ``low``), each tag once."""

    high: Numbers = field(repr=False)
    low: Numbers = field(repr=False)
    classes: Numbers = field(repr=False)
    """Digest of the released quasi-identifiers; ``ABSENT_CLASS`` at levels without k."""
    content: Numbers = field(repr=False)
    """Digest of all that left of the row but its pseudonym."""
    sensitive: Mapping[str, Numbers] = field(default_factory=dict, repr=False)
    """Column of the sharing view -> digest of its value as it left, for columns that a model was demanded of."""

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return int(self.high.size)


class ReleaseHistory(Protocol):
    """Reads the ledger. Implemented by ``service.Ledger``."""

    def group_of(self, recipient: RecipientId) -> GroupId:
        """Return the group that a recipient belongs to."""

    def history(self, recipient: RecipientId) -> History:
        """Return the releases that count against a recipient, its group's among them, oldest first.

        A release counts whose file may be fetched or was: not one that ended without a use.
        """

    def of_grant(self, grant: GrantId) -> Sequence[LedgerRelease]:
        """Return the releases under a grant that count, oldest first."""

    def rows(self, release: LedgerRelease, columns: Collection[str] | None = None) -> RowTable:
        """Return the rows of a release; of ``content`` and the sensitive columns only those named, or all.

        Raises ``LedgerDamagedError`` when its sealed rows are gone or altered: then nothing may be released on the
        strength of it (I8).
        """

    def tags(self, group: GroupId, subjects: pl.Series) -> tuple[Numbers, Numbers]:
        """Return the tags of ``subjects`` (``subject_ref``) in a group, high and low half, in their order.

        Tags of releases of an earlier make of the group are under ``LedgerRelease.group``.
        """
