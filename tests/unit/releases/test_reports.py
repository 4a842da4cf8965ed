"""The release report on paper: pictures, page and PDF say what the JSON says, and bring nothing in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.anonymize.exposure import Crowd, Exposure
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import report_of
from gateway.anonymize.transform import Transformer
from gateway.releases.reports.drawings import BLUE, RED, Rect, Word, class_sizes, pictures, risks, svg
from gateway.releases.reports.page import POLICY, report_page
from gateway.releases.reports.pdf import report_pdf
from gateway.releases.reports.view import view_of
from gateway.releases.reports.words import percent
from tests.unit.anonymize.plans import (
    ANONYMOUS_FIELDS,
    DIVISIONS,
    HIERARCHIES,
    KEY,
    MASKED_FIELDS,
    PSEUDONYMOUS_FIELDS,
    RULEBOOK,
    names,
    profile,
)
from tests.unit.anonymize.pupils import pupils

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/release-report.schema.json").read_text(encoding="utf-8"))
ABOUT_DATA = {"type": "object", "properties": SCHEMA["properties"], "$defs": SCHEMA["$defs"]}
"""The schema without what is about the act and the file."""
RARE = "𠮷\U0002a700<script>alert(1)</script>&\"'"


def report(level: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  members of the plan
    """Return a report as the engine alone makes it."""
    fields = {"anonymous": ANONYMOUS_FIELDS, "pseudonymous": PSEUDONYMOUS_FIELDS, "masked": MASKED_FIELDS}[level]
    plan = Plan.of(profile(level, fields, 3 if level == "anonymous" else None), names(fields), RULEBOOK)
    plan = replace(plan, **changes)
    rows = pupils(400)
    transformer = Transformer(plan, HIERARCHIES, DIVISIONS, pseudonym_key=KEY if plan.pseudonymous else None)
    tuples = rows.group_by(plan.tuple_sources).agg(pl.len().alias("n")) if plan.k else None
    decision = None if tuples is None else transformer.choose(tuples)
    out = transformer.apply(rows, decision)
    crowd, exposure = Crowd(plan), None if plan.k else Exposure(plan, 0.2)
    crowd.add(out)
    if exposure is not None:
        exposure.add(rows, out)
    made = report_of(
        plan,
        rows_in=rows.height,
        rows_out=out.height,
        decision=decision,
        exposed=None if exposure is None else exposure.measured(),
        beyond=crowd.measured(),
        pseudonym_key_id="0123456789abcdef" if plan.pseudonymous else None,
    )
    found: dict[str, Any] = json.loads(json.dumps(made.to_json()))
    return found


REPORTS = {
    "anonymous": report("anonymous", suppression_limit=0.05),
    "local": report("anonymous", suppression_limit=0.05, recoding="local"),
    "models": report("anonymous", k=2, l_diversity=2, t_closeness=0.3, suppression_limit=0.5),
    "pseudonymous": report("pseudonymous"),
    "masked": report("masked"),
}
ACT = {
    "extract": "ex-1",
    "grant": "gr-1",
    "application": "ap-1",
    "ground": f"晋政函〔2026〕1号 {RARE}",
    "purpose": "research",
    "basis_recorder": "st-1",
    "basis_confirmer": "st-2",
    "approver": "st-3",
    "approver_unit": "140000",
    "approver_post": "处长",
    "executor": "cl-1",
    "recipient": "91140000MA0TEST00X",
    "recipient_name": RARE,
    "responsible": "责任人",
    "population": {"territory": "140000", "stages": ["senior"], "grades": None, "schools": None},
    "delete_by": "2027-01-01",
    "prepared_at": "2026-11-30T10:00:00+00:00",
    "snapshot": "7",
    "sha256": "ab" * 32,
    "bytes": 1234567,
    "file_name": "ex-1.csv",
    "format": "csv",
    "personal_information": True,
    "software": {"name": "xueji-gateway", "version": "1"},
    "leak_scan": {
        "format": "csv",
        "bytes": 1,
        "rows": 2,
        "cells": 3,
        "texts": 4,
        "places": ["names", "rows"],
        "suspicions": {"phone": 1},
        "asked": 1,
        "confirmed": 0,
    },
}


@pytest.mark.parametrize("kind", list(REPORTS))
def test_every_kind_of_report_is_as_the_schema_says(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(REPORTS[kind], ABOUT_DATA)


def test_the_schema_knows_every_member_of_a_report() -> None:
    for one in REPORTS.values():
        assert set(one) <= set(SCHEMA["properties"])
        assert set(one) <= set(SCHEMA["required"])


@pytest.mark.parametrize("kind", list(REPORTS))
def test_the_page_brings_nothing_in_and_escapes_what_it_is_given(kind: str) -> None:
    page = report_page(REPORTS[kind] | ACT, {"research": f"科研{RARE}"})
    assert "<script" not in page
    assert "style=" not in page.replace("<style>", "")
    assert not re.search(r"(?:src|href)=", page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in POLICY
    body = page.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', "")
    body = re.sub(r'<meta name="viewport"[^>]*>', "", body)
    assert ET.fromstring(body).tag == "html"
    assert RARE.replace("&", "&amp;").split("<")[0] in page


@pytest.mark.parametrize("kind", list(REPORTS))
def test_the_pdf_is_one_and_the_same_each_time(kind: str) -> None:
    first = report_pdf(REPORTS[kind] | ACT)
    assert first.startswith(b"%PDF-")
    assert first.rstrip().endswith(b"%%EOF")
    assert first == report_pdf(REPORTS[kind] | ACT)
    assert b"/JavaScript" not in first
    assert b"/URI" not in first


def test_the_words_say_what_the_figures_are() -> None:
    one = REPORTS["masked"] | ACT
    view = view_of(one)
    numbers = {fact.en: fact.value for fact in view.numbers}
    assert numbers["rows"] == "400"
    assert numbers["unique rows"] == percent(one["after"]["unique"])
    assert numbers["grade"] == "1 级"
    texts = [fact.value for section in view.sections for fact in section.facts]
    assert "晋政函〔2026〕1号 " + RARE in texts
    tables = {section.en: section.table for section in view.sections}
    columns = tables["Columns"]
    assert columns is not None
    assert [row[2] for row in columns.rows][:1] == ["掩码 Masked"]


def test_models_are_shown_as_demanded_and_as_reached() -> None:
    (section,) = [one for one in view_of(REPORTS["models"]).sections if one.en == "Models demanded and reached"]
    assert section.table is not None
    rows = {(row[0], row[1]): row[2:] for row in section.table.rows}
    assert rows["k", ""][0] == "≥ 2"
    assert rows["distinct l", "left_behind"][0] == "≥ 2"
    assert rows["t", "left_behind"][0] == "≤ 0.3"
    assert [one["column"] for one in REPORTS["models"]["demands"]] == ["left_behind"]


def test_local_recoding_tells_how_many_rows_leave_at_each_level() -> None:
    local = REPORTS["local"]
    assert local["recoding"] == "local"
    assert local["parts"] >= 1
    for column in local["columns"]:
        if column["role"] == "quasi":
            assert sum(column["levels"].values()) == local["rows_out"]
            assert (column["level"] is None) == (len(column["levels"]) > 1)


def test_the_rows_suppressed_add_up_by_reason() -> None:
    for one in REPORTS.values():
        assert sum(one["suppressed_by"].values()) == one["rows_suppressed"] == one["rows_in"] - one["rows_out"]


BANDS = {"1": 0, "2-4": 3, "5-9": 1, "10-19": 4, "1000+": 8}


def test_bars_stand_in_rising_order_and_in_proportion() -> None:
    drawing = class_sizes({"10-19": 4, "1": 0, "1000+": 8, "2-4": 2}, None, 0.2)
    labels = [shape.text for shape in drawing.shapes if isinstance(shape, Word) and shape.anchor == "end"]
    bars = [shape for shape in drawing.shapes if isinstance(shape, Rect)]
    assert labels == ["1", "2-4", "10-19", "1000+"]
    assert bars[3].width == pytest.approx(2 * bars[2].width)
    assert bars[0].width == 1.0
    assert [bar.fill == RED for bar in bars] == [False, True, False, False]


@pytest.mark.parametrize(
    ("k", "threshold", "red"),
    [(10, 0.2, {"2-4", "5-9"}), (5, 0.2, {"2-4"}), (None, 0.05, {"2-4", "5-9", "10-19"}), (None, 0.2, {"2-4"})],
)
def test_what_is_below_k_or_too_risky_is_red(k: int | None, threshold: float, red: set[str]) -> None:
    bars = [shape for shape in class_sizes(BANDS, k, threshold).shapes if isinstance(shape, Rect)]
    assert {band for band, bar in zip(BANDS, bars, strict=True) if bar.fill == RED} == red


def test_a_risk_above_the_threshold_is_red_and_the_threshold_is_drawn() -> None:
    one = REPORTS["pseudonymous"]
    found = risks(one["before"], one["after"], 0.2)
    fills = [shape.fill for shape in found.shapes if isinstance(shape, Rect)]
    assert RED in fills
    assert any(isinstance(shape, Word) and "20.00%" in shape.text for shape in found.shapes)
    calm = risks(None, REPORTS["anonymous"]["after"], 1.0)
    assert RED not in [shape.fill for shape in calm.shapes if isinstance(shape, Rect)]
    assert BLUE in [shape.fill for shape in calm.shapes if isinstance(shape, Rect)]


@pytest.mark.parametrize("kind", list(REPORTS))
def test_a_drawing_stays_inside_its_frame(kind: str) -> None:
    for drawing in pictures(REPORTS[kind]):
        element = ET.fromstring(svg(drawing))
        assert element.attrib["viewBox"] == f"0 0 640 {drawing.height:g}"
        for shape in drawing.shapes:
            if isinstance(shape, Rect):
                assert 0 <= shape.x
                assert shape.x + shape.width <= 640
                assert 0 <= shape.y
                assert shape.y + shape.height <= drawing.height


@given(st.floats(0, 1))
def test_a_share_above_nothing_never_shows_as_nothing(value: float) -> None:
    shown = percent(value)
    assert (shown == "0.00%") == (value <= 1e-9) or value >= 0.0001
    assert shown.endswith("%")


def test_a_report_of_an_older_version_can_still_be_read() -> None:
    kept = {
        "level",
        "columns",
        "rows_in",
        "rows_out",
        "rows_suppressed",
        "suppression_limit",
        "k_demanded",
        "loss",
        "optimal",
        "search_checks",
        "before",
        "after",
        "grade",
        "risk_threshold",
        "retention_days",
        "plan_sha256",
        "rulebook_sha256",
        "pseudonym_key_id",
    }
    old: Mapping[str, Any] = {name: value for name, value in REPORTS["anonymous"].items() if name in kept}
    plain = {"name", "label", "role", "technique", "hierarchy", "level", "level_name", "loss"}
    old = {**old, "columns": [{name: one[name] for name in plain} for one in old["columns"]]}
    old = {**old, "grant": "gr", "recipient": "r", "responsible": "x", "ground": "g", "approver": "a", "executor": "e"}
    old = {**old, "delete_by": "2027-01-01"}
    assert report_page(old)
    assert report_pdf(old).startswith(b"%PDF")
