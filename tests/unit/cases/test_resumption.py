"""Chapter 5: resumption, contacts, and what an expired suspension leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus, act
from core_registry.domain.chapters import attendance, resumption
from core_registry.domain.facts import Facts
from core_registry.domain.procedures import NewMatter
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Status
from core_registry.domain.states import SENIOR_ONLY, Stage, StudentState
from core_registry.domain.suspensions import (
    WithdrawalProposal,
    after_expiry,
    grades_on_return,
    used_up,
)
from core_registry.errors import CaseRefusedError
from tests.factories.cases import (
    CALENDAR,
    COUNTY,
    archive,
    asked,
    facts,
    paper,
    pupil,
    registrar,
    school,
    stopping,
)
from tests.factories.suspensions import NOW, opened, suspended

# --- resumption


def _suspended(
    stage: Stage = Stage.SENIOR, grade: str = "31", today: date = date(2026, 9, 10), **changes: object
) -> Facts:
    return facts(
        stage,
        today,
        **{
            "student": pupil(stage, state=StudentState.SUSPENDED, grade=grade),
            "archive": archive(suspended(date(2025, 9, 8), date(2026, 9, 8), grade)),
            "evidence": (paper("annex-2", "guardian"), paper("resumption-proof", "hospital", "county")),
            **changes,
        },
    )


def _back(known: Facts, grade: str, on: date = date(2026, 9, 9)) -> Request:
    return asked("resumption", known, returned_on=on, grade=grade)


@pytest.mark.rule("A31-1")
def test_resumption_needs_annex_2_and_a_proof() -> None:
    known = _suspended()
    assert stopping(_back(known, "31"), known) == {}
    without = replace(known, evidence=known.evidence[1:])
    assert stopping(_back(without, "31"), without) == {"A31-1": Status.FAILED}
    only_form = replace(known, evidence=known.evidence[:1])
    assert stopping(_back(only_form, "31"), only_form) == {"A31-1": Status.FAILED}


@pytest.mark.rule("A31-2", "A27-3")
@pytest.mark.parametrize(("grade", "rules"), [("31", set()), ("32", set()), ("33", {"A31-2"})])
def test_the_grade_is_the_original_or_the_one_of_the_cohort(grade: str, rules: set[str]) -> None:
    known = _suspended()
    assert set(stopping(_back(known, grade), known)) == rules


@pytest.mark.rule("A27-3")
def test_a_return_below_the_original_grade_repeats_one_and_is_refused() -> None:
    known = _suspended(Stage.JUNIOR, "22")
    assert set(stopping(_back(known, "21"), known)) == {"A31-2", "A27-3"}


@pytest.mark.rule("A31-2")
def test_a_cohort_that_has_left_the_stage_gives_no_grade() -> None:
    known = _suspended(Stage.JUNIOR, "23")
    assert grades_on_return(known.archive, known, date(2026, 9, 9)) == ("23",)


@pytest.mark.rule("A31-2")
def test_a_return_in_the_same_school_year_leads_to_the_original_grade_only() -> None:
    known = _suspended(archive=archive(suspended(date(2025, 9, 8), date(2026, 9, 8))), today=date(2026, 3, 2))
    assert grades_on_return(known.archive, known, date(2026, 3, 2)) == ("31",)


@pytest.mark.rule("A32-1")
@pytest.mark.parametrize(("day", "late"), [(date(2026, 9, 22), False), (date(2026, 9, 23), True)])
def test_the_school_applies_within_ten_working_days_of_the_return(day: date, late: bool) -> None:
    # Returned on 9 September 2026; Sunday the 20th is worked for the National Day.
    known = _suspended(today=day)
    case = opened(_back(known, "31"), known).case
    confirmed = next(step for step in case.steps if step.name == "confirm")
    assert (confirmed.due, confirmed.late) == (date(2026, 9, 22), late)


@pytest.mark.rule("A32-2")
@pytest.mark.parametrize(("day", "late"), [(date(2026, 9, 23), False), (date(2026, 9, 24), True)])
def test_the_superior_reviews_in_ten_working_days_and_only_then_the_pupil_is_active(day: date, late: bool) -> None:
    known = _suspended()
    begun = opened(_back(known, "32"), known)
    assert begun.effects == ()
    done = act(begun.case, "review", "agree", registrar(COUNTY), replace(known, today=day), NOW, begun.case.version)
    assert done.case.steps[-1].late is late
    (effects,) = done.effects
    assert effects.move is not None
    assert (effects.move.after.value, effects.grade, effects.met) == ("active", "32", ("suspension-end",))


@pytest.mark.rule("S-3")
def test_an_active_pupil_cannot_resume() -> None:
    known = _suspended(student=pupil(Stage.SENIOR))
    assert "S-3" in stopping(_back(known, "31"), known)


# --- after the expiry


def _lapse(stage: Stage, today: date, state: StudentState = StudentState.SUSPENDED) -> object:
    # Ended on Wednesday 2 September; one month later lies in the National Day, so the last day is 8 October (T-4).
    past = archive(suspended(date(2025, 9, 2), date(2026, 9, 2), "22" if stage.compulsory else "31"))
    return after_expiry(stage, state, past, school(stage), CALENDAR, today)


@pytest.mark.rule("A33-1", "A33-2", "T-4")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
def test_in_the_compulsory_stage_an_expired_suspension_becomes_a_dropout_matter(stage: Stage) -> None:
    assert _lapse(stage, date(2026, 10, 8)) is None
    matter = _lapse(stage, date(2026, 10, 9))
    assert isinstance(matter, NewMatter)
    assert (matter.kind, matter.rule, matter.owner) == ("dropout", "A33-1", school(stage).code)


@pytest.mark.rule("A33-1")
def test_in_senior_high_an_expired_suspension_is_a_proposal_and_nothing_more() -> None:
    assert _lapse(Stage.SENIOR, date(2026, 10, 8)) is None
    assert isinstance(_lapse(Stage.SENIOR, date(2026, 10, 9)), WithdrawalProposal)


@pytest.mark.rule("A33-1")
def test_who_resumed_or_renewed_has_not_lapsed() -> None:
    assert _lapse(Stage.SENIOR, date(2026, 10, 9), StudentState.ACTIVE) is None
    renewed = archive(suspended(date(2025, 9, 2), date(2026, 9, 2)), suspended(date(2026, 9, 3), date(2027, 3, 2)))
    here = school(Stage.SENIOR)
    assert after_expiry(Stage.SENIOR, StudentState.SUSPENDED, renewed, here, CALENDAR, date(2026, 10, 9)) is None


@pytest.mark.rule("A33-2", "A34-1")
@pytest.mark.parametrize("stage", [Stage.PRIMARY, Stage.JUNIOR])
def test_a_resumption_brings_no_compulsory_record_to_a_senior_state(stage: Stage) -> None:
    known = _suspended(stage, "14" if stage is Stage.PRIMARY else "22")
    effects = resumption.resumption_effects(_back(known, known.pupil.grade), known, known.today)
    assert effects.move is not None
    assert StudentState(effects.move.after.value) not in SENIOR_ONLY


@pytest.mark.rule("A33-1", "A35-1")
def test_a_contact_is_recorded_with_day_and_channel_and_the_rest_under_seal() -> None:
    known = facts(Stage.SENIOR)
    values: dict[str, Value] = {
        "contacted_on": date(2026, 9, 9), "channel": "telephone", "about": "suspension-end", "person": "母亲",
        "result": "答复下周返校",
    }  # fmt: skip
    change = opened(replace(asked("contact", known), values=values), known)
    assert change.case.status is CaseStatus.COMPLETED
    (effects,) = change.effects
    (kept,) = effects.entries
    assert (kept.on, dict(kept.data)) == (date(2026, 9, 9), {"channel": "telephone", "about": "suspension-end"})
    assert kept.personal == {"person": "母亲", "result": "答复下周返校"}


@pytest.mark.rule("A33-1")
def test_a_contact_of_tomorrow_is_refused() -> None:
    known = facts(Stage.SENIOR)
    request = asked("contact", known, contacted_on=date(2026, 9, 11), channel="visit", about="absence")
    assert stopping(request, known) == {"A33-1": Status.FAILED}
    with pytest.raises(CaseRefusedError):
        opened(request, known)
    assert set(attendance.SUBJECTS) == {"suspension-end", "absence", "arrival"}


@pytest.mark.rule("A35-2")
def test_two_years_are_used_up_on_the_first_day_after_them() -> None:
    past = archive(suspended(date(2024, 9, 10), date(2025, 9, 10)), suspended(date(2025, 9, 11), date(2026, 9, 10)))
    assert not used_up(past, date(2026, 9, 10))
    assert used_up(past, date(2026, 9, 11))
