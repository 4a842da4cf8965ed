"""Everybody whom an attacker may know of: the pupils of the whole register in the states that a release takes.

The register holds the population, so the journalist's and the marketer's risk are exact and no estimate. Reading it
costs something only where the release takes fewer: then by one grouped query for a plan that demands k, and for any
other by one more reading of the columns that tell people apart, without those whom a released value rules out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import polars as pl

from core_registry.sharing import RowFilter, SharingSnapshot
from gateway.anonymize.exposure import Exposure
from gateway.anonymize.plan import Plan
from gateway.anonymize.transform import Transformer
from gateway.releases.lookahead import ahead


def are_everybody(snapshot: SharingSnapshot, rows: RowFilter, total: int) -> bool:
    """Say whether the ``total`` rows of ``rows`` are all pupils in their states."""
    # of all rows at all any index tells the number: it is asked first
    return snapshot.count(RowFilter()) == total or snapshot.count(_everybody(rows)) == total


def population_tuples(snapshot: SharingSnapshot, plan: Plan, rows: RowFilter, total: int) -> pl.DataFrame | None:
    """Return the tuples of everybody for ``plan``; ``None`` when the ``total`` rows of ``rows`` are everybody."""
    if are_everybody(snapshot, rows, total):
        return None
    return snapshot.tuples(plan.tuple_sources, _everybody(rows))


def count_people(  # what is read, how, and for whom
    snapshot: SharingSnapshot,
    transformer: Transformer,
    exposure: Exposure,
    rows: RowFilter,
    total: int,
    *,
    batch_rows: int,
    tick: Callable[[], None],
) -> None:
    """Let ``exposure`` count everybody, when the ``total`` rows of ``rows`` are not everybody who matters.

    ``tick`` is called with every batch; it may raise to stop the reading.
    """
    if exposure.whole or are_everybody(snapshot, rows, total):
        return
    seeing = transformer.seeing()
    if seeing is None:
        return
    around = _narrowed(_everybody(rows), exposure.narrowed())
    if snapshot.count(around) == total:
        return
    with ahead(snapshot.batches(seeing.plan.sources, around, batch_rows=batch_rows)) as batches:
        for batch in batches:
            people = cast("pl.DataFrame", pl.from_arrow(batch))
            exposure.add_people(people, seeing.apply(people))
            tick()


def _everybody(rows: RowFilter) -> RowFilter:
    return RowFilter(states=rows.states)


def _narrowed(everybody: RowFilter, conditions: Mapping[str, frozenset[str]]) -> RowFilter:
    return replace(everybody, **conditions)
