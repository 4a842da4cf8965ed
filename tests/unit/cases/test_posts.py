"""Posts of heads and registrars: rights, filing, hand-over, who was responsible."""

from __future__ import annotations

from datetime import date

import pytest

from core_registry.domain.facts import Post
from core_registry.domain.posts import (
    changes_too_often,
    filing_problems,
    hand_over,
    require_rights,
    responsible_on,
    rights,
)
from core_registry.errors import RegisterRuleError

TODAY = date(2026, 9, 10)
UNIT = "3114000002"


def _post(account: str = "st-a", post: str = "registrar", since: date = date(2025, 9, 1), **changes: object) -> Post:
    values: dict[str, object] = {
        "until": None, "on_establishment": True, "trained_on": date(2025, 8, 20), "filed_on": date(2025, 8, 25),
    }  # fmt: skip
    return Post(account, UNIT, post, since, **{**values, **changes})  # type: ignore[arg-type]  # a builder


def _rules(post: Post, on: date = TODAY) -> set[str]:
    return {problem.rule for problem in rights(post, on)}


@pytest.mark.rule("A48-3")
@pytest.mark.parametrize(("trained", "stops"), [(None, True), (date(2026, 9, 11), True), (date(2026, 9, 10), False)])
def test_a_registrar_without_training_has_no_rights(trained: date | None, stops: bool) -> None:
    post = _post(trained_on=trained)
    assert _rules(post) == ({"A48-3"} if stops else set())
    if stops:
        with pytest.raises(RegisterRuleError) as refused:
            require_rights(post, TODAY)
        assert refused.value.rule == "A48-3"
    else:
        require_rights(post, TODAY)


@pytest.mark.rule("A48-2")
@pytest.mark.parametrize(("filed", "stops"), [(None, True), (date(2026, 9, 11), True), (date(2026, 9, 10), False)])
def test_a_registrar_who_is_not_filed_with_the_superior_has_no_rights(filed: date | None, stops: bool) -> None:
    assert _rules(_post(filed_on=filed)) == ({"A48-2"} if stops else set())


@pytest.mark.rule("A48-2")
def test_nobody_acts_without_a_post_or_outside_its_days() -> None:
    with pytest.raises(RegisterRuleError) as refused:
        require_rights(None, TODAY)
    assert refused.value.rule == "A48-2"
    assert _rules(_post(until=date(2026, 9, 9))) == {"A48-2"}
    assert _rules(_post(until=TODAY)) == set()
    assert _rules(_post(since=date(2026, 9, 11))) == {"A48-2"}


@pytest.mark.rule("A3-3")
def test_a_head_needs_to_be_in_office_and_no_registrars_training() -> None:
    assert _rules(_post(post="head", trained_on=None, filed_on=None)) == set()
    assert _rules(_post(post="head", until=date(2026, 9, 9))) == {"A48-2"}


@pytest.mark.rule("A48-1")
@pytest.mark.parametrize(
    ("established", "private", "stops"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_only_a_private_school_files_a_registrar_who_is_not_on_establishment(
    established: bool, private: bool, stops: bool
) -> None:
    problems = filing_problems(_post(on_establishment=established), private_school=private)
    assert {problem.rule for problem in problems} == ({"A48-1"} if stops else set())


@pytest.mark.rule("A48-3")
@pytest.mark.parametrize(("trained", "stops"), [(date(2025, 9, 1), False), (date(2025, 9, 2), True), (None, True)])
def test_training_comes_before_taking_up_the_post(trained: date | None, stops: bool) -> None:
    problems = filing_problems(_post(trained_on=trained), private_school=False)
    assert {problem.rule for problem in problems} == ({"A48-3"} if stops else set())


@pytest.mark.rule("A3-3")
def test_head_and_registrar_of_any_past_day_are_found() -> None:
    posts = [
        _post("st-old", until=date(2026, 3, 1)),
        _post("st-new", since=date(2026, 3, 2)),
        _post("st-head", post="head", since=date(2026, 1, 1)),
    ]
    assert [p and p.account for p in responsible_on(posts, UNIT, date(2025, 12, 31))] == [None, "st-old"]
    assert [p and p.account for p in responsible_on(posts, UNIT, date(2026, 3, 1))] == ["st-head", "st-old"]
    assert [p and p.account for p in responsible_on(posts, UNIT, date(2026, 3, 2))] == ["st-head", "st-new"]
    assert responsible_on(posts, "2114000001", TODAY) == (None, None)


@pytest.mark.rule("A48-4")
def test_a_hand_over_ends_the_old_post_the_day_before_and_is_recorded() -> None:
    ended, record = hand_over(_post("st-old"), _post("st-new", since=TODAY), open_cases=3, open_matters=1)
    assert ended.until == date(2026, 9, 9)
    assert (record.outgoing, record.incoming, record.on, record.open_cases) == ("st-old", "st-new", TODAY, 3)


@pytest.mark.rule("A48-4")
@pytest.mark.parametrize(
    "incoming", [_post("st-old", since=TODAY), _post("st-new", post="head", since=TODAY), _post("st-new")]
)
def test_a_hand_over_is_between_two_registrars_in_order(incoming: Post) -> None:
    with pytest.raises(RegisterRuleError) as refused:
        hand_over(_post("st-old"), incoming, open_cases=0, open_matters=0)
    assert refused.value.rule == "A48-4"


@pytest.mark.rule("A48-4")
def test_a_second_change_within_twelve_months_is_warned_of() -> None:
    first, second = _post("st-a", since=date(2024, 9, 1)), _post("st-b", since=date(2025, 9, 11))
    third = _post("st-c", since=date(2026, 9, 1))
    assert not changes_too_often([first, second], UNIT, TODAY)
    assert changes_too_often([first, second, third], UNIT, TODAY)
    assert not changes_too_often([first, second, third], UNIT, date(2026, 9, 11))
    assert not changes_too_often([second, third], UNIT, TODAY)
