"""Checks: one beyond a grant in any dimension is refused and recorded before anybody is looked up (A50-9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import ForbiddenError, GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import GrantId
from gateway.policies.errors import GrantEndedError, ScopeExceededError
from gateway.policies.scope import Use, civil_date, errand
from gateway.principals import Principal, Role
from gateway.releases.checks.desk import LocalDesk
from gateway.releases.checks.records import CheckRequest
from tests.factories import house_fixtures
from tests.factories.checks import ASKER, CHECK, about_first, asked, check, check_grant, checks_of, people_of
from tests.factories.matches import MATCHER, match_grant
from tests.factories.release_cases import APPROVER, EXECUTOR, INSPECTOR, STRANGER, applicant, client, officer
from tests.factories.releases import House

house = house_fixtures.shared_on_both
small = house_fixtures.shared
own = house_fixtures.fresh


def _field(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, fields=("in_school", "stage"))
    return grant, about_first(house, grade="11"), ASKER


def _row(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, row_cap=2)
    return grant, CheckRequest(tuple(asked(row) for row in people_of(house)[:3])), ASKER


def _use(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, uses=2)
    return grant, CheckRequest(tuple(asked(row) for row in people_of(house)[:3])), ASKER


def _purpose(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), replace(about_first(house), purpose="research"), ASKER


def _level(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return match_grant(house.services), about_first(house, stage="primary"), MATCHER


def _expired(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, valid_to=civil_date(house.clock()))
    house.clock.turn(days=2)
    return grant, about_first(house), ASKER


def _withdrawn(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services)
    house.services.applications.withdraw_grant(APPROVER, grant, reason="测试")
    return grant, about_first(house), ASKER


def _applicant(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), about_first(house), applicant(CHECK.recipient)


def _mandate(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services)
    return grant, about_first(house), replace(ASKER, mandate=frozenset({errand(grant, Use.EXTRACT)}))


def _other_grant(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant, other = check_grant(house.services), check_grant(house.services)
    return grant, about_first(house), replace(ASKER, mandate=frozenset({errand(other, Use.CHECK)}))


def _no_role(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), about_first(house), client(CHECK.recipient, Role.APPLICANT)


def _elsewhere(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), about_first(house), officer("far", Role.EXECUTOR, unit="140200")


def _inspector(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), about_first(house), INSPECTOR


BEYOND: Mapping[
    str, tuple[Callable[[House], tuple[GrantId, CheckRequest, Principal]], type[GatewayError], str | None]
] = {
    "field": (_field, ScopeExceededError, "fields"),
    "row": (_row, ScopeExceededError, "rows"),
    "use": (_use, ScopeExceededError, "uses"),
    "purpose": (_purpose, ScopeExceededError, "purpose"),
    "level": (_level, ScopeExceededError, "level"),
    "withdrawn": (_withdrawn, ForbiddenError, None),
    "applicant": (_applicant, ForbiddenError, None),
    "mandate of another use": (_mandate, ForbiddenError, None),
    "mandate of another grant": (_other_grant, ForbiddenError, None),
    "client without the role": (_no_role, ForbiddenError, None),
    "executor of another city": (_elsewhere, ForbiddenError, None),
    "inspector": (_inspector, ForbiddenError, None),
    "expired": (_expired, ForbiddenError, None),
}


@pytest.mark.rule("A50-9", "A50-13")
@pytest.mark.parametrize("case", BEYOND)
def test_what_goes_beyond_a_grant_is_refused_and_recorded_before_anybody_is_looked_up(
    small: House, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    prepare, kind, dimension = BEYOND[case]
    grant, request, who = prepare(small)
    monkeypatch.setattr(LocalDesk, "answer", lambda *_a: pytest.fail("somebody was looked up"))
    before = small.uses_left(grant)
    with pytest.raises(kind) as refused:
        checks_of(small.services).check(grant, request, who)
    if dimension is not None:
        assert refused.value.extra["dimension"] == dimension
    assert refused.value.detail_zh
    assert small.uses_left(grant) == before
    entry = small.entries("release.refused")[-1]
    assert entry["outcome"] == "refused"
    assert entry["facts"]["rule"] == refused.value.rule
    assert entry["facts"]["dimension"] == refused.value.extra.get("dimension")
    assert entry["facts"]["people"] == len(request.people)
    assert entry["links"]["grant"] == grant
    assert entry["actor"]["id"] == who.account
    assert not [one for one in small.entries("release.intent") if one["links"]["grant"] == grant]


@pytest.mark.rule("A50-9")
def test_a_stranger_does_not_learn_that_there_is_such_a_grant(small: House) -> None:
    grant = check_grant(small.services)
    with pytest.raises(NotFoundError):
        checks_of(small.services).check(grant, about_first(small), client(STRANGER))
    assert small.entries("release.refused")[-1]["actor"]["recipient"] == STRANGER


def test_an_executor_of_the_territory_may_ask_for_the_recipient(small: House) -> None:
    grant = check_grant(small.services)
    told = checks_of(small.services).check(grant, about_first(small), EXECUTOR)
    assert told.confirmed == (True,)


@pytest.mark.parametrize(
    "claims",
    [{"in_school": "yes"}, {"stage": "kindergarten"}, {"grade": True}, {"school_code": "12"}, {"county": "999999"}],
)
def test_a_value_that_no_pupil_could_have_is_refused_with_its_name(small: House, claims: dict[str, Any]) -> None:
    grant = check_grant(small.services)
    with pytest.raises(ParameterError) as refused:
        checks_of(small.services).check(grant, about_first(small, **claims), ASKER)
    assert refused.value.missing == tuple(claims)
    assert small.uses_left(grant) == CHECK.uses


def test_a_clock_that_went_back_answers_nothing(own: House) -> None:
    grant = check_grant(own.services)
    own.clock.turn(hours=-2)
    with pytest.raises(UnavailableError):
        checks_of(own.services).check(grant, about_first(own), ASKER)
    assert own.uses_left(grant) == CHECK.uses


@pytest.mark.rule("A50-9")
def test_many_at_once_on_the_last_uses_get_no_more_than_are_left(house: House) -> None:
    grant = check_grant(house.services, uses=5)
    house.clock.turn(days=1)

    def ask(row: Mapping[str, Any]) -> bool:
        try:
            return all(check(house, grant, asked(row)).confirmed)
        except (ScopeExceededError, ForbiddenError, GrantEndedError):
            return False

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(ask, people_of(house)[20:32]))
    assert sum(done) == 5
    assert house.uses_left(grant) == 0


def test_a_call_takes_all_its_uses_or_none(small: House) -> None:
    grant = check_grant(small.services, uses=3)
    with pytest.raises(ScopeExceededError):
        check(small, grant, *(asked(row) for row in people_of(small)[:4]))
    assert small.uses_left(grant) == 3
    assert all(check(small, grant, *(asked(row) for row in people_of(small)[:3])).confirmed)
