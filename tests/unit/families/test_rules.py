"""Who may do what, at every boundary of age, and for every state of a record."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.families.records import BondKind, Rights
from gateway.families.rules import GONE, NOTHING, age_of, hand_over, may_open, rights_of

GUARDIAN, SELF = BondKind.GUARDIAN, BondKind.SELF
ALL = Rights(see=True, hold=True, act=True, close=True)
SEES_AND_ENDS = Rights(see=True, close=True)
BORN = date(2012, 6, 1)


def row(born: date | str | None = BORN, state: str = "active") -> dict[str, object]:
    return {"birth_date": born, "state": state}


def completed(age: int, born: date = BORN) -> date:
    """Return the first day on which ``age`` years are completed: the day after the birthday (``gateway.ages``)."""
    return date(born.year + age, born.month, born.day) + timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "own_account", "age", "expected"),
    [
        (GUARDIAN, False, 13, ALL),
        (GUARDIAN, True, 13, ALL),
        (GUARDIAN, False, 14, ALL),
        (GUARDIAN, True, 14, SEES_AND_ENDS),
        (GUARDIAN, False, 17, ALL),
        (GUARDIAN, True, 17, SEES_AND_ENDS),
        (GUARDIAN, False, 18, NOTHING),
        (GUARDIAN, True, 18, NOTHING),
        (SELF, True, 13, Rights(see=True, hold=True)),
        (SELF, True, 14, ALL),
        (SELF, True, 17, ALL),
        (SELF, True, 18, ALL),
    ],
)
def test_rights_change_on_the_day_on_which_a_year_is_completed(
    kind: BondKind, own_account: bool, age: int, expected: Rights
) -> None:
    today = completed(age)
    assert age_of(row(), today) == age
    assert rights_of(kind, row(), today, own_account=own_account) == expected


@pytest.mark.parametrize(("age", "kind"), [(14, GUARDIAN), (18, GUARDIAN), (14, SELF)])
def test_the_birthday_itself_and_the_day_before_still_count_as_younger(age: int, kind: BondKind) -> None:
    younger = rights_of(kind, row(), completed(age - 1), own_account=True)
    for days in (1, 2):
        day = completed(age) - timedelta(days=days)
        assert age_of(row(), day) == age - 1
        assert rights_of(kind, row(), day, own_account=True) == younger
    assert rights_of(kind, row(), completed(age), own_account=True) != younger


def test_a_child_of_29_february_turns_14_and_18_on_1_march_of_common_years() -> None:
    born = row(date(2012, 2, 29))
    assert [age_of(born, date(2026, 2, 28)), age_of(born, date(2026, 3, 1))] == [13, 14]
    assert rights_of(GUARDIAN, born, date(2026, 2, 28), own_account=True) == ALL
    assert rights_of(GUARDIAN, born, date(2026, 3, 1), own_account=True) == SEES_AND_ENDS
    assert rights_of(GUARDIAN, born, date(2030, 2, 28), own_account=False) == ALL
    assert rights_of(GUARDIAN, born, date(2030, 3, 1), own_account=False) == NOTHING


@pytest.mark.parametrize("state", sorted(GONE))
@pytest.mark.parametrize("kind", list(BondKind))
def test_a_record_that_is_over_gives_no_right_to_act(state: str, kind: BondKind) -> None:
    found = rights_of(kind, row(state=state), completed(15), own_account=kind is SELF)
    assert found == SEES_AND_ENDS
    assert not may_open(kind, row(state=state), completed(15), by_guardian=False)


@pytest.mark.parametrize("state", ["active", "suspended", "transfer-pending", "abroad"])
def test_a_record_that_may_come_back_keeps_the_right_to_act(state: str) -> None:
    assert rights_of(GUARDIAN, row(state=state), completed(10), own_account=False) == ALL


@pytest.mark.parametrize("kind", list(BondKind))
def test_an_unknown_age_gives_sight_and_nothing_else(kind: BondKind) -> None:
    assert rights_of(kind, row(None), completed(10), own_account=False) == Rights(see=True)
    assert not may_open(kind, row(None), completed(10), by_guardian=False)
    assert not may_open(kind, row(None), completed(10), by_guardian=True)


@pytest.mark.parametrize(
    ("kind", "age", "by_guardian", "expected"),
    [
        (GUARDIAN, 6, False, True),
        (GUARDIAN, 17, False, True),
        (GUARDIAN, 18, False, False),
        (GUARDIAN, 10, True, False),
        (SELF, 13, False, False),
        (SELF, 13, True, True),
        (SELF, 14, False, True),
        (SELF, 14, True, False),
        (SELF, 18, False, True),
    ],
)
def test_who_opens_which_account_at_which_age(kind: BondKind, age: int, by_guardian: bool, expected: bool) -> None:
    assert may_open(kind, row(), completed(age), by_guardian=by_guardian) is expected


def test_the_hand_over_is_announced_in_the_year_before() -> None:
    found = [hand_over(row(), completed(age)) for age in (12, 13, 14, 16, 17, 18)]
    assert found == [None, 14, None, None, 18, None]
    assert hand_over(row(None), completed(13)) is None


def test_a_birth_date_that_came_as_text_counts_the_same() -> None:
    assert age_of(row("2012-06-01"), completed(14)) == 14
