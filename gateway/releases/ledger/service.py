"""The ledger's use cases: what counts against a recipient, putting a release down, clearing away what is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import polars as pl

from gateway.anonymize.plan import Plan
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.journal import Reader, Scratch, Tx
from gateway.policies.records import Grant
from gateway.releases.ledger.chain import chain_of, last_day, school_year
from gateway.releases.ledger.errors import HistoryChangedError, too_many_releases
from gateway.releases.ledger.precedents import Decided, Precedents
from gateway.releases.ledger.recorder import Recorder, demands_of, digest_make
from gateway.releases.ledger.records import GroupId, History, LedgerRelease, Numbers, RowTable
from gateway.releases.ledger.shelf import RowShelf
from gateway.releases.ledger.tags import LedgerKeys
from gateway.releases.places import take_away
from gateway.releases.records import Extract
from rulebook.ledger_records import LedgerRules

_SWEPT = 50
"""Releases that one round of the sweep clears away."""


class LedgerRows(Protocol):
    """What the ledger needs from its store."""

    def add(self, tx: Tx, release: LedgerRelease) -> None:
        """Insert the line of a release."""

    def of_group(self, tx: Tx, group: GroupId, recipients: Collection[RecipientId], today: date) -> list[LedgerRelease]:
        """Return the releases that count on ``today`` against a group or one of ``recipients``, oldest first."""

    def of_grant(self, tx: Tx, grant: GrantId) -> list[LedgerRelease]:
        """Return the releases under a grant that count, oldest first."""

    def in_year(self, tx: Tx, recipient: RecipientId, purpose: str, school_year: int) -> int:
        """Return how many releases of a school year count, of one recipient for one purpose."""

    def version(self, tx: Tx, group: GroupId) -> int:
        """Return the number of a group: 0 before its first release under k."""

    def advance(self, tx: Tx, group: GroupId, version: int) -> bool:
        """Count the number of a group up from ``version``; false when another release did so before."""

    def lines(self, tx: Tx, among: Collection[ExtractId]) -> list[LedgerRelease]:
        """Return the lines of ``among``, whether they count or not."""

    def unfinished(self, tx: Tx, among: Collection[ExtractId]) -> set[ExtractId]:
        """Return those of ``among`` whose extract waits or is being prepared."""

    def ended(self, tx: Tx, today: date, limit: int) -> list[LedgerRelease]:
        """Return releases that count no more."""

    def remove(self, tx: Tx, extract: ExtractId, today: date) -> bool:
        """Remove the line of a release; false when it counts."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A release whose rows have all passed."""

    precedents: Precedents
    decided: Decided | None
    table: RowTable = field(repr=False)
    snapshot: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Implements ``records.ReleaseHistory``."""

    lines: LedgerRows
    shelf: RowShelf
    keys: LedgerKeys = field(repr=False)
    reader: Reader
    scratch: Scratch
    today: Callable[[], date]
    now: Callable[[], datetime]
    rules: LedgerRules

    # -- what counts

    def group_of(self, recipient: RecipientId) -> GroupId:
        """Return the group that a recipient belongs to: itself alone, where no group names it."""
        named = next((name for name, codes in self.rules.together.items() if recipient in codes), None)
        return GroupId(recipient if named is None else f"group:{named}")

    def history(self, recipient: RecipientId) -> History:
        """Return the releases that count against a recipient: its own, and its group's, oldest first."""
        group = self.group_of(recipient)

        def read(tx: Tx) -> History:
            # the number first: a release that comes in between is then judged, and its number is not ours
            version = self.lines.version(tx, group)
            found = self.lines.of_group(tx, group, self._members(recipient), self.today())
            return History(group, version, tuple(found))

        return self.reader.read(read)

    def of_grant(self, grant: GrantId) -> Sequence[LedgerRelease]:
        """Return the releases under a grant that count, oldest first."""
        return self.reader.read(lambda tx: self.lines.of_grant(tx, grant))

    def rows(self, release: LedgerRelease, columns: Collection[str] | None = None) -> RowTable:
        """Return the rows of a release; see ``RowShelf.read``. Raises ``LedgerDamagedError``."""
        return self.shelf.read(release, columns)

    def tags(self, group: GroupId, subjects: pl.Series) -> tuple[Numbers, Numbers]:
        """Return the tags of ``subjects`` in a group, in their order."""
        return self.keys.tags(group, subjects)

    def require_room(self, recipient: RecipientId, purpose: str) -> None:
        """Return when one more release fits into the year; raises ``YearlyReleasesError``."""
        year = school_year(self.today())
        if self.reader.read(lambda tx: self.lines.in_year(tx, recipient, purpose, year)) >= self.rules.yearly_releases:
            raise too_many_releases(self.rules.yearly_releases)

    def precedents(self, recipient: RecipientId, purpose: str, plan: Plan) -> Precedents:
        """Return what a release to ``recipient`` under ``plan`` must heed."""
        chain = chain_of(plan, purpose, school_year(self.today()))
        group, history = self.group_of(recipient), self.history(recipient)
        return Precedents(plan, recipient, group, history, chain, self.rules.withheld_share, self)

    # -- putting a release down

    def recorder(self, precedents: Precedents) -> Recorder:
        """Return what takes the rows of a release down as they pass."""
        return Recorder(precedents.plan, precedents.group, self)

    def line(self, extract: Extract, grant: Grant, made: Recorded, delete_by: date) -> LedgerRelease:
        """Seal the rows of a release and return its line, which ``commit`` puts down.

        Until then nobody looks at the rows. ``delete_by`` is the day by which the recipient must have deleted it.
        """
        shelved = self.shelf.write(extract.id, made.table)
        precedents, decided = made.precedents, made.decided
        return LedgerRelease(
            extract=extract.id,
            group=precedents.group,
            recipient=grant.recipient,
            grant=grant.id,
            application=grant.application,
            purpose=grant.scope.purpose,
            profile=precedents.plan.profile,
            level=grant.scope.level,
            school_year=school_year(self.today()),
            chain=precedents.chain,
            levels={} if decided is None else decided.levels,
            k=precedents.plan.k,
            demands=demands_of(precedents.plan),
            rows=made.table.rows,
            withheld=0 if decided is None else decided.withheld,
            sha256=shelved.sha256,
            size=shelved.size,
            digest=digest_make(precedents.plan),
            snapshot=made.snapshot,
            created_at=self.now(),
            keep_until=self.keep_until(delete_by),
            wrapped_key=shelved.wrapped_key,
        )

    def commit(self, tx: Tx, release: LedgerRelease, judged: History | None) -> None:
        """Put the line of a release down, in the transaction that makes its file ready.

        ``judged`` is the history that joint k was judged by, ``None`` for a release without k. Raises
        ``HistoryChangedError`` when a release under k came to its end in the group since.
        """
        if judged is not None and not self.lines.advance(tx, judged.group, judged.version):
            raise HistoryChangedError(
                "Another release to the same recipients was finished meanwhile.",
                detail_zh="同一接收方的另一次提供刚刚完成，须重新核对。",
            )
        self.lines.add(tx, release)

    def keep_until(self, delete_by: date) -> date:
        """Return the last day on which a release of today counts: never before the recipient must have deleted it."""
        end = last_day(school_year(self.today()))
        return max(end.replace(year=end.year + self.rules.years), delete_by)

    # -- clearing away

    def sweep(self) -> bool:
        """Destroy what counts no more, and rows whose release never came to its end. Say whether there was any."""
        over = self.reader.read(lambda tx: self.lines.ended(tx, self.today(), _SWEPT))
        for release in over:
            self._forget(release)
        return self._clear_away() or bool(over)

    def _forget(self, release: LedgerRelease) -> None:
        """Take the line away, and with it the key, then the rows; not of a release that counts."""
        if self.scratch.write(lambda tx: self.lines.remove(tx, release.extract, self.today())):
            take_away(self.shelf.path(release.extract, release.wrapped_key))

    def _clear_away(self) -> bool:
        """Remove rows that no line leads to and no worker is about to write a line for."""
        found = False
        held = list(self.shelf.held().items())
        for start in range(0, len(held), _SWEPT):
            part = dict(held[start : start + _SWEPT])
            extracts = set(part.values())
            # what waits is asked before what has a line: meanwhile an extract can only go from here to there
            waiting = self.reader.read(lambda tx, named=extracts: self.lines.unfinished(tx, named))  # type: ignore[misc]  # bound now
            lines = self.reader.read(lambda tx, named=extracts: self.lines.lines(tx, named))  # type: ignore[misc]  # bound now
            kept = {self.shelf.path(line.extract, line.wrapped_key) for line in lines}
            for path, extract in part.items():
                if extract not in waiting and path not in kept:
                    take_away(path)
                    found = True
        return found

    def _members(self, recipient: RecipientId) -> frozenset[RecipientId]:
        named = next((codes for codes in self.rules.together.values() if recipient in codes), frozenset())
        return frozenset(RecipientId(code) for code in named) | {recipient}
