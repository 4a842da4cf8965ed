"""The schools of the sample."""

from __future__ import annotations

import polars as pl
import pytest

from core_registry.sample import Sample, generate
from rulebook import Rulebook
from tests.unit.sample.conftest import TODAY


def test_schools_have_the_columns_of_the_contract(sample: Sample) -> None:
    assert dict(sample.schools.schema) == {
        "school_code": pl.String,
        "name": pl.String,
        "category": pl.String,
        "division": pl.String,
        "managing_authority": pl.String,
        "stages": pl.List(pl.String),
    }


def test_codes_and_names_are_unique_and_begin_with_category_and_province(sample: Sample, book: Rulebook) -> None:
    schools = sample.schools
    assert schools["school_code"].is_unique().all()
    assert schools["name"].is_unique().all()
    assert schools["school_code"].str.contains(r"^\d{10}$").all()
    assert (schools["school_code"].str.slice(0, 4) == schools["category"] + "14").all()
    assert set(schools["category"]) <= set(book.code_lists["school_category"].labels)


def test_a_school_has_only_grades_of_its_stages(sample: Sample, pupils: pl.DataFrame, book: Rulebook) -> None:
    grades = book.code_lists["grades"]
    stage = {label: grades.attributes[code]["stage"] for code, label in grades.labels.items()}
    seen = pupils.group_by("school_code").agg(pl.col("grade").replace_strict(stage).unique().sort().alias("seen"))
    both = sample.schools.select("school_code", pl.col("stages").list.sort()).join(seen, on="school_code")
    assert both.height == sample.schools.height
    assert (both["stages"] == both["seen"]).all()


def test_sizes_are_plausible(sample: Sample, pupils: pl.DataFrame, book: Rulebook) -> None:
    largest = max(book.parameters.class_size.values())
    classes = pupils.group_by("school_code", "grade", "class_name").len()
    assert classes["len"].is_between(3, largest).all()
    assert 30 < sorted(classes["len"])[classes.height // 2] < 50
    schools = pupils.group_by("school_code").len()
    assert schools["len"].is_between(8, 4_000).all()
    assert 300 < sorted(schools["len"])[schools.height // 2] < 1_300


def test_stages_have_plausible_shares(pupils: pl.DataFrame) -> None:
    senior = pupils["grade"].str.starts_with("高中").sum() / pupils.height
    primary = pupils["grade"].str.starts_with("小学").sum() / pupils.height
    assert 0.1 < senior < 0.3
    assert 0.45 < primary < 0.65


def test_zones_and_counties_and_cities_manage_schools(book: Rulebook) -> None:
    schools = generate(1_000_000, 2, book, today=TODAY).schools
    units = book.divisions.by_code
    for division, authority in schools.select("division", "managing_authority").iter_rows():
        assert authority in {division, units[division].parent, "140000"}
        assert not units[authority].zone
    levels = {units[authority].level for authority in schools["managing_authority"]}
    assert levels == {"province", "city", "county"}
    assert any(units[division].zone for division in schools["division"])


def test_even_the_smallest_sample_has_every_stage_in_one_county(book: Rulebook) -> None:
    schools = generate(600, 1, book, today=TODAY).schools
    home = schools.filter(pl.col("division") == "140105")
    assert {stage for stages in home["stages"] for stage in stages} == {"primary", "junior", "senior"}


def test_departments_are_the_units_without_zones(sample: Sample, book: Rulebook) -> None:
    departments = sample.departments
    assert departments.height == 1 + 11 + 117
    assert departments.filter(pl.col("division") == "140105")["name"].item() == "太原市小店区教育局"
    assert departments.filter(pl.col("level") == "province")["name"].item() == "山西省教育厅"
    assert set(sample.schools["managing_authority"]) <= set(departments["division"])
    assert not set(departments["division"]) & {code for code, unit in book.divisions.by_code.items() if unit.zone}


@pytest.mark.parametrize("count", [100, 137, 600, 2_000, 5_000, 10_000, 20_000])
def test_no_class_is_tiny_or_above_the_standard_in_small_samples(book: Rulebook, count: int) -> None:
    for seed in range(6):
        plan = generate(count, seed, book, today=TODAY).plan
        sizes = [size for school in plan.schools for _, classes in school.classes for size in classes]
        assert sum(sizes) == count
        assert min(sizes) >= 3
        assert max(sizes) <= 55
