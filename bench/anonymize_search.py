"""The lattice search: three reference optima on Adult, and its cost against one group-by of many rows.

``python -m bench.anonymize_search [FOLDER]`` with the folder that holds ``adult.csv`` and its hierarchies; without it
only the second part runs. Prints ratios; exits with 1 when an optimum is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import Models
from gateway.anonymize.search import Choice, search

COLUMNS = (
    "sex",
    "age",
    "race",
    "marital-status",
    "education",
    "native-country",
    "workclass",
    "occupation",
    "salary-class",
)
REFERENCES = (
    (0.0, 0.6355438, 0, (0, 4, 1, 1, 3, 2, 2, 1, 0)),
    (0.01, 0.4020011, 294, (0, 3, 1, 1, 2, 2, 1, 1, 0)),
    (0.05, 0.2696347, 1346, (0, 3, 0, 0, 2, 1, 1, 2, 0)),
)
"""Suppression limit, Loss, suppressed rows, levels: ARX's optima for k = 5, recomputed."""
ARX_SECONDS = (0.044, 0.57, 0.72)
"""ARX 3.9.2 on the same cases, JVM warm, on another machine: an order of magnitude."""


def adult(folder: Path) -> tuple[pl.DataFrame, dict[str, Ladder]]:
    """Return the rows of Adult and the ladder of each column. Raises ``OSError`` when a file is missing."""
    ladders = {}
    for column in COLUMNS:
        text = (folder / f"adult_hierarchy_{column}.csv").read_text(encoding="ascii")
        chains = [line.split(";") for line in text.splitlines()]
        names = [str(level) for level in range(len(chains[0]))]
        ladders[column] = Ladder.of(column, names, {chain[0]: chain[1:] for chain in chains})
    return pl.read_csv(folder / "adult.csv", separator=";", infer_schema=False), ladders


def students(rows: int) -> tuple[pl.DataFrame, dict[str, Ladder]]:
    """Return invented rows with five quasi-identifiers, and their ladders: 6 · 4 · 3 · 2 · 2 = 288 nodes."""
    rng = np.random.default_rng(11)
    days = [str(day) for day in np.datetime64("2008-09-01") + np.arange(4382)]
    counties = [f"14{city:02}{county:02}" for city in range(1, 12) for county in range(1, 12)]
    grades = [f"{stage}{year}" for stage, years in ((1, 6), (2, 3), (3, 3)) for year in range(1, years + 1)]
    groups = [f"{code:02}" for code in range(1, 57)]
    share = np.array([0.97] + [0.03 / 55] * 55)
    frame = pl.DataFrame(
        {
            "born": pl.Series(days).gather(rng.integers(0, len(days), rows)),
            "county": pl.Series(counties).gather((rng.beta(1, 3, rows) * len(counties)).astype(np.int64)),
            "grade": pl.Series(grades).gather(rng.integers(0, len(grades), rows)),
            "group": pl.Series(groups).gather(rng.choice(56, rows, p=share / share.sum())),
            "sex": pl.Series(["1", "2"]).gather(rng.integers(0, 2, rows)),
        }
    )
    quarter = {day: f"{day[:4]}-{(int(day[5:7]) - 1) // 3}" for day in days}
    band = {day: str(int(day[:4]) // 3) for day in days}
    return frame, {
        "born": _ladder("born", {day: (day[:7], quarter[day], day[:4], band[day], "*") for day in days}),
        "county": _ladder("county", {code: (code[:4], code[:2], "*") for code in counties}),
        "grade": _ladder("grade", {code: (code[0], "*") for code in grades}),
        "group": _ladder("group", {code: ("*",) for code in groups}),
        "sex": _ladder("sex", {"1": ("*",), "2": ("*",)}),
    }


def _ladder(name: str, chains: dict[str, tuple[str, ...]]) -> Ladder:
    height = 1 + len(next(iter(chains.values())))
    return Ladder.of(name, [str(level) for level in range(height)], dict(chains.items()))


def _best(run: Callable[[], Choice], times: int = 5) -> tuple[float, Choice]:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        choice = run()
        found.append((time.perf_counter() - start, choice))
    return min(found, key=lambda pair: pair[0])


def main() -> int:
    """Print the table; return 1 when a reference optimum is missed."""
    missed = 0
    if len(sys.argv) > 1:
        rows, ladders = adult(Path(sys.argv[1]))
        for (limit, loss, suppressed, levels), arx in zip(REFERENCES, ARX_SECONDS, strict=True):

            def run(limit: float = limit) -> Choice:
                return search(rows.group_by(list(ladders)).agg(n=pl.len()), ladders, Models(5), limit)

            seconds, found = _best(run)
            right = (round(found.loss, 7), found.suppressed, found.levels) == (loss, suppressed, levels)
            missed += not right
            print(
                f"adult k=5 limit {limit:.0%}: Loss {found.loss:.7f} ({'equal' if right else f'WRONG, {loss}'}), "
                f"{found.checks} of {found.nodes} nodes, {found.checks / seconds:,.0f} checks/s, "
                f"{seconds / arx:.2f} of ARX's time"
            )
    base = 0.0
    for size in (10_000, 1_000_000):
        rows, ladders = students(size)
        start = time.perf_counter()
        tuples = rows.group_by(list(ladders)).agg(n=pl.len())
        grouping = time.perf_counter() - start
        seconds, found = _best(lambda tuples=tuples, ladders=ladders: search(tuples, ladders, Models(10), 0.01), 3)  # type: ignore[misc]  # mypy cannot type the defaults of a lambda
        base = base or seconds
        print(
            f"students k=10 limit 1 %, {size:,} rows, {tuples.height:,} tuples: search {seconds / base:.1f} of the "
            f"smallest, {seconds / grouping:.1f} of one group-by, {found.checks} of {found.nodes} nodes, "
            f"levels {found.levels}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
