"""Chapter 6: withdrawal from senior high, absence, death; and that the compulsory stage has no way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus, act, open_case
from core_registry.domain.chapters import attendance, conduct, resumption, suspension, withdrawal
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts, Policy
from core_registry.domain.procedures import PROCEDURES, Effects
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Party, Status
from core_registry.domain.states import SENIOR_ONLY, SeniorMove, SeniorState, Stage, StudentState
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import (
    CITY,
    archive,
    asked,
    entry,
    facts,
    paper,
    pupil,
    registrar,
    result_of,
    school,
    stopping,
)
from tests.factories.suspensions import NOW, opened, suspended

TODAY = date(2026, 5, 8)
MONDAY = date(2026, 3, 2)
CALLS = (
    entry(EntryKind.CONTACT, date(2026, 4, 28), about="absence", channel="telephone"),
    entry(EntryKind.CONTACT, date(2026, 5, 7), about="absence", channel="visit"),
)
RECORD = (paper("absence-record", "school"),)
FORM = paper("annex-3", "guardian")


def _known(*entries: ArchiveEntry, today: date = TODAY, **changes: object) -> Facts:
    return facts(Stage.SENIOR, today, **{"archive": archive(*entries), **changes})


def _asking(known: Facts, ground: str, **values: Value) -> Request:
    return replace(asked("withdrawal", known), values={"ground": ground, **values})


def _counted(run_until: date, total_weeks: int, run_from: date = MONDAY) -> ArchiveEntry:
    """Return the entry that the absence procedure writes, as the archive keeps it."""
    known = _known()
    request = asked("absence", known, run_from=run_from, run_until=run_until, total_weeks=total_weeks)
    (effects,) = opened(request, known).effects
    (new,) = effects.entries
    return replace(entry(EntryKind.ABSENCE, new.on), data=new.data)


# --- compulsory stage


@pytest.mark.rule("A34-1")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
@pytest.mark.parametrize("ground", list(withdrawal.GROUNDS))
def test_no_ground_opens_a_withdrawal_in_the_compulsory_stage(stage: Stage, ground: str) -> None:
    known = facts(stage, evidence=(FORM, paper("hospital-record", "hospital", "county")))
    assert stopping(_asking(known, ground), known)["A34-1"] is Status.FAILED
    with pytest.raises(CaseRefusedError):
        opened(_asking(known, ground), known)


@pytest.mark.rule("A34-1", "A34-2")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
@pytest.mark.parametrize("state", [StudentState.ACTIVE, StudentState.SUSPENDED])
def test_the_moves_out_cannot_even_be_made_for_a_compulsory_record(stage: Stage, state: StudentState) -> None:
    known = facts(stage, student=pupil(stage, state=state))
    for effects in (withdrawal.withdrawal_effects, conduct.expulsion_effects):
        with pytest.raises(RegisterRuleError) as refused:
            effects(_asking(known, "application"), known, known.today)
        assert refused.value.rule == "A34-1"


@pytest.mark.rule("A34-1", "A34-2", "A33-2")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
@pytest.mark.parametrize("state", list(StudentState))
def test_no_procedure_of_chapters_5_6_and_8_leads_a_compulsory_record_out(stage: Stage, state: StudentState) -> None:
    modules = {m.__name__ for m in (attendance, conduct, resumption, suspension, withdrawal)}
    known = facts(stage, TODAY, student=pupil(stage, state=state))
    values: dict[str, Value] = {
        "run_from": MONDAY, "run_until": MONDAY, "grade": known.pupil.grade, "level": "school", "sanction": "demerit",
    }  # fmt: skip
    seen = 0
    for kind, procedure in PROCEDURES.items():
        if procedure.effects.__module__ not in modules:
            continue
        seen += 1
        try:
            made: Effects = procedure.effects(replace(asked(kind, known), values=values), known, TODAY)
        except RegisterRuleError:
            continue
        assert made.move is None or StudentState(made.move.after.value) not in SENIOR_ONLY
    assert seen == 10


# --- absence, ground (一)


@pytest.mark.rule("A35-1")
def test_eight_school_weeks_and_one_day_is_more_than_eight_weeks() -> None:
    # Monday 2 March to Friday 24 April are eight school weeks, with the day of Qingming off: 39 school days.
    exact, more = _counted(date(2026, 4, 24), 8), _counted(date(2026, 4, 27), 8)
    assert (exact.number("consecutive_weeks"), exact.number("consecutive_days"), exact.number("extra_days")) == (
        8,
        39,
        0,
    )
    assert (more.number("consecutive_weeks"), more.number("consecutive_days"), more.number("extra_days")) == (8, 40, 1)
    known = _known(exact, *CALLS, evidence=RECORD)
    assert stopping(_asking(known, "absence"), known) == {"A35-1": Status.FAILED}
    known = _known(more, *CALLS, evidence=RECORD)
    assert stopping(_asking(known, "absence"), known) == {}


@pytest.mark.rule("A35-1")
def test_weeks_begun_or_left_early_are_no_full_weeks_but_count_beyond_eight() -> None:
    # Wednesday 4 March to Tuesday 28 April: seven full school weeks between two broken ones.
    broken = _counted(date(2026, 4, 28), 8, run_from=date(2026, 3, 4))
    assert (broken.number("consecutive_weeks"), broken.number("extra_days")) == (7, 5)
    known = _known(broken, *CALLS, evidence=RECORD)
    assert "A35-1" in stopping(_asking(known, "absence"), known)


@pytest.mark.rule("A35-1", "T-5")
@pytest.mark.parametrize(("weeks", "stops"), [(9, True), (10, False)])
def test_ten_weeks_in_all_are_enough(weeks: int, stops: bool) -> None:
    known = _known(_counted(date(2026, 3, 20), weeks), *CALLS, evidence=RECORD)
    assert ("A35-1" in stopping(_asking(known, "absence"), known)) is stops


@pytest.mark.rule("A35-1")
@pytest.mark.parametrize(("needed", "made", "stops"), [(2, 1, True), (2, 2, False), (3, 2, True)])
def test_several_documented_contacts_come_first(needed: int, made: int, stops: bool) -> None:
    policy = Policy(class_size={}, contacts=needed)
    known = _known(_counted(date(2026, 4, 27), 8), *CALLS[:made], evidence=RECORD, policy=policy)
    assert ("A35-1" in stopping(_asking(known, "absence"), known)) is stops


@pytest.mark.rule("A35-1")
def test_contacts_about_something_else_or_of_another_semester_do_not_count() -> None:
    other = entry(EntryKind.CONTACT, date(2026, 4, 28), about="suspension-end", channel="visit")
    before = entry(EntryKind.CONTACT, date(2026, 1, 5), about="absence", channel="visit")
    known = _known(_counted(date(2026, 4, 27), 8), CALLS[0], other, before, evidence=RECORD)
    assert stopping(_asking(known, "absence"), known) == {"A35-1": Status.FAILED}


@pytest.mark.rule("A35-1")
def test_absence_of_long_ago_is_no_ground() -> None:
    known = _known(_counted(date(2026, 4, 27), 8), *CALLS, evidence=RECORD, today=date(2027, 3, 2))
    assert stopping(_asking(known, "absence"), known) == {"A35-1": Status.FAILED}


@pytest.mark.rule("A35-1")
def test_a_newer_count_of_the_semester_takes_the_place_of_the_older() -> None:
    older = _counted(date(2026, 4, 24), 8)
    known = _known(older)
    request = asked("absence", known, run_from=MONDAY, run_until=date(2026, 4, 27), total_weeks=8)
    (effects,) = opened(request, known).effects
    assert effects.entries[0].supersedes == older.id


@pytest.mark.rule("A35-1")
@pytest.mark.parametrize(
    ("since", "until", "weeks"),
    [(MONDAY, date(2026, 5, 9), 9), (date(2026, 2, 20), date(2026, 3, 6), 1), (MONDAY, date(2026, 4, 24), 7)],
)
def test_a_run_beyond_the_semester_or_today_or_the_total_is_refused(since: date, until: date, weeks: int) -> None:
    known = _known()
    request = asked("absence", known, run_from=since, run_until=until, total_weeks=weeks)
    assert stopping(request, known) == {"A35-1": Status.FAILED}


@pytest.mark.rule("A36-1")
def test_a_pupil_who_left_without_applying_needs_no_annex_3_and_no_guardian() -> None:
    known = _known(_counted(date(2026, 4, 27), 8), *CALLS, evidence=RECORD)
    case = opened(_asking(known, "absence"), known).case
    assert Party.GUARDIAN not in {step.party for step in case.steps}


# --- grounds (二) to (四)


def _used(until: date) -> tuple[ArchiveEntry, ...]:
    return suspended(date(2024, 9, 10), date(2025, 9, 10)), suspended(date(2025, 9, 11), until)


@pytest.mark.rule("A35-2")
@pytest.mark.parametrize(("day", "stops"), [(date(2026, 9, 10), True), (date(2026, 9, 11), False)])
def test_two_years_of_suspension_are_a_ground_from_the_first_day_after_them(day: date, stops: bool) -> None:
    known = _known(
        *_used(date(2026, 9, 10)),
        today=day,
        evidence=(FORM,),
        student=pupil(Stage.SENIOR, state=StudentState.SUSPENDED),
    )
    assert ("A35-2" in stopping(_asking(known, "suspension-used", unfit=True), known)) is stops


@pytest.mark.rule("A35-2")
def test_two_years_of_suspension_are_no_ground_for_a_pupil_who_can_return() -> None:
    known = _known(
        *_used(date(2026, 9, 10)), today=date(2026, 9, 11), evidence=(FORM,),
        student=pupil(Stage.SENIOR, state=StudentState.SUSPENDED),
    )  # fmt: skip
    assert stopping(_asking(known, "suspension-used", unfit=False), known) == {"A35-2": Status.FAILED}


@pytest.mark.rule("A35-3")
@pytest.mark.parametrize(
    ("kind", "issuer", "level", "stops"),
    [
        ("hospital-record", "hospital", "county", False),
        ("hospital-record", "hospital", "township", True),
        ("public-proof", "police", "township", False),
        ("public-proof", "school", "county", True),
    ],
)
def test_serious_illness_needs_a_county_hospital_or_the_police(kind: str, issuer: str, level: str, stops: bool) -> None:
    known = _known(evidence=(FORM, paper(kind, issuer, level)))
    assert ("A35-3" in stopping(_asking(known, "illness"), known)) is stops


@pytest.mark.rule("A35-4", "A36-1")
def test_the_guardians_application_is_a_ground_with_annex_3_only() -> None:
    known = _known(evidence=(FORM,))
    assert stopping(_asking(known, "application"), known) == {}
    without = _known(evidence=(paper("other"),))
    assert stopping(_asking(without, "application"), without) == {"A36-1": Status.FAILED}


@pytest.mark.rule("A36-1")
@pytest.mark.parametrize("ground", ["suspension-used", "illness", "application"])
def test_every_withdrawal_applied_for_begins_with_the_guardian(ground: str) -> None:
    known = _known(evidence=(FORM,))
    steps = withdrawal.withdrawal_steps(_asking(known, ground), known)
    assert (steps[0].party, steps[0].rule) == (Party.GUARDIAN, "A36-1")


# --- filing


@pytest.mark.rule("A36-2", "A34-1")
def test_a_withdrawal_takes_effect_on_filing_and_the_superior_may_object() -> None:
    known = _known(evidence=(FORM,), school=school(Stage.SENIOR, registry_superior=CITY))
    change = opened(_asking(known, "application", reason="随家人迁居"), known)
    assert change.case.status is CaseStatus.COMPLETED
    assert [step.act for step in change.case.steps] == ["apply", "confirm", "file"]
    assert CITY not in {step.unit for step in change.case.steps}
    effects = change.effects[-1]
    assert effects.move == SeniorMove(SeniorState.ACTIVE, SeniorState.WITHDRAWN)
    (clock,) = effects.deadlines
    assert (clock.name, clock.unit, clock.period) == ("withdrawal-objection", CITY, Period(10, Measure.WORKING_DAYS))
    assert (effects.ground, effects.entries[0].personal) == ("A36-2", {"ground": "application", "reason": "随家人迁居"})
    assert dict(effects.entries[0].data) == {"filed_on": "2026-05-08"}


@pytest.mark.rule("A36-2")
def test_what_a_guardian_applies_for_waits_for_the_school() -> None:
    known = _known(evidence=(FORM,))
    guardian = replace(registrar(""), role="guardian")
    case = open_case("ca-1", _asking(known, "application"), known, guardian, NOW, None).case
    assert [step.name for step in case.current] == ["confirm"]
    after = act(case, "confirm", "agree", registrar(known.school.code), known, NOW, case.version)
    assert after.effects == ()
    filed = act(after.case, "file", "agree", registrar(known.school.code), known, NOW, after.case.version)
    assert filed.effects[0].move is not None


@pytest.mark.rule("A36-3")
@pytest.mark.parametrize(("completed", "late"), [(date(2026, 4, 21), False), (date(2026, 4, 20), True)])
def test_a_withdrawal_is_marked_within_ten_working_days_of_completion(completed: date, late: bool) -> None:
    # After 21 April the tenth working day is 8 May 2026: 1 to 5 May are off.
    known = _known(evidence=(FORM,))
    case = opened(_asking(known, "application", completed_on=completed), known).case
    assert case.steps[-1].late is late


@pytest.mark.rule("A36-4")
@pytest.mark.parametrize(("born", "stops"), [(date(2008, 5, 8), False), (date(2008, 5, 9), True)])
def test_a_pupil_of_eighteen_may_apply_beside_the_guardian(born: date, stops: bool) -> None:
    known = _known(evidence=(FORM,), student=pupil(Stage.SENIOR, birth_date=born))
    assert ("A36-4" in stopping(_asking(known, "application", pupil_applies=True), known)) is stops


@pytest.mark.rule("A36-4")
def test_an_adult_pupil_does_not_apply_instead_of_the_guardian() -> None:
    known = _known(evidence=(paper("other"),), student=pupil(Stage.SENIOR, birth_date=date(2008, 5, 8)))
    assert "A36-1" in stopping(_asking(known, "application", pupil_applies=True), known)


@pytest.mark.rule("A33-1")
@pytest.mark.parametrize(
    ("day", "contacted", "stops"),
    [(date(2026, 10, 12), True, True), (date(2026, 10, 13), True, False), (date(2026, 10, 13), False, True)],
)
def test_an_expired_suspension_is_filed_after_a_month_and_a_contact(day: date, contacted: bool, stops: bool) -> None:
    # The suspension ended on 10 September 2026; 10 October is a worked Saturday, so the month ends there.
    call = entry(EntryKind.CONTACT, date(2026, 9, 14), about="suspension-end", channel="telephone")
    past = _used(date(2026, 9, 12))
    known = _known(
        *past, *((call,) if contacted else ()), today=day, evidence=(paper("contact-record", "school"),),
        student=pupil(Stage.SENIOR, state=StudentState.SUSPENDED),
    )  # fmt: skip
    request = _asking(known, "suspension-lapsed")
    assert ("A33-1" in stopping(request, known)) is stops
    if not stops:
        effects = opened(request, known).effects[-1]
        assert effects.move == SeniorMove(SeniorState.SUSPENDED, SeniorState.WITHDRAWN)
        assert effects.met == ("suspension-end",)


# --- death


def _death(died: date, today: date, stage: Stage = Stage.PRIMARY, **changes: object) -> tuple[Request, Facts]:
    known = facts(stage, today, evidence=(paper("death-proof", "police", "county"),), **changes)
    return asked("death", known, died_on=died), known


@pytest.mark.rule("A37-1")
@pytest.mark.parametrize(("day", "late"), [(date(2026, 5, 29), False), (date(2026, 6, 1), True)])
def test_a_death_is_reported_within_sixty_working_days(day: date, late: bool) -> None:
    request, known = _death(date(2026, 3, 3), day)
    case = opened(request, known).case
    assert known.calendar.working_days_between(date(2026, 3, 3), day) == (61 if late else 60)
    assert (case.steps[0].late, case.status) == (late, CaseStatus.OPEN)


@pytest.mark.rule("A37-1")
@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("state", [StudentState.ACTIVE, StudentState.SUSPENDED, StudentState.ABROAD])
def test_the_superior_cancels_and_the_record_is_kept(stage: Stage, state: StudentState) -> None:
    request, known = _death(date(2026, 5, 4), TODAY, stage, student=pupil(stage, state=state))
    begun = opened(request, known)
    assert begun.effects == ()
    superior = registrar(known.school.registry_superior)
    (effects,) = act(begun.case, "cancel", "agree", superior, known, NOW, begun.case.version).effects
    assert effects.move is not None
    assert effects.move.after.value == "deceased"
    assert effects.entries[0].kind is EntryKind.DEATH


@pytest.mark.rule("A37-1")
def test_a_death_needs_papers_and_lies_in_the_past() -> None:
    request, known = _death(date(2026, 5, 9), TODAY)
    assert stopping(request, known) == {"A37-1": Status.FAILED}
    request, known = _death(date(2026, 5, 4), TODAY)
    without = replace(known, evidence=(paper("other"),))
    assert result_of("A37-1", request, without).evidence == "death-proof"


# --- the superior's objection


def _withdrawn(today: date) -> Facts:
    filed = entry(EntryKind.WITHDRAWAL, date(2026, 9, 10), filed_on="2026-09-10")
    record = pupil(Stage.SENIOR, state=StudentState.WITHDRAWN)
    return facts(Stage.SENIOR, today, student=record, archive=archive(filed))


@pytest.mark.rule("A36-2")
@pytest.mark.parametrize(("day", "in_time"), [(date(2026, 9, 23), True), (date(2026, 9, 24), False)])
def test_the_superior_objects_to_what_was_filed_within_ten_working_days(day: date, in_time: bool) -> None:
    known = _withdrawn(day)
    request = asked("objection", known, reason="联系记录不足")
    assert (stopping(request, known) == {}) is in_time
    if not in_time:
        return
    change = open_case("ca-9", request, known, registrar(known.school.registry_superior), NOW, 1)
    assert change.case.status is CaseStatus.COMPLETED
    (effects,) = change.effects
    assert [(matter.kind, matter.owner) for matter in effects.matters] == [("objection", known.school.code)]
    assert effects.move is None  # the act stands until it is withdrawn


@pytest.mark.rule("A36-2")
def test_a_school_does_not_object_to_its_own_filing() -> None:
    known = _withdrawn(date(2026, 9, 11))
    request = asked("objection", known, reason="联系记录不足")
    with pytest.raises(RegisterRuleError):
        open_case("ca-9", request, known, registrar(known.school.code), NOW, 1)
