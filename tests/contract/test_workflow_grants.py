"""A grant from its signature to its end: separation with deputies, suspension, deletion; on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.ids import AccountId, GrantId
from gateway.policies import store as tables
from gateway.policies.admission import require_different_people
from gateway.policies.codec import signed_members
from gateway.policies.decision import Action
from gateway.policies.errors import ApplicationIncompleteError, RecipientBarredError, WrongStateError
from gateway.policies.records import Application, ApplicationState, Grant, GrantPhase, GrantState, GroundId, Scope
from gateway.policies.register import RegisterFilter, register_csv
from gateway.policies.resources import grant_resource
from gateway.policies.service import ApplicationService, DecisionKind
from gateway.principals import Principal, Role
from tests.factories import policies as make
from tests.factories.policy_house import House, confirmed, granted, open_house, recorded, submitted


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    with open_house(tables_url) as found:
        yield found


def deputy(of: str, name: str = "deputy") -> Principal:
    """Return who stands in for the account ``st-<of>`` as approving officer."""
    return replace(make.approver(name), on_behalf=AccountId(f"st-{of}"), post="代行人")


def phase(service: ApplicationService, grant_id: GrantId) -> GrantPhase:
    """Return the phase of a grant."""
    return service.lives([service.grant(grant_id)])[grant_id].phase


# --- deputies ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("A50-11")
def test_a_deputy_decides_in_their_own_name_and_both_are_named(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    done = service.decide(deputy("head"), three.id, "approve", version=three.version)
    assert (done.approver, done.approver_for) == ("st-deputy", "st-head")
    assert done.grant_id is not None
    grant = service.grant(done.grant_id)
    assert (grant.approver, grant.approver_for, grant.approver_post) == ("st-deputy", "st-head", "代行人")
    assert service.get(make.applicant(), done.id).history[-1].on_behalf == "st-head"
    entry = house.entries("application.approved")[0]
    assert (entry["facts"]["on_behalf"], entry["links"]["approver"]) == ("st-head", "st-deputy")


@pytest.mark.rule("A50-11")
@pytest.mark.parametrize("who", ["applicant", "recorder", "confirmer"])
def test_whoever_had_another_part_decides_by_no_deputy(house: House, who: str) -> None:
    service = house.service()
    three = confirmed(service)
    with pytest.raises(ForbiddenError) as refusal:
        service.decide(deputy(who), three.id, "approve", version=three.version)
    assert (refusal.value.rule, refusal.value.missing) == ("A50-11", ("another_person",))
    entry = house.entries("application.refused_act")[-1]
    assert entry["facts"]["on_behalf"] == f"st-{who}"
    with house.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.grants)) == 0


@pytest.mark.rule("A50-11")
def test_who_delegated_neither_confirms_nor_decides_what_the_deputy_did(house: House) -> None:
    service = house.service()
    two = recorded(service)
    three = service.confirm_ground(deputy("head"), two.id, version=two.version)
    assert (three.ground_confirmer, three.confirmer_for) == ("st-deputy", "st-head")
    for person in (make.approver("head"), make.approver("deputy"), deputy("head", "second")):
        with pytest.raises(ForbiddenError) as refusal:
            service.decide(person, three.id, "approve", version=three.version)
        assert refusal.value.rule == "A50-11"
    assert service.decide(make.approver(), three.id, "approve", version=three.version).grant_id


@pytest.mark.rule("A50-11")
def test_under_two_people_a_deputy_may_confirm_in_the_act_but_not_for_the_recorder(house: House) -> None:
    service = house.service("two")
    two = recorded(service)
    with pytest.raises(ForbiddenError):
        service.decide(deputy("recorder"), two.id, "approve", version=two.version)
    done = service.decide(deputy("head"), two.id, "approve", version=two.version)
    assert (done.ground_confirmer, done.confirmer_for, done.approver_for) == ("st-deputy", "st-head", "st-head")


@pytest.mark.rule("A50-11")
def test_neither_who_delegated_nor_a_deputy_of_either_executes(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    done = service.decide(deputy("head"), three.id, "approve", version=three.version)
    assert done.grant_id is not None
    resource = grant_resource(service.grant(done.grant_id))
    both = frozenset({Role.EXECUTOR, Role.APPROVING_OFFICER})
    for account, on_behalf in (
        ("st-head", None), ("st-deputy", None), ("st-x", "st-head"), ("st-x", "st-deputy"), ("st-x", "st-applicant"),
    ):  # fmt: skip
        lent = None if on_behalf is None else AccountId(on_behalf)
        who = replace(make.executor(), account=AccountId(account), roles=both, on_behalf=lent)
        with pytest.raises(ForbiddenError) as refusal:
            service.authorize(who, Action.EXECUTE_RELEASE, resource)
        assert refusal.value.rule == "A50-11"
    assert service.authorize(make.executor(), Action.EXECUTE_RELEASE, resource).allowed


@pytest.mark.rule("A50-11")
def test_i1_the_floor_holds_without_any_policy() -> None:
    base = make.application(
        state=ApplicationState.CONFIRMED,
        ground_id=GroundId("ba-x"),
        ground_recorder=AccountId("st-recorder"),
        ground_confirmer=AccountId("st-confirmer"),
    )

    def apart(application: Application, approver: str, on_behalf: str | None, separation: str) -> bool:
        lent = None if on_behalf is None else AccountId(on_behalf)
        try:
            require_different_people(application, AccountId(approver), separation, on_behalf=lent)
        except ForbiddenError:
            return False
        return True

    cases = [
        ({}, "st-a", None, True, True),
        ({}, "st-a", "st-b", True, True),
        ({}, "st-a", "st-applicant", False, False),
        ({}, "st-a", "st-recorder", False, False),
        ({}, "st-a", "st-confirmer", True, False),
        ({"confirmer_for": AccountId("st-a")}, "st-a", None, True, False),
        ({"confirmer_for": AccountId("st-b")}, "st-a", "st-b", True, False),
        ({"recorder_for": AccountId("st-a")}, "st-a", None, False, False),
        ({"recorder_for": AccountId("st-confirmer")}, "st-a", None, False, False),
        ({"confirmer_for": AccountId("st-applicant")}, "st-a", None, False, False),
        ({"confirmer_for": AccountId("st-recorder")}, "st-a", None, False, False),
    ]
    for changes, approver, on_behalf, two, three in cases:
        one = replace(base, **changes)  # type: ignore[arg-type]  # members of the record
        assert (apart(one, approver, on_behalf, "two"), apart(one, approver, on_behalf, "three")) == (two, three), (
            changes,
            approver,
            on_behalf,
        )


# --- suspend, resume, withdraw ----------------------------------------------------------------------------------


@pytest.mark.rule("A50-12")
def test_a_grant_is_suspended_resumed_and_withdrawn_with_a_reason(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    for act in (service.suspend_grant, service.withdraw_grant):
        with pytest.raises(ApplicationIncompleteError):
            act(make.approver(), grant_id, reason=" ")
    stopped = service.suspend_grant(make.approver(), grant_id, reason="接收方安全检查")
    assert (stopped.state, stopped.state_reason, stopped.state_by) == (
        GrantState.SUSPENDED, "接收方安全检查", "st-approver",
    )  # fmt: skip
    assert phase(service, grant_id) is GrantPhase.SUSPENDED
    with pytest.raises(WrongStateError):
        service.suspend_grant(make.approver(), grant_id, reason="再次")
    with house.engine.begin() as connection:
        assert connection.execute(tables.grants.select()).one().state == "suspended"
    assert service.resume_grant(make.approver(), grant_id, reason="检查合格").state is GrantState.ACTIVE
    with pytest.raises(WrongStateError):
        service.resume_grant(make.approver(), grant_id, reason="再次")
    service.suspend_grant(make.approver(), grant_id, reason="又一次")
    assert service.withdraw_grant(make.approver(), grant_id, reason="违规使用").state is GrantState.WITHDRAWN
    for act in (service.resume_grant, service.suspend_grant, service.withdraw_grant):
        with pytest.raises(WrongStateError):
            act(make.approver(), grant_id, reason="迟到")
    kinds = [kind for kind in house.kinds() if kind.startswith("grant.")]
    assert kinds == ["grant.suspended", "grant.resumed", "grant.suspended", "grant.withdrawn"]
    acts = [event.act for event in service.get(make.applicant(), stopped.application).history][-4:]
    assert acts == ["suspended", "resumed", "suspended", "withdrawn"]


@pytest.mark.rule("A50-12")
def test_only_an_approving_officer_of_the_territory_stops_a_grant(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    others = [
        make.data_officer(), make.executor(), make.applicant(), make.approver("far", make.OTHER_CITY),
        make.staff("inspector", Role.INSPECTOR), make.approver("weak"),
    ]  # fmt: skip
    others[-1] = replace(others[-1], assurance=1)
    for who in others:
        for act in (service.suspend_grant, service.resume_grant, service.withdraw_grant):
            with pytest.raises(ForbiddenError):
                act(who, grant_id, reason="试图")
    assert service.grant(grant_id).state is GrantState.ACTIVE
    assert len(house.entries("application.refused_act")) == len(others) * 3


@pytest.mark.rule("A50-12")
def test_a_suspended_or_expired_grant_gives_no_use_and_is_not_resumed_after_its_end(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    service.suspend_grant(make.approver(), grant_id, reason="检查")
    with house.engine.begin() as connection:
        assert not house.store.reserve_use(connection, grant_id, house.clock.at)  # type: ignore[arg-type]
    house.turn(days=121)  # 1 July
    with pytest.raises(WrongStateError):
        service.resume_grant(make.approver(), grant_id, reason="迟到")


def test_two_officers_stop_a_grant_at_once_and_one_is_told_so(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    outcomes: list[str] = []

    def stop(number: int) -> None:
        try:
            service.suspend_grant(make.approver(f"approver-{number}"), grant_id, reason="检查")
            outcomes.append("suspended")
        except ConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=stop, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 5 + ["suspended"]
    assert len(house.entries("grant.suspended")) == 1


def test_a_grant_of_the_first_revision_still_verifies_and_cannot_be_filled_in(house: House) -> None:
    old = make.grant()
    assert set(signed_members(old)).isdisjoint(
        {"approver_for", "approver_unit", "approver_post", "terms_version", "terms_sha256", "state_reason"}
    )
    sealed = make.seal().sign(old)
    assert make.seal().verify(sealed) == sealed
    for changes in ({"approver_for": AccountId("st-x")}, {"terms_sha256": "00" * 32}, {"approver_post": "科长"}):
        with pytest.raises(Exception, match="differs"):
            make.seal().verify(replace(sealed, **changes))
    later = replace(sealed, state=GrantState.SUSPENDED, state_reason="检查", state_by=AccountId("st-approver"))
    assert make.seal().verify(later) == later


# --- deletion, closing ------------------------------------------------------------------------------------------


def handed_out(house: House) -> tuple[ApplicationService, GrantId]:
    """Return a grant under which an extract was delivered, to be deleted by 30 June."""
    service = house.service()
    _done, grant_id = granted(service)
    house.deliveries.hand_out(grant_id, house.clock.at, date(2026, 6, 30))
    return service, grant_id


@pytest.mark.rule("A50-12")
def test_an_ended_grant_waits_for_its_deletion_certificates_and_closes(house: House) -> None:
    service, grant_id = handed_out(house)
    assert phase(service, grant_id) is GrantPhase.ACTIVE
    service.withdraw_grant(make.approver(), grant_id, reason="不再需要")
    assert phase(service, grant_id) is GrantPhase.DELETION_DUE
    assert service.follow_up() == 0
    life = service.lives([service.grant(grant_id)])[grant_id]
    assert (life.delete_by, len(life.owed)) == (date(2026, 6, 30), 1)
    house.deliveries.certify(grant_id)
    assert phase(service, grant_id) is GrantPhase.CLOSED
    assert [service.follow_up(), service.follow_up()] == [1, 0]
    (entry,) = house.entries("grant.closed")
    assert (entry["facts"], entry["links"]["grant"]) == ({"ended": "withdrawn"}, grant_id)


@pytest.mark.rule("A50-12")
def test_an_expired_grant_without_deliveries_closes_at_once(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    house.turn(days=121)
    assert phase(service, grant_id) is GrantPhase.CLOSED


@pytest.mark.rule("A50-12")
def test_a_use_that_still_goes_on_keeps_the_grant_from_closing(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    house.deliveries.hand_out(grant_id, house.clock.at, date(2026, 6, 30), settled=False)
    with house.engine.begin() as connection:
        connection.execute(tables.grants.update().values(uses_left=0))
    assert phase(service, grant_id) is GrantPhase.USED_UP
    assert service.follow_up() == 0


@pytest.mark.rule("A50-12")
def test_an_overdue_deletion_is_told_once_for_each_due_date(house: House) -> None:
    service, grant_id = handed_out(house)
    house.deliveries.hand_out(grant_id, house.clock.at, date(2026, 7, 10))
    house.turn(days=120)  # 30 June: on time to the last day
    assert (phase(service, grant_id), service.follow_up()) == (GrantPhase.ACTIVE, 0)
    house.turn(days=1)
    assert phase(service, grant_id) is GrantPhase.DELETION_OVERDUE
    other = house.service()
    assert [service.follow_up(), other.follow_up(), service.follow_up()] == [1, 0, 0]
    house.turn(days=10)
    assert service.follow_up() == 1
    entries = house.entries("grant.deletion_overdue")
    assert [(entry["facts"]["due"], entry["facts"]["count"]) for entry in entries] == [
        ("2026-06-30", 1), ("2026-07-10", 1),
    ]  # fmt: skip
    assert entries[0]["links"]["recipient"] == make.RECIPIENT


@pytest.mark.rule("A50-12")
def test_whoever_owes_a_deletion_is_granted_nothing_further(house: House) -> None:
    service, grant_id = handed_out(house)
    later = make.draft(scope=make.scope(valid_to=date(2026, 8, 1)))
    house.turn(days=90)
    waiting = confirmed(house.service(), later)
    house.turn(days=40)
    kinds: list[tuple[DecisionKind, Scope | None]] = [("approve", None), ("narrow", replace(waiting.scope, uses=1))]
    for kind, narrowed in kinds:
        with pytest.raises(RecipientBarredError) as refusal:
            service.decide(
                make.approver(),
                waiting.id,
                kind,
                version=waiting.version,
                reason="同意",
                narrowed=narrowed,
            )
        assert (refusal.value.rule, refusal.value.missing) == ("A50-12", ("deletion_certificate",))
        assert refusal.value.extra == {"grants": grant_id}
        assert grant_id in refusal.value.detail_zh
        assert house.entries()[-1]["facts"]["missing"] == ["deletion_certificate"]
    # a refusal or a return is still possible, an application too; another recipient is not touched
    assert service.barred(make.OTHER_RECIPIENT) is None
    assert [error.rule for error in service.hindrances(waiting)] == ["A50-12"]
    house.deliveries.certify(grant_id)
    assert service.decide(make.approver(), waiting.id, "approve", version=waiting.version).grant_id


# --- the public register ----------------------------------------------------------------------------------------


@pytest.mark.rule("A50-10")
def test_the_register_names_unit_and_post_and_no_person(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    who = replace(make.approver(), post="基础教育科科长")
    done = service.decide(who, three.id, "approve", version=three.version)
    (line,) = service.public_register()
    assert (line.approver_unit_name, line.approver_post) == ("山西省太原市", "基础教育科科长")
    assert line.field_labels
    assert line.purpose_label
    assert line.territory_name == "山西省太原市"
    text = repr(line) + register_csv([line])
    people = {done.applicant, done.approver, done.ground_recorder, done.ground_confirmer}
    assert not any(str(person) in text for person in people)
    assert done.responsible not in text


def test_the_register_is_searched_and_filtered(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    hits: list[RegisterFilter] = [
        RegisterFilter(text="教材"), RegisterFilter(text=make.RECIPIENT.lower()), RegisterFilter(text="并政函"),
        RegisterFilter(purpose="textbook-order"), RegisterFilter(territory="140000"),
        RegisterFilter(territory=make.CITY),
        RegisterFilter(phase=GrantPhase.ACTIVE), RegisterFilter(on=date(2026, 6, 30)), RegisterFilter(text=" "),
    ]  # fmt: skip
    misses = [
        RegisterFilter(text="没有"), RegisterFilter(purpose="school-bus"), RegisterFilter(territory=make.COUNTY),
        RegisterFilter(phase=GrantPhase.CLOSED), RegisterFilter(on=date(2026, 7, 1)),
        RegisterFilter(territory="999999"),
    ]  # fmt: skip
    assert all([line.grant for line in service.public_register(wanted)] == [grant_id] for wanted in hits)
    assert not any(service.public_register(wanted) for wanted in misses)


def test_a_name_that_a_spreadsheet_would_run_stays_text(house: House) -> None:
    service = house.service()
    granted(service, make.draft(recipient_name="=HYPERLINK(1)"))
    lines = register_csv(service.public_register()).splitlines()
    assert lines[0].startswith("grant,recipient,recipient_name,")
    assert "'=HYPERLINK(1)" in lines[1]


def test_the_register_of_an_altered_row_is_not_shown(house: House) -> None:
    service = house.service()
    granted(service)
    with house.engine.begin() as connection:
        connection.execute(tables.grants.update().values(recipient_name="别的单位"))
    with pytest.raises(Exception, match="differs"):
        service.public_register()
    assert service.follow_up() == 0


def test_a_grant_that_is_not_there_is_not_found(house: House) -> None:
    service = house.service()
    with pytest.raises(NotFoundError):
        service.suspend_grant(make.approver(), GrantId("gr-none"), reason="检查")
    assert submitted(service).state is ApplicationState.SUBMITTED
    assert isinstance(make.grant(), Grant)
