"""Matters with an owner and an end, admission plans, guardians' links."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from core_registry.db.case_tables import admission_plans, guardian_accounts, matters
from core_registry.domain.cases import Actor
from core_registry.errors import CaseNotFoundError, RegisterRuleError, StaleCaseError, StudentNotFoundError
from tests.factories.oversight import (
    CITY,
    COUNTY,
    OTHER,
    PRIMARY,
    SENIOR,
    House,
    pupil,
    registrar,
    senior,
)

SCHOOL, ABOVE, ABOVE_THAT = registrar(PRIMARY), registrar(COUNTY), registrar(CITY)
PARENT = Actor("gd-1", "", "guardian")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House.at(f"sqlite:///{tmp_path / 'registry.db'}")
    yield made
    made.close()


@pytest.mark.rule("A49-2")
def test_a_matter_goes_from_opening_to_its_end_and_its_texts_lie_under_seal(house: House) -> None:
    (student,) = house.admit(pupil(1))
    desk = house.oversight.matters
    made = desk.open("dropout", PRIMARY, SCHOOL, student_id=student, text="家访两次未见", rule="A14-1")
    assert (made.owner, made.due) == (PRIMARY, date(2026, 11, 9))
    given = desk.assign(made.id, "st-teacher", SCHOOL, made.version)
    noted = desk.note(made.id, "已联系监护人", SCHOOL, given.version)
    done = desk.close(made.id, "学生已返校", SCHOOL, noted.version)
    assert (done.state, done.closed_by, done.version) == ("closed", SCHOOL.account, 4)
    (row,) = house.table(matters)
    assert "家访".encode() not in row.sealed
    assert "返校".encode() not in row.sealed
    above = desk.matter(made.id, ABOVE, frozenset({PRIMARY}))
    # whoever has no part in it sees its texts redacted; the factory's redactor writes stars
    assert (above.order, above.result, above.notes[0][1:]) == ("***", "***", (SCHOOL.account, "***"))
    opened = desk.matter(made.id, SCHOOL, frozenset({PRIMARY}))
    assert (opened.order, opened.result, opened.notes[0][1:]) == (
        "家访两次未见",
        "学生已返校",
        (SCHOOL.account, "已联系监护人"),
    )
    assert [event["act"] for event in house.events("registry.matter")] == ["open", "assign", "note", "close"]
    with pytest.raises(RegisterRuleError):  # it has ended
        desk.note(made.id, "x", SCHOOL, done.version)


@pytest.mark.rule("A49-2", "A3-2")
def test_another_unit_neither_sees_nor_changes_a_matter_and_a_stale_one_is_not_written(house: House) -> None:
    made = house.oversight.matters.open("hollow-record", PRIMARY, ABOVE)
    desk = house.oversight.matters
    with pytest.raises(CaseNotFoundError):
        desk.matter(made.id, registrar(OTHER), frozenset({OTHER}))
    with pytest.raises(CaseNotFoundError):
        desk.note(made.id, "x", registrar(OTHER), made.version)
    with pytest.raises(RegisterRuleError):
        desk.open("fraud", PRIMARY, registrar(OTHER))
    with pytest.raises(RegisterRuleError):
        desk.open("proposal", PRIMARY, SCHOOL)
    desk.note(made.id, "已核实", ABOVE, made.version)
    with pytest.raises(StaleCaseError):
        desk.note(made.id, "后到", SCHOOL, made.version)
    assert [m.id for m in desk.matters(SCHOOL, frozenset({PRIMARY}))] == [made.id]
    assert desk.matters(registrar(OTHER), frozenset({OTHER})) == []
    assert desk.matters(SCHOOL, frozenset({PRIMARY}), kind="fraud") == []


def test_an_order_to_correct_names_its_code_and_goes_up_when_it_is_late(house: House) -> None:
    desk = house.oversight.matters
    with pytest.raises(RegisterRuleError):  # the school's supervising department orders, not the city
        desk.order("51-3", PRIMARY, date(2026, 11, 1), ABOVE_THAT, "补录")
    made = desk.order("51-3", PRIMARY, date(2026, 11, 1), ABOVE, "补录学籍变动")
    assert (made.kind, made.code, made.rule, made.owner) == ("finding", "51-3", "A7-1", PRIMARY)
    with pytest.raises(RegisterRuleError):  # there is time
        desk.escalate(made.id, ABOVE, made.version)
    with pytest.raises(RegisterRuleError):  # who has to correct does not close
        desk.close(made.id, "已补录", SCHOOL, made.version)
    house.clock.on(date(2026, 11, 2))
    up = desk.escalate(made.id, ABOVE, made.version)
    assert up.escalated_to == CITY
    assert [m.id for m in desk.matters(ABOVE_THAT, frozenset())] == [made.id]
    assert desk.close(made.id, "已督办补录", ABOVE_THAT, up.version).state == "closed"


def test_a_department_is_ordered_by_the_one_above(house: House) -> None:
    desk = house.oversight.matters
    made = desk.order("51-8", COUNTY, date(2026, 11, 1), ABOVE_THAT, "整改", rule="A3-6")
    assert (made.owner, made.rule, made.school_code) == (COUNTY, "A3-6", None)
    assert desk.close(made.id, "已整改", ABOVE_THAT, made.version).state == "closed"


@pytest.mark.rule("A45-3")
def test_a_text_that_must_never_be_recorded_is_refused(house: House) -> None:
    words = "".join(map(chr, (0x4E13, 0x95E8, 0x5B66, 0x6821)))
    with pytest.raises(RegisterRuleError) as refused:
        house.oversight.matters.open("special-case", PRIMARY, SCHOOL, text=f"转入{words}")
    assert refused.value.rule == "A45-3"
    assert house.table(matters) == []


@pytest.mark.rule("A13-2")
def test_a_plan_holds_who_is_registered_and_returns_the_other_rows_by_number(house: House, tmp_path: Path) -> None:
    one, other = senior(1), senior(2)
    ids = house.admit(one, other, state="graduated")
    file = tmp_path / "plan.csv"
    lines = [
        "身份证件号,姓名",
        f"{one['id_number']},{one['name']}",
        f"{other['id_number']},张三",
        "14010520100101123X,李四",
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = house.oversight.upload_plan(SENIOR, 2026, file, ABOVE_THAT)
    assert (made.added, made.known, made.unknown_rows) == (1, 0, (3, 4))
    assert [(row.school_code, row.school_year, row.student_id) for row in house.table(admission_plans)] == [
        (SENIOR, 2026, ids[0])
    ]
    again = house.oversight.upload_plan(SENIOR, 2026, file, ABOVE_THAT)
    assert (again.added, again.known) == (0, 1)
    event = house.events("registry.plan")[0]
    assert (event["count"], event["unknown"], event["subjects"]) == (1, 2, 1)


@pytest.mark.rule("A13-2")
def test_a_plan_is_uploaded_by_the_department_and_for_senior_schools_only(house: House, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_text("身份证件号,姓名\n1,甲\n", encoding="utf-8")
    with pytest.raises(RegisterRuleError):
        house.oversight.upload_plan(SENIOR, 2026, file, registrar(SENIOR))
    with pytest.raises(RegisterRuleError):
        house.oversight.upload_plan(PRIMARY, 2026, file, ABOVE)


@pytest.mark.rule("A3-5", "A7-3")
def test_a_guardian_asks_and_only_the_school_makes_it_a_link(house: House) -> None:
    child = pupil(1)
    (student,) = house.admit(child)
    house.oversight.ask_link(str(child["id_number"]), "不是此名", PARENT)
    assert house.table(guardian_accounts) == []
    house.oversight.ask_link(str(child["id_number"]), str(child["name"]), PARENT)
    house.oversight.ask_link(str(child["id_number"]), str(child["name"]), PARENT)
    (waiting,) = house.oversight.links(PRIMARY, SCHOOL)
    assert (waiting.account, waiting.student_id, waiting.verified_on) == ("gd-1", student, None)
    with pytest.raises(RegisterRuleError):
        house.oversight.settle_link(PRIMARY, "gd-1", student, registrar(OTHER), accepted=True)
    with pytest.raises(StudentNotFoundError):
        house.oversight.settle_link(OTHER, "gd-1", student, registrar(OTHER), accepted=True)
    house.oversight.settle_link(PRIMARY, "gd-1", student, SCHOOL, accepted=True)
    (link,) = house.oversight.links(PRIMARY, SCHOOL, verified=True)
    assert (link.verified_on, link.verified_by) == (date(2026, 10, 12), SCHOOL.account)
    house.oversight.settle_link(PRIMARY, "gd-1", student, SCHOOL, accepted=False)
    assert house.table(guardian_accounts) == []
