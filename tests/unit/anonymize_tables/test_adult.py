"""The reference cases through the command's own function, when the data is at hand (ADULT_DATA)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.anonymize.tables.execution import Request, anonymize
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.parsing import parse
from gateway.anonymize.tables.report import TableReport
from rulebook.records import Divisions
from tests.factories.judge import agree, confirm
from tests.unit.anonymize_tables.tables import k, read

ADULT = os.environ.get("ADULT_DATA")
NAMES = "sex age race marital-status education native-country workclass occupation salary-class".split()

pytestmark = pytest.mark.skipif(ADULT is None, reason="ADULT_DATA names no folder")


def run(tmp_path: Path, quasi: list[str], models: list[dict[str, Any]], limit: float, **more: Any) -> TableReport:  # noqa: ANN401
    columns: dict[str, Any] = {
        name: {"role": "quasi", "hierarchy": f"adult_hierarchy_{name}.csv"}
        if name in quasi
        else {"role": "sensitive" if name == "occupation" else "direct"}
        for name in NAMES
    }
    plan = {"columns": columns, "models": models, "suppression_limit": limit} | more
    folder = Path(ADULT or "")
    return anonymize(
        Request(
            plan=parse(json.dumps(plan)),
            source=folder / "adult.csv",
            out=tmp_path / "out.csv",
            report=tmp_path / "report.json",
            shelf=Shelf(folder, lambda: ({}, Divisions({}, {}))),
        )
    )


@pytest.mark.parametrize(
    ("limit", "loss", "suppressed", "levels"),
    [
        (0.0, 0.6355438, 0, [0, 4, 1, 1, 3, 2, 2, 1, 0]),
        (0.01, 0.4020011, 294, [0, 3, 1, 1, 2, 2, 1, 1, 0]),
        (0.05, 0.2696347, 1346, [0, 3, 0, 0, 2, 1, 1, 2, 0]),
    ],
)
def test_the_reference_optima(tmp_path: Path, limit: float, loss: float, suppressed: int, levels: list[int]) -> None:
    report = run(tmp_path, NAMES, [k(5)], limit)
    assert report.loss == pytest.approx(loss, abs=1e-6)
    assert (report.suppressed, list(report.levels.values())) == (suppressed, levels)
    assert report.optimal
    confirm(read(tmp_path / "out.csv"), NAMES, k=5)


def test_the_issues_own_plan(tmp_path: Path) -> None:
    quasi = [name for name in NAMES if name not in {"occupation", "salary-class"}]
    models = [
        k(5),
        {"kind": "distinct-l", "column": "occupation", "l": 3},
        {"kind": "t-equal", "column": "occupation", "t": 0.3},
    ]
    report = run(tmp_path, quasi, models, 0.01)
    written = read(tmp_path / "out.csv")
    whole = read(Path(ADULT or "") / "adult.csv")
    found = confirm(written, quasi, ["occupation"], k=5, distinct_l=3, t=0.3, whole=whole)
    agree(found, json.loads((tmp_path / "report.json").read_text())["after"], whole, written)
    assert report.optimal


def test_local_recoding_loses_less_than_the_reference(tmp_path: Path) -> None:
    report = run(tmp_path, NAMES, [k(5)], 0.0, recoding="local")
    assert report.suppressed == 0
    assert report.loss <= 0.178
    confirm(read(tmp_path / "out.csv"), NAMES, k=5)
