"""Plans: what each level allows, one canonical form, and words for approvers."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from hashlib import sha256

import pytest

from gateway.anonymize.errors import PlanError
from gateway.anonymize.plan import Plan
from rulebook.records import ProfileField
from tests.unit.anonymize.plans import (
    ANONYMOUS_FIELDS,
    MASKED_FIELDS,
    PSEUDONYMOUS_FIELDS,
    RULEBOOK,
    item,
    names,
    profile,
)

ANONYMOUS = profile("anonymous", ANONYMOUS_FIELDS, k=10, l_diversity=2, limit=0.05)
PLAN = Plan.of(ANONYMOUS, names(ANONYMOUS_FIELDS), RULEBOOK)


def test_the_plan_has_the_fields_asked_for_in_the_order_of_the_profile() -> None:
    plan = Plan.of(ANONYMOUS, ["sex", "county"], RULEBOOK)
    assert plan.names == ("county", "sex")
    assert plan.sources == ("school_division", "sex")
    assert plan.tuple_sources == ("school_division", "sex")


def test_a_field_outside_the_profile_is_refused_by_name() -> None:
    with pytest.raises(PlanError) as caught:
        Plan.of(ANONYMOUS, ["sex", "id_number"], RULEBOOK)
    assert caught.value.missing == ("id_number",)
    assert caught.value.rule == "A50-9"


@pytest.mark.parametrize("level", ["check", "match", "statistics"])
def test_levels_without_rows_have_no_plan(level: str) -> None:
    with pytest.raises(PlanError, match="no rows"):
        Plan.of(profile(level, (item("sex", "sex", "ordinary", "keep"),)), ["sex"], RULEBOOK)


@pytest.mark.parametrize(
    ("level", "bad"),
    [
        ("anonymous", item("x", "name_masked", "direct", "mask")),
        ("anonymous", item("x", "subject_ref", "direct", "pseudonymize")),
        ("anonymous", item("x", "subject_ref", "ordinary", "keep")),
        ("anonymous", item("x", "name_masked", "ordinary", "keep")),
        ("anonymous", item("x", "remarks_text", "ordinary", "keep")),
        ("anonymous", item("x", "sex", "sensitive", "generalize", "sex")),
        ("anonymous", item("x", "id_number", "quasi", "keep")),
        ("pseudonymous", item("x", "subject_ref", "direct", "keep")),
        ("pseudonymous", item("x", "name_masked", "direct", "mask")),
        ("pseudonymous", item("x", "school_code", "direct", "pseudonymize")),
        ("pseudonymous", item("x", "birth_date", "quasi", "keep")),
        ("pseudonymous", item("x", "birth_date", "quasi", "generalize", "birth_date", 0)),
        ("pseudonymous", item("x", "birth_date", "quasi", "generalize", "birth_date")),
        ("pseudonymous", item("x", "birth_date", "quasi", "cut", None, None, 8)),
        ("pseudonymous", item("x", "school_code", "quasi", "cut")),
        ("pseudonymous", item("x", "boarding", "quasi", "cut", None, None, 2)),
        ("pseudonymous", item("x", "sex", "quasi", "generalize")),
        ("masked", item("x", "name_masked", "direct", "keep")),
        ("masked", item("x", "name_masked", "direct", "cut", None, None, 1)),
        ("masked", item("x", "sex", "direct", "mask")),
        ("masked", item("x", "birth_date", "quasi", "keep")),
        ("masked", item("x", "subject_ref", "direct", "pseudonymize")),
    ],
)
def test_what_a_level_does_not_allow_is_no_plan(level: str, bad: ProfileField) -> None:
    fields = (item("sex", "sex", "quasi", "generalize", "sex", 0), bad)
    with pytest.raises(PlanError, match="'x'"):
        Plan.of(profile(level, fields, k=5 if level == "anonymous" else None), ["sex", "x"], RULEBOOK)


def test_the_three_levels_have_plans() -> None:
    assert Plan.of(profile("masked", MASKED_FIELDS), names(MASKED_FIELDS), RULEBOOK).names == tuple(
        names(MASKED_FIELDS)
    )
    assert Plan.of(profile("pseudonymous", PSEUDONYMOUS_FIELDS), names(PSEUDONYMOUS_FIELDS), RULEBOOK).pseudonymous
    assert PLAN.k == 10


def test_a_plan_that_demands_too_little_is_refused() -> None:
    for wrong in (
        replace(ANONYMOUS, k=None),
        replace(ANONYMOUS, k=1),
        replace(ANONYMOUS, suppression_limit=1.5),
        replace(ANONYMOUS, row_cap=0),
    ):
        with pytest.raises(PlanError):
            Plan.of(wrong, names(ANONYMOUS_FIELDS), RULEBOOK)
    with pytest.raises(PlanError, match="quasi"):
        Plan.of(ANONYMOUS, ["state"], RULEBOOK)
    with pytest.raises(PlanError, match="at least one"):
        Plan.of(ANONYMOUS, [], RULEBOOK)


def test_a_dropped_field_does_not_leave() -> None:
    fields = (item("sex", "sex", "quasi", "keep"), item("age", "birth_date", "quasi", "drop"))
    assert Plan.of(profile("masked", fields), ["sex", "age"], RULEBOOK).names == ("sex",)
    with pytest.raises(PlanError):
        Plan.of(profile("masked", fields), ["age"], RULEBOOK)


def test_the_canonical_form_is_sorted_json_and_the_hash_is_over_it() -> None:
    decoded = json.loads(PLAN.canonical())
    assert json.dumps(decoded, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == PLAN.canonical()
    assert PLAN.sha256() == sha256(PLAN.canonical()).hexdigest()
    assert decoded["columns"][0]["name"] == "county"


@pytest.mark.parametrize(
    "change",
    [{"k": 11}, {"suppression_limit": 0.04}, {"rulebook_sha256": "cd" * 32}, {"row_cap": 5}, {"t_closeness": 0.3}],
)
def test_every_change_changes_the_hash(change: dict[str, object]) -> None:
    assert replace(PLAN, **change).sha256() != PLAN.sha256()  # type: ignore[arg-type]  # one member at a time


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PLAN.k = 2  # type: ignore[misc]  # the point of the test


def test_the_words_name_every_column_and_every_limit_in_both_languages() -> None:
    lines = PLAN.words()
    for language in (0, 1):
        text = "\n".join(line[language] for line in lines)
        for word in (*PLAN.names, "10", "5.0%", "2", "30", "1000"):
            assert word in text
    assert "个人信息" not in "".join(zh for zh, _ in lines)
    masked = Plan.of(profile("masked", MASKED_FIELDS), names(MASKED_FIELDS), RULEBOOK)
    assert "仍属个人信息" in "".join(zh for zh, _ in masked.words())
