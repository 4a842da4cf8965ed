"""What forbids a transfer: edges of a stage, one county, exam registration, grade, suspension, sanction (Art. 20)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.facts import Facts
from core_registry.domain.rules import Status
from core_registry.domain.sanctions import sanctions_in_force
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import SchoolSystem
from core_registry.errors import CaseRefusedError
from tests.factories.cases import (
    CITY,
    COUNTY,
    PRIMARY_SCHOOL,
    archive,
    pupil,
    school,
    stopping,
)
from tests.factories.chapter_four import (
    NEW_SCHOOL,
    POLICY,
    after,
    agreed,
    opened,
    receiver,
    sanction,
    sanction_end,
    transfer,
    transferring,
)

SEPTEMBER = date(2026, 9, 10)


def on(day: date, stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    return transferring(stage, today=day, **changes)


@pytest.mark.rule("A20-1")
@pytest.mark.parametrize(
    ("stage", "grade", "day", "stopped"),
    [
        (Stage.PRIMARY, "11", date(2026, 9, 10), True),
        (Stage.PRIMARY, "11", date(2027, 3, 10), False),
        (Stage.PRIMARY, "12", date(2026, 9, 10), False),
        (Stage.PRIMARY, "16", date(2026, 9, 10), False),
        (Stage.PRIMARY, "16", date(2027, 3, 10), True),
        (Stage.JUNIOR, "21", date(2026, 9, 10), True),
        (Stage.JUNIOR, "23", date(2027, 3, 10), True),
        (Stage.SENIOR, "31", date(2026, 9, 10), True),
        (Stage.SENIOR, "31", date(2027, 3, 10), False),
        (Stage.SENIOR, "32", date(2027, 3, 10), False),
    ],
)
def test_no_transfer_at_the_edges_of_a_stage(stage: Stage, grade: str, day: date, stopped: bool) -> None:
    known = on(day, stage, student=pupil(stage, grade=grade))
    assert stopping(transfer(known), known) == ({"A20-1": Status.EXCEPTION_POSSIBLE} if stopped else {})


@pytest.mark.rule("A20-1")
def test_an_edge_semester_is_excepted_by_the_city_only_when_it_was_granted() -> None:
    known = on(SEPTEMBER, student=pupil(grade="11"))
    with pytest.raises(CaseRefusedError):
        opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY])
    allowed = replace(known, exceptions=frozenset({"A20-1"}))
    case = opened(transfer(known), allowed, NEW_SCHOOL[Stage.PRIMARY]).case
    assert {r.rule: r.status for r in case.results}["A20-1"] is Status.EXCEPTED


@pytest.mark.rule("A20-2")
def test_no_senior_transfer_inside_one_county_or_one_admission_area() -> None:
    county = "140121"
    place = {**on(SEPTEMBER).places, county: (county, CITY)}
    values = {"household_to": county, "residence_to": county}
    # inside one county
    near = receiver(Stage.SENIOR, division=COUNTY, city=CITY, admission_area="另一片")
    same = on(SEPTEMBER, Stage.SENIOR, receiving=near, places=place)
    assert stopping(transfer(same), same)["A20-2"] is Status.FAILED
    # another county, the same area: where none is set, the city is the area
    there = receiver(Stage.SENIOR, division=county, city=CITY)
    one_area = on(SEPTEMBER, Stage.SENIOR, receiving=there, places=place)
    assert stopping(transfer(one_area, **values), one_area) == {"A20-2": Status.FAILED}
    # another area, by the school's own entry or by the parameter
    own = on(SEPTEMBER, Stage.SENIOR, receiving=replace(there, admission_area="清徐"), places=place)
    assert stopping(transfer(own, **values), own) == {}
    set_ = replace(one_area, policy=replace(POLICY, admission_areas={county: "清徐"}))
    assert stopping(transfer(set_, **values), set_) == {}


@pytest.mark.rule("A20-2")
def test_a_compulsory_transfer_inside_one_county_is_possible() -> None:
    known = on(SEPTEMBER, receiving=receiver(division=COUNTY))
    assert stopping(transfer(known), known) == {}


@pytest.mark.rule("A20-3")
@pytest.mark.parametrize(("closing", "stopped"), [(date(2026, 9, 10), False), (date(2026, 9, 9), True)])
def test_the_graduating_grade_is_not_transferred_after_exam_registration_closed(closing: date, stopped: bool) -> None:
    known = on(
        SEPTEMBER, Stage.SENIOR, student=pupil(Stage.SENIOR, grade="33"),
        policy=replace(POLICY, gaokao_closing={2026: closing}),
    )  # fmt: skip
    assert stopping(transfer(known), known) == ({"A20-3": Status.EXCEPTION_POSSIBLE} if stopped else {})
    other = on(SEPTEMBER, Stage.SENIOR, policy=known.policy)
    assert stopping(transfer(other), other) == {}


@pytest.mark.rule("A20-3")
def test_without_a_closing_date_the_graduating_grade_needs_an_exception() -> None:
    known = on(
        SEPTEMBER, Stage.SENIOR, student=pupil(Stage.SENIOR, grade="33"), policy=replace(POLICY, gaokao_closing={})
    )
    assert stopping(transfer(known), known) == {"A20-3": Status.EXCEPTION_POSSIBLE}
    allowed = replace(known, exceptions=frozenset({"A20-3"}))
    assert stopping(transfer(allowed), allowed) == {}


@pytest.mark.rule("A20-4")
def test_a_transfer_does_not_change_the_grade() -> None:
    known = on(SEPTEMBER)
    for grade in ("13", "15"):
        assert stopping(transfer(known, grade=grade), known) == {"A20-4": Status.FAILED}
    assert stopping(transfer(known, grade="14"), known) == {}


@pytest.mark.rule("A20-4")
def test_year_six_goes_to_year_six_between_the_school_systems() -> None:
    # 五四: year 6 is the first of junior high; 六三: the last of primary school.
    here = school(Stage.JUNIOR, system=SchoolSystem.FIVE_FOUR)
    known = on(date(2027, 3, 10), Stage.JUNIOR, school=here, student=pupil(Stage.JUNIOR, grade="16"),
               receiving=receiver(Stage.PRIMARY))  # fmt: skip
    assert stopping(transfer(known), known) == {}
    assert stopping(transfer(known, grade="15"), known) == {"A20-4": Status.FAILED}
    change = agreed(opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case, "sending-school", known)
    known = after(known, change)
    change = agreed(agreed(change.case, "sending-superior", known).case, "receiving-superior", known)
    assert change.effects[0].grade is None
    assert change.effects[0].entries[0].data["grade"] == "16"


@pytest.mark.rule("A20-5")
def test_no_transfer_while_suspended() -> None:
    known = on(SEPTEMBER, student=pupil(state=StudentState.SUSPENDED))
    assert stopping(transfer(known), known) == {"S-3": Status.FAILED, "A20-5": Status.FAILED}


@pytest.mark.rule("A20-6", "A45-4")
def test_no_transfer_until_the_day_after_the_sanction_ends() -> None:
    held = sanction("2026-03-02", "2026-09-09")
    for day, stopped in ((date(2026, 9, 9), True), (date(2026, 9, 10), False)):
        known = on(day, archive=archive(held))
        assert stopping(transfer(known), known) == ({"A20-6": Status.FAILED} if stopped else {})


@pytest.mark.rule("A20-6", "A45-4")
def test_a_sanction_without_a_last_day_is_in_force_until_it_is_ended() -> None:
    held = sanction("2026-03-02")
    ended = sanction_end(held, "2026-09-08")
    assert sanctions_in_force(archive(held), date(2030, 1, 1)) == (held,)
    assert sanctions_in_force(archive(held), date(2026, 3, 1)) == ()
    assert sanctions_in_force(archive(held, ended), date(2026, 9, 8)) == (held,)
    assert sanctions_in_force(archive(held, ended), date(2026, 9, 9)) == ()


@pytest.mark.rule("A45-4")
def test_an_end_counts_also_when_the_sanction_was_corrected_since() -> None:
    first = sanction("2026-03-02")
    ended = sanction_end(first, "2026-04-01")
    corrected = sanction("2026-03-03", supersedes=first.id)
    assert sanctions_in_force(archive(first, ended, corrected), date(2026, 4, 1)) == (corrected,)
    assert sanctions_in_force(archive(first, ended, corrected), date(2026, 4, 2)) == ()


@pytest.mark.rule("A20-6")
def test_a_sanction_that_comes_while_the_transfer_is_pending_stops_the_last_decision() -> None:
    known = on(SEPTEMBER)
    change = agreed(opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case, "sending-school", known)
    known = after(known, change)
    change = agreed(change.case, "sending-superior", known)
    held = sanction("2026-09-10")
    with pytest.raises(CaseRefusedError) as caught:
        agreed(change.case, "receiving-superior", replace(known, archive=archive(held)))
    assert caught.value.rule == "A20-6"


@pytest.mark.rule("A20-6")
def test_the_sending_school_attests_in_its_own_step_that_no_sanction_is_in_force() -> None:
    known = on(SEPTEMBER)
    case = opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case
    (step,) = case.current
    assert (step.unit, step.act_zh) == (PRIMARY_SCHOOL, "同意转出，确认无在期处分，留存档案备份")
