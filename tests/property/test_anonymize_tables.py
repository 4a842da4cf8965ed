"""Random tables through the command's own function: an independent judge confirms what the report says of the file."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.anonymize.errors import SearchError
from gateway.anonymize.tables.execution import Request, anonymize
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.parsing import parse
from gateway.anonymize.tables.reading import read_table
from rulebook.records import Divisions
from tests.factories.judge import confirm, distance

QUASI = ["age", "place", "kind"]
AGES = [str(age) for age in range(10, 26)]
PLACES = ["太原", "a;b", 'say "x"', "c\nd", "e"]
FORMS: dict[str, list[Any]] = {
    "age": [{"interval": [2, 4]}, {"prefix": [1]}, "age.csv", None],
    "place": [None, {"levels": ["v", "g", "*"], "table": {place: [place[:1]] for place in PLACES}}],
    "kind": [None],
}


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict[str, Any], pl.DataFrame, str]:
    rows = draw(st.integers(2, 60))
    frame = pl.DataFrame(
        {
            "age": draw(st.lists(st.sampled_from([*AGES, None]), min_size=rows, max_size=rows)),
            "place": draw(st.lists(st.sampled_from(PLACES), min_size=rows, max_size=rows)),
            "kind": draw(st.lists(st.sampled_from("xy"), min_size=rows, max_size=rows)),
            "ill": draw(st.lists(st.sampled_from(["flu", "cold", "asthma", "none"]), min_size=rows, max_size=rows)),
        },
        schema_overrides={"age": pl.String},
    )
    columns: dict[str, Any] = {
        name: {"role": "quasi", "hierarchy": draw(st.sampled_from(forms))} for name, forms in FORMS.items()
    }
    models: list[dict[str, Any]] = [{"kind": "k", "k": draw(st.integers(1, max(1, rows // 3)))}]
    if draw(st.booleans()):
        models.append({"kind": "distinct-l", "column": "ill", "l": draw(st.integers(1, 3))})
    if draw(st.booleans()):
        models.append({"kind": "entropy-l", "column": "ill", "l": draw(st.sampled_from([1, 1.5, 2]))})
    if draw(st.booleans()):
        models.append({"kind": "t-equal", "column": "ill", "t": draw(st.sampled_from([0.2, 0.4, 0.8]))})
    plan = {
        "columns": columns | {"ill": {"role": "sensitive"}},
        "models": models,
        "suppression_limit": draw(st.sampled_from([0, 0.1, 0.5])),
        "objective": "loss",
        "suppressed": draw(st.sampled_from(["remove", "star"])),
        "recoding": draw(st.sampled_from(["global", "local"])),
    }
    if plan["recoding"] == "global":
        plan["objective"] = draw(st.sampled_from(["loss", "discernibility", "entropy"]))
    return plan, frame, draw(st.sampled_from([".csv", ".parquet", ".csv.gz"]))


def least_entropy_l(written: pl.DataFrame) -> float:
    """Return exp of the smallest entropy of ``ill`` in any class."""
    classes: dict[tuple[str, ...], Counter[str]] = {}
    for *key, ill in written.select(*QUASI, "ill").rows():
        classes.setdefault(tuple(key), Counter())[ill] += 1
    return min(
        math.exp(-sum(n / held.total() * math.log(n / held.total()) for n in held.values()))
        for held in classes.values()
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_what_is_written_meets_the_plan_and_the_report(request: tuple[dict[str, Any], pl.DataFrame, str]) -> None:
    plan, frame, suffix = request
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "age.csv").write_text("".join(f"{age};{age[:1]}x;*\n" for age in AGES), encoding="utf-8")
        frame.write_csv(folder / "in.csv", separator="|")
        out = folder / f"out{suffix}"
        try:
            report = anonymize(
                Request(
                    plan=parse(json.dumps(plan)),
                    source=folder / "in.csv",
                    out=out,
                    report=folder / "report.json",
                    shelf=Shelf(folder, lambda: ({}, Divisions({}, {}))),
                )
            )
        except SearchError:
            assert sorted(path.name for path in folder.iterdir()) == ["age.csv", "in.csv"]
            return
        told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        written = read_table(out).frame
    assert written.height == report.rows_out
    if plan["suppressed"] == "star":
        # a class that is * throughout looks like suppressed rows: these are the ones without a sensitive value
        written = written.filter(pl.col("ill").is_not_null())
    demands = {model["kind"]: model for model in plan["models"]}
    found = confirm(
        written,
        QUASI,
        ["ill"],
        k=demands["k"]["k"],
        distinct_l=demands.get("distinct-l", {"l": 1})["l"],
        t=demands.get("t-equal", {"t": None})["t"],
        whole=frame,
    )
    (reached,) = told["after"]["sensitive"]
    spread = found.sensitive["ill"]
    assert (told["k"], told["after"]["rows"], reached["distinct_l"]) == (found.k, found.rows, spread.distinct_l)
    assert reached["t"] == pytest.approx(spread.t, abs=distance(frame["ill"], written["ill"]) + 1e-9)
    # pycanon rounds entropy l down, by an exponential that may fall short of a whole number: by hand instead
    assert reached["entropy_l"] == pytest.approx(least_entropy_l(written))
    assert reached["entropy_l"] >= demands.get("entropy-l", {"l": 1})["l"] - 1e-9
    assert told["suppressed"] == frame.height - written.height <= plan["suppression_limit"] * frame.height
    # rows are the same people: nothing but quasi-identifiers was changed, and nobody was added
    left = written.group_by("ill").len()
    there = frame.group_by("ill").len()
    assert left.join(there, on="ill", how="left").filter(~(pl.col("len") <= pl.col("len_right"))).is_empty()
