"""谁看过我的孩子, on both databases: what is shown, in which words, to whom, and when later; questions and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.accesses.desk import RemoteAccesses, access_handlers
from gateway.accesses.records import OPEN_QUESTIONS, QuestionId, Sort, Words
from gateway.accesses.sealing import TextBox
from gateway.accesses.service import PAGE
from gateway.accesses.store.questions import access_questions
from gateway.errors import ConflictError, ForbiddenError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import AccountId
from gateway.inspections.records import CaseId, Hold, HoldId
from gateway.principals import AccountKind
from tests.factories.accesses import ANSWERING, CLIENT, LINKS, MOTHER, TEACHER, ViewHouse, view_house
from tests.factories.alerts import INSPECTOR
from tests.factories.identity import LI, WANG


@pytest.fixture
def house(tables_url: str) -> Iterator[ViewHouse]:
    with view_house(tables_url) as found:
        yield found


@pytest.mark.rule("A50-4")
def test_a_guardian_sees_who_had_what_and_why_and_no_name(house: ViewHouse) -> None:
    bare = replace(TEACHER, unit=None, post="")  # as the registry's outbox names who reads
    house.entry("registry.read", bare, facts={"act": "record", "reason": "办理转学", "found": 1})
    house.entry("registry.read", bare, facts={"act": "list", "reason": "核对某同学", "found": 40})
    house.entry("release.prepared", links=LINKS)
    house.entry(
        "release.outcome", CLIENT, "complete", {"check": "ck-1", "level": "check"}, {**LINKS, "extract": "ex-9"}
    )
    house.entry("identity.verified", CLIENT, facts={"purpose": "identity-verification", "claims": ["stage"]},
                links={"recipient": LINKS["recipient"]})  # fmt: skip
    house.entry("identity.userinfo_answered", CLIENT, facts={"claims": []}, links={"recipient": LINKS["recipient"]})
    house.entry("audit.read", INSPECTOR, facts={"act": "search", "by_subject": True})
    house.entry("registry.read", bare, subject=WANG, facts={"act": "record", "reason": "别人", "found": 1})
    found = house.accesses.page(MOTHER, LI).accesses
    told = [(one.sort, one.body, one.post, one.purpose.zh, [words.zh for words in one.what]) for one in found[::-1]]
    school, bus = ("示例小学", "学籍管理员"), "示例校车平台"
    assert told == [
        (Sort.READ, *school, "办理转学", ["学籍信息"]),
        (Sort.READ, *school, "学籍管理工作（同时涉及多名学生）", ["学籍信息"]),
        (Sort.RELEASE, bus, "", "校车服务", ["年级", "学校"]),
        (Sort.CHECK, bus, "", "校车服务", ["核验结果：是或未能确认"]),
        (Sort.VERIFICATION, bus, "校车系统", "身份核验", ["学段"]),
        (Sort.SIGN_IN, bus, "校车系统", "登录该服务", []),
        (Sort.INSPECTION, "140000", "测试", "审计检查", ["审计条目（不含学生信息）"]),
    ]
    assert found[4].ground == "第五十条；某批复"
    assert "李主任" not in repr(found)
    assert "st-teacher" not in repr(found)


def test_an_extract_is_fetched_when_bytes_may_have_left(house: ViewHouse) -> None:
    house.entry("release.prepared", links=LINKS)
    assert [one.delivered for one in house.accesses.page(MOTHER, LI).accesses] == [False]
    house.entry("release.outcome", CLIENT, "unknown", {"bytes": 9}, LINKS, subject=None)
    assert [one.delivered for one in house.accesses.page(MOTHER, LI).accesses] == [True]


def test_refusals_and_what_gave_nothing_away_are_not_shown(house: ViewHouse) -> None:
    house.entry("identity.verified", CLIENT, "refused", {"reason": "CredentialRejectedError"})
    house.entry("registry.state", facts={"to": "active"})
    house.entry("release.outcome", CLIENT, "complete", {"bytes": 1}, LINKS)
    house.entry("family.activation_made", TEACHER)
    assert house.accesses.page(MOTHER, LI).accesses == ()


def test_a_grant_that_cannot_be_read_hides_no_access(house: ViewHouse) -> None:
    house.entry("release.prepared", links={**LINKS, "grant": "gr-gone"})
    (one,) = house.accesses.page(MOTHER, LI).accesses
    assert (one.body, one.purpose, one.what) == ("示例校车平台", Words("—"), ())


@pytest.mark.rule("A50-4")
def test_nobody_else_sees_and_the_look_is_recorded_without_a_name(house: ViewHouse) -> None:
    house.entry("registry.read", TEACHER, facts={"act": "record", "reason": "x", "found": 1})
    strangers = (
        (MOTHER, WANG),
        (replace(MOTHER, account=AccountId("gd-other")), LI),
        (replace(MOTHER, kind=AccountKind.STAFF), LI),
        (replace(MOTHER, kind=AccountKind.CLIENT), LI),
    )
    for who, subject in strangers:
        with pytest.raises(ForbiddenError):
            house.accesses.page(who, subject)
        with pytest.raises(ForbiddenError):
            house.accesses.ask(who, subject, "谁？")
    assert house.entries("family.") == []
    house.accesses.page(MOTHER, LI)
    (look,) = house.entries("family.access_read")
    assert (look["facts"], LI in json.dumps(look)) == ({"shown": 1}, False)
    house.bonds.live.clear()
    with pytest.raises(ForbiddenError):
        house.accesses.page(MOTHER, LI)


def test_what_an_inspection_holds_back_comes_when_its_day_has_passed(house: ViewHouse) -> None:
    first = house.entry("registry.read", TEACHER, facts={"act": "record", "reason": "甲", "found": 1})
    second = house.entry("registry.read", TEACHER, facts={"act": "record", "reason": "乙", "found": 1})
    until = house.accesses.today() + timedelta(days=3)
    hold = Hold(HoldId("ih-1"), CaseId("ic-1"), (first,), house.clock(), INSPECTOR.account, until, "调查中")
    with house.engine.begin() as connection:
        house.cases.add_hold(connection, hold)  # type: ignore[arg-type]  # a transaction, as stores see it

    def shown() -> list[int]:
        return [one.index for one in house.accesses.page(MOTHER, LI).accesses]

    assert shown() == [second]
    with pytest.raises(ConflictError):  # nor does a question tell that it is there
        house.accesses.ask(MOTHER, LI, "这条？", first)
    house.clock.turn(days=3)
    assert shown() == [second]
    house.clock.turn(days=1)
    assert shown() == [second, first]


def test_a_long_history_is_paged_to_its_end(house: ViewHouse) -> None:
    made = []
    for _ in range(PAGE + 5):
        made.append(house.entry("registry.read", TEACHER, facts={"act": "record", "reason": "x", "found": 1}))
        house.entry("family.card_made", MOTHER)
    first = house.accesses.page(MOTHER, LI)
    assert len(first.accesses) == PAGE
    second = house.accesses.page(MOTHER, LI, first.before)
    assert second.before is None
    assert [one.index for one in first.accesses + second.accesses] == made[::-1]


# questions


@pytest.mark.rule("A50-16")
def test_a_question_is_answered_once_by_its_department_in_time(house: ViewHouse) -> None:
    index = house.entry("registry.read", TEACHER, facts={"act": "record", "reason": "x", "found": 1})
    house.accesses.ask(MOTHER, LI, "老师为什么查看小李的学籍？", index)
    (asked,) = house.accesses.page(MOTHER, LI).questions
    assert (asked.entry, asked.unit, asked.due.isoformat()) == (index, "140105", "2026-12-07")
    assert house.questions.waiting(TEACHER) == ()
    (waiting,) = house.questions.waiting(ANSWERING)
    assert waiting.question.text == "老师为什么查看小李的学籍？"
    with pytest.raises(NotFoundError):
        house.questions.answer(TEACHER, asked.id, "因为。")
    with pytest.raises(ParameterError):
        house.questions.answer(ANSWERING, asked.id, "  ")
    house.questions.answer(ANSWERING, asked.id, "办理转学需要核对。")
    with pytest.raises(ConflictError):
        house.questions.answer(ANSWERING, asked.id, "再答一次。")
    (answered,) = house.accesses.page(MOTHER, LI).questions
    assert answered.answer == "办理转学需要核对。"
    assert house.questions.waiting(ANSWERING) == ()
    log = json.dumps(house.entries(), ensure_ascii=False)
    assert [word for word in ("小李", "需要核对", str(LI)) if word in log] == []
    with house.engine.connect() as connection:
        (row,) = connection.execute(sa.select(access_questions)).all()
    assert "小李".encode() not in bytes(row.text_sealed)


@pytest.mark.rule("A50-16")
def test_a_late_question_is_recorded_once_and_still_answered(house: ViewHouse) -> None:
    house.accesses.ask(MOTHER, LI, "谁看过？")
    house.clock.turn(days=14)
    assert house.questions.mark_overdue() == 0
    house.clock.turn(days=1)
    assert (house.questions.mark_overdue(), house.questions.mark_overdue()) == (1, 0)
    (entry,) = house.entries("family.question_overdue")
    assert entry["facts"]["unit"] == "140105"  # type: ignore[index]
    (waiting,) = house.questions.waiting(ANSWERING)
    assert waiting.late
    house.questions.answer(ANSWERING, waiting.question.id, "抱歉迟复。")
    assert house.entries("family.question_answered")[0]["facts"]["late"] is True  # type: ignore[index]


def test_questions_are_bounded_in_number_and_length_and_about_what_is_seen(house: ViewHouse) -> None:
    other = house.entry("registry.read", TEACHER, subject=WANG, facts={"act": "record", "reason": "x", "found": 1})
    for text, entry in (" ", None), ("长" * 1001, None), ("这条？", other), ("这条？", 99):
        with pytest.raises(ConflictError):
            house.accesses.ask(MOTHER, LI, text, entry)
    for number in range(OPEN_QUESTIONS):
        house.accesses.ask(MOTHER, LI, f"第{number}问")
    with pytest.raises(ConflictError):
        house.accesses.ask(MOTHER, LI, "再问")


def test_a_text_opens_in_its_own_row_alone() -> None:
    box = TextBox.from_root(bytes(32))
    sealed = box.seal(QuestionId("fq-1"), "text", "小李")
    assert box.open(QuestionId("fq-1"), "text", sealed) == "小李"
    for question, member, content in (
        ("fq-2", "text", sealed),
        ("fq-1", "answer", sealed),
        ("fq-1", "text", sealed[:-1]),
        ("fq-1", "text", b""),
    ):
        with pytest.raises(UnavailableError):
            box.open(QuestionId(question), member, content)


def test_a_face_that_asks_the_worker_shows_the_same(house: ViewHouse) -> None:
    house.entry("release.prepared", links=LINKS)
    index = house.entry("registry.read", TEACHER, facts={"act": "record", "reason": "x", "found": 1})
    handlers = access_handlers(house.accesses)

    class Wire:
        """The broker, without the rows between: what passes is JSON."""

        def ask(self, kind: str, body: object) -> object:
            """Return the answer as it comes back."""
            return json.loads(json.dumps(handlers[kind](json.loads(json.dumps(body)))))

    remote = RemoteAccesses(Wire())
    asked_at = remote.ask(MOTHER, LI, "谁？", index)
    assert asked_at == house.clock()
    here, there = house.accesses.page(MOTHER, LI), remote.page(MOTHER, LI)
    assert there == here
    for forged in (replace(MOTHER, kind=AccountKind.STAFF), replace(MOTHER, account=AccountId("gd-other"))):
        with pytest.raises(ForbiddenError):
            remote.page(forged, LI)
