"""Chapter 7: who graduates, who completes, who leaves incomplete (Arts. 38-42; boundary group 22)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core_registry.domain.cases import Case, CaseStatus, act, open_case
from core_registry.domain.chapters.graduation import CONDITIONS, period_finished, three_full_years, unmet_conditions
from core_registry.domain.explaining import explain
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts
from core_registry.domain.procedures import PROCEDURES, Effects
from core_registry.domain.rules import Status
from core_registry.domain.states import CompulsoryMove, CompulsoryState, SeniorMove, SeniorState, Stage, StudentState
from core_registry.domain.terms import SchoolSystem
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import (
    COUNTY,
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

NOW = datetime(2026, 7, 8, 4, 0, tzinfo=UTC)
END = date(2026, 7, 10)
"""Last day of the school year in the calendar of the tests."""
WINDOW = END - timedelta(weeks=4)
"""学期末 begins four weeks before (Q-19)."""
ALL: dict[str, Any] = dict.fromkeys(CONDITIONS, True)
GRADE = {Stage.PRIMARY: "16", Stage.JUNIOR: "23", Stage.SENIOR: "33"}


def leaver(
    stage: Stage, today: date = date(2026, 7, 8), entries: tuple[ArchiveEntry, ...] = (), **changes: object
) -> Facts:
    """Return what is known of a pupil in the last grade who entered three years before, with evidence."""
    values: dict[str, object] = {"grade": GRADE[stage], "entry_month": "2023-09", **changes}
    known = facts(stage, today, student=pupil(stage, **values), archive=archive(*entries))
    return replace(known, evidence=(paper("leavers-list", "school"),))


def conditions(**changes: bool) -> ArchiveEntry:
    """Return an entry in which all seven conditions hold but for ``changes``."""
    return entry(EntryKind.GRADUATION_CONDITIONS, date(2026, 7, 1), **{**ALL, **changes})


def decided(kind: str, known: Facts, **values: str) -> tuple[Case, Effects]:
    """Return the case after the school opened it and the superior reviewed it, and the effects."""
    given: dict[str, Any] = dict(values)
    request = asked(kind, known, **given)
    case = open_case("ca-1", request, known, registrar(known.school.code), NOW, 1).case
    change = act(case, "review", "agree", registrar(known.school.registry_superior), known, NOW, case.version)
    return change.case, change.effects[-1]


# --- compulsory stage


@pytest.mark.rule("A38-1")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
def test_compulsory_pupil_graduates_on_finishing_without_any_condition(stage: Stage) -> None:
    known = leaver(stage)
    case, effects = decided("graduation", known, outcome="graduation")
    assert case.status is CaseStatus.COMPLETED
    assert effects.move == CompulsoryMove(CompulsoryState.ACTIVE, CompulsoryState.GRADUATED)
    assert effects.ground == "A38-1"


@pytest.mark.rule("A38-1")
@pytest.mark.parametrize(("day", "stops"), [(WINDOW, False), (WINDOW - timedelta(days=1), True)])
def test_the_period_is_finished_from_the_end_of_the_last_semester_on(day: date, stops: bool) -> None:
    known = leaver(Stage.JUNIOR, day)
    assert ("A38-1" in stopping(asked("graduation", known, outcome="graduation"), known)) is stops


@pytest.mark.rule("A38-1")
def test_nobody_graduates_from_the_grade_before_the_last_or_in_the_first_semester() -> None:
    middle = leaver(Stage.PRIMARY, grade="15")
    assert stopping(asked("graduation", middle, outcome="graduation"), middle) == {"A38-1": Status.FAILED}
    assert not period_finished(leaver(Stage.PRIMARY, date(2026, 1, 22)), date(2026, 1, 22))
    assert period_finished(leaver(Stage.PRIMARY, date(2026, 8, 20)), date(2026, 8, 20))


@pytest.mark.rule("A38-1")
def test_in_a_five_four_school_primary_ends_with_the_fifth_grade() -> None:
    known = replace(leaver(Stage.PRIMARY, grade="15"), school=school(Stage.PRIMARY, system=SchoolSystem.FIVE_FOUR))
    assert not stopping(asked("graduation", known, outcome="graduation"), known)


@pytest.mark.rule("A38-2")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
@pytest.mark.parametrize("outcome", ["completion", "incomplete"])
def test_compulsory_pupil_neither_completes_nor_leaves_incomplete(stage: Stage, outcome: str) -> None:
    known = leaver(stage)
    request = asked("graduation", known, outcome=outcome)
    assert stopping(request, known)["A38-2"] is Status.FAILED
    with pytest.raises(RegisterRuleError) as refused:  # and no move says it, whatever the checks say
        PROCEDURES[request.kind].effects(request, known, known.today)
    assert refused.value.rule == "A34-1"


# --- senior high: boundary group 22


@pytest.mark.rule("A39-1")
def test_senior_pupil_who_meets_all_seven_conditions_graduates() -> None:
    known = leaver(Stage.SENIOR, entries=(conditions(),))
    _, effects = decided("graduation", known, outcome="graduation")
    assert effects.move == SeniorMove(SeniorState.ACTIVE, SeniorState.GRADUATED)
    assert effects.ground == "A39-1"
    assert effects.entries[0].data["outcome"] == "graduation"


@pytest.mark.rule("A39-1", "A41-1")
@pytest.mark.parametrize("missing", CONDITIONS)
def test_each_condition_alone_missing_is_named_and_leads_to_completion(missing: str) -> None:
    known = leaver(Stage.SENIOR, entries=(conditions(**{missing: False}),))
    refusal = result_of("A39-1", asked("graduation", known, outcome="graduation"), known)
    assert refusal.status is Status.FAILED
    named = [name for name, (zh, en) in CONDITIONS.items() if zh in refusal.needed_zh and en in refusal.needed]
    assert named == [missing]
    _, effects = decided("graduation", known, outcome="completion")
    assert effects.move == SeniorMove(SeniorState.ACTIVE, SeniorState.COMPLETED)
    assert effects.ground == "A41-1"
    assert effects.entries[0].personal == {"unmet": missing}


@pytest.mark.rule("A39-1")
def test_the_refusal_lists_every_unmet_condition() -> None:
    known = leaver(Stage.SENIOR, entries=(conditions(credits_reached=False, exams_passed=False, fitness_passed=False),))
    refusal = result_of("A39-1", asked("graduation", known, outcome="graduation"), known)
    for name in ("credits_reached", "exams_passed", "fitness_passed"):
        assert CONDITIONS[name][0] in refusal.needed_zh
    assert CONDITIONS["quality_met"][0] not in refusal.needed_zh


@pytest.mark.rule("A39-1")
def test_without_recorded_conditions_none_holds() -> None:
    known = leaver(Stage.SENIOR)
    assert unmet_conditions(known, known.today) == tuple(CONDITIONS)


@pytest.mark.rule("A39-1")
def test_the_newest_entry_of_conditions_counts() -> None:
    first = conditions(exams_passed=False)
    second = replace(conditions(), supersedes=first.id)
    known = leaver(Stage.SENIOR, entries=(first, second))
    assert unmet_conditions(known, known.today) == ()


@pytest.mark.rule("A39-1", "A45-4")
@pytest.mark.parametrize(("until", "unmet"), [("2026-07-08", ("no_serious_discipline",)), ("2026-07-07", ())])
def test_a_sanction_in_force_stops_graduation_and_an_expired_one_does_not(until: str, unmet: tuple[str, ...]) -> None:
    sanction = entry(EntryKind.SANCTION, date(2026, 3, 2), kind="demerit", until=until, **{"from": "2026-03-02"})
    known = leaver(Stage.SENIOR, entries=(conditions(), sanction))
    assert unmet_conditions(known, known.today) == unmet


@pytest.mark.rule("A39-1", "A45-4")
def test_a_revoked_sanction_does_not_stop_graduation() -> None:
    sanction = entry(EntryKind.SANCTION, date(2026, 3, 2), kind="demerit", **{"from": "2026-03-02"})
    end = entry(EntryKind.SANCTION_END, date(2026, 6, 1), of=sanction.id, on="2026-06-01")
    known = leaver(Stage.SENIOR, entries=(conditions(), sanction, end))
    assert unmet_conditions(known, known.today) == ()


@pytest.mark.rule("A39-1")
@pytest.mark.parametrize(
    ("entered", "day", "full"),
    [
        ("2023-09", WINDOW, True),
        ("2023-09", WINDOW - timedelta(days=1), False),
        ("2023-08", date(2026, 7, 8), True),
        ("2024-02", date(2026, 7, 8), False),  # five semesters
        ("2024-01", date(2026, 7, 8), True),  # still the first semester of 2023
        ("2024-09", date(2026, 7, 8), False),
        ("", date(2026, 7, 8), False),
    ],
)
def test_three_full_years_are_six_semesters_from_the_month_of_entry(entered: str, day: date, full: bool) -> None:
    assert three_full_years(leaver(Stage.SENIOR, day, entry_month=entered), day) is full


@pytest.mark.rule("A39-1")
def test_a_yes_of_the_school_does_not_replace_the_years_on_record() -> None:
    known = leaver(Stage.SENIOR, entries=(conditions(),), entry_month="2024-09")
    assert unmet_conditions(known, known.today) == ("three_years",)


@pytest.mark.rule("A41-1")
def test_who_meets_all_conditions_cannot_be_put_down_as_completion() -> None:
    known = leaver(Stage.SENIOR, entries=(conditions(),))
    assert stopping(asked("graduation", known, outcome="completion"), known) == {"A41-1": Status.FAILED}


@pytest.mark.rule("A41-1")
def test_no_completion_before_the_conditions_are_recorded_or_the_period_is_finished() -> None:
    unrecorded = leaver(Stage.SENIOR)
    assert stopping(asked("graduation", unrecorded, outcome="completion"), unrecorded) == {"A41-1": Status.FAILED}
    early = leaver(Stage.SENIOR, date(2026, 4, 1), (conditions(exams_passed=False),))
    assert stopping(asked("graduation", early, outcome="completion"), early) == {"A41-1": Status.FAILED}


# --- 肄业


@pytest.mark.rule("A41-2")
def test_a_withdrawn_senior_pupil_becomes_incomplete_after_review() -> None:
    known = leaver(Stage.SENIOR, state=StudentState.WITHDRAWN, grade="32")
    case, effects = decided("incomplete", known)
    assert case.status is CaseStatus.COMPLETED
    assert effects.move == SeniorMove(SeniorState.WITHDRAWN, SeniorState.INCOMPLETE)
    assert effects.entries[0].data["why"] == "withdrawal"


@pytest.mark.rule("A41-2")
def test_an_active_pupil_is_not_marked_incomplete_as_if_withdrawn() -> None:
    known = leaver(Stage.SENIOR)
    assert stopping(asked("incomplete", known), known)["S-3"] is Status.FAILED


@pytest.mark.rule("A41-2")
def test_an_early_end_is_incomplete_and_needs_its_proof() -> None:
    known = leaver(Stage.SENIOR, date(2026, 4, 1), grade="32")
    request = asked("graduation", known, outcome="incomplete")
    assert stopping(request, known) == {"A41-2": Status.FAILED}
    proved = replace(known, evidence=(paper("early-end-proof", "school"),))
    assert not stopping(request, proved)
    assert decided("graduation", proved, outcome="incomplete")[1].ground == "A41-2"


@pytest.mark.rule("A41-2")
def test_after_the_finished_period_nobody_is_incomplete() -> None:
    known = replace(leaver(Stage.SENIOR, entries=(conditions(),)), evidence=(paper("early-end-proof", "school"),))
    assert stopping(asked("graduation", known, outcome="incomplete"), known) == {"A41-2": Status.FAILED}


@pytest.mark.rule("A41-2", "A34-1")
def test_the_compulsory_stage_has_no_incomplete_schooling() -> None:
    known = leaver(Stage.JUNIOR)
    request = asked("incomplete", known)
    assert stopping(request, known)["A41-2"] is Status.FAILED


# --- who acts, on what evidence


@pytest.mark.rule("A42-1")
def test_the_record_changes_only_when_the_superior_has_reviewed() -> None:
    known = leaver(Stage.JUNIOR)
    opened = open_case(
        "ca-1", asked("graduation", known, outcome="graduation"), known, registrar(known.school.code), NOW, 1
    )
    assert opened.effects == ()
    assert [step.name for step in opened.case.current] == ["review"]
    with pytest.raises(RegisterRuleError):  # not by the school itself
        act(opened.case, "review", "agree", registrar(known.school.code), known, NOW, opened.case.version)
    done = act(opened.case, "review", "agree", registrar(COUNTY), known, NOW, opened.case.version)
    assert done.case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A42-1", "A39-1")
def test_the_conditions_are_judged_again_at_the_review() -> None:
    known = leaver(Stage.SENIOR, entries=(conditions(),))
    case = open_case(
        "ca-1", asked("graduation", known, outcome="graduation"), known, registrar(known.school.code), NOW, 1
    ).case
    sanction = entry(EntryKind.SANCTION, date(2026, 7, 7), kind="demerit", **{"from": "2026-07-07"})
    later = leaver(Stage.SENIOR, entries=(conditions(), sanction))
    with pytest.raises(CaseRefusedError) as refused:
        act(case, "review", "agree", registrar(COUNTY), later, NOW, case.version)
    assert refused.value.rule == "A39-1"


@pytest.mark.rule("A7-1", "A42-1")
def test_a_classification_without_evidence_is_refused() -> None:
    known = replace(leaver(Stage.JUNIOR), evidence=())
    assert stopping(asked("graduation", known, outcome="graduation"), known) == {"A7-1": Status.FAILED}


@pytest.mark.rule("A23-2")
def test_a_disabled_pupil_graduates_on_the_committees_assessment_only() -> None:
    known = leaver(Stage.JUNIOR, disabled=True)
    request = asked("graduation", known, outcome="graduation")
    assert stopping(request, known) == {"A23-2": Status.FAILED}
    by_the_school = replace(known, evidence=(paper("assessment", "school", "county"),))
    assert stopping(request, by_the_school) == {"A23-2": Status.FAILED}
    assessed = replace(known, evidence=(paper("assessment", "committee", "county"),))
    assert not stopping(request, assessed)


@pytest.mark.rule("A39-1")
def test_the_school_records_the_seven_conditions_in_place_of_the_ones_before() -> None:
    before = conditions(exams_passed=False)
    known = leaver(Stage.SENIOR, entries=(before,))
    request = asked("graduation-conditions", known, **ALL)
    change = open_case("ca-1", request, known, registrar(known.school.code), NOW, 1)
    assert change.case.status is CaseStatus.COMPLETED
    written = change.effects[0].entries[0]
    assert written.supersedes == before.id
    assert dict(written.data) == ALL


@pytest.mark.rule("A39-1", "A38-1")
def test_no_conditions_are_recorded_in_the_compulsory_stage() -> None:
    known = leaver(Stage.JUNIOR)
    request = asked("graduation-conditions", known, **ALL)
    assert stopping(request, known) == {"A39-1": Status.FAILED}


def test_no_answer_holds_a_number_of_the_pupil() -> None:
    known = leaver(Stage.SENIOR)
    for result in explain(asked("graduation", known, outcome="graduation"), known):
        assert "2009" not in result.needed_zh + result.needed
