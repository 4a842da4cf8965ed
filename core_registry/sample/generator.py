"""The sample: schools in memory, pupils in batches, the same rows for the same seed whatever the batch size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from core_registry.sample.places import PROVINCE
from core_registry.sample.pupils import CHUNK_ROWS, PupilMaker
from core_registry.sample.schools import Plan, plan_schools
from core_registry.sample.texts import with_texts
from rulebook import Rulebook

LEAST, MOST = 100, 5_000_000


@dataclass(frozen=True)
class Sample:
    """An invented register: the schools, and the rows of Annex 1 as they stand in forms."""

    count: int
    seed: int
    today: date
    book: Rulebook
    plan: Plan
    batch_rows: int
    texts: float = 0.0

    @property
    def schools(self) -> pl.DataFrame:
        """One row a school: school_code, name, category, division, managing_authority, stages (list of text)."""
        return self.plan.frame()

    @property
    def departments(self) -> pl.DataFrame:
        """The education departments of Shanxi: division, name, level (province, city, county), parent.

        Development zones have none of their own: their schools are managed by the city.
        """
        units = [
            unit
            for unit in sorted(self.book.divisions.by_code.values(), key=lambda unit: unit.code)
            if unit.code.startswith(PROVINCE[:2]) and not unit.zone
        ]
        return pl.DataFrame(
            {
                "division": [unit.code for unit in units],
                "name": [
                    f"{unit.full_name}教育厅"
                    if unit.level == "province"
                    else f"{unit.full_name.removeprefix('山西省')}教育局"
                    for unit in units
                ],
                "level": [unit.level for unit in units],
                "parent": [unit.parent for unit in units],
            }
        )

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the pupils in frames of ``batch_rows`` (the last one shorter), all columns text.

        Columns: school_code, student_number, entry_month, then the 37 items of Annex 1 by field code, with values as
        written in forms (labels, 是/否, 20150317); ``None`` where a form is left empty; with texts also ``awards`` and
        ``remarks``. Every call begins anew. Memory does not grow with the number of pupils.
        """
        maker = PupilMaker(self.plan, self.book, self.seed, self.today)
        held: list[pl.DataFrame] = []
        rows = 0
        for start in range(0, self.count, CHUNK_ROWS):
            made = maker.chunk(start, min(start + CHUNK_ROWS, self.count))
            if self.texts:
                made = with_texts(made, self.seed, start // CHUNK_ROWS, self.texts, self.schools)
            held.append(made)
            rows += held[-1].height
            while rows >= self.batch_rows:
                whole = pl.concat(held) if len(held) > 1 else held[0]
                yield whole.head(self.batch_rows)
                held = [whole.slice(self.batch_rows)]
                rows -= self.batch_rows
        if rows:
            yield pl.concat(held)


def generate(
    count: int, seed: int, book: Rulebook, *, batch_rows: int = 20_000, today: date, texts: float = 0.0
) -> Sample:
    """Return a sample of ``count`` pupils, 100 to 5 million, in the school year that holds ``today``.

    The same ``count``, ``seed``, rule book and ``today`` give the same rows. ``texts`` is the share of pupils with an
    award, and of those with a remark (0 to 1); it changes no other column. Raises ``ValueError`` outside the limits.
    """
    if not 0.0 <= texts <= 1.0:
        raise ValueError("a share lies between 0 and 1")
    if not LEAST <= count <= MOST:
        raise ValueError(f"a sample has {LEAST} to {MOST} pupils")
    if batch_rows < 1:
        raise ValueError("a batch has at least one row")
    plan = plan_schools(count, np.random.default_rng([seed % 2**63, 0]), book)
    return Sample(count, seed, today, book, plan, batch_rows, texts)
