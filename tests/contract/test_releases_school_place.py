"""A school that goes up through its county: a column that stands on two of the sharing view, from profile to file."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import rulebook
from core_registry.sharing import RowFilter
from gateway.anonymize.errors import PlanError
from gateway.anonymize.plan import Plan
from gateway.releases.pairs import PairedSnapshot, PairedView
from gateway.releases.pipeline import Reading, transformer_of
from rulebook import RulebookError
from rulebook.records import Rulebook
from tests.factories import house_fixtures
from tests.factories.releases import House

house = house_fixtures.shared_on_both
CONFIG = Path(__file__).parents[2] / "config"
SCHOOL = (
    '  { name = "school", column = "school_code", label = "学校", role = "quasi", operation = "generalize", '
    'hierarchy = "school_place" },\n'
)
PAIR = "school_code@school_division"


def book(directory: Path, line: str = SCHOOL, before: str = '  { name = "stage", column = "stage"') -> Rulebook:
    """Return the shipped rule book with one more field in its first profile, the anonymous one."""
    shutil.copytree(CONFIG, directory / "config")
    file = directory / "config/release_profiles.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(before, line + before, 1), encoding="utf-8")
    return rulebook.load(directory / "config")


def test_schools_leave_under_k_by_their_county(house: House, tmp_path: Path) -> None:
    rules = book(tmp_path)
    profile = rules.profiles["textbook-anonymous"]
    plan = Plan.of(profile, ["school", "grade", "sex"], rules.sha256)
    assert PAIR in plan.sources
    sharing = house.services.sharing
    assert sharing is not None
    with PairedView(sharing).snapshot() as snapshot:
        reading = Reading.begin(
            transformer_of(plan, rules, None), snapshot, RowFilter(), cap=10_000, progress=lambda _done, _total: None
        )
        out = pl.concat(reading.frames())
    assert out.columns == ["school", "grade", "sex"]
    assert plan.k is not None
    assert min(out.group_by(out.columns).len()["len"]) >= plan.k
    assert not out["school"].drop_nulls().str.contains(r"^[0-9]{10}$").any()


def test_a_snapshot_of_pairs_counts_every_row_once(house: House) -> None:
    sharing = house.services.sharing
    assert sharing is not None
    with sharing.snapshot() as plain:
        paired = PairedSnapshot(plain)
        tuples = paired.tuples((PAIR, "grade"), RowFilter())
        held = plain.tuples(("school_code", "school_division", "grade"), RowFilter())
        assert tuples.columns == [PAIR, "grade", "n"]
        assert (tuples["n"].sum(), tuples.height) == (held["n"].sum(), held.height)
        rows = pl.concat(
            pl.DataFrame(pl.from_arrow(batch)) for batch in paired.batches(("grade", PAIR), RowFilter(), batch_rows=100)
        )
        assert rows.columns == ["grade", PAIR]
        assert rows.height == plain.count(RowFilter()) == paired.count(RowFilter())
        assert rows[PAIR].drop_nulls().str.contains(r"^[0-9]{10}@[0-9]{6}$").all()
        assert paired.version == plain.version
        assert paired.tuples(("grade",), RowFilter()).height == plain.tuples(("grade",), RowFilter()).height


@pytest.mark.parametrize(
    ("line", "before", "says"),
    [
        (SCHOOL.replace("school_code", "school_division"), '  { name = "stage", column = "stage"', "for school_code"),
        (SCHOOL.replace("}", ", level = 2 }"), '  { name = "name_masked"', "'anonymous' and 'pseudonymous'"),
    ],
)
def test_a_profile_that_cannot_have_it_does_not_load(tmp_path: Path, line: str, before: str, says: str) -> None:
    with pytest.raises(RulebookError, match=says):
        book(tmp_path, line, before)


def test_a_pair_is_generalised_or_nothing(tmp_path: Path) -> None:
    rules = book(tmp_path)
    profile = rules.profiles["textbook-anonymous"]
    (school,) = (field for field in profile.fields if field.name == "school")
    assert school.column == PAIR
    kept = replace(school, operation="keep", hierarchy=None)
    with pytest.raises(PlanError, match="two columns"):
        Plan.of(replace(profile, fields=(*profile.fields[1:3], kept)), ["school"], rules.sha256)
