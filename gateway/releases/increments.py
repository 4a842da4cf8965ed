"""Changes since an earlier extract of the same grant: rows added, changed and removed (ADR 36).

Only for longitudinal pseudonyms: without a key that stays the same a change cannot be told from a new pupil. What the
recipient held is read from the ledger, which has a tag and a content digest of each row and no value; the tag of a
pupil who is gone is turned back into a pseudonym by going through the sharing view once more.

What the recipient holds after applying the changes is what a whole extract would have given: the ledger writes that
down, so that the next extract, whole or not, is judged by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import polars as pl

from core_registry.sharing import RowFilter, SharingSnapshot
from gateway.anonymize.ladders import Codes
from gateway.anonymize.models import Flags
from gateway.anonymize.plan import Plan
from gateway.anonymize.pseudonyms import KeyedHash
from gateway.ids import ExtractId
from gateway.releases.asking import CHANGE
from gateway.releases.errors import BaselineUnusableError
from gateway.releases.ledger.records import LedgerRelease, Numbers, RowTable
from gateway.releases.pipeline import Reading

Kind = Literal["added", "changed", "removed"]
KINDS: tuple[Kind, ...] = ("added", "changed", "removed")
Tagged = Callable[[pl.Series], tuple[Numbers, Numbers]]
"""Tags of pupils, high and low half, in the recipient's group."""
_SUBJECT = "subject_ref"
_ROWS = 65_536


def names_with_change(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a file of changes."""
    return (CHANGE, *names)


def baseline_of(releases: Sequence[LedgerRelease], since: ExtractId, group: str, digest: str) -> LedgerRelease:
    """Return the line of the extract that is compared with.

    Raises ``BaselineUnusableError`` when the ledger has none that counts, or one that cannot be compared.
    """
    found = next((release for release in releases if release.extract == since), None)
    if found is None:
        raise unusable("the ledger does not hold it any more", "台账中已没有该提取")
    if found.group != group or found.digest != digest:
        raise unusable("the rules or fields have changed since, so that every row would differ", "规则或字段已变更")
    return found


@dataclass(slots=True)
class Increment:
    """Tells what differs between rows that pass, frame by frame, and the rows of an earlier extract."""

    plan: Plan
    base: RowTable = field(repr=False)
    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    _seen: Flags = field(init=False, repr=False)
    _alike: int = field(init=False)
    """Rows of the base with one high half at most: one, but for a chance of nothing."""

    def __post_init__(self) -> None:
        self._seen = np.zeros(self.base.rows, dtype=np.bool_)
        starts = np.flatnonzero(np.diff(self.base.high, prepend=self.base.high[:1] - np.uint64(1)))
        self._alike = int(np.diff(starts, append=self.base.rows).max(initial=0))

    def told(self) -> dict[str, int]:
        """Return kind of change -> rows, so far."""
        return {str(kind): rows for kind, rows in self.counts.items()}

    def take(
        self, frame: pl.DataFrame, high: Numbers, low: Numbers, content: Numbers
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Return the rows of ``frame`` that were added or changed, in a first column which; and which rows they are.

        ``high``, ``low`` and ``content`` are the tags and content digests of its rows, in their order.
        """
        place, known = self._find(high, low)
        self._seen[place[known]] = True
        changed = np.zeros(high.size, dtype=np.bool_)
        changed[known] = self.base.content[place[known]] != content[known]
        self.counts["added"] += int((~known).sum())
        self.counts["changed"] += int(changed.sum())
        tells = changed | ~known
        kinds = pl.Series(CHANGE, np.where(known[tells], "changed", "added").tolist(), dtype=pl.String)
        these = pl.Series(tells)
        return pl.DataFrame([kinds, *frame.filter(these).get_columns()]), these

    def _find(self, high: Numbers, low: Numbers) -> tuple[Codes, Flags]:
        """Return the place of each tag in the base, and whether it stands there: the base is in order of its tags."""
        order = np.argsort(high)  # in order, one search begins where the last one ended
        first = np.empty(high.size, dtype=np.int64)
        first[order] = np.searchsorted(self.base.high, high[order])
        place, known = np.zeros(high.size, dtype=np.int64), np.zeros(high.size, dtype=np.bool_)
        for step in range(self._alike):
            at = np.minimum(first + step, self.base.rows - 1)
            here = (self.base.high[at] == high) & (self.base.low[at] == low)
            place[here], known[here] = at[here], True
        return place, known

    def removed(
        self,
        snapshot: SharingSnapshot,
        tagged: Tagged,
        pseudonyms: KeyedHash,
        schema: Mapping[str, pl.DataType],
        called: Callable[[pl.Series], None],
    ) -> Iterator[pl.DataFrame]:
        """Yield the rows that are gone, once all others were taken: the pseudonym, and nothing else.

        ``schema`` is that of the file without its first column; ``called`` is told whose rows they are.
        Raises ``BaselineUnusableError`` when a pupil is not in the sharing view at all any more, so that nobody can
        say which pseudonym to remove.
        """
        left = self.base.rows - int(self._seen.sum())
        named = [column.name for column in self.plan.columns if column.operation == "pseudonymize"]
        if left:
            for batch in snapshot.batches((_SUBJECT,), RowFilter(), batch_rows=_ROWS):
                subjects = cast("pl.DataFrame", pl.from_arrow(batch))[_SUBJECT]
                high, low = tagged(subjects)
                place, known = self._find(high, low)
                found = subjects.filter(pl.Series(known & ~self._seen[place]))
                if len(found):
                    left -= len(found)
                    self.counts["removed"] += len(found)
                    called(found)
                    yield _removed(pseudonyms(found), named, schema)
        if left:
            raise unusable(
                f"{left} pupils of it are not in the registry any more, so that their rows cannot be named",
                f"其中 {left} 名学生已不在学籍库中，无法指明应移除的行",
            )


@dataclass(frozen=True, slots=True)
class Changes:
    """An increment, with what turns tags back into pseudonyms."""

    increment: Increment
    tagged: Tagged = field(repr=False)
    pseudonyms: KeyedHash = field(repr=False)

    def among(
        self, frames: Iterator[pl.DataFrame], reading: Reading, called: Callable[[pl.Series], None]
    ) -> Iterator[pl.DataFrame]:
        """Yield the changes among the ``frames`` of ``reading``, whose recorder has just taken each, then the removed.

        ``called`` is told whose rows they are, the removed among them: the file names their pseudonyms.
        Raises ``BaselineUnusableError``.
        """
        if reading.recorder is None:
            raise unusable("nothing was written down of the rows", "未记录各行")
        schema: Mapping[str, pl.DataType] = pl.Schema(dict.fromkeys(reading.plan.names, pl.String()))
        for frame in frames:
            schema = frame.schema
            changed, these = self.increment.take(frame, *reading.recorder.latest())
            called(reading.recorder.pupils.filter(these))
            yield changed
        yield from self.increment.removed(reading.snapshot, self.tagged, self.pseudonyms, schema, called)


def _removed(pseudonyms: pl.Series, named: Sequence[str], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    height = len(pseudonyms)
    columns = [pl.repeat("removed", height, eager=True).rename(CHANGE)]
    columns += [
        pseudonyms.rename(name) if name in named else pl.repeat(None, height, dtype=dtype, eager=True).rename(name)
        for name, dtype in schema.items()
    ]
    return pl.DataFrame(columns)


def unusable(problem: str, problem_zh: str) -> BaselineUnusableError:
    """Return the error of an extract that cannot be compared with."""
    return BaselineUnusableError(
        f"Changes since that extract cannot be told: {problem}. Ask for all rows.",
        detail_zh=f"无法给出自该提取以来的变动：{problem_zh}。请提取全部数据。",
        missing=("since",),
    )
