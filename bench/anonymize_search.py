"""The lattice search: reference optima on Adult, every model and objective, and invented students by the million.

``python -m bench.anonymize_search [FOLDER]`` with the folder that holds ``adult.csv`` and its hierarchies; without it
only the students run. Prints ratios; exits with 1 when an optimum is missed. Times hold the grouping of the rows.

``python -m bench.anonymize_search adult FOLDER LIMIT`` and ``… students ROWS`` are one side of a pair each: they print
what ``bench.measure`` reads, with ARX's seconds as ``reference``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from bench.measure import answer, job
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import Models, SensitiveDemand
from gateway.anonymize.objectives import ObjectiveName
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
OTHERS: tuple[tuple[ObjectiveName, float, float, int], ...] = (
    ("discernibility", 0.01, 7_220_555, 105),
    ("entropy", 0.01, 307_795.6763468402, 203),
    ("entropy", 0.05, 264_341.93830412335, 1285),
)
"""Objective, limit, value and suppressed rows of ARX's optimum for k = 5."""
DEMANDS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("distinct 3", {"distinct_l": 3}),
    ("entropy 3", {"entropy_l": 3.0}),
    ("recursive (3, 3)", {"recursive": (3.0, 3)}),
    ("alpha 0.5", {"alpha": 0.5}),
    ("t 0.3", {"t": 0.3}),
    ("t 0.2", {"t": 0.2}),
)
"""Of occupation, the other eight columns being quasi-identifiers."""
STUDENTS_ARX = {1_000_000: 7.5, 5_000_000: 100.0}
"""ARX on as many rows with five quasi-identifiers (notes 5)."""


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


def _best(run: Callable[[], Choice], times: int = 5) -> tuple[dict[str, float], Choice]:
    """Return the cost of the quickest run, and what it found."""
    found = []
    for _ in range(times):
        with job() as cost:
            choice = run()
        found.append((cost, choice))
    return min(found, key=lambda pair: pair[0]["seconds"])


def _search(
    rows: pl.DataFrame,
    ladders: Mapping[str, Ladder],
    models: Models,
    limit: float,
    objective: ObjectiveName = "loss",
) -> Choice:
    """Group the rows and search."""
    columns = list(dict.fromkeys([*ladders, *(demand.column for demand in models.sensitive)]))
    return search(rows.group_by(columns).agg(n=pl.len()), ladders, models, limit, objective=objective)


def _adult(folder: Path) -> int:
    """Print the lines on Adult; return how many optima were missed."""
    missed, base = 0, 1.0
    rows, ladders = adult(folder)
    for (limit, loss, suppressed, levels), arx in zip(REFERENCES, ARX_SECONDS, strict=True):
        cost, found = _best(lambda limit=limit: _search(rows, ladders, Models(5), limit))  # type: ignore[misc]  # mypy cannot type the defaults of a lambda
        right = (round(found.loss, 7), found.suppressed, found.levels) == (loss, suppressed, levels)
        missed += not right
        print(
            f"adult k=5 limit {limit:.0%}: Loss {found.loss:.7f} ({'equal' if right else f'WRONG, {loss}'}), "
            f"{found.checks} of {found.nodes} nodes, {cost['seconds'] / arx:.2f} of ARX's time"
        )
        base = cost["seconds"]
    for objective, limit, value, suppressed in OTHERS:
        cost, found = _best(lambda o=objective, x=limit: _search(rows, ladders, Models(5), x, o), 2)  # type: ignore[misc]  # as above
        right = (round(found.value, 6), found.suppressed) == (round(value, 6), suppressed)
        missed += not right
        print(
            f"adult k=5 limit {limit:.0%} {objective}: {found.value:.1f} ({'equal' if right else f'WRONG, {value}'}), "
            f"{found.checks} of {found.nodes} nodes, {cost['seconds'] / base:.1f} of Loss at 5 %"
        )
    eight = {column: ladder for column, ladder in ladders.items() if column != "occupation"}
    tree = ("t 0.2 on the tree", {"t": 0.2, "t_tree": ladders["occupation"]})
    for name, demand in (*DEMANDS, tree):
        models = Models(5, (SensitiveDemand("occupation", **demand),))  # type: ignore[arg-type]  # one of each kind
        cost, found = _best(lambda models=models: _search(rows, eight, models, 0.01), 2)  # type: ignore[misc]  # as above
        print(
            f"adult k=5 limit 1% occupation {name}: Loss {found.loss:.7f}, {found.suppressed} suppressed, "
            f"{found.checks} of {found.nodes} nodes, {cost['seconds'] / base:.1f} of k alone at 5 %"
        )
    return missed


def _students() -> None:
    for size, arx in STUDENTS_ARX.items():
        rows, ladders = students(size)
        cost, found = _best(lambda rows=rows, ladders=ladders: _search(rows, ladders, Models(10), 0.01), 3)  # type: ignore[misc]  # as above
        print(
            f"students k=10 limit 1 %, {size:,} rows: {found.checks} of {found.nodes} nodes, "
            f"levels {found.levels}, {cost['seconds'] / arx:.3f} of ARX's time, grouping included"
        )


def main() -> int:
    """Print the table, or one side of a pair; return 1 when a reference optimum is missed."""
    match sys.argv[1:]:
        case ["adult", folder, limit]:
            rows, ladders = adult(Path(folder))
            known = {reference[0]: (reference, arx) for reference, arx in zip(REFERENCES, ARX_SECONDS, strict=True)}
            (_, loss, _, _), arx = known[float(limit)]
            cost, found = _best(lambda: _search(rows, ladders, Models(5), float(limit)))
            answer(cost, reference=arx, loss=found.loss, equal=round(found.loss, 7) == loss, checks=found.checks)
            return 0
        case ["students", size]:
            rows, ladders = students(int(size))
            cost, found = _best(lambda: _search(rows, ladders, Models(10), 0.01), 3)
            arx = STUDENTS_ARX.get(int(size), 0.0)
            answer(cost, reference=arx, loss=found.loss, suppressed=found.suppressed, checks=found.checks)
            return 0
        case [folder]:
            missed = _adult(Path(folder))
        case _:
            missed = 0
    _students()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
