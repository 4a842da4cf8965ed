"""What a suspension, an overdue deletion and a recipient's standing do to real extracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import ForbiddenError
from gateway.ids import ApplicationId, GrantId
from gateway.policies.errors import RecipientBarredError
from gateway.policies.records import GrantPhase, GrantState
from gateway.policies.scope import civil_date
from gateway.releases.records import ExtractState
from tests.factories.release_cases import APPROVER, CASES, CONFIRMER, RECORDER, applicant, approval, submit
from tests.factories.releases import House, make_house, opened

BUS = CASES["bus-pseudonymous"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


def phase(house: House, grant: GrantId) -> GrantPhase:
    applications = house.services.applications
    return applications.lives([applications.grant(grant)])[grant].phase


@pytest.mark.rule("A50-12")
def test_a_suspension_stops_what_is_under_way_with_an_outcome_and_the_next_range(house: House) -> None:
    extract = house.ready()
    applications = house.services.applications
    stream = house.deliver(extract, 0, 9)
    applications.suspend_grant(APPROVER, extract.grant, reason="接收方安全检查")
    with pytest.raises(ForbiddenError):  # not one byte more, and the outcome says so
        b"".join(stream.content)
    outcome = house.entries("release.outcome")[-1]
    assert (outcome["outcome"], outcome["links"]["extract"]) == ("error", extract.id)
    with pytest.raises(ForbiddenError) as refusal:
        house.deliver(extract, 10, 19)
    assert refusal.value.rule == "A50-12"
    with pytest.raises(ForbiddenError):
        house.start("bus-pseudonymous")
    applications.resume_grant(APPROVER, extract.grant, reason="检查合格")
    assert len(b"".join(house.deliver(extract, 10, 19).content)) == 10


@pytest.mark.rule("A50-12")
def test_a_suspension_before_the_preparation_stops_it(house: House) -> None:
    extract = house.start("bus-pseudonymous")
    house.services.applications.suspend_grant(APPROVER, extract.grant, reason="检查")
    house.work(calm=False)
    assert house.extract(extract.id).state is ExtractState.FAILED
    assert house.services.applications.grant(extract.grant).state is GrantState.SUSPENDED


@pytest.mark.rule("A50-12")
def test_delivered_data_are_owed_until_the_certificate_and_nothing_is_granted_meanwhile(house: House) -> None:
    applications, extract = house.services.applications, house.ready()
    grant_id = extract.grant
    assert applications.lives([applications.grant(grant_id)])[grant_id].owed == ()
    house.content(extract)
    life = applications.lives([applications.grant(grant_id)])[grant_id]
    assert [one.extract for one in life.owed] == [extract.id]
    due = life.delete_by
    assert due is not None
    house.clock.turn(days=(due - civil_date(house.clock())).days)
    house.work()
    assert house.entries("grant.deletion_overdue") == []
    house.clock.turn(days=1)
    assert applications.follow_up() >= 1
    entry = house.entries("grant.deletion_overdue")[-1]
    assert (entry["facts"]["extracts"], entry["links"]["grant"]) == ([extract.id], grant_id)
    assert phase(house, grant_id) is GrantPhase.DELETION_OVERDUE
    waiting = submit(house.services, BUS)
    ground = approval(civil_date(house.clock()), "77")
    waiting = applications.record_ground(RECORDER, ApplicationId(waiting.id), ground, version=waiting.version)
    waiting = applications.confirm_ground(CONFIRMER, waiting.id, version=waiting.version)
    with pytest.raises(RecipientBarredError) as refusal:
        applications.decide(APPROVER, waiting.id, "approve", version=waiting.version)
    assert refusal.value.missing == ("deletion_certificate",)
    house.certify(extract, applicant(BUS.recipient))
    assert phase(house, grant_id) is not GrantPhase.DELETION_OVERDUE
    assert applications.decide(APPROVER, waiting.id, "approve", version=waiting.version).grant_id


@pytest.mark.rule("A50-12")
def test_the_worker_closes_an_expired_grant_whose_data_are_certified(house: House) -> None:
    applications, extract = house.services.applications, house.ready()
    house.content(extract)
    applications.withdraw_grant(APPROVER, extract.grant, reason="不再需要")
    assert phase(house, extract.grant) in {GrantPhase.WITHDRAWN, GrantPhase.DELETION_DUE}
    house.clock.turn(days=2)
    house.work()
    assert phase(house, extract.grant) is GrantPhase.DELETION_DUE
    house.certify(extract)
    assert applications.follow_up() == 1
    assert house.entries("grant.closed")[-1]["links"]["grant"] == extract.grant
    assert phase(house, extract.grant) is GrantPhase.CLOSED
