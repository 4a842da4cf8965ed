"""What is kept of an answer, as one JSON document: the table with all its margins, hidden values left out.

Of a hidden cell nothing is written down, so that nobody who reads the database, or asks for a margin later, gets more
than was shown. Numbers are those that left the noise; the document is what the manifest's hash is over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import polars as pl
import rfc8785

from core_registry.sharing import RowFilter, SharingSnapshot
from gateway.anonymize.cells import Counts, Mask, Values
from gateway.anonymize.errors import StatisticsError
from gateway.anonymize.noise import estimate
from gateway.anonymize.suppression import shown
from gateway.releases.statistics.design import Design, half_width
from gateway.releases.statistics.dimensions import reference_day
from gateway.releases.statistics.records import Answer, Canonical
from rulebook.statistics_records import StatisticsLimits

VERSION = 1
_BIRTH_DATE = "birth_date"


@dataclass(frozen=True)
class KeptAxis:
    """One axis as it is kept, the finest level first, the total last; ``sizes`` are the finest labels under each."""

    column: str
    hierarchy: str | None
    levels: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    sizes: tuple[tuple[int, ...], ...]
    parents: tuple[tuple[int, ...], ...]
    """For each level but the last: the place of each label's parent in the next level."""

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Return where each level begins among all labels."""
        found = np.cumsum([0, *(len(labels) for labels in self.labels[:-1])])
        return tuple(int(one) for one in found)

    @property
    def every(self) -> int:
        """Return the number of all labels."""
        return sum(len(labels) for labels in self.labels)


@dataclass(frozen=True)
class Content:
    """A kept answer, read back. ``counts`` and ``means`` have the shape of ``axes``; hidden is below 0, or ``nan``."""

    axes: tuple[KeptAxis, ...]
    counts: Counts = field(repr=False)
    means: Values | None = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Content:
        """Return the content that ``content_text`` wrote."""
        told = cast("dict[str, Any]", json.loads(text))
        axes = tuple(
            KeptAxis(
                one["column"],
                one["hierarchy"],
                tuple(one["levels"]),
                tuple(map(tuple, one["labels"])),
                tuple(map(tuple, one["sizes"])),
                tuple(map(tuple, one["parents"])),
            )
            for one in told["axes"]
        )
        shape = tuple(axis.every for axis in axes)
        counts = np.array([-1 if one is None else one for one in told["counts"]], dtype=np.int64).reshape(shape)
        means = None
        if told["means"] is not None:
            means = np.array([np.nan if one is None else one for one in told["means"]]).reshape(shape)
        return cls(axes, counts, means, told)

    def half_width(self, cells: int) -> int:
        """Return how far a count over so many cells is off at most, in 95 of 100 cases."""
        return half_width([(one[0], one[1]) for one in self.document["precision"]], cells, self.document["rounding"])

    def mean_half_width(self, cells: int, pupils: int) -> float:
        """Return the same of a mean over so many cells with so many pupils, in years, for exact counts."""
        return round(float(self.document["sum_half_width"]) * math.sqrt(cells) / pupils, 2)


def count(snapshot: SharingSnapshot, rows: RowFilter, design: Design, question: Canonical, school_year: int) -> Counts:
    """Return the histogram of ``design`` over a snapshot, grouped in the database: exact, and for the noise alone."""
    columns = [axis.column for axis in question.axes]
    wanted = dict.fromkeys(columns)
    if design.bounds is not None:
        wanted[_BIRTH_DATE] = None
    tuples = snapshot.tuples(list(wanted), rows)
    values = pl.Series("value", np.zeros(tuples.height, dtype=np.int64))
    if design.bounds is not None:
        low, high = design.bounds
        day = reference_day(school_year)
        born = pl.col(_BIRTH_DATE).cast(pl.Date)
        month, of_month = born.dt.month().cast(pl.Int32), born.dt.day().cast(pl.Int32)
        birthday_ahead = month * 100 + of_month >= day.month * 100 + day.day  # as gateway.ages counts
        age = day.year - born.dt.year() - birthday_ahead.cast(pl.Int32)
        bounded = age.fill_null(design.centre).clip(low, high) - low
        values = tuples.select(bounded.cast(pl.Int64).alias("value")).to_series()
    return design.table.histogram(tuples, columns, values, design.width)


def content_text(
    answer: Answer, design: Design, cells: Counts, sums: Counts | None, limits: StatisticsLimits, snapshot: str
) -> str:
    """Return the document of an answer from consistent ``cells`` and noisy ``sums``: canonical JSON (RFC 8785)."""
    table = design.table
    visible = shown(table, cells, least=limits.least, least_sensitive=limits.least_sensitive)
    counts = np.rint(table.expand(cells)).astype(np.int64)
    means = None
    if sums is not None and design.bounds is not None:
        low, high = design.bounds
        rough = estimate(counts.astype(np.float64), table.expand(sums), design.centre)
        rounded: Values = np.clip(rough, low, high).round(2)
        means = _kept(rounded, visible)
    document = {
        "version": VERSION,
        "question": json.loads(answer.question.text()),
        "school_year": answer.school_year,
        "snapshot": snapshot,
        "axes": _axes(design, answer.question),
        "counts": _kept(counts, visible),
        "means": means,
        "bounds": None if design.bounds is None else list(design.bounds),
        "reference_day": reference_day(answer.school_year).isoformat(),
        "noise": {
            "mechanism": answer.mechanism.value,
            "epsilon_micro": answer.loss.epsilon,
            "delta_pico": answer.loss.delta,
            "scales": [
                {"part": part.name, "sums": part.size, "scale": design.question.scale(part)}
                for part in design.question.parts
            ],
        },
        "precision": [list(one) for one in design.precision],
        "sum_half_width": design.sum_half_width,
        "rounding": design.unit,
        "least": limits.least,
        "least_sensitive": limits.least_sensitive,
        "cells": table.cells,
        "cells_hidden": int((~visible[tuple(slice(0, size) for size in table.shape)]).sum()),
        "labels_hidden": int((~visible).sum()),
    }
    encoded: bytes = rfc8785.dumps(document)
    return encoded.decode()


def _kept(values: Counts | Values, visible: Mask) -> list[int | float | None]:
    if values.shape != visible.shape:
        raise StatisticsError("The table does not fit its margins.", detail_zh="统计表与合计不一致。")
    flat, seen = values.ravel().tolist(), visible.ravel().tolist()
    return [one if is_shown and one == one else None for one, is_shown in zip(flat, seen, strict=True)]  # noqa: PLR0124  nan


def _axes(design: Design, question: Canonical) -> list[dict[str, Any]]:
    found = []
    for axis, asked in zip(design.table.axes, question.axes, strict=True):
        parents = []
        for lower, upper in zip(axis.codes, axis.codes[1:], strict=False):
            above = np.zeros(int(lower.max()) + 1, dtype=np.int64)
            above[lower] = upper
            parents.append(above.tolist())
        found.append(
            {
                "column": asked.column,
                "hierarchy": asked.hierarchy,
                "levels": list(axis.levels),
                "labels": [list(labels) for labels in axis.labels],
                "sizes": [np.bincount(codes).tolist() for codes in axis.codes],
                "parents": parents,
            }
        )
    return found
