"""An application through its rounds, its deadlines, its comments and its end; on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from gateway.errors import ForbiddenError, NotFoundError
from gateway.ids import ApplicationId
from gateway.policies import store as tables
from gateway.policies.decision import Action
from gateway.policies.errors import (
    ApplicationIncompleteError,
    GrantInvalidError,
    RecipientBarredError,
    StaleVersionError,
    WrongStateError,
)
from gateway.policies.phases import application_phase
from gateway.policies.records import SYSTEM, Application, ApplicationState
from gateway.policies.service import ApplicationService
from gateway.principals import Role
from rulebook.records import SecurityTerms
from tests.factories import policies as make
from tests.factories.policy_house import House, confirmed, granted, open_house, recorded, returned, submitted

NEXT_TERMS = SecurityTerms("2026-2", date(2026, 4, 1), "修订的条款。", "Revised terms.", "cd" * 32)


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    with open_house(tables_url) as found:
        yield found


def drafted(service: ApplicationService) -> Application:
    return service.draft(make.applicant(), make.draft())


# --- rounds -----------------------------------------------------------------------------------------------------


def test_a_returned_application_is_resubmitted_in_a_round_that_people_see(house: House) -> None:
    service = house.service()
    one = submitted(service)
    assert (one.round, application_phase(one)) == (1, "submitted")
    back = service.decide(make.approver(), one.id, "return", version=one.version, reason="请说明销毁方式")
    smaller = make.draft(scope=make.scope(uses=1), protection="到期三日内销毁")
    edited = service.edit(make.applicant(), back.id, smaller, version=back.version)
    again = service.submit(make.applicant(), edited.id, version=edited.version)
    assert (again.state, again.round, application_phase(again)) == (ApplicationState.SUBMITTED, 2, "resubmitted")
    assert house.kinds()[-1] == "application.resubmitted"
    assert house.entries()[-1]["facts"]["round"] == 2
    assert service.get(make.applicant(), one.id) == again


def test_an_edit_keeps_what_was_replaced_and_who_replaced_it(house: House) -> None:
    service = house.service()
    one = drafted(service)
    house.turn(minutes=5)
    who = replace(make.applicant(), post="发行部编务")
    smaller = make.draft(scope=make.scope(fields=("stage",), uses=1), protection="专机专人")
    after = service.edit(who, one.id, smaller, version=one.version)
    event = service.get(make.applicant(), one.id).history[-1]
    assert (event.act, event.account, event.post, event.at) == ("edited", who.account, "发行部编务", house.clock.at)
    told = {change.member: (change.before, change.after) for change in event.changes}
    assert told == {
        "fields": ('["county","grade","stage"]', '["stage"]'),
        "uses": ("2", "1"),
        "protection": ("内网专机，专人保管", "专机专人"),
    }
    assert after.version == one.version + 1


def test_an_edit_that_changes_nothing_tells_nothing(house: House) -> None:
    service = house.service()
    one = drafted(service)
    after = service.edit(make.applicant(), one.id, make.draft(), version=one.version)
    assert after.history[-1].changes == ()


@pytest.mark.rule("A50-13")
def test_an_applicant_takes_an_own_application_back_until_it_is_decided(house: House) -> None:
    service = house.service()
    for begin in (drafted, submitted, returned, recorded, confirmed):
        one = begin(service)
        with pytest.raises((ForbiddenError, NotFoundError)):
            service.take_back(make.applicant("other", make.OTHER_RECIPIENT), one.id, version=one.version)
        with pytest.raises(ForbiddenError):
            service.take_back(make.approver(), one.id, version=one.version)
        done = service.take_back(make.applicant(), one.id, version=one.version, reason="不再需要")
        assert (done.state, done.history[-1].act) == (ApplicationState.WITHDRAWN, "taken_back")
        assert application_phase(done) == "withdrawn"
        assert house.kinds()[-1] == "application.withdrawn"
        with pytest.raises(WrongStateError):
            service.decide(make.approver(), one.id, "refuse", version=done.version, reason="迟到")
    done, _grant = granted(service)
    with pytest.raises(WrongStateError):
        service.take_back(make.applicant(), done.id, version=done.version)


# --- comments ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("A50-4")
def test_both_sides_talk_and_no_version_changes(house: House) -> None:
    service = house.service()
    one = submitted(service)
    service.comment(make.data_officer(), one.id, "请说明数据存放在哪台设备。")
    house.turn(minutes=1)
    service.comment(replace(make.applicant(), post="发行部"), one.id, " 加密专机。 ")
    said = service.comments(make.approver(), one.id)
    assert [(c.side, c.text, c.post) for c in said] == [
        ("office", "请说明数据存放在哪台设备。", ""),
        ("recipient", "加密专机。", "发行部"),
    ]
    assert service.get(make.applicant(), one.id).version == one.version
    service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    entry = house.entries("application.commented")[0]
    assert entry["facts"] == {"characters": 13, "side": "office", "state": "submitted"}


def test_a_comment_neither_by_nor_to_a_stranger(house: House) -> None:
    service = house.service()
    one = submitted(service)
    stranger = make.applicant("stranger", make.OTHER_RECIPIENT)
    with pytest.raises(NotFoundError):
        service.comment(stranger, one.id, "请批准")
    with pytest.raises(NotFoundError):
        service.comments(stranger, one.id)
    with pytest.raises(ForbiddenError):
        service.comment(make.staff("inspector", Role.INSPECTOR), one.id, "检查")
    with pytest.raises(ForbiddenError):
        service.comment(make.data_officer("elsewhere", make.OTHER_CITY), one.id, "别处")
    assert service.comments(make.applicant(), one.id) == ()


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize(
    "text",
    [
        "请联系 13800138000",
        "电话：138 0013 8000",
        "140105201001010012",
        "Ｇ１４０１０５２０１００１０１００１２",
        "",
        "字" * 2001,
    ],
)
def test_a_comment_with_a_number_of_a_person_is_refused_and_kept_nowhere(house: House, text: str) -> None:
    service = house.service()
    one = submitted(service)
    with pytest.raises(ApplicationIncompleteError) as refusal:
        service.comment(make.data_officer(), one.id, text)
    assert refusal.value.missing == ("text",)
    assert service.comments(make.data_officer(), one.id) == ()
    if text.strip():
        assert text not in str(house.entries())


def test_what_was_said_and_done_cannot_be_rewritten(house: House) -> None:
    service = house.service()
    one = submitted(service)
    service.comment(make.data_officer(), one.id, "第一句。")
    for table in (tables.application_comments, tables.application_events):
        for change in (table.update().values(account="st-somebody"), table.delete()):
            with pytest.raises(sa.exc.DBAPIError, match="forbidden"), house.engine.begin() as connection:
                connection.execute(change)


def test_a_reason_with_a_telephone_number_is_refused(house: House) -> None:
    service = house.service()
    one = submitted(service)
    with pytest.raises(ApplicationIncompleteError) as refusal:
        service.decide(make.approver(), one.id, "return", version=one.version, reason="请致电 03511234567")
    assert refusal.value.missing == ("reason",)


# --- deadlines --------------------------------------------------------------------------------------------------


def test_each_step_has_its_last_day_in_working_days(house: House) -> None:
    service = house.service()  # Monday, 2 March 2026; a period of 5 working days ends on Monday 9 March
    one = submitted(service)
    assert service.due(one) == (date(2026, 3, 9), False)
    house.turn(days=1)
    two = service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    assert service.due(two) == (date(2026, 3, 6), False)
    three = service.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    assert service.due(three) == (date(2026, 3, 10), False)
    back = service.decide(make.approver(), three.id, "return", version=three.version, reason="再看")
    assert service.due(back) == (date(2026, 3, 17), False)
    assert service.due(service.draft(make.applicant(), make.draft())) == (None, False)


def test_a_holiday_moves_the_last_day(house: House) -> None:
    house.clock.at = datetime(2026, 9, 28, 2, 0, tzinfo=UTC)  # A19-1: around the National Day, with swapped days
    service = house.service()
    draft = make.draft(scope=make.scope(valid_from=date(2026, 9, 28), valid_to=date(2026, 12, 1)))
    # 29 and 30 September, 8 and 9 October, and Saturday 10 October, which is worked
    assert service.due(submitted(service, draft))[0] == date(2026, 10, 10)


def test_what_waits_too_long_is_found_marked_and_told_once(house: House) -> None:
    service, other = house.service(), house.service()
    one = submitted(service)
    fresh = submitted(other)
    house.turn(days=7)  # Monday 9 March, the last day
    assert service.list(make.data_officer(), overdue=True) == ()
    assert service.follow_up() == 0
    other.take_back(make.applicant(), fresh.id, version=fresh.version)
    house.turn(days=1)
    (late,) = service.list(make.data_officer(), overdue=True)
    assert late.id == one.id
    (item,) = service.work_list(make.data_officer())
    assert (item.due, item.overdue) == (date(2026, 3, 9), True)
    assert [service.follow_up(), other.follow_up(), service.follow_up()] == [1, 0, 0]
    (entry,) = house.entries("application.overdue")
    assert entry["facts"] == {"step": "record", "due": "2026-03-09", "round": 1, "unit": make.CITY}
    assert entry["links"]["application"] == one.id
    assert entry["actor"] is None
    two = service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    assert service.list(make.data_officer(), overdue=True) == ()
    house.turn(days=8)
    assert service.follow_up() == 1
    assert [entry["facts"]["step"] for entry in house.entries("application.overdue")] == ["record", "confirm"]
    assert service.get(make.applicant(), two.id).version == two.version


def test_strangers_do_not_find_what_is_overdue(house: House) -> None:
    service = house.service()
    submitted(service)
    house.turn(days=20)
    assert service.list(make.applicant("stranger", make.OTHER_RECIPIENT), overdue=True) == ()
    assert service.list(make.data_officer("elsewhere", make.OTHER_CITY), overdue=True) == ()


def test_a_return_that_is_not_answered_lapses(house: House) -> None:
    service = house.service()
    back = returned(service)
    house.turn(days=14)  # the tenth working day
    assert service.follow_up() == 0
    house.turn(days=1)
    assert [service.follow_up(), service.follow_up()] == [1, 0]
    ended = service.get(make.applicant(), back.id)
    assert (ended.state, application_phase(ended)) == (ApplicationState.WITHDRAWN, "lapsed")
    assert (ended.history[-1].act, ended.history[-1].account) == ("lapsed", SYSTEM)
    assert house.kinds()[-1] == "application.lapsed"
    with pytest.raises(StaleVersionError):
        service.submit(make.applicant(), back.id, version=back.version)
    with pytest.raises(WrongStateError):
        service.submit(make.applicant(), back.id, version=ended.version)


def test_an_edit_does_not_put_the_deadline_off(house: House) -> None:
    service = house.service()
    back = returned(service)
    house.turn(days=10)
    edited = service.edit(make.applicant(), back.id, make.draft(), version=back.version)
    assert service.due(edited) == service.due(back)


def test_a_clock_that_was_set_back_makes_nothing_overdue_twice(house: House) -> None:
    service = house.service()
    submitted(service)
    house.turn(days=10)
    assert service.follow_up() == 1
    house.turn(days=-10)
    assert (service.follow_up(), service.list(make.data_officer(), overdue=True)) == (0, ())
    house.turn(days=10)
    assert service.follow_up() == 0


# --- security terms ---------------------------------------------------------------------------------------------


@pytest.mark.rule("A50-9")
def test_an_application_accepts_a_version_and_the_grant_binds_its_hash(house: House) -> None:
    service = house.service()
    done, grant_id = granted(service)
    terms = make.rule_book().security_terms[0]
    assert done.terms_version == terms.version
    grant = service.grant(grant_id)
    assert (grant.terms_version, grant.terms_sha256) == (terms.version, terms.sha256)
    for column, value in (("terms_sha256", "00" * 32), ("approver_post", "别人"), ("approver_for", "st-x")):
        with house.engine.begin() as connection:
            connection.execute(tables.grants.update().values(**{column: value}))
        with pytest.raises(GrantInvalidError):
            service.grant(grant_id)
        with house.engine.begin() as connection:
            connection.execute(tables.grants.update().values(**{column: getattr(grant, column)}))
    assert service.grant(grant_id) == grant


@pytest.mark.rule("A50-9")
def test_a_submission_under_replaced_terms_says_what_to_do(house: House) -> None:
    book = replace(make.rule_book(), security_terms=(*make.rule_book().security_terms, NEXT_TERMS))
    service = house.service(book=book)
    one = service.draft(make.applicant(), make.draft(scope=make.scope(valid_to=date(2026, 6, 30))))
    assert one.terms_version == "2026-1"
    house.turn(days=30)  # 1 April: the next version is in force
    with pytest.raises(ApplicationIncompleteError) as refusal:
        service.submit(make.applicant(), one.id, version=one.version)
    assert refusal.value.missing == ("terms_version",)
    assert "2026-2" in refusal.value.detail
    assert "2026-2" in refusal.value.detail_zh
    assert house.entries()[-1]["outcome"] == "refused"
    edited = service.edit(make.applicant(), one.id, make.draft(terms_version="2026-2"), version=one.version)
    assert service.submit(make.applicant(), one.id, version=edited.version).terms_version == "2026-2"


def test_terms_that_nobody_published_are_not_accepted(house: House) -> None:
    service = house.service()
    with pytest.raises(ApplicationIncompleteError) as refusal:
        service.create(make.applicant(), make.draft(terms_version="1999-9"))
    assert refusal.value.missing == ("terms_version",)
    assert service.draft(make.applicant(), make.draft(terms_accepted=False)).terms_version == ""


# --- standing of the recipient ----------------------------------------------------------------------------------


@pytest.mark.rule("A50-12")
def test_a_recipient_that_is_not_in_force_neither_applies_nor_is_granted_nor_uses(house: House) -> None:
    service = house.service()
    waiting = confirmed(service)
    _done, grant_id = granted(house.service())
    draft = drafted(service)
    house.standing.bad.add(make.RECIPIENT)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: submitted(service),
        lambda: service.submit(make.applicant(), draft.id, version=draft.version),
        lambda: service.decide(make.approver(), waiting.id, "approve", version=waiting.version),
    )
    for attempt in attempts:
        with pytest.raises(RecipientBarredError) as refusal:
            attempt()
        assert refusal.value.missing == ("attestation",)
        assert house.entries()[-1]["outcome"] == "refused"
    grant = service.grant(grant_id)
    assert (grant.state.value, grant.state_reason) == ("suspended", "年度核验已逾期。")
    found = service.hindrances(service.get(make.approver(), waiting.id))
    assert [error.missing for error in found] == [("attestation",)]
    house.standing.bad.clear()
    assert service.grant(grant_id).state.value == "active"
    assert service.decide(make.approver(), waiting.id, "approve", version=waiting.version).grant_id


# --- what stands in the way -------------------------------------------------------------------------------------


def test_everything_that_is_missing_is_told_at_once(house: House) -> None:
    service = house.service()
    one = submitted(service)
    (found,) = service.hindrances(one)
    assert (found.rule, found.missing) == ("A50-5", ("ground",))
    ready = confirmed(house.service())
    assert service.hindrances(ready) == ()
    house.turn(days=200)
    (late,) = service.hindrances(ready)
    assert "period" in late.missing
    draft = service.draft(make.applicant(), make.draft(reason="", terms_accepted=False))
    (empty,) = service.hindrances(draft)
    assert empty.missing == ("reason", "terms_accepted")
    assert all(entry["outcome"] != "refused" for entry in house.entries())


def test_the_answer_to_what_may_i_do_names_limits_deadlines_and_reasons(house: House) -> None:
    service = house.service()
    _done, grant_id = granted(service)
    one = submitted(house.service())
    rights = service.rights(make.data_officer())
    assert [(due.id, due.step, due.due) for due in rights.deadlines] == [(one.id, "record", date(2026, 3, 9))]
    assert {(p.action, p.id) for p in rights.permissions} >= {(Action.RECORD_GROUND, one.id)}
    ((grant, life),) = rights.grants
    assert (grant.id, life.phase.value) == (grant_id, "active")
    why = {(denied.action, denied.id): denied for denied in rights.denied}
    refused = why[Action.WITHDRAW_GRANT, grant_id]
    assert "批准人" in refused.zh
    assert refused.policy == "default-deny"
    recorder = service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    again = {(d.action, d.id): d for d in service.rights(make.data_officer()).denied}
    assert again[Action.CONFIRM_GROUND, ApplicationId(recorder.id)].policy == "recorder-does-not-confirm"
    assert again[Action.CONFIRM_GROUND, ApplicationId(recorder.id)].missing == ("another_person",)
