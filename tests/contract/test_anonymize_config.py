"""The configured release profiles and hierarchies can be carried out, every one of them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core_registry.sharing import SHARING_COLUMNS
from gateway.anonymize.errors import PlanError
from gateway.anonymize.hierarchies import ladder_of
from gateway.anonymize.leakscan import expected_shapes, scan
from gateway.anonymize.masks import MASK_SHAPES, ColumnMasks
from gateway.anonymize.plan import MASKED_COLUMNS, Plan
from gateway.anonymize.report import report_of
from gateway.anonymize.transform import Transformer
from rulebook.loader import load
from tests.unit.anonymize.plans import KEY
from tests.unit.anonymize.pupils import pupils

BOOK = load(Path(__file__).parents[2] / "config")
ROW_LEVELS = ("anonymous", "pseudonymous", "masked")
WITH_ROWS = [code for code, profile in BOOK.profiles.items() if profile.level in ROW_LEVELS]
ROWS = pupils(3_000)


def all_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of the sharing view that the invented rows lack, empty."""
    types = {"text": pl.String, "date": pl.Date, "bool": pl.Boolean, "int": pl.Int64}
    missing = [name for name in SHARING_COLUMNS if name not in rows.columns]
    return rows.with_columns(pl.lit(None, dtype=types[SHARING_COLUMNS[name]]).alias(name) for name in missing)


def test_there_is_a_profile_for_each_level_with_rows() -> None:
    assert {BOOK.profiles[code].level for code in WITH_ROWS} == set(ROW_LEVELS)


@pytest.mark.parametrize("code", WITH_ROWS)
def test_a_profile_goes_from_plan_to_scanned_and_reported_rows(code: str) -> None:
    profile = BOOK.profiles[code]
    plan = Plan.of(profile, [field.name for field in profile.fields], BOOK.sha256)
    made = Transformer(plan, BOOK.hierarchies, BOOK.divisions, pseudonym_key=KEY if plan.pseudonymous else None)
    rows = all_columns(ROWS)
    decision = made.choose(rows.group_by(plan.tuple_sources).agg(n=pl.len())) if plan.k else None
    out = pl.concat(made.apply(part, decision) for part in rows.iter_slices(1000))
    assert tuple(out.columns) == plan.names
    assert scan(out, expected_shapes(plan)).clean
    report = report_of(plan, rows_in=rows.height, rows_out=out.height, decision=decision)
    assert report.rows_out > 0
    if plan.k:
        sizes = out.group_by([column.name for column in plan.quasi]).len()["len"].to_list()
        assert min(sizes) >= plan.k


@pytest.mark.parametrize("code", sorted(set(BOOK.profiles) - set(WITH_ROWS)))
def test_a_profile_without_rows_has_no_plan(code: str) -> None:
    profile = BOOK.profiles[code]
    with pytest.raises(PlanError):
        Plan.of(profile, [field.name for field in profile.fields], BOOK.sha256)


@pytest.mark.parametrize("name", BOOK.hierarchies)
def test_a_configured_hierarchy_is_a_ladder(name: str) -> None:
    hierarchy = BOOK.hierarchies[name]
    samples = {
        "date": ["2015-03-02", "2014-12-31"],
        "school_date": ["2015-03", "2014-12"],
        "division": ["140105", "140171", "140100"],
        "prefix": ["2114000001"],
        "school": ["2114000001@140105", "2114000002@140105", "3114000003@140171"],
    }
    values = list(hierarchy.table) if hierarchy.table else samples[hierarchy.rule]
    ladder = ladder_of(hierarchy, BOOK.divisions, pl.Series("c", [*values, None]))
    assert ladder.level_names == hierarchy.levels
    assert set(ladder.labels(ladder.height - 1)) == {"*"}


@pytest.mark.parametrize("name", [name for name, hierarchy in BOOK.hierarchies.items() if hierarchy.code_list])
def test_every_code_of_the_national_list_is_a_leaf_exactly_once(name: str) -> None:
    hierarchy = BOOK.hierarchies[name]
    assert hierarchy.code_list is not None
    codes = pl.Series("c", list(BOOK.code_lists[hierarchy.code_list].labels))
    ladder = ladder_of(hierarchy, BOOK.divisions, codes)
    assert sorted(leaf or "" for leaf in ladder.leaves) == sorted(codes)


def test_every_level_has_a_name_in_chinese_and_english() -> None:
    for hierarchy in BOOK.hierarchies.values():
        words = [hierarchy.words(level) for level in range(len(hierarchy.levels))]
        assert all(any("\u4e00" <= letter <= "\u9fff" for letter in zh) and en.isascii() for zh, en in words)


def test_no_label_of_a_hierarchy_looks_like_an_identifier_to_the_leak_scan() -> None:
    for hierarchy in BOOK.hierarchies.values():
        labels = {label for chain in (hierarchy.table or {}).values() for label in chain}
        assert scan(pl.DataFrame({"labels": sorted(labels)})).clean, hierarchy.name


def test_every_township_of_the_province_climbs_to_its_county() -> None:
    path = Path(__file__).parents[2] / "config/divisions/townships_shanxi.csv"
    listed = pl.read_csv(path, comment_prefix="#", infer_schema=False)
    ladder = ladder_of(BOOK.hierarchies["township"], BOOK.divisions, listed["code"])
    assert ladder.generalize(listed["code"], 1).to_list() == listed["county_code"].to_list()
    assert set(ladder.labels(3)) == {"140000"}


def test_every_division_of_the_country_climbs_to_its_province() -> None:
    codes = list(BOOK.divisions.by_code)
    ladder = ladder_of(BOOK.hierarchies["division"], BOOK.divisions, pl.Series("c", codes))
    assert ladder.labels(2).to_list() == [code[:2] + "0000" for code in ladder.leaves if code]


def test_every_division_has_a_masked_address_of_the_right_shape() -> None:
    masked = ColumnMasks.of(BOOK.divisions).mask_address(pl.Series("c", list(BOOK.divisions.by_code)))
    assert masked.str.contains(MASK_SHAPES["address"]).all()
    assert (masked != "***").all()
    assert ColumnMasks.of(BOOK.divisions).mask_address(pl.Series("c", ["140105"])).to_list() == [
        "山西省太原市小店区***"
    ]


def test_the_masked_columns_of_plan_and_rule_book_are_the_same() -> None:
    assert set(MASKED_COLUMNS) == {name for name in SHARING_COLUMNS if name.endswith("_masked")}
