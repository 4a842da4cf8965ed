"""Safety across releases (notes 7, ADR 32): which rows must stay back so that no earlier file gives them away.

**The attacker** holds all files that a group of recipients was ever given, knows every quasi-identifier of a pupil and
whether the pupil stands in each file, and is taken to know which rows of two files belong together, as if they had a
pseudonym in common or a rare value told them. Whoever cannot join rows knows less: what follows covers him, too.

**The joint class** of a row is its class in each earlier file, ``absent`` where it does not stand, and its class in
the new one. Files show of a pupil no more than the joint class, so that all rows of one joint class are alike to the
attacker. Before the new file a row had a *past* (the same without the new file); the new file splits pasts.

**Enforced**, with ``k`` the largest that this or any earlier release demanded:

1. each joint class with a row in the new file has ``k`` rows or more, and holds, of each sensitive column of which
   ``l`` different values are demanded, ``l`` in the new file; where it is a proper part of its past, also in each
   earlier file that demanded it;
2. of each past, the rows that do not stand in the new file are none, all, or ``k`` and more with ``l`` values in each
   earlier file that demanded them: what is missing tells as much as what is there;
3. the rows of each earlier file that are missing in the new one, and those of the new one that are missing in the
   earlier, are 0 or ``k`` and more (differencing).

**Why that is sound.** Let a pupil stand in the new file. All rows of the joint class fit what the attacker knows of the
pupil, and by (1) there are ``k`` with ``l`` values. Let a pupil stand in an earlier file and not in the new one, and
let the attacker know that. The rows that fit are those of the same past that are missing, too: all of the past, and
nothing was learnt, or ``k`` by (2). By induction over the releases no past is ever smaller than the ``k`` under which
it last shrank. A row that is withheld becomes a row that is missing: withholding may bring a past below (2), which
withholds more of it, up to all; the rows that leave only ever become fewer, so that it ends. Which rows of a past are
withheld follows their tags, which are keyed and tell nothing of a pupil. (3) follows from (1) and (2) but for pasts
that are smaller than today's ``k``.

Not covered: what an attacker knows of sensitive values beforehand, and the closeness (t), share (α) and entropy of
joint classes; those are met by each file on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gateway.anonymize.ladders import Codes
from gateway.anonymize.lattice import combine, dense, densify
from gateway.anonymize.models import Flags
from gateway.errors import ParameterError

Numbers = NDArray[np.uint64]
Tags = tuple[Numbers, Numbers]
"""High and low half of the rows' tags: 128 bits that name a pupil to whoever has the key, and to nobody else."""
_NOWHERE = -1
_BLOCK = 16_384
_GENTLE, _ROUGH, _ALL = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier release: its rows in the order of their tags, each tag once.

    ``sensitive`` are digests of values, by column, of the columns in ``demands`` at least; ``demands`` gives ``l``.
    ``realm`` says under which key the tags were made, as a position in the tags given to ``JointView``.
    """

    tags: Tags = field(repr=False)
    classes: Numbers = field(repr=False)
    k: int
    sensitive: Mapping[str, Numbers] = field(default_factory=dict, repr=False)
    demands: Mapping[str, int] = field(default_factory=dict)
    realm: int = 0


@dataclass(frozen=True, slots=True)
class Coming:
    """What is about to leave, row by row: the digest of its class, and whether it leaves as far as the file goes.

    ``sensitive`` and ``demands`` as of ``Earlier``, over all rows.
    """

    classes: Numbers = field(repr=False)
    leaves: Flags = field(repr=False)
    k: int
    sensitive: Mapping[str, Numbers] = field(default_factory=dict, repr=False)
    demands: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of one earlier release that are missing in the new one, and the other way round: each 0, or k and more."""

    missing: int
    added: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which rows may leave. ``reached`` is the smallest joint class among them; ``None`` when nothing leaves."""

    keep: Flags = field(repr=False)
    withheld: int
    k: int
    reached: int | None
    classes: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Watched:
    """Values of one sensitive column in one file, as small numbers by row; ``l`` different ones are demanded."""

    values: Codes
    size: int
    demanded: int
    release: int


class JointView:
    """The attacker's view before the new release: what each row looked like in all earlier ones.

    Made once; ``judge`` then answers for one choice of levels after the other. Takes memory for one earlier release
    at a time and about 30 bytes for each row that ever left.
    """

    def __init__(self, tags: Sequence[Tags], earlier: Iterable[Earlier]) -> None:
        """``tags`` are those of the rows of today's population, once for each realm, all in one order.

        Raises ``ParameterError`` when tags are not unique, or an earlier release is not in their order.
        """
        self._rows = int(tags[0][0].size)
        # all work goes on in the order of the tags: looking up and writing then walk through memory
        self._order = _in_order(*tags[0])
        self._realms = [_Realm(high[self._order], low[self._order]) for high, low in tags]
        self._k = 1
        self._demands: dict[str, int] = {}
        self._sizes: list[int] = []
        mixed = np.zeros(self._rows, dtype=np.uint64)
        present: list[Flags] = []
        watched: list[tuple[int, Codes | slice, int, Codes, int]] = []
        for number, one in enumerate(earlier):
            where, size = self._realms[one.realm].places(one.tags, mixed.size)
            if size > mixed.size:
                mixed = np.concatenate([mixed, np.zeros(size - mixed.size, dtype=np.uint64)])
            _mix(mixed, where, one.classes, number)
            here = np.zeros(size, dtype=np.bool_)
            here[where] = True
            present.append(here)
            self._sizes.append(int(one.classes.size))
            self._k = max(self._k, one.k)
            for column, demanded in one.demands.items():
                self._demands[column] = max(demanded, self._demands.get(column, 0))
                values, count = _numbered(one.sensitive[column])
                watched.append((number, where, count, values, demanded))
        self._pasts, self._count = dense(mixed)
        self._totals = np.bincount(self._pasts, minlength=self._count)
        # all rows of a past stood in the same files: one tells
        one_of = np.zeros(self._count, dtype=np.int64)
        one_of[self._pasts] = np.arange(mixed.size)
        self._seen = mixed[one_of] != 0
        self._member = [_reached(here, one_of) for here in present]
        self._watched = []
        for number, where, count, values, demanded in watched:
            everywhere = np.zeros(mixed.size, dtype=np.int64)
            everywhere[where] = values
            self._watched.append(_Watched(everywhere, count, demanded, number))

    @property
    def releases(self) -> int:
        """Return the number of earlier releases."""
        return len(self._member)

    @cached_property
    def watched_values(self) -> tuple[Codes, int]:
        """Return the values of all sensitive columns under a demand as one number a row, and the size of its range."""
        columns, sizes = [one.values for one in self._watched], [one.size for one in self._watched]
        return densify(*combine(columns, sizes, self._pasts.size))

    @property
    def pasts(self) -> Codes:
        """Return for each row of today a number, equal for rows that looked alike in all earlier releases."""
        found = np.zeros(self._rows, dtype=np.int64)
        found[self._order] = self._pasts[: self._rows]
        return found

    def judge(self, coming: Coming) -> Verdict:
        """Return which rows of ``coming`` may leave; its rows are in the order of the tags.

        Judging what a verdict kept once more withholds nothing. Raises ``ParameterError`` for another number of rows.
        """
        if coming.classes.size != self._rows or coming.leaves.size != self._rows:
            raise ParameterError("The classes are not those of the rows that were tagged.")
        order = self._order
        verdict = _Judging(self, coming, order).verdict()
        keep = np.zeros(self._rows, dtype=np.bool_)
        keep[order] = verdict.keep
        return replace(verdict, keep=keep)


class _Realm:
    """Finds rows by their tags under one key; rows that only earlier releases hold get places behind all others."""

    def __init__(self, high: Numbers, low: Numbers) -> None:
        self._own = _Index(high, low, np.arange(high.size, dtype=np.int64))
        self._gone = _Index(high[:0], low[:0], np.zeros(0, dtype=np.int64))

    def places(self, tags: Tags, size: int) -> tuple[Codes | slice, int]:
        """Return the place of each row, and how many places there are, of which ``size`` were taken before."""
        high, low = tags
        if self._own.straight(high, low):
            return slice(0, high.size), size
        if bool(((high[1:] < high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] <= low[:-1]))).any()):
            raise ParameterError("The rows of an earlier release are not in the order of their tags, each once.")
        where = self._own.find(high, low)
        strange = np.flatnonzero(where == _NOWHERE)
        if strange.size:
            where[strange] = self._gone.find(high[strange], low[strange])
            strange = strange[where[strange] == _NOWHERE]
            fresh = np.arange(size, size + strange.size, dtype=np.int64)
            where[strange] = fresh
            self._gone = self._gone.and_also(high[strange], low[strange], fresh)
        return where, size + int(strange.size)


class _Index:
    """Tags in order, with the place that each stands for."""

    def __init__(self, high: Numbers, low: Numbers, places: Codes) -> None:
        self._moved = bool((high[1:] <= high[:-1]).any())
        if self._moved:
            order = _in_order(high, low)
            high, low, places = high[order], low[order], places[order]
        self._high, self._low, self._places = high, low, places
        self._runs = 1
        again = np.flatnonzero(high[1:] == high[:-1])
        if again.size:
            if bool((low[again] == low[again + 1]).any()):
                raise ParameterError("Two rows have one tag.")
            self._runs = int(np.unique(high[again], return_counts=True)[1].max()) + 1

    def straight(self, high: Numbers, low: Numbers) -> bool:
        """Say whether these are the tags of the index, in the order in which they were given to it."""
        return not self._moved and np.array_equal(self._high, high) and np.array_equal(self._low, low)

    def find(self, high: Numbers, low: Numbers) -> Codes:
        """Return the place of each tag, ``_NOWHERE`` where there is none."""
        found = np.full(high.size, _NOWHERE, dtype=np.int64)
        if not self._high.size:
            return found
        if np.array_equal(self._high, high) and np.array_equal(self._low, low):
            return self._places.copy()
        start = np.searchsorted(self._high, high)
        for step in range(self._runs):
            at = np.minimum(start + step, self._high.size - 1)
            same = (self._high[at] == high) & (self._low[at] == low)
            found[same] = self._places[at[same]]
        return found

    def and_also(self, high: Numbers, low: Numbers, places: Codes) -> _Index:
        """Return this index with more tags."""
        return _Index(
            np.concatenate([self._high, high]),
            np.concatenate([self._low, low]),
            np.concatenate([self._places, places]),
        )


class _Judging:
    """One judgement. ``rows`` are those that would leave; a *cell* is a joint class: a past and a class of the new."""

    def __init__(self, view: JointView, coming: Coming, order: Codes) -> None:
        """``order`` is that of the tags, in which the rows are judged."""
        self.view = view
        self.k = max(coming.k, view._k)
        self.rows = np.flatnonzero(coming.leaves[order])
        self.alive = np.ones(self.rows.size, dtype=np.bool_)
        self._counted: Codes | None = None
        past = view._pasts[self.rows]
        came = order[self.rows]
        classes, count = dense(coming.classes)
        self.cell, self.cells = densify(*combine([past, classes[came]], [view._count, count], past.size))
        self.past_of = np.zeros(self.cells, dtype=np.int64)
        self.past_of[self.cell] = past
        self.new = [
            _Watched(*_numbered(values[came]), demanded, -1)
            for column, values in coming.sensitive.items()
            if (demanded := max(coming.demands.get(column, 0), view._demands.get(column, 0))) > 1
        ]
        self.tried = np.zeros(view._count, dtype=np.int64)

    def verdict(self) -> Verdict:
        """Withhold until nothing is wrong any more."""
        while self._too_small() or self._torn() or self._close():
            pass
        keep = np.zeros(self.view._rows, dtype=np.bool_)
        keep[self.rows[self.alive]] = True
        sizes = self._sizes()
        held = sizes[sizes > 0]
        return Verdict(
            keep=keep,
            withheld=int(self.rows.size - self.alive.sum()),
            k=self.k,
            reached=int(held.min()) if held.size else None,
            classes=int(held.size),
            differences=tuple(self._difference(number) for number in range(self.view.releases)),
        )

    def _too_small(self) -> bool:
        """Withhold joint classes that fail (1); say whether there were any."""
        sizes = self._sizes()
        held = sizes > 0
        failed = held & (sizes < self.k)
        part = held & (sizes < self.view._totals[self.past_of])
        old = [(one, part & self.view._member[one.release][self.past_of]) for one in self.view._watched]
        if self.new or any(shown.any() for _, shown in old):
            cell, rows = self.cell[self.alive], self.rows[self.alive]
            for watched in self.new:
                failed |= held & (_distinct(cell, self.cells, watched, watched.values[self.alive]) < watched.demanded)
            for watched, shown in old:
                if shown.any():
                    failed |= shown & (_distinct(cell, self.cells, watched, watched.values[rows]) < watched.demanded)
        return self._withhold(failed)

    def _torn(self) -> bool:
        """Withhold more of each past that fails (2); say whether there was any."""
        view = self.view
        sizes = self._sizes()
        left = np.bincount(self.past_of, weights=sizes, minlength=view._count).astype(np.int64)
        missing = view._totals - left
        split = view._seen & (missing > 0) & (left > 0)
        need = np.where(split, self.k - missing, 0)
        for watched in view._watched:
            wanted = split & view._member[watched.release]
            if wanted.any():
                gone = np.ones(view._pasts.size, dtype=np.bool_)
                gone[self.rows[self.alive]] = False
                gone &= wanted[view._pasts]
                found = _distinct(view._pasts[gone], view._count, watched, watched.values[gone])
                need = np.maximum(need, np.where(wanted, watched.demanded - found, 0))
        bad = need > 0
        if not bad.any():
            return False
        self.tried[bad] += 1
        largest, smallest = _extremes(self.past_of, sizes, bad)
        gentle = (self.tried == _GENTLE) & bad
        gentle[bad] &= sizes[largest[bad]] - need[bad] >= self.k
        self.tried[bad & ~gentle] = np.maximum(self.tried[bad & ~gentle], _ROUGH)
        rough = bad & (self.tried == _ROUGH)
        whole = np.zeros(self.cells, dtype=np.bool_)
        whole[smallest[rough]] = True
        whole |= (bad & (self.tried >= _ALL))[self.past_of]
        self._withhold(whole)
        if gentle.any():
            self._some(largest[gentle], need[gentle])
        return True

    def _some(self, cells: Codes, need: Codes) -> None:
        """Withhold ``need`` rows of each of ``cells``: first of values that are not missing yet, in order of tags."""
        wanted = np.zeros(self.cells, dtype=np.int64)
        wanted[cells] = need
        found = np.flatnonzero(self.alive & (wanted[self.cell] > 0))
        cell = self.cell[found]
        place = self.rows[found]
        order = np.argsort(cell, kind="stable")  # the rows stand in the order of their tags already
        if self.view._watched:
            values, size = self.view.watched_values
            missing = np.zeros(self.view._count, dtype=np.bool_)
            missing[self.past_of[cells]] = True
            gone = missing[self.view._pasts]
            gone[self.rows[self.alive]] = False
            told = np.unique(self.view._pasts[gone] * size + values[gone])
            known = np.isin(self.past_of[cell] * size + values[place], told)
            turn = np.zeros(found.size, dtype=np.int64)
            by_value = order[np.lexsort((values[place[order]], cell[order]))]
            turn[by_value] = _rank(cell[by_value] * size + values[place[by_value]])
            order = order[np.lexsort((turn[order], known[order], cell[order]))]
        rank = np.zeros(found.size, dtype=np.int64)
        rank[order] = _rank(cell[order])
        self.alive[found[rank < wanted[cell]]] = False
        self._counted = None

    def _close(self) -> bool:
        """Withhold a whole joint class where an earlier file differs by too few rows (3); say whether one did."""
        sizes = self._sizes()
        for number, member in enumerate(self.view._member):
            if 0 < self._difference(number).missing < self.k:
                there = np.flatnonzero((sizes > 0) & member[self.past_of])
                if there.size:
                    failed = np.zeros(self.cells, dtype=np.bool_)
                    failed[there[np.argmin(sizes[there])]] = True
                    return self._withhold(failed)
        return False

    def _difference(self, number: int) -> Difference:
        sizes = self._sizes()
        both = int(sizes[self.view._member[number][self.past_of]].sum())
        return Difference(self.view._sizes[number] - both, int(sizes.sum()) - both)

    def _withhold(self, failed: Flags) -> bool:
        """Withhold whole cells; say whether there were any."""
        if not failed.any():
            return False
        self.alive &= ~failed[self.cell]
        self._counted = None
        return True

    def _sizes(self) -> Codes:
        """Return how many rows of each cell would still leave."""
        if self._counted is None:
            left = self.cell if self.alive.all() else self.cell[self.alive]
            self._counted = np.bincount(left, minlength=self.cells)
        return self._counted


def _extremes(past_of: Codes, sizes: Codes, bad: Flags) -> tuple[Codes, Codes]:
    """Return for each past in ``bad`` its largest and its smallest cell that holds rows."""
    cells = np.flatnonzero((sizes > 0) & bad[past_of])
    order = cells[np.lexsort((cells, sizes[cells], past_of[cells]))]
    largest = np.zeros(bad.size, dtype=np.int64)
    smallest = np.zeros(bad.size, dtype=np.int64)
    largest[past_of[order]] = order
    smallest[past_of[order[::-1]]] = order[::-1]
    return largest, smallest


def _in_order(high: Numbers, low: Numbers) -> Codes:
    """Return the order of the tags. Two with one high half come once in a million releases of a million rows."""
    order = np.argsort(high)
    ordered = high[order]
    return np.lexsort((low, high)) if bool((ordered[1:] == ordered[:-1]).any()) else order


def _reached(here: Flags, places: Codes) -> Flags:
    """Return the flags at ``places``; what lies behind the last one is not set."""
    found = np.zeros(places.size, dtype=np.bool_)
    within = np.flatnonzero(places < here.size)
    found[within] = here[places[within]]
    return found


def _distinct(groups: Codes, count: int, watched: _Watched, values: Codes) -> Codes:
    """Return how many different values each group holds."""
    pairs, _ = combine([groups, values], [count, watched.size], groups.size)
    return np.bincount(np.unique(pairs) // watched.size, minlength=count)


def _rank(groups: Codes) -> Codes:
    """Return the position of each row within its group; equal groups stand together."""
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]])) if groups.size else groups
    lengths = np.diff(np.concatenate([starts, [groups.size]]))
    return np.arange(groups.size) - np.repeat(starts, lengths)


def _numbered(values: Numbers) -> tuple[Codes, int]:
    """Return the values as numbers from 1, and the size of the range with 0."""
    codes, count = dense(values)
    return codes + 1, count + 1


def _mix(mixed: Numbers, where: Codes | slice, classes: Numbers, number: int) -> None:
    """Add to the pasts of rows what the classes of a release make of them, part by part near the processor.

    Pasts are sums of these; two are equal by accident about once in a million releases of five million rows, as
    with the digests of classes (64 bits). Source: a round of SplitMix64 (Steele, Lea, Flood 2014).
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    added = golden * np.array([number + 1], dtype=np.uint64)
    for start in range(0, classes.size, _BLOCK):
        made = classes[start : start + _BLOCK] + added
        shifted = made >> np.uint64(30)
        made ^= shifted
        made *= np.uint64(0xBF58476D1CE4E5B9)
        np.right_shift(made, np.uint64(27), out=shifted)
        made ^= shifted
        if isinstance(where, slice):
            mixed[start : start + made.size] += made
        else:
            mixed[where[start : start + made.size]] += made
