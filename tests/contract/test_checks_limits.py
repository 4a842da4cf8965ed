"""Checks: one beyond a grant in any dimension is refused and recorded before anybody is looked up (A50-9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ForbiddenError, GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import GrantId
from gateway.policies.errors import GrantEndedError, ScopeExceededError
from gateway.policies.scope import Use, civil_date, errand
from gateway.principals import Principal, Role
from gateway.releases.checks.desk import LocalDesk
from gateway.releases.checks.records import Asked, CheckRequest
from tests.factories.checks import (
    ASKER,
    CHECK,
    MATCHER,
    UNKNOWN,
    asked,
    check,
    check_grant,
    checks_of,
    match_grant,
    people_of,
)
from tests.factories.releases import (
    APPROVER,
    EXECUTOR,
    INSPECTOR,
    STRANGER,
    House,
    applicant,
    client,
    make_house,
    officer,
    opened,
)

NOBODY = Asked("郑无此", UNKNOWN, {"in_school": True})


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    yield from opened(make_house(tmp_path_factory.mktemp("checks"), server=server))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("checks-small")))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


def left(house: House, grant: GrantId) -> int:
    return house.services.applications.grant(grant).uses_left


def _field(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, fields=("in_school", "stage"))
    return grant, _request(house, grade="11"), ASKER


def _row(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, row_cap=2)
    return grant, CheckRequest(tuple(asked(row) for row in people_of(house)[:3])), ASKER


def _use(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, uses=2)
    return grant, CheckRequest(tuple(asked(row) for row in people_of(house)[:3])), ASKER


def _purpose(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), replace(_request(house), purpose="research"), ASKER


def _level(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return match_grant(house.services), _request(house, stage="primary"), MATCHER


def _expired(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services, valid_to=civil_date(house.clock()))
    house.clock.turn(days=2)
    return grant, _request(house), ASKER


def _withdrawn(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services)
    house.services.applications.withdraw_grant(APPROVER, grant, reason="测试")
    return grant, _request(house), ASKER


def _applicant(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), _request(house), applicant(CHECK.recipient)


def _mandate(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant = check_grant(house.services)
    return grant, _request(house), replace(ASKER, mandate=frozenset({errand(grant, Use.EXTRACT)}))


def _other_grant(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    grant, other = check_grant(house.services), check_grant(house.services)
    return grant, _request(house), replace(ASKER, mandate=frozenset({errand(other, Use.CHECK)}))


def _no_role(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), _request(house), client(CHECK.recipient, Role.APPLICANT)


def _elsewhere(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), _request(house), officer("far", Role.EXECUTOR, unit="140200")


def _inspector(house: House) -> tuple[GrantId, CheckRequest, Principal]:
    return check_grant(house.services), _request(house), INSPECTOR


def _request(house: House, **claims: Any) -> CheckRequest:  # noqa: ANN401  values of claims
    return CheckRequest((asked(people_of(house)[0], **claims),))


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
    before = left(small, grant)
    with pytest.raises(kind) as refused:
        checks_of(small.services).check(grant, request, who)
    if dimension is not None:
        assert refused.value.extra["dimension"] == dimension
    assert refused.value.detail_zh
    assert left(small, grant) == before
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
        checks_of(small.services).check(grant, _request(small), client(STRANGER))
    assert small.entries("release.refused")[-1]["actor"]["recipient"] == STRANGER


def test_an_executor_of_the_territory_may_ask_for_the_recipient(small: House) -> None:
    grant = check_grant(small.services)
    told = checks_of(small.services).check(grant, _request(small), EXECUTOR)
    assert told.confirmed == (True,)


@pytest.mark.parametrize(
    "claims",
    [{"in_school": "yes"}, {"stage": "kindergarten"}, {"grade": True}, {"school_code": "12"}, {"county": "999999"}],
)
def test_a_value_that_no_pupil_could_have_is_refused_with_its_name(small: House, claims: dict[str, Any]) -> None:
    grant = check_grant(small.services)
    with pytest.raises(ParameterError) as refused:
        checks_of(small.services).check(grant, _request(small, **claims), ASKER)
    assert refused.value.missing == tuple(claims)
    assert left(small, grant) == CHECK.uses


def test_a_clock_that_went_back_answers_nothing(own: House) -> None:
    grant = check_grant(own.services)
    own.clock.turn(hours=-2)
    with pytest.raises(UnavailableError):
        checks_of(own.services).check(grant, _request(own), ASKER)
    assert left(own, grant) == CHECK.uses


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
    assert left(house, grant) == 0


def test_a_call_takes_all_its_uses_or_none(small: House) -> None:
    grant = check_grant(small.services, uses=3)
    with pytest.raises(ScopeExceededError):
        check(small, grant, *(asked(row) for row in people_of(small)[:4]))
    assert left(small, grant) == 3
    assert all(check(small, grant, *(asked(row) for row in people_of(small)[:3])).confirmed)
