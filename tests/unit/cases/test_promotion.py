from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus
from core_registry.domain.chapters.late_entry import ARRIVAL_CLOCK
from core_registry.domain.chapters.no_arrival import NoShow, no_show
from core_registry.domain.chapters.promotion import REGISTRATION_CLOCK, UNASSIGNED
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import NewDeadline, NewMatter
from core_registry.domain.rules import Party, Status
from core_registry.domain.states import (
    CompulsoryMove,
    CompulsoryState,
    NextStageMove,
    SeniorMove,
    SeniorState,
    Stage,
    StudentState,
)
from core_registry.domain.terms import SchoolSystem
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import (
    CALENDAR,
    COUNTY,
    JUNIOR_SCHOOL,
    OTHER_COUNTY,
    SENIOR_SCHOOL,
    archive,
    asked,
    entry,
    facts,
    paper,
    pupil,
    school,
    stopping,
)
from tests.factories.chapter_four import DATONG, NEW_SCHOOL, agreed, opened, receiver, refused

START = date(2026, 9, 1)
SUMMER = date(2026, 8, 20)


def graduate(stage: Stage, **changes: object) -> Facts:
    """A graduate whom a school of the next stage is to receive."""
    upward = {Stage.PRIMARY: Stage.JUNIOR, Stage.JUNIOR: Stage.SENIOR}[stage]
    last = {Stage.PRIMARY: "16", Stage.JUNIOR: "23"}[stage]
    values: dict[str, object] = {
        "receiving": receiver(upward), "evidence": (paper("admission-list", "education", "county"),), "on_plan": True,
        "student": pupil(stage, state=StudentState.GRADUATED, grade=last),
    }  # fmt: skip
    return facts(stage, SUMMER, **{**values, **changes})


def newcomer(stage: Stage, state: StudentState = StudentState.PRE_REGISTERED, **changes: object) -> Facts:
    """A pupil who has been admitted and has not arrived."""
    first = {Stage.PRIMARY: "11", Stage.JUNIOR: "21", Stage.SENIOR: "31"}[stage]
    values: dict[str, object] = {
        "student": pupil(stage, state=state, grade=first, class_name=UNASSIGNED), "evidence": (paper("annex-1"),),
    }  # fmt: skip
    return facts(stage, **{**values, **changes})  # type: ignore[arg-type]  # a builder


# Admission.


@pytest.mark.rule("A13-2")
def test_a_graduate_is_admitted_to_the_next_stage_by_school_and_department() -> None:
    known = graduate(Stage.JUNIOR)
    change = opened(asked("admission", known), known, NEW_SCHOOL[Stage.SENIOR])
    assert change.effects == ()
    (step,) = change.case.current
    assert (step.party, step.unit) == (Party.RECEIVING_SUPERIOR, DATONG)
    (effects,) = agreed(change.case, "receiving-superior", known).effects
    assert effects.move == NextStageMove(Stage.JUNIOR, Stage.SENIOR)
    assert (effects.school, effects.grade, effects.class_name) == (NEW_SCHOOL[Stage.SENIOR], "31", UNASSIGNED)
    assert dict(effects.fields) == {"entry_month": "2026-09"}
    assert effects.entries[0].kind is EntryKind.ADMISSION


@pytest.mark.rule("A13-2")
def test_a_senior_pupil_outside_the_plan_is_refused_at_opening_and_at_the_decision() -> None:
    outside = graduate(Stage.JUNIOR, on_plan=False)
    assert stopping(asked("admission", outside), outside) == {"A13-2": Status.FAILED}
    known = graduate(Stage.JUNIOR)
    case = opened(asked("admission", known), known, NEW_SCHOOL[Stage.SENIOR]).case
    with pytest.raises(CaseRefusedError) as caught:
        agreed(case, "receiving-superior", outside)
    assert caught.value.rule == "A13-2"


@pytest.mark.rule("A13-2")
def test_a_junior_pupil_needs_no_plan_but_a_school_of_the_next_stage() -> None:
    known = graduate(Stage.PRIMARY, on_plan=False)
    assert stopping(asked("admission", known), known) == {}
    wrong = graduate(Stage.PRIMARY, receiving=receiver(Stage.SENIOR))
    assert stopping(asked("admission", wrong), wrong) == {"A13-2": Status.FAILED}
    closed = graduate(Stage.PRIMARY, receiving=receiver(Stage.JUNIOR, closed=True))
    assert stopping(asked("admission", closed), closed) == {"A13-2": Status.FAILED}


@pytest.mark.rule("A13-2")
def test_the_year_after_a_five_year_primary_school_is_the_first_of_its_junior_high() -> None:
    five = SchoolSystem.FIVE_FOUR
    known = graduate(
        Stage.PRIMARY, school=school(system=five), receiving=receiver(Stage.JUNIOR, system=five),
        student=pupil(state=StudentState.GRADUATED, grade="15"),
    )  # fmt: skip
    case = opened(asked("admission", known), known, NEW_SCHOOL[Stage.JUNIOR]).case
    assert agreed(case, "receiving-superior", known).effects[0].grade == "16"


@pytest.mark.rule("A13-2", "S-3")
def test_only_a_graduate_is_admitted_and_only_by_the_receiving_school() -> None:
    active = graduate(Stage.JUNIOR, student=pupil(Stage.JUNIOR, grade="23"))
    assert stopping(asked("admission", active), active) == {"S-3": Status.FAILED}
    known = graduate(Stage.JUNIOR)
    with pytest.raises(RegisterRuleError) as caught:
        opened(asked("admission", known), known, JUNIOR_SCHOOL)
    assert caught.value.rule == "A13-2"
    done = graduate(
        Stage.JUNIOR, school=school(Stage.SENIOR), student=pupil(Stage.SENIOR, state=StudentState.GRADUATED, grade="33")
    )
    assert stopping(asked("admission", done), done) == {"A13-2": Status.FAILED}


@pytest.mark.rule("A23-2")
def test_the_next_stage_of_a_disabled_pupil_rests_on_an_assessment() -> None:
    disabled = pupil(Stage.JUNIOR, state=StudentState.GRADUATED, grade="23", disabled=True)
    known = graduate(Stage.JUNIOR, student=disabled)
    request = asked("admission", known)
    assert stopping(request, known) == {"A23-2": Status.FAILED}
    assert (
        stopping(request, replace(known, evidence=(*known.evidence, paper("assessment", "committee", "county")))) == {}
    )
    school_paper = replace(known, evidence=(*known.evidence, paper("assessment", "school")))
    assert stopping(request, school_paper) == {"A23-2": Status.FAILED}
    for day, stops in ((date(2025, 8, 20), False), (date(2025, 8, 19), True)):
        old = replace(known, archive=archive(entry(EntryKind.ASSESSMENT, day)))
        assert bool(stopping(request, old)) is stops


# Arrival.


@pytest.mark.rule("A13-1")
def test_an_arrival_starts_a_month_and_the_superiors_review_stops_it() -> None:
    known = newcomer(Stage.JUNIOR, today=date(2026, 9, 3))
    request = asked("arrival", known, on=date(2026, 8, 31), class_name="3班", class_members=50)
    change = opened(request, known, JUNIOR_SCHOOL)
    month = Period(1, Measure.MONTHS)
    clock = NewDeadline(REGISTRATION_CLOCK, "A13-1", JUNIOR_SCHOOL, date(2026, 8, 31), month)
    assert [d for effects in change.effects for d in effects.deadlines] == [clock]
    assert CALENDAR.after(clock.event, clock.period).day == date(2026, 9, 30)
    (effects,) = agreed(change.case, "superior", known).effects
    assert effects.move == CompulsoryMove(CompulsoryState.PRE_REGISTERED, CompulsoryState.ACTIVE)
    assert (effects.class_name, set(effects.met)) == ("3班", {REGISTRATION_CLOCK, ARRIVAL_CLOCK})
    assert effects.entries[0].data["arrived"] == "2026-08-31"


@pytest.mark.rule("A13-1")
def test_an_arrival_that_is_refused_leaves_no_clock() -> None:
    known = newcomer(Stage.JUNIOR)
    case = opened(asked("arrival", known, class_name="3班", class_members=1), known, JUNIOR_SCHOOL).case
    (effects,) = refused(case, "superior", known).effects
    assert (effects.move, effects.met) == (None, (REGISTRATION_CLOCK,))


@pytest.mark.rule("A13-1")
@pytest.mark.parametrize(("stage", "most"), [(Stage.JUNIOR, 50), (Stage.SENIOR, 55)])
def test_the_class_of_an_arrival_stays_within_the_standard(stage: Stage, most: int) -> None:
    known = newcomer(stage)
    for members, stops in ((most, False), (most + 1, True), (0, True)):
        request = asked("arrival", known, class_name="3班", class_members=members)
        assert stopping(request, known) == ({"A13-1": Status.FAILED} if stops else {})


@pytest.mark.rule("A13-2")
def test_a_record_does_not_move_before_the_pupil_has_arrived() -> None:
    known = newcomer(Stage.SENIOR)
    for day, stops in ((date(2026, 9, 11), True), (date(2026, 9, 10), False)):
        request = asked("arrival", known, on=day, class_name="3班", class_members=40)
        assert stopping(request, known) == ({"A13-2": Status.FAILED} if stops else {})


@pytest.mark.rule("A13-1")
def test_a_late_entry_arrives_and_a_first_grader_is_registered_instead() -> None:
    late = newcomer(Stage.SENIOR, StudentState.LATE_ENTRY)
    case = opened(asked("arrival", late, class_name="3班", class_members=40), late, SENIOR_SCHOOL).case
    assert agreed(case, "superior", late).effects[0].move == SeniorMove(SeniorState.LATE_ENTRY, SeniorState.ACTIVE)
    first = newcomer(Stage.PRIMARY)
    assert "A13-2" in stopping(asked("arrival", first, class_name="3班", class_members=40), first)


@pytest.mark.rule("A13-1")
def test_who_joins_a_later_grade_did_not_enter_the_stage_on_that_day() -> None:
    later = newcomer(Stage.SENIOR, student=pupil(Stage.SENIOR, state=StudentState.PRE_REGISTERED))
    case = opened(asked("arrival", later, class_name="3班", class_members=40), later, SENIOR_SCHOOL).case
    assert set(agreed(case, "superior", later).effects[0].entries[0].data) == {"joined", "school", "grade"}


# No arrival.


@pytest.mark.rule("A14-1")
@pytest.mark.parametrize(("today", "follows"), [(date(2026, 9, 15), None), (date(2026, 9, 16), NoShow.DROPOUT)])
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
def test_a_compulsory_no_show_is_a_matter_on_the_first_day_after_ten_working_days(
    today: date, follows: NoShow | None, stage: Stage
) -> None:
    assert no_show(StudentState.PRE_REGISTERED, stage, START, today, CALENDAR) is follows


@pytest.mark.rule("A14-2")
@pytest.mark.parametrize(("today", "follows"), [(date(2026, 9, 15), None), (date(2026, 9, 16), NoShow.PROPOSAL)])
def test_a_senior_no_show_is_a_proposal_only(today: date, follows: NoShow | None) -> None:
    assert no_show(StudentState.PRE_REGISTERED, Stage.SENIOR, START, today, CALENDAR) is follows


@pytest.mark.rule("A14-1", "A14-2")
def test_a_late_entry_counts_from_the_end_of_the_deferral() -> None:
    late, until = StudentState.LATE_ENTRY, date(2026, 9, 24)
    assert no_show(late, Stage.JUNIOR, START, until, CALENDAR, until) is None
    assert no_show(late, Stage.JUNIOR, START, date(2026, 9, 25), CALENDAR, until) is NoShow.DROPOUT
    # not known: fourteen days after the ten working days, 15 September, are the 29th
    assert no_show(late, Stage.SENIOR, START, date(2026, 9, 29), CALENDAR) is None
    assert no_show(late, Stage.SENIOR, START, date(2026, 9, 30), CALENDAR) is NoShow.PROPOSAL


@pytest.mark.rule("A14-1")
def test_nothing_follows_for_a_pupil_who_is_there() -> None:
    for state in set(StudentState) - {StudentState.PRE_REGISTERED, StudentState.LATE_ENTRY}:
        assert no_show(state, Stage.JUNIOR, START, date(2027, 1, 1), CALENDAR) is None


def missing(stage: Stage, today: date, ground: str = "no-show", **changes: object) -> Facts:
    kind = "no-show-record" if ground == "no-show" else "admission-findings"
    return replace(newcomer(stage), **{"today": today, "evidence": (paper(kind),), **changes})  # type: ignore[arg-type]  # a builder


@pytest.mark.rule("A14-2")
@pytest.mark.parametrize(("day", "stops"), [(15, True), (16, False)])
def test_the_school_proposes_to_cancel_after_ten_working_days(day: int, stops: bool) -> None:
    known = missing(Stage.SENIOR, date(2026, 9, day))
    request = asked("admission-cancellation", known, ground="no-show")
    assert stopping(request, known) == ({"A14-2": Status.FAILED} if stops else {})


@pytest.mark.rule("A14-2")
def test_an_admission_is_cancelled_only_with_the_superiors_consent() -> None:
    known = missing(Stage.SENIOR, date(2026, 9, 16))
    change = opened(asked("admission-cancellation", known, ground="no-show"), known, SENIOR_SCHOOL)
    assert change.effects == ()
    assert [(s.party, s.unit) for s in change.case.current] == [(Party.REGISTRY_SUPERIOR, COUNTY)]
    (effects,) = agreed(change.case, "superior", known).effects
    assert effects.move == SeniorMove(SeniorState.PRE_REGISTERED, SeniorState.ADMISSION_CANCELLED)
    assert refused(change.case, "superior", known).effects == ()


@pytest.mark.rule("A14-2")
def test_a_late_entry_is_not_cancelled_before_its_own_end() -> None:
    late = pupil(Stage.SENIOR, state=StudentState.LATE_ENTRY, grade="31")
    granted = archive(entry(EntryKind.ADMISSION, date(2026, 9, 10), late_entry_until="2026-09-24"))
    for day, stops in ((date(2026, 9, 24), True), (date(2026, 9, 25), False)):
        known = missing(Stage.SENIOR, day, archive=granted, student=late)
        request = asked("admission-cancellation", known, ground="no-show")
        assert bool(stopping(request, known)) is stops


@pytest.mark.rule("A14-1", "A34-1")
@pytest.mark.parametrize("ground", ["no-show", "improper"])
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
def test_no_admission_of_the_compulsory_stage_is_ever_cancelled(stage: Stage, ground: str) -> None:
    known = missing(stage, date(2026, 10, 20), ground)
    assert stopping(asked("admission-cancellation", known, ground=ground), known) == {"A14-1": Status.FAILED}


# Improper admission.


@pytest.mark.rule("A15-1")
def test_the_supervising_department_verifies_before_a_senior_admission_is_cancelled() -> None:
    department = "140100"
    known = missing(Stage.SENIOR, date(2026, 10, 20), "improper",
                    school=school(Stage.SENIOR, supervising_dept=department),
                    student=pupil(Stage.SENIOR, grade="31"))  # fmt: skip
    request = asked("admission-cancellation", known, ground="improper")
    assert stopping(request, known) == {}
    case = opened(request, known, SENIOR_SCHOOL).case
    assert [(s.party, s.unit) for s in case.current] == [(Party.SUPERVISING_DEPT, department)]
    case = agreed(case, "supervising-dept", known).case
    change = agreed(case, "superior", known)
    assert change.effects[0].move == SeniorMove(SeniorState.ACTIVE, SeniorState.ADMISSION_CANCELLED)


@pytest.mark.rule("A14-2")
def test_a_pupil_who_arrived_is_not_cancelled_as_missing() -> None:
    known = replace(missing(Stage.SENIOR, date(2026, 10, 20)), student=pupil(Stage.SENIOR, grade="31"))
    assert stopping(asked("admission-cancellation", known, ground="no-show"), known) == {"A14-2": Status.FAILED}


@pytest.mark.rule("A15-1")
def test_in_the_compulsory_stage_a_verified_report_becomes_a_matter_of_the_county_of_the_place() -> None:
    known = missing(Stage.JUNIOR, date(2026, 10, 20), "improper")
    request = asked("fraud-report", known, division=OTHER_COUNTY)
    change = opened(request, known, JUNIOR_SCHOOL)
    assert change.effects == ()
    (effects,) = agreed(change.case, "supervising-dept", known).effects
    assert effects.matters == (NewMatter("fraud", OTHER_COUNTY, known.today, "A15-1"),)
    assert effects.move is None
    senior = missing(Stage.SENIOR, date(2026, 10, 20), "improper")
    assert stopping(asked("fraud-report", senior, division=OTHER_COUNTY), senior) == {"A15-1": Status.FAILED}


@pytest.mark.rule("A15-1")
def test_the_county_arranges_a_school_anew_after_the_verification() -> None:
    proof = paper("verification", "education", "county")
    known = newcomer(Stage.JUNIOR, receiving=receiver(Stage.JUNIOR), evidence=(proof,))
    request = asked("admission-rearrangement", known, class_name="1班")
    case = opened(request, known, OTHER_COUNTY).case
    change = agreed(case, "sending-superior", known)
    assert change.case.status is CaseStatus.COMPLETED
    assert (change.effects[0].school, change.effects[0].move) == (NEW_SCHOOL[Stage.JUNIOR], None)
    with pytest.raises(RegisterRuleError):
        opened(request, known, NEW_SCHOOL[Stage.JUNIOR])
    unverified = replace(known, evidence=(paper("verification", "school"),))
    assert stopping(request, unverified) == {"A15-1": Status.FAILED}
    full = replace(known, receiving=receiver(Stage.JUNIOR, free_places={}))
    assert stopping(request, full) == {"A17-1": Status.FAILED}
