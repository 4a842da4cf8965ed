"""A statistic: counts with noise, consistent, small cells hidden; and the bare group-by of the same rows beside it.

``python -m bench.statistics KIND ROWS`` times one kind in a process of its own, over invented rows in memory:

- ``plain``: the exact counts of county x grade x sex by one group-by of Polars, and nothing else
- ``told``: the same from grouped tuples to what is kept of an answer: histogram, OpenDP's noise, least squares, whole
  numbers, suppression with its witness, canonical JSON
- ``mean``: ``told`` by city instead of county, with a mean age, for which the tuples hold birth dates

Reading the register is in none of them: both sides of the road out share it.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any, cast

import numpy as np
import polars as pl

from bench.measure import answer, job
from core_registry.sharing import RowFilter, SharingSnapshot
from gateway.anonymize.noise import Loss, Mechanism
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.releases.statistics.content import Content, content_text, count
from gateway.releases.statistics.design import Design
from gateway.releases.statistics.dimensions import table_of
from gateway.releases.statistics.records import Answer, AnswerId, AnswerState, AxisOf, Canonical
from gateway.settings import default_config
from rulebook import load

COLUMNS = ["sex", "school_division", "grade"]
YEAR = 2026


class Rows:
    """Invented rows that are grouped as the database does."""

    version = "1"

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def tuples(self, columns: list[str], _rows: RowFilter) -> pl.DataFrame:
        """Return the distinct tuples with their count in ``n``."""
        return self._frame.group_by(columns).agg(n=pl.len().cast(pl.Int64))


def rows_of(size: int, counties: list[str], grades: list[str]) -> pl.DataFrame:
    """Return so many invented rows."""
    generator = np.random.default_rng(20261130)
    days = generator.integers(0, 4_380, size)
    return pl.DataFrame(
        {
            "sex": generator.choice(["1", "2"], size),
            "school_division": generator.choice(counties, size),
            "grade": generator.choice(grades, size),
            "birth_date": pl.Series(np.datetime64(date(2008, 9, 1)) + days.astype("timedelta64[D]")).cast(pl.Date),
        }
    )


def main(kind: str, size: int) -> None:
    """Time one kind."""
    book = load(default_config())
    bounds = (6, 20) if kind == "mean" else None
    axes = (
        AxisOf("sex", None, "value"),
        AxisOf("school_division", "division", "county" if bounds is None else "city"),
        AxisOf("grade", "grade", "grade"),
    )
    question = Canonical("140000", None, None, axes, bounds)
    table = table_of(book, question, YEAR, frozenset())
    frame = rows_of(size, list(table.axes[1].leaves), list(table.axes[2].leaves))
    told = Answer(
        AnswerId("sa-bench"), RecipientId("12140000MB0DEMR001"), YEAR, question, 1, GrantId("gr-bench"),
        AccountId("cl-bench"), AnswerState.COUNTING, Loss(400_000), Mechanism.LAPLACE, datetime.now(UTC),
    )  # fmt: skip
    more: dict[str, Any] = {"rows": size, "cells": table.cells}
    text = ""
    with job() as cost:
        if kind == "plain":
            more["groups"] = frame.group_by(COLUMNS).agg(pl.len()).height
        else:
            design = Design(table, told.loss, told.mechanism, bounds, book.parameters.statistics.rounding)
            snapshot = cast("SharingSnapshot", Rows(frame))
            histogram = count(snapshot, RowFilter(), design, question, YEAR)
            cells, sums = design.draw(histogram)
            text = content_text(told, design, cells, sums, book.parameters.statistics, "1")
    if kind != "plain":
        more["hidden"] = Content.parse(text).document["cells_hidden"]
    answer(cost, **more)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
