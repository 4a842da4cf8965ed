"""What the ledger writes down of a release while its rows pass: tags and digests, batch after batch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import polars_hash as plh

from gateway.anonymize.decision import Decision, leaf_of
from gateway.anonymize.errors import TransformError
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.models import Flags
from gateway.anonymize.plan import Plan
from gateway.anonymize.transform import Transformer
from gateway.releases.ledger.records import ABSENT_CLASS, GroupId, Numbers, ReleaseHistory, RowTable
from rulebook.records import ModelDemand

SUBJECT = "subject_ref"
_MAKE = "xxh3-64 v1"
_NULL = b"-"


def demanded_values(demand: ModelDemand) -> int:
    """Return how many different values a class must hold at least to meet ``demand``, whatever kind it is."""
    return max(
        demand.distinct_l or 1,
        math.ceil((demand.entropy_l or 1) - 1e-9),
        1 if demand.recursive is None else demand.recursive[1],
        1 if demand.alpha is None else math.ceil(1 / demand.alpha - 1e-9),
    )


def demands_of(plan: Plan) -> dict[str, int]:
    """Return column of the sharing view -> different values that each class must hold, where more than one."""
    sources = {column.name: column.source for column in plan.sensitive}
    found: dict[str, int] = {}
    for demand in plan.demanded:
        source = sources[demand.column]
        found[source] = max(found.get(source, 1), demanded_values(demand))
    return {source: least for source, least in found.items() if least > 1}


def class_numbers(digests: pl.Series) -> tuple[Numbers, Flags]:
    """Return the digests of classes as the ledger holds them, and which rows may leave (those that have one)."""
    leaves = digests.is_not_null().to_numpy()
    found = digests.fill_null(0).cast(pl.Int64).to_numpy().view(np.uint64)
    return np.where(leaves, np.maximum(found, ABSENT_CLASS + np.uint64(1)), ABSENT_CLASS), leaves


def value_numbers(values: pl.Series) -> Numbers:
    """Return 64 bits of the SHA-256 of each value, as text; a missing value has a number of its own, 0 has none."""
    text = values.cast(pl.String)
    distinct = text.unique(maintain_order=True)
    numbers = [
        int.from_bytes(hashlib.sha256(_NULL if value is None else b":" + value.encode()).digest()[:8], "big") or 1
        for value in distinct.to_list()
    ]
    place = pl.DataFrame({"v": distinct, "n": pl.Series(numbers, dtype=pl.UInt64)})
    joined = text.rename("v").to_frame().join(place, on="v", how="left", nulls_equal=True, maintain_order="left")
    return joined["n"].to_numpy().astype(np.uint64, copy=False)


def digest_make(plan: Plan) -> str:
    """Return how content digests of ``plan`` are made; only those of one make can be compared.

    They are of values as they left: that a hierarchy changed shows in the rows whose labels changed, and in no other.
    """
    about = "\n".join([_MAKE, *(column.name for column in plan.columns if column.operation != "pseudonymize")])
    return hashlib.sha256(about.encode()).hexdigest()[:40]


def content_numbers(frame: pl.DataFrame, columns: Sequence[str]) -> Numbers:
    """Return a digest of each row over ``columns``: 64 bits (xxh3), the same in every process and version."""
    texts = [pl.col(name).cast(pl.String) for name in columns]
    told = [pl.concat_str([text.str.len_bytes().cast(pl.String), pl.lit(":"), text]) for text in texts]
    joined = frame.select(pl.concat_str([pl.coalesce(one, pl.lit("-")) for one in told]).alias("row"))
    hashed = joined.select(plh.col("row").nchash.xxh3_64()).to_series()
    return hashed.to_numpy().astype(np.uint64, copy=False)


def recorded(plan: Plan) -> bool:
    """Say whether rows of ``plan`` are ever looked up again: by joint k, or for changes; no others are kept."""
    return plan.k is not None or plan.longitudinal


class Recorder:
    """Gathers the rows of one release. Takes 24 bytes a row, and 8 more for each sensitive column under a demand."""

    def __init__(self, plan: Plan, group: GroupId, ledger: ReleaseHistory) -> None:
        self._plan = plan
        self._ledger = ledger
        self._names = {column.source: column.name for column in plan.sensitive}
        self._group = group
        self._told = tuple(column.name for column in plan.columns if column.operation != "pseudonymize")
        # the rows of an anonymous batch are in the order of their values: which is whose is not known any more
        self._content = plan.longitudinal and bool(self._told)
        self._demands = demands_of(plan)
        self._parts: dict[str, list[Numbers]] = {}
        self.pupils = pl.Series(SUBJECT, [], dtype=pl.String)
        """The pupils of the last batch whose rows leave; of an anonymous one in another order than its rows."""

    def add(
        self,
        held: pl.DataFrame,
        released: pl.DataFrame,
        transformer: Transformer,
        decision: Decision | None,
        keep: pl.Series | None,
    ) -> None:
        """Take a batch: the rows ``held`` that were read, and those ``released`` of them by the rest.

        Raises ``TransformError`` when the rows do not add up.
        """
        classes: Numbers | None = None
        if keep is not None:
            held = held.filter(keep)
        if decision is not None:
            classes, leaves = class_numbers(decision.classes(leaf_of(self._plan, held)))
            held, classes = held.filter(pl.Series(leaves)), classes[leaves]
        if held.height != released.height:
            raise TransformError("The rows that left are not those that were judged; nothing is released.")
        self.pupils = held[SUBJECT]
        if not recorded(self._plan):
            return
        high, low = self._ledger.tags(self._group, held[SUBJECT])
        self._put("high", high)
        self._put("low", low)
        self._put("class", np.full(held.height, ABSENT_CLASS) if classes is None else classes)
        if self._content:
            self._put("content", content_numbers(released, self._told))
        if self._demands:
            leaf = transformer.leaf_tuples(held.with_columns(pl.lit(1, dtype=pl.Int64).alias(COUNT)))
            for source in self._demands:
                self._put(f"s:{source}", value_numbers(leaf[self._names[source]]))

    def latest(self) -> tuple[Numbers, Numbers, Numbers]:
        """Return tags (high, low) and content digests of the rows of the last batch, in their order."""
        return self._parts["high"][-1], self._parts["low"][-1], self._parts["content"][-1]

    def table(self) -> RowTable:
        """Return the rows in the order of their tags. Call once, at the end: what was gathered is given away.

        Raises ``TransformError`` when a pupil was released twice.
        """
        high, low = self._take("high"), self._take("low")
        order = np.lexsort((low, high))
        high, low = high[order], low[order]
        if bool(((high[1:] == high[:-1]) & (low[1:] == low[:-1])).any()):
            raise TransformError("A pupil stands twice in what would leave; nothing is released.")
        return RowTable(
            high=high,
            low=low,
            classes=self._take("class")[order],
            content=self._take("content")[order] if self._content else np.zeros(high.size, dtype=np.uint64),
            sensitive={source: self._take(f"s:{source}")[order] for source in self._demands},
        )

    def _put(self, name: str, values: Numbers) -> None:
        self._parts.setdefault(name, []).append(values)

    def _take(self, name: str) -> Numbers:
        parts = self._parts.pop(name, [])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
