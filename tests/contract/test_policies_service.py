"""The life of an application on SQLite and PostgreSQL, with the real audit trail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from gateway.errors import (
    ConflictError,
    ForbiddenError,
    GatewayError,
    NotFoundError,
    ParameterError,
    UnavailableError,
)
from gateway.ids import ApplicationId, GrantId
from gateway.policies import store as tables
from gateway.policies.decision import Action
from gateway.policies.errors import (
    ApplicationIncompleteError,
    GroundRefusedError,
    ScopeExceededError,
    StaleVersionError,
    WrongStateError,
)
from gateway.policies.records import Application, ApplicationState, GovernmentApproval, GrantState, Level, Population
from gateway.principals import Role
from tests.factories import policies as make
from tests.factories.policy_house import House, confirmed, granted, open_house, submitted


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    with open_house(tables_url) as found:
        yield found


def grant_id(application: Application) -> GrantId:
    assert application.grant_id is not None
    return application.grant_id


def test_an_application_becomes_a_grant_by_the_hands_of_four_people(house: House) -> None:
    service = house.service()
    done, granted_id = granted(service)
    assert done.state is ApplicationState.GRANTED
    grant = service.grant(granted_id)
    people = {grant.applicant, grant.basis_recorder, grant.basis_confirmer, grant.approver}
    assert people == {"st-applicant", "st-recorder", "st-confirmer", "st-approver"}
    assert grant.scope == done.scope
    assert grant.uses_left == 2
    assert grant.state is GrantState.ACTIVE
    assert grant.policy_set == make.decision_point().sha256
    assert grant.ground_label == "太原市人民政府 并政函〔2026〕12号"
    acts = [event.act for event in service.get(make.applicant(), done.id).history]
    assert acts == ["drafted", "submitted", "ground_recorded", "ground_confirmed", "approved"]


def test_every_act_leaves_an_entry_with_the_whole_chain(house: House) -> None:
    service = house.service()
    done, _ = granted(service)
    entries = house.entries()
    assert [entry["kind"] for entry in entries] == [
        "application.submitted",
        "ground.recorded",
        "ground.confirmed",
        "application.approved",
    ]
    assert entries[-1]["links"] == {
        "application": done.id,
        "grant": done.grant_id,
        "ground": done.ground_id,
        "basis_recorder": "st-recorder",
        "basis_confirmer": "st-confirmer",
        "approver": "st-approver",
        "recipient": make.RECIPIENT,
        "responsible": done.responsible,
    }
    assert [entry["policy"] for entry in entries] == [
        "apply-for-own-recipient",
        "record-ground-in-territory",
        "confirm-ground-in-territory",
        "decide-in-territory",
    ]


def test_what_the_service_returns_is_what_the_store_keeps(house: House) -> None:
    service = house.service()
    done, _ = granted(service)
    assert service.get(make.approver(), done.id) == done
    assert service.list(make.approver())[0] == replace(done, history=())


def test_boundary_28_a_ground_that_does_not_hold_is_refused_and_recorded(house: House) -> None:
    service = house.service()
    one = submitted(service)
    bad: list[tuple[dict[str, object], str]] = [
        ({"government": "太原市小店区刘家堡乡人民政府"}, "township"),
        ({"government": "太原市教育局"}, "education_department"),
        ({"government": "山西转型综合改革示范区管理委员会", "division": make.ZONE}, "zone"),
        ({"valid_to": date(2026, 3, 1)}, "expired"),
        ({"government": "大同市人民政府", "division": make.OTHER_CITY}, "territory"),
        ({"document_number": ""}, "document_number"),
    ]
    for changes, code in bad:
        with pytest.raises(GroundRefusedError) as refusal:
            service.record_ground(make.data_officer(), one.id, make.approval(**changes), version=one.version)
        assert code in refusal.value.missing
        assert refusal.value.rule == "A50-7"
        assert refusal.value.detail_zh
        entry = house.last()
        assert (entry["kind"], entry["outcome"]) == ("application.refused_act", "refused")
        assert code in entry["facts"]["missing"]
    assert len(house.entries()) == 1 + len(bad)
    assert service.get(make.applicant(), one.id).state is ApplicationState.SUBMITTED


def test_boundary_27_without_a_ground_nothing_is_granted_and_the_refusal_is_recorded(house: House) -> None:
    service = house.service()
    one = submitted(service)
    with pytest.raises(GroundRefusedError) as refusal:
        service.decide(make.approver(), one.id, "approve", version=one.version)
    assert (refusal.value.rule, refusal.value.missing) == ("A50-5", ("ground",))
    with pytest.raises(NotFoundError):
        service.grant(GrantId("gr-none"))
    with house.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.grants)) == 0
    entry = house.last()
    assert (entry["kind"], entry["outcome"]) == ("application.refused_act", "refused")
    assert entry["facts"]["act"] == "decide_application"


def test_an_unverified_law_carries_no_grant(house: House) -> None:
    service = house.service()
    one = submitted(service)
    with pytest.raises(GroundRefusedError) as refusal:
        service.record_ground(make.data_officer(), one.id, make.statute("education-38"), version=one.version)
    assert "text_unverified" in refusal.value.missing


def test_a_law_whose_text_is_held_carries_a_grant(house: House) -> None:
    service = house.service()
    one = submitted(service)
    two = service.record_ground(make.data_officer(), one.id, make.statute(), version=one.version)
    three = service.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    done = service.decide(make.approver(), three.id, "approve", version=three.version)
    grant = service.grant(grant_id(done))
    assert grant.ground_kind == "statute"
    assert grant.ground_label == "《中华人民共和国义务教育法》第四十四条"


@pytest.mark.parametrize("separation", ["two", "three"])
def test_the_recorder_neither_confirms_nor_decides(house: House, separation: str) -> None:
    service = house.service(separation)
    one = submitted(service)
    both = make.staff("recorder", Role.DATA_OFFICER, Role.APPROVING_OFFICER)
    two = service.record_ground(both, one.id, make.approval(), version=one.version)
    with pytest.raises(ForbiddenError) as refusal:
        service.confirm_ground(both, two.id, version=two.version)
    assert refusal.value.extra["policy"] == "recorder-does-not-confirm"
    assert house.last()["policy"] == "recorder-does-not-confirm"
    three = service.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    with pytest.raises(ForbiddenError) as refusal:
        service.decide(both, three.id, "approve", version=three.version)
    assert refusal.value.extra["policy"] == "recorder-does-not-decide"
    assert refusal.value.rule == "A50-11"


def test_two_people_suffice_under_two_and_not_under_three(house: House) -> None:
    two = house.service("two")
    one = submitted(two)
    recorded = two.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    with pytest.raises(WrongStateError):
        house.service("three").decide(make.approver(), recorded.id, "approve", version=recorded.version)
    done = two.decide(make.approver(), recorded.id, "approve", version=recorded.version)
    grant = two.grant(grant_id(done))
    assert grant.basis_confirmer == grant.approver == "st-approver"
    assert house.last()["facts"]["confirmed_in_same_act"] is True


def test_under_three_the_confirmer_does_not_decide(house: House) -> None:
    service = house.service("three")
    one = submitted(service)
    two = service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    three = service.confirm_ground(make.approver(), two.id, version=two.version)
    with pytest.raises(ForbiddenError) as refusal:
        service.decide(make.approver(), three.id, "approve", version=three.version)
    assert refusal.value.extra["policy"] == "three-people-confirmer-does-not-decide"


def test_someone_who_acts_for_no_recipient_cannot_apply(house: House) -> None:
    for nobody in (make.data_officer(), make.staff("x", Role.APPLICANT), make.client("x")):
        with pytest.raises(ForbiddenError) as refusal:
            house.service().draft(nobody, make.draft())
        assert refusal.value.extra["policy"] == "default-deny"
        assert house.last()["facts"]["act"] == "apply"


def test_only_the_applicant_changes_an_application(house: House) -> None:
    service = house.service()
    one = service.draft(make.applicant(), make.draft())
    with pytest.raises(ForbiddenError):
        service.edit(make.data_officer(), one.id, make.draft(), version=one.version)
    with pytest.raises(ForbiddenError):
        service.edit(make.applicant("colleague"), one.id, make.draft(), version=one.version)
    sent = service.submit(make.applicant(), one.id, version=one.version)
    with pytest.raises(WrongStateError):
        service.edit(make.applicant(), one.id, make.draft(), version=sent.version)


def test_someone_of_a_unit_who_applies_for_a_recipient_sees_both(house: House) -> None:
    service = house.service()
    submitted(service)
    both = replace(
        make.staff("both", Role.APPLICANT, Role.DATA_OFFICER, unit=make.OTHER_CITY), recipient=make.RECIPIENT
    )
    assert len(service.list(both)) == 1
    assert service.work_list(both) == ()


def test_an_officer_of_another_city_cannot_act(house: House) -> None:
    service = house.service()
    one = submitted(service)
    with pytest.raises(ForbiddenError) as refusal:
        service.record_ground(make.data_officer(unit=make.OTHER_CITY), one.id, make.approval(), version=one.version)
    assert refusal.value.extra["policy"] == "default-deny"
    with pytest.raises(NotFoundError):
        service.get(make.data_officer(unit=make.OTHER_CITY), one.id)


def test_another_recipient_is_told_that_there_is_no_such_application(house: House) -> None:
    service = house.service()
    one = submitted(service)
    stranger = make.applicant("stranger", make.OTHER_RECIPIENT)
    with pytest.raises(NotFoundError) as unknown:
        service.get(stranger, ApplicationId("ap-none"))
    with pytest.raises(NotFoundError) as hidden:
        service.get(stranger, one.id)
    assert str(unknown.value) == str(hidden.value)
    with pytest.raises(NotFoundError):
        service.submit(stranger, one.id, version=one.version)
    assert house.last()["outcome"] == "refused"
    assert service.list(stranger) == ()


def test_a_decision_needs_a_second_factor(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    weak = make.staff("approver", Role.APPROVING_OFFICER, assurance=1)
    with pytest.raises(ForbiddenError) as refusal:
        service.decide(weak, three.id, "approve", version=three.version)
    assert refusal.value.missing == ("second_factor",)


def test_of_two_acts_on_one_version_one_succeeds(house: House) -> None:
    service = house.service()
    one = submitted(service)
    service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    with pytest.raises(StaleVersionError):
        service.return_application(make.approver(), one.id, version=one.version, reason="材料不全")


def test_ten_officers_deciding_at_once_make_one_grant(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    outcomes: list[str] = []

    def decide(number: int) -> None:
        try:
            service.decide(
                make.approver(f"approver-{'abcdefghij'[number]}"), three.id, "approve", version=three.version
            )
            outcomes.append("granted")
        except ConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 9 + ["granted"]


def test_a_returned_application_loses_its_ground_and_may_be_submitted_again(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    back = service.decide(make.approver(), three.id, "return", version=three.version, reason="请缩小字段")
    assert (back.state, back.ground, back.ground_recorder) == (ApplicationState.RETURNED, None, None)
    smaller = make.draft(scope=make.scope(fields=("stage",)))
    edited = service.edit(make.applicant(), back.id, smaller, version=back.version)
    again = service.submit(make.applicant(), edited.id, version=edited.version)
    assert again.scope.fields == ("stage",)
    assert [event.act for event in again.history][-3:] == ["returned", "edited", "resubmitted"]


def test_a_refusal_ends_the_application_and_needs_a_reason(house: House) -> None:
    service = house.service()
    one = submitted(service)
    with pytest.raises(ApplicationIncompleteError):
        service.decide(make.approver(), one.id, "refuse", version=one.version)
    done = service.decide(make.approver(), one.id, "refuse", version=one.version, reason="用途不符")
    assert done.state is ApplicationState.REFUSED
    assert house.last()["kind"] == "application.refused"
    with pytest.raises(WrongStateError):
        service.submit(make.applicant(), done.id, version=done.version)


def test_an_incomplete_application_names_what_is_missing(house: House) -> None:
    service = house.service()
    for part in ("recipient_name", "responsible", "reason", "protection", "terms_accepted"):
        draft = make.draft(**{part: False if part == "terms_accepted" else " "})
        one = service.draft(make.applicant(), draft)
        with pytest.raises(ApplicationIncompleteError) as refusal:
            service.submit(make.applicant(), one.id, version=one.version)
        assert refusal.value.missing == (part,)
        assert house.last()["facts"]["missing"] == [part]


def test_an_application_beyond_a_ceiling_is_refused_by_dimension(house: House) -> None:
    service = house.service()
    beyond: list[tuple[dict[str, object], str]] = [
        ({"purpose": "unknown"}, "purpose"),
        ({"profile": "aid-masked"}, "profile"),
        ({"level": Level.MASKED}, "level"),
        ({"fields": ("county", "name_masked")}, "fields"),
        ({"fields": ()}, "fields"),
        ({"population": Population("999999")}, "territory"),
        ({"population": Population(make.CITY, grades=frozenset())}, "grades"),
        ({"valid_to": date(2026, 8, 28)}, "period"),
        ({"valid_from": date(2026, 2, 1), "valid_to": date(2026, 3, 1)}, "period"),
        ({"uses": 11}, "uses"),
        ({"uses": 0}, "uses"),
        ({"row_cap": 5_000_001}, "rows"),
    ]
    for number, (changes, dimension) in enumerate(beyond, start=1):
        with pytest.raises(ScopeExceededError) as refusal:
            service.create(make.applicant(), make.draft(scope=make.scope(**changes)))
        assert dimension in refusal.value.missing
        assert [entry["outcome"] for entry in house.entries()] == ["refused"] * number
    assert service.list(make.applicant()) == ()


def test_a_telephone_number_in_the_responsible_person_is_refused_before_it_is_kept(house: House) -> None:
    with pytest.raises(ApplicationIncompleteError) as refusal:
        house.service().draft(make.applicant(), make.draft(responsible="示例 13800000000"))
    assert refusal.value.missing == ("responsible",)
    assert "13800000000" not in str(house.entries())


def test_i6_an_approval_narrows_what_it_grants(house: House) -> None:
    service = house.service()
    one = submitted(service)
    ground = make.approval(fields=frozenset({"stage", "grade"}), valid_to=date(2026, 4, 30))
    two = service.record_ground(make.data_officer(), one.id, ground, version=one.version)
    three = service.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    done = service.decide(make.approver(), three.id, "approve", version=three.version)
    grant = service.grant(grant_id(done))
    assert grant.scope.fields == ("grade", "stage")
    assert grant.scope.valid_to == date(2026, 4, 30)
    assert house.last()["kind"] == "application.narrowed"


def test_the_approver_narrows_and_never_widens(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    wider = replace(three.scope, uses=3)
    with pytest.raises(ScopeExceededError) as refusal:
        service.decide(make.approver(), three.id, "narrow", version=three.version, reason="多给", narrowed=wider)
    assert refusal.value.extra["dimension"] == "uses"
    with pytest.raises(ParameterError):
        service.decide(make.approver(), three.id, "approve", version=three.version, narrowed=three.scope)
    smaller = replace(three.scope, uses=1, population=Population(make.COUNTY))
    done = service.decide(
        make.approver(), three.id, "narrow", version=three.version, reason="一次足够", narrowed=smaller
    )
    assert service.grant(grant_id(done)).scope == smaller


def test_an_approval_that_lapses_before_the_decision_carries_nothing(house: House) -> None:
    service = house.service()
    one = submitted(service)
    short = make.approval(valid_to=date(2026, 3, 3))
    two = service.record_ground(make.data_officer(), one.id, short, version=one.version)
    three = service.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    house.clock.at += timedelta(days=2)
    with pytest.raises(GroundRefusedError) as refusal:
        service.decide(make.approver(), three.id, "approve", version=three.version)
    assert refusal.value.missing == ("expired",)


def test_the_work_list_shows_each_person_the_step_that_is_theirs(house: House) -> None:
    service = house.service()
    one = submitted(service)
    recorder, confirmer, approver = make.data_officer(), make.data_officer("confirmer"), make.approver()
    assert [item.acts[0] for item in service.work_list(recorder)] == [Action.RECORD_GROUND]
    assert service.work_list(approver) == ()
    two = service.record_ground(recorder, one.id, make.approval(), version=one.version)
    assert service.work_list(recorder) == ()
    assert [item.acts[0] for item in service.work_list(confirmer)] == [Action.CONFIRM_GROUND]
    three = service.confirm_ground(confirmer, two.id, version=two.version)
    assert [item.acts[0] for item in service.work_list(approver)] == [Action.DECIDE_APPLICATION]
    service.decide(approver, three.id, "approve", version=three.version)
    assert service.work_list(approver) == ()


def test_permissions_say_what_until_when_and_how_often(house: House) -> None:
    service = house.service()
    done, _ = granted(service)
    mine = {permission.action: permission for permission in service.permissions(make.applicant())}
    assert set(mine) == {Action.APPLY, Action.DELIVER_RELEASE, Action.VERIFY_IDENTITY}
    delivery = mine[Action.DELIVER_RELEASE]
    assert (delivery.id, delivery.until, delivery.uses_left) == (done.grant_id, date(2026, 6, 30), 2)
    runs = {permission.action for permission in service.permissions(make.executor())}
    assert runs == {Action.EXECUTE_RELEASE}
    inspector = {permission.action for permission in service.permissions(make.staff("inspector", Role.INSPECTOR))}
    assert inspector == {
        Action.READ_AUDIT, Action.EXPORT_AUDIT, Action.KEEP_CANARIES, Action.CONFIRM_CANARIES,
    }  # fmt: skip
    assert service.permissions(make.staff("nobody")) == ()


def test_the_public_register_names_no_person(house: House) -> None:
    service = house.service()
    done, _ = granted(service)
    (line,) = service.public_register()
    assert (line.grant, line.recipient, line.state) == (done.grant_id, make.RECIPIENT, GrantState.ACTIVE)
    assert "st-" not in repr(line)
    assert done.responsible not in repr(line)


def test_a_zone_is_decided_by_its_city(house: House) -> None:
    service = house.service()
    one = submitted(service, make.draft(scope=make.scope(population=Population(make.ZONE))))
    assert one.unit == make.CITY
    county = make.approval(government="太原市小店区人民政府", division=make.COUNTY)
    with pytest.raises(GroundRefusedError) as refusal:
        service.record_ground(make.data_officer(), one.id, county, version=one.version)
    assert refusal.value.missing == ("territory",)
    two = service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    assert two.state is ApplicationState.BASIS_RECORDED


def test_the_ground_is_kept_in_its_normal_form(house: House) -> None:
    service = house.service()
    one = submitted(service)
    ground = make.approval(document_number="并政函［２０２６］12 号", scan_sha256="AB" * 32)
    two = service.record_ground(make.data_officer(), one.id, ground, version=one.version)
    kept = service.get(make.approver(), two.id).ground
    assert isinstance(kept, GovernmentApproval)
    assert (kept.document_number, kept.scan_sha256) == ("并政函〔2026〕12号", "ab" * 32)


def test_i8_without_an_audit_trail_nothing_is_granted(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    house.journal.close()
    with pytest.raises(UnavailableError):
        service.decide(make.approver(), three.id, "approve", version=three.version)
    with pytest.raises(UnavailableError):
        service.decide(make.executor(), three.id, "approve", version=three.version)
    assert service.get(make.approver(), three.id) == three
    assert service.grants(make.approver()) == ()


def test_i1_without_an_entry_in_the_trail_there_is_no_grant(house: House) -> None:
    service = house.service()
    three = confirmed(service)
    with house.engine.begin() as connection:  # a label that the trail refuses: fact and entry fail together
        connection.execute(tables.applications.update().values(responsible="示例 13800000000"))
    with pytest.raises(GatewayError):
        service.decide(make.approver(), three.id, "approve", version=three.version)
    assert service.grants(make.approver()) == ()
    assert len(house.entries()) == 3


def test_the_store_refuses_a_second_application_with_one_id(house: House) -> None:
    one = make.application()
    with house.engine.begin() as connection:
        house.store.insert_application(connection, one)  # type: ignore[arg-type]  # a Tx
    with pytest.raises(ConflictError), house.engine.begin() as connection:
        house.store.insert_application(connection, one)  # type: ignore[arg-type]  # a Tx
