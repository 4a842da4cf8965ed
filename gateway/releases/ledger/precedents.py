"""A release in the light of those before it: levels on the frozen chain, and the rows that must stay back (ADR 32).

The rows are read once more, for their tags, where the recipient holds files whose classes were measured; each is then a
tag and the number of its tuple, whatever choices of levels are tried. The first choice that meets the plan's own models
and withholds no more rows than the limit is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import polars as pl

from core_registry.sharing import RowFilter, SharingSnapshot
from gateway.anonymize.decision import Decision, fixed_levels
from gateway.anonymize.errors import SearchError, TransformError
from gateway.anonymize.joint import Coming, Earlier, JointView, Verdict
from gateway.anonymize.ladders import Codes, Ladder
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.lookup import NOWHERE, Lookup
from gateway.anonymize.models import Flags
from gateway.anonymize.plan import Plan
from gateway.anonymize.search import search
from gateway.anonymize.transform import Transformer
from gateway.ids import RecipientId
from gateway.releases.ledger.chain import Levels, above, coarsest, comparable, frozen, with_past
from gateway.releases.ledger.errors import too_many_withheld
from gateway.releases.ledger.recorder import SUBJECT, class_numbers, demands_of, value_numbers
from gateway.releases.ledger.records import GroupId, History, Numbers, ReleaseHistory
from gateway.releases.lookahead import ahead

BATCH_ROWS = 65_536
_PAST = "·past"


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about a release under k. Without earlier releases only the levels were, and nothing withheld."""

    decision: Decision
    place: str
    """On its chain: ``first``, ``again`` at levels of before, ``coarser``, or ``none`` with local recoding."""
    keep: Flags | None = field(default=None, repr=False)
    """By row in the order of reading: whether it leaves; ``None`` when the classes alone decide."""
    verdict: Verdict | None = None
    withheld: int = 0

    def kept(self, start: int, count: int) -> pl.Series | None:
        """Return which of ``count`` rows from ``start`` on may leave; ``None`` when the classes alone decide."""
        return None if self.keep is None else pl.Series("keep", self.keep[start : start + count])

    @property
    def levels(self) -> Levels:
        """Return column -> level, empty with local recoding."""
        return self.decision.choice.by_column if self.decision.recoding is None else {}


@dataclass(frozen=True, slots=True)
class Precedents:
    """What a group of recipients holds, as far as a release under ``plan`` must heed it."""

    plan: Plan
    recipient: RecipientId
    group: GroupId
    history: History
    chain: str
    limit: float
    """Largest share of the rows that may be withheld for the sake of earlier releases."""
    ledger: ReleaseHistory = field(repr=False)

    def decide(
        self,
        transformer: Transformer,
        snapshot: SharingSnapshot,
        rows: RowFilter,
        *,
        population: pl.DataFrame | None,
        tick: Callable[[], None],
    ) -> Decided:
        """Return the decision about the rows of ``snapshot``; ``tick`` is called as they are read, and may raise.

        Raises ``SearchError`` when no levels meet the plan, ``JointLimitError`` when too many rows would have to be
        withheld, ``LedgerDamagedError`` when an earlier release cannot be read.
        """
        tuples = snapshot.tuples(self.plan.tuple_sources, rows)
        if not self.history.measured or tuples.is_empty():  # without rows the choice says what is wrong
            decision = transformer.choose(tuples, population=population, tick=tick)
            return Decided(decision, "first" if decision.recoding is None else "none")
        trial = _Trial(self, transformer, tuples, population)
        trial.read(snapshot, rows, tick)
        return trial.decided()

    def earlier(self) -> Iterator[Earlier]:
        """Yield the releases under k, one after the other: read ahead, two stand in memory at a time."""
        realms = self.realms
        for release in self.history.measured:
            table = self.ledger.rows(release, list(release.demands))
            yield Earlier(
                (table.high, table.low),
                table.classes,
                cast("int", release.k),
                table.sensitive,
                release.demands,
                realms.index(release.group),
            )

    @property
    def realms(self) -> list[GroupId]:
        """Return the groups under whose keys there are tags; more than one where groups were made anew."""
        return list(dict.fromkeys([self.group, *(release.group for release in self.history.measured)]))


class _Trial:
    """Tries choices of levels against the joint view."""

    def __init__(
        self, about: Precedents, transformer: Transformer, tuples: pl.DataFrame, population: pl.DataFrame | None
    ) -> None:
        self.about = about
        self.plan = about.plan
        self.transformer = transformer
        self.tuples = tuples
        self.population = population
        self.leaf = transformer.leaf_tuples(tuples)
        self.values = {column.source: value_numbers(self.leaf[column.name]) for column in self.plan.sensitive}
        self.tuple_of = np.zeros(0, dtype=np.int32)
        self.view: JointView | None = None
        self.too_many = False

    def read(self, snapshot: SharingSnapshot, rows: RowFilter, tick: Callable[[], None]) -> None:
        """Read the rows, and join them with the earlier releases."""
        names = self.plan.tuple_sources
        text = self.tuples.select(pl.col(name).cast(pl.String) for name in names)
        ladders = {name: Ladder.identity(name, text[name].unique(maintain_order=True)) for name in names}
        lookup = Lookup.of(ladders, (0,) * len(names), [ladder.encode(text[name]) for name, ladder in ladders.items()])
        numbers: list[Codes] = []
        tags: list[list[tuple[Numbers, Numbers]]] = [[] for _ in self.about.realms]
        with ahead(snapshot.batches(_named(names), rows, batch_rows=BATCH_ROWS)) as batches:
            for batch in batches:
                held = cast("pl.DataFrame", pl.from_arrow(batch))
                found = lookup.find(lookup.codes(held.select(pl.col(name).cast(pl.String) for name in names)))
                if bool((found == NOWHERE).any()):
                    raise TransformError("Rows and tuples are of two snapshots; nothing is released.")
                numbers.append(found.astype(np.int32))
                for realm, group in enumerate(self.about.realms):
                    tags[realm].append(self.about.ledger.tags(group, held[SUBJECT]))
                tick()
        self.tuple_of = np.concatenate(numbers) if numbers else self.tuple_of
        joined = [(_joined([high for high, _ in made]), _joined([low for _, low in made])) for made in tags]
        del tags
        with ahead(self.about.earlier()) as earlier:
            self.view = JointView(joined, earlier)
        tick()

    def decided(self) -> Decided:
        """Return the first choice that is good enough; raises what ``Precedents.decide`` raises."""
        columns = [column.name for column in self.plan.quasi]
        chain = frozen(self.about.history.measured, self.about.chain, columns) if self._global else ()
        first = "first" if self._global else "none"
        problem: SearchError | None = None
        for levels in chain or (None,):
            try:
                found = self._attempt(levels, "again" if levels is not None else first)
            except SearchError as error:
                problem = error
            else:
                if found is not None:
                    return found
        floor = coarsest(chain) if chain else {}
        tried = list(chain)
        # then with every joint class under the models, first with as many rows withheld as may be, then with fewer:
        # what is missing must be withheld on top of them
        for past in ([None] if chain else []) + [self.about.limit, self.about.limit / 4, 0.0]:
            try:
                levels = self._searched(floor, past)
                if levels in tried:
                    continue
                tried.append(levels)
                found = self._attempt(levels, "coarser" if chain else first)
            except SearchError as error:
                problem = error
            else:
                if found is not None:
                    return found
        if self.too_many or problem is None:
            raise too_many_withheld()
        raise problem

    @property
    def _global(self) -> bool:
        return self.plan.recoding == "global"

    def _attempt(self, levels: Levels | None, place: str) -> Decided | None:
        """Return what leaves at ``levels``, or those the plan chooses; ``None`` when too many rows are withheld."""
        view = cast("JointView", self.view)
        decision = self.transformer.choose(self.tuples, population=self.population, levels=levels)
        classes, leaves = self._by_row(decision)
        whole = int(leaves.sum())
        allowed = leaves
        while True:  # what is withheld may bring a class below a model of the plan: then the class stays back, too
            verdict = view.judge(self._coming(classes, allowed))
            gone = leaves & ~verdict.keep
            judged = decision.without(self._removed(gone)) if gone.any() else decision
            _, still = self._by_row(judged)
            allowed = verdict.keep & still
            if int(allowed.sum()) == int(verdict.keep.sum()):
                break
        withheld = whole - int(allowed.sum())
        if withheld == whole or withheld > self.about.limit * whole:
            self.too_many = True
            return None
        return Decided(judged, place, allowed, verdict, withheld)

    def _by_row(self, decision: Decision) -> tuple[Numbers, Flags]:
        classes, leaves = class_numbers(decision.classes(self.leaf))
        return classes[self.tuple_of], leaves[self.tuple_of]

    def _coming(self, classes: Numbers, leaves: Flags) -> Coming:
        values = {source: numbers[self.tuple_of] for source, numbers in self.values.items()}
        return Coming(classes, leaves, cast("int", self.plan.k), values, demands_of(self.plan))

    def _removed(self, gone: Flags) -> pl.DataFrame:
        counts = np.bincount(self.tuple_of[gone], minlength=self.leaf.height)
        return self.leaf.with_columns(pl.Series(COUNT, counts, dtype=pl.Int64)).filter(pl.col(COUNT) > 0)

    def _searched(self, floor: Levels, past: float | None) -> Levels:
        """Return the best levels that are as coarse as ``floor`` or coarser.

        With ``past`` the models are demanded of every joint class and not of classes alone, and that share of the rows
        may be withheld: levels are found at which less stays back.
        """
        ladders = above(self.transformer.ladders(self.leaf), floor)
        models = self.transformer.models(self.leaf)
        fixed = {name: level - floor.get(name, 0) for name, level in fixed_levels(self.plan).items()}
        leaf, limit = self.leaf, self.plan.suppression_limit
        searched = ladders
        if past is not None:
            leaf, steps = self._with_past()
            searched, limit = ladders | {_PAST: steps}, past
        demanded = [demand.column for demand in models.sensitive]
        wanted = leaf.select(*searched, *demanded, COUNT)
        choice = search(wanted, searched, models, limit, fixed=fixed, objective=self.plan.objective)
        found = {name: choice.by_column[name] + floor.get(name, 0) for name in ladders}
        if floor and not comparable(floor, found):
            raise TransformError("The levels found cross those of an earlier release; nothing is released.")
        return found

    def _with_past(self) -> tuple[pl.DataFrame, Ladder]:
        """Return the tuples by what their rows looked like in earlier files."""
        pasts = cast("JointView", self.view).pasts
        pairs = pl.DataFrame({"tuple": self.tuple_of, _PAST: pasts}).group_by("tuple", _PAST).len(COUNT)
        pairs = pairs.sort("tuple", _PAST)
        leaf = self.leaf.drop(COUNT)[pairs["tuple"].to_numpy()].with_columns(pairs[COUNT].cast(pl.Int64))
        return with_past(leaf, pairs[_PAST], _PAST)


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([SUBJECT, *names]))


def _joined(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
