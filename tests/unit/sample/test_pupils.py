"""What the rows of the sample are like."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from core_registry.domain.addresses import AddressParser
from core_registry.sample import SENTINEL_GUARDIANS, SENTINEL_NAMES, SENTINEL_STREET, Sample, generate
from core_registry.sample.names import SURNAMES
from rulebook import Rulebook
from tests.unit.sample.conftest import TODAY

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT = "居民身份证"


def digest(frames: list[pl.DataFrame]) -> str:
    return hashlib.sha256(pl.concat(frames).write_csv().encode()).hexdigest()


def test_the_columns_are_the_form_and_three_registry_facts(pupils: pl.DataFrame, book: Rulebook) -> None:
    annex = [field.code for field in book.fields.values() if field.number]
    assert pupils.columns == ["school_code", "student_number", "entry_month", *annex]
    assert set(pupils.dtypes) == {pl.String}
    assert pupils.height == 200_000


def test_a_seed_gives_the_same_rows_whatever_the_batches(book: Rulebook) -> None:
    whole = list(generate(45_000, 3, book, today=TODAY).batches())
    parts = list(generate(45_000, 3, book, today=TODAY, batch_rows=7_001).batches())
    assert [part.height for part in parts] == [7_001] * 6 + [2_994]
    assert digest(whole) == digest(parts)
    assert digest(whole) != digest(list(generate(45_000, 4, book, today=TODAY).batches()))


def test_reading_the_batches_twice_gives_the_same_rows(book: Rulebook) -> None:
    sample = generate(1_000, 3, book, today=TODAY)
    assert digest(list(sample.batches())) == digest(list(sample.batches()))


@pytest.mark.parametrize("count", [100, 101, 999, 5_000])
def test_small_samples_have_exactly_the_rows_asked_for(book: Rulebook, count: int) -> None:
    sample = generate(count, 11, book, today=TODAY)
    rows = pl.concat(list(sample.batches()))
    assert rows.height == count
    assert set(rows["school_code"]) == set(sample.schools["school_code"])


@pytest.mark.parametrize("count", [0, 99, 5_000_001])
def test_a_count_outside_the_limits_is_refused(book: Rulebook, count: int) -> None:
    with pytest.raises(ValueError, match="100 to 5000000"):
        generate(count, 1, book, today=TODAY)


@pytest.mark.parametrize("who", ["", "member1_", "member2_"])
def test_identity_numbers_have_a_right_check_character(pupils: pl.DataFrame, who: str) -> None:
    numbers = pupils.filter(pl.col(f"{who}id_type") == RESIDENT)[f"{who}id_number"]
    assert len(numbers) > 180_000
    total = sum(numbers.str.slice(place, 1).cast(pl.Int64) * weight for place, weight in enumerate(WEIGHTS))
    expected = pl.Series(list("10X98765432")).gather(total % 11)
    assert (numbers.str.slice(17) == expected).all()


def test_identity_numbers_agree_with_birth_date_and_sex(pupils: pl.DataFrame) -> None:
    rows = pupils.filter(pl.col("id_type") == RESIDENT)
    assert (rows["id_number"].str.slice(6, 8) == rows["birth_date"]).all()
    odd = rows["id_number"].str.slice(16, 1).cast(pl.Int64) % 2 == 1
    assert (odd == (rows["sex"] == "男")).all()
    assert (rows["student_number"] == "G" + rows["id_number"]).all()


def test_no_two_people_share_a_number(pupils: pl.DataFrame) -> None:
    assert pupils["student_number"].is_unique().all()
    own = pupils["id_number"].drop_nulls()
    assert own.is_unique().all()
    members = pl.concat(
        [pupils.select(name=f"member{n}_name", number=f"member{n}_id_number") for n in (1, 2)]
    ).drop_nulls()
    assert members["number"].n_unique() == members.unique().height
    assert not set(members["number"]) & set(own)


def test_one_in_a_hundred_has_another_document_or_none(pupils: pl.DataFrame) -> None:
    other = pupils.filter(pl.col("id_type") != RESIDENT)
    assert 0.007 < other.height / pupils.height < 0.013
    assert other["id_type"].n_unique() == 6
    none = other.filter(pl.col("id_type") == "其他")
    assert none["id_number"].null_count() == none.height > 0
    assert none["student_number"].str.starts_with("L").all()
    held = other.filter(pl.col("id_type") != "其他")
    assert held["student_number"].str.starts_with("J").all()
    assert (held["overseas_status"] != "否").all()
    assert held["id_number"].null_count() == 0


def test_first_graders_turned_six_by_the_end_of_august(pupils: pl.DataFrame) -> None:
    born = pupils.filter(pl.col("grade") == "小学一年级")["birth_date"].str.to_date("%Y%m%d")
    assert born.max() == date(2020, 8, 31)
    assert 0.9 < (born >= date(2019, 9, 1)).sum() / len(born) < 0.99  # the others are a year older


def test_every_grade_has_its_age(pupils: pl.DataFrame, book: Rulebook) -> None:
    grades = book.code_lists["grades"].labels
    first = date(2026, 9, 1)
    for code, (least, most) in book.parameters.school_years.items():
        born = pupils.filter(pl.col("grade") == grades[code])["birth_date"].str.to_date("%Y%m%d")
        youngest, oldest = born.max(), born.min()
        assert isinstance(youngest, date)
        assert isinstance(oldest, date)
        assert youngest < date(first.year - least, 9, 1)
        assert oldest >= date(first.year - most, 9, 1)


def test_twins_sit_in_one_class_with_one_birthday_and_one_family(pupils: pl.DataFrame) -> None:
    twins = pupils.group_by("member1_id_number", "birth_date", "school_code", "grade", "class_name").agg(
        pl.len(), pl.col("residence_address").n_unique(), pl.col("id_number").n_unique().alias("numbers")
    )
    pairs = twins.filter(pl.col("len") == 2)
    assert pairs.height > 500
    assert twins["len"].max() == 2
    assert pairs["residence_address"].max() == 1
    assert pairs["numbers"].min() == 2


def test_siblings_share_guardians_across_grades_and_schools(pupils: pl.DataFrame) -> None:
    families = pupils.group_by("member1_id_number").agg(
        pl.len(), pl.col("grade").n_unique(), pl.col("school_code").n_unique(), pl.col("member1_phone").n_unique()
    )
    siblings = families.filter((pl.col("len") > 1) & (pl.col("grade") > 1))
    assert 0.05 < siblings.height * 2 / pupils.height < 0.4
    assert (siblings["school_code"] > 1).sum() > 1_000
    assert families["member1_phone"].max() == 1


def test_parents_are_21_to_55_years_older_and_grandparents_more(pupils: pl.DataFrame) -> None:
    rows = pupils.filter(pl.col("member1_id_type") == RESIDENT).select(
        parent=pl.col("member1_relation").is_in(["父亲", "母亲"]),
        gap=pl.col("birth_date").str.slice(0, 4).cast(pl.Int32)
        - pl.col("member1_id_number").str.slice(6, 4).cast(pl.Int32),
    )
    parents = rows.filter("parent")["gap"]
    elders = rows.filter(~pl.col("parent"))["gap"]
    assert parents.is_between(21, 55).all()
    assert elders.is_between(46, 78).all()
    assert len(elders) > 1_000


def test_children_bear_the_name_of_the_father(pupils: pl.DataFrame) -> None:
    fathers = pupils.filter(
        (pl.col("member1_relation") == "父亲") & (pl.col("ethnicity") == "汉族") & ~pl.col("name").str.contains("哨")
    )
    assert (fathers["name"].str.slice(0, 1) == fathers["member1_name"].str.slice(0, 1)).all()


def test_left_behind_children_live_with_grandparents_in_compulsory_schooling(pupils: pl.DataFrame) -> None:
    rows = pupils.filter(pl.col("left_behind") == "是")
    assert 0.005 < rows.height / pupils.height < 0.1
    assert set(rows["member1_relation"]) == {"祖父", "祖母", "外祖父", "外祖母"}
    assert not rows["grade"].str.starts_with("高中").any()


def test_names_are_various(pupils: pl.DataFrame) -> None:
    names = pupils["name"]
    assert names.n_unique() > 60_000
    assert names.str.contains("·", literal=True).sum() > 200
    surnames = set(SURNAMES.values)
    compound = {surname for surname in surnames if len(surname) == 2}
    seen = set(names.str.slice(0, 2)) & compound
    assert {"欧阳", "司马", "尉迟"} <= seen
    assert (names.str.len_chars() <= 36).all()
    local = pupils.filter(~names.str.contains("[·哨]"))["name"]
    assert all(name[:2] in compound or name[0] in surnames for name in local.head(20_000))


def test_some_numbers_carry_abolished_or_distant_divisions(pupils: pl.DataFrame, book: Rulebook) -> None:
    codes = pupils.filter(pl.col("id_type") == RESIDENT).select(
        code=pl.col("id_number").str.slice(0, 6), year=pl.col("birth_date").str.slice(0, 4).cast(pl.Int32)
    )
    old = codes.filter(~pl.col("code").is_in(list(book.divisions.by_code)))
    assert "140202" in set(old["code"])
    assert 0.005 < old.height / codes.height < 0.1
    assert old["year"].max() == 2017
    assert 0.88 < codes["code"].str.starts_with("14").sum() / codes.height < 0.97
    zones = [code for code, unit in book.divisions.by_code.items() if unit.zone]
    assert not codes["code"].is_in(zones).any()


def test_homes_stand_in_the_county_of_the_school(pupils: pl.DataFrame, sample: Sample, book: Rulebook) -> None:
    parser = AddressParser(book.divisions.by_code.values())
    rows = pupils.sample(2_000, seed=1).join(sample.schools.select("school_code", "division"), on="school_code")
    for address, division in rows.select("residence_address", "division").iter_rows():
        found = parser.parse(address)
        assert found is not None
        assert found.code == division
    for address in rows["household_address"]:
        found = parser.parse(address)
        assert found is not None
        assert found.level == "county"


def test_shares_are_plausible(pupils: pl.DataFrame) -> None:
    def share(column: str, value: str) -> float:
        return float((pupils[column] == value).sum() / pupils.height)

    assert 0.51 < share("sex", "男") < 0.54
    assert 0.97 < share("ethnicity", "汉族") < 0.995
    assert pupils["ethnicity"].n_unique() > 12
    assert 0.1 < share("boarding", "是") < 0.4
    assert 0.003 < share("disability", "是") < 0.015
    assert 0.03 < pupils["member2_name"].null_count() / pupils.height < 0.1


def test_disability_comes_with_type_and_placement_and_only_then(pupils: pl.DataFrame) -> None:
    disabled = pupils["disability"] == "是"
    assert (pupils["disability_type"].is_not_null() == disabled).all()
    assert (pupils["special_ed_placement"].is_not_null() == disabled).all()
    special = pupils.filter(pl.col("school_code").str.starts_with("51"))
    assert special.height > 0
    assert set(special["special_ed_placement"]) == {"特殊教育学校就读"}


def test_sentinels_stand_in_the_first_rows_and_nowhere_else(pupils: pl.DataFrame) -> None:
    head = pupils.head(len(SENTINEL_NAMES))
    assert tuple(head["name"]) == SENTINEL_NAMES
    assert tuple(head["member1_name"]) == SENTINEL_GUARDIANS
    assert head["residence_address"].str.contains(SENTINEL_STREET, literal=True).all()
    rest = pupils.slice(len(SENTINEL_NAMES))
    for column in rest.columns:
        assert not rest[column].str.contains("哨").any()


def test_memory_does_not_grow_with_the_rows(book: Rulebook) -> None:
    def resident_megabytes() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    batches = generate(2_000_000, 5, book, today=TODAY).batches()
    for _ in range(5):
        next(batches)
    before = resident_megabytes()
    for _ in range(20):
        assert next(batches).height == 20_000
    assert resident_megabytes() - before < 100  # the 400,000 rows themselves are over 300 MB
