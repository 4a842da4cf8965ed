"""The JSON Schemas of plan and report are what the program reads and writes, and the guides' examples are of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from gateway.anonymize.tables.errors import TablePlanError
from gateway.anonymize.tables.execution import Request, anonymize
from gateway.anonymize.tables.leaves import Shelf
from gateway.anonymize.tables.parsing import parse
from gateway.anonymize.tables.report import plan_schema, report_schema
from rulebook.records import Divisions

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("name", "made"), [("plan", plan_schema()), ("report", report_schema())])
def test_the_published_schema_is_the_programs_own(name: str, made: dict[str, object]) -> None:
    published = json.loads((DOCS / "schemas" / f"anonymize-{name}.schema.json").read_text(encoding="utf-8"))
    assert published == made, f"write it anew: xueji anonymize --schema {name}"
    jsonschema.Draft202012Validator.check_schema(published)


@pytest.mark.parametrize("guide", ["anonymize.md", "anonymize.zh.md"])
def test_every_plan_in_the_guide_is_a_plan(guide: str) -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", (DOCS / guide).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    plans = [block for block in blocks if '"models"' in block]
    assert plans
    validator = jsonschema.Draft202012Validator(plan_schema())
    for block in plans:
        validator.validate(json.loads(block))
        parse(block)


@pytest.mark.parametrize("guide", ["anonymize.md", "anonymize.zh.md"])
def test_the_guides_worked_example_gives_what_it_shows(guide: str, tmp_path: Path) -> None:
    text = (DOCS / guide).read_text(encoding="utf-8")
    table, plan, counties, shown, *_ = re.findall(r"^```(?:csv|json)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "people.csv").write_text(table, encoding="utf-8")
    (tmp_path / "county.csv").write_text(counties, encoding="utf-8")
    for limit, level in ((0.1, 3), (0, 4)):
        report = anonymize(
            Request(
                plan=parse(json.dumps(json.loads(plan) | {"suppression_limit": limit})),
                source=tmp_path / "people.csv",
                out=tmp_path / f"{limit}.csv",
                report=tmp_path / "report.json",
                shelf=Shelf(tmp_path, lambda: ({}, Divisions({}, {}))),
            )
        )
        assert report.levels == {"born": level, "county": 0}
    assert (tmp_path / "0.1.csv").read_text(encoding="utf-8") == shown


@pytest.mark.parametrize(
    "change",
    [{"objektive": "loss"}, {"models": []}, {"suppression_limit": 2}, {"columns": {"a": {"rol": "quasi"}}}],
)
def test_schema_and_program_refuse_alike(change: dict[str, object]) -> None:
    plan = {"columns": {"a": {"role": "quasi"}}, "models": [{"kind": "k", "k": 2}]} | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(plan_schema()).validate(plan)
    with pytest.raises(TablePlanError):
        parse(json.dumps(plan))
