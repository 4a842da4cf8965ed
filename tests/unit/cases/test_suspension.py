"""Chapter 5: suspension, renewal, resumption, and what an expired suspension leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus, act
from core_registry.domain.chapters import suspension
from core_registry.domain.facts import EntryKind, Evidence, Facts, Policy
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Party, Status
from core_registry.domain.states import CompulsoryMove, CompulsoryState, Stage, StudentState
from core_registry.domain.suspensions import (
    Block,
    senior_blocks,
    within_total,
)
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import RegisterRuleError
from tests.factories.cases import (
    CITY,
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
from tests.factories.suspensions import NOW, opened, suspended

HOSPITAL = "hospital-record"
FROM = date(2026, 9, 10)


def _proofs(ground: str = "illness") -> tuple[Evidence, ...]:
    hospital = paper(HOSPITAL, "hospital", "county", date(2026, 9, 8))
    if ground == "infectious":
        return (hospital,)
    proof = hospital if ground == "illness" else paper("public-proof", "police", "county", date(2026, 9, 8))
    return paper("annex-2", "guardian"), proof


def _known(stage: Stage = Stage.SENIOR, ground: str = "illness", **changes: object) -> Facts:
    return facts(stage, **{"evidence": _proofs(ground), **changes})  # type: ignore[arg-type]  # a builder


def _ask(known: Facts, **changes: Value) -> Request:
    values: dict[str, Value] = {
        "from": FROM, "until": date(2027, 3, 10), "ground": "illness", "hours_total": 600, "hours_lost": 200,
        "reason": "高烧住院",
    }  # fmt: skip
    return replace(asked("suspension", known), values={**values, **changes})


# --- the ground


@pytest.mark.rule("A27-1", "T-5")
def test_exactly_one_third_of_the_hours_is_enough() -> None:
    known = _known()
    assert result_of("A27-1", _ask(known, hours_total=600, hours_lost=200), known).status is Status.PASSED
    assert stopping(_ask(known, hours_total=600, hours_lost=200), known) == {}


@pytest.mark.rule("A27-1")
@pytest.mark.parametrize(("total", "lost"), [(600, 199), (601, 200), (0, 0), (600, 601)])
def test_less_than_one_third_of_the_hours_is_refused(total: int, lost: int) -> None:
    known = _known()
    assert stopping(_ask(known, hours_total=total, hours_lost=lost), known) == {"A27-1": Status.FAILED}


@pytest.mark.rule("A27-1")
def test_a_third_ground_is_refused_and_is_no_value() -> None:
    known = _known()
    assert "A27-1" in stopping(_ask(known, ground="study-abroad"), known)
    spec = next(one for one in suspension.SUSPENSION.fields if one.name == "ground")
    assert set(spec.choices) == {"illness", "force-majeure", "infectious"}


@pytest.mark.rule("A27-2")
@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("ground", ["illness", "force-majeure"])
def test_both_grounds_serve_every_stage_and_suspend_the_record(stage: Stage, ground: str) -> None:
    known = _known(stage, ground)
    case = opened(_ask(known, ground=ground), known).case
    change = act(case, "review", "agree", registrar(COUNTY), known, NOW, case.version)
    (effects,) = change.effects
    assert effects.move is not None
    assert effects.move.after.value == "suspended"


# --- evidence and course


@pytest.mark.rule("A28-1")
def test_without_annex_2_the_application_is_refused() -> None:
    known = _known(evidence=(paper(HOSPITAL, "hospital", "county"),))
    refused = result_of("A28-1", _ask(known), known)
    assert (refused.status, refused.evidence) == (Status.FAILED, "annex-2")


@pytest.mark.rule("A28-2")
@pytest.mark.parametrize(("level", "stops"), [("township", True), ("", True), ("county", False), ("province", False)])
def test_a_hospital_of_county_level_is_needed(level: str, stops: bool) -> None:
    known = _known(evidence=(paper("annex-2", "guardian"), paper(HOSPITAL, "hospital", level)))
    assert ("A28-2" in stopping(_ask(known), known)) is stops


@pytest.mark.rule("A28-2")
@pytest.mark.parametrize(
    ("issuer", "level", "stops"),
    [
        ("police", "county", False),
        ("civil-affairs", "city", False),
        ("police", "township", True),
        ("school", "county", True),
    ],
)
def test_force_majeure_needs_an_office_of_county_level(issuer: str, level: str, stops: bool) -> None:
    known = _known(evidence=(paper("annex-2", "guardian"), paper("public-proof", issuer, level)))
    assert ("A28-2" in stopping(_ask(known, ground="force-majeure"), known)) is stops


@pytest.mark.rule("A28-3")
def test_the_superior_decides_after_the_school_confirmed() -> None:
    known = _known(school=school(Stage.SENIOR, registry_superior=CITY))
    case = opened(_ask(known), known).case
    assert [(step.name, step.decision) for step in case.steps] == [
        ("apply", "agree"), ("confirm", "agree"), ("review", None),
    ]  # fmt: skip
    with pytest.raises(RegisterRuleError) as refused:
        act(case, "review", "agree", registrar(known.school.code), known, NOW, case.version)
    assert refused.value.rule == "A28-3"
    done = act(case, "review", "agree", registrar(CITY), known, NOW, case.version)
    assert done.case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A28-3", "A45-4")
@pytest.mark.parametrize("ground", ["illness", "force-majeure", "infectious"])
def test_the_transition_names_one_article_whatever_the_reason(ground: str) -> None:
    known = _known(Stage.PRIMARY, ground)
    case = opened(_ask(known, ground=ground), known).case
    (effects,) = act(case, "review", "agree", registrar(COUNTY), known, NOW, case.version).effects
    assert effects.ground == "A28-3"


@pytest.mark.rule("A28-4")
def test_the_archive_keeps_days_and_ground_and_seals_the_reason() -> None:
    known = _known()
    effects = suspension.suspension_effects(_ask(known), known, known.today)
    (kept,) = effects.entries
    assert kept.kind is EntryKind.SUSPENSION
    assert kept.data == {"from": "2026-09-10", "until": "2027-03-10", "ground": "illness", "grade": "32"}
    assert kept.personal == {"reason": "高烧住院"}
    assert "高烧住院" not in repr(effects)


@pytest.mark.rule("A28-5")
def test_an_infectious_disease_goes_from_school_to_supervising_department() -> None:
    known = _known(Stage.JUNIOR, "infectious", school=school(Stage.JUNIOR, supervising_dept=CITY))
    case = opened(_ask(known, ground="infectious", hours_total=None, hours_lost=None), known).case
    assert [step.party for step in case.steps] == [Party.SCHOOL, Party.SUPERVISING_DEPT]
    with pytest.raises(RegisterRuleError):
        act(case, "review", "agree", registrar(COUNTY), known, NOW, case.version)
    assert act(case, "review", "agree", registrar(CITY), known, NOW, case.version).case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A28-5")
def test_an_infectious_disease_needs_a_hospital_of_county_level() -> None:
    known = _known(Stage.JUNIOR, evidence=(paper(HOSPITAL, "hospital", "township"),))
    assert stopping(_ask(known, ground="infectious"), known) == {"A28-5": Status.FAILED}


@pytest.mark.rule("A28-6")
def test_the_school_keeps_the_record_during_suspension() -> None:
    known = _known()
    effects = suspension.suspension_effects(_ask(known), known, known.today)
    assert (effects.school, effects.holder, effects.class_name) == (None, None, None)


@pytest.mark.rule("A45-3", "A24-2")
def test_a_text_with_a_matter_that_is_never_recorded_is_refused_without_repeating_it() -> None:
    known = _known(Stage.JUNIOR)
    for words in ("\u4e13\u95e8\u5b66\u6821", "\u4e13 \u95e8\u2014\u6559\u80b2"):
        refused = result_of("A45-3", _ask(known, reason=f"转入{words}就读"), known)
        assert refused.status is Status.FAILED
        assert "\u4e13\u95e8" not in f"{refused.needed_zh}{refused.title_zh}{refused.needed}"
    assert result_of("A45-3", _ask(known, reason="到专门的康复科治疗"), known).status is Status.PASSED


# --- how long, how often


@pytest.mark.rule("A29-1")
@pytest.mark.parametrize(
    ("since", "until", "stops"),
    [
        (date(2026, 9, 10), date(2027, 9, 10), False),
        (date(2026, 9, 10), date(2027, 9, 11), True),
        (date(2028, 2, 29), date(2029, 2, 28), False),
        (date(2028, 2, 29), date(2029, 3, 1), True),
        (date(2026, 9, 10), date(2026, 9, 10), True),
    ],
)
def test_one_application_is_for_exactly_one_year_at_most(since: date, until: date, stops: bool) -> None:
    known = _known(Stage.PRIMARY)
    assert ("A29-1" in stopping(_ask(known, **{"from": since, "until": until}), known)) is stops


def _renewing(issued: date | None, since: date = date(2026, 9, 11)) -> tuple[Request, Facts]:
    known = _known(
        Stage.PRIMARY,
        today=date(2026, 9, 10),
        student=pupil(Stage.PRIMARY, state=StudentState.SUSPENDED),
        archive=archive(suspended(date(2025, 9, 10), date(2026, 9, 10), "14")),
        evidence=(paper("annex-2", "guardian"), paper(HOSPITAL, "hospital", "county", issued)),
    )
    return _ask(known, **{"from": since, "until": date(2027, 3, 1)}), known


@pytest.mark.rule("A29-1")
def test_a_renewal_is_a_new_application_with_new_evidence() -> None:
    request, known = _renewing(date(2026, 9, 1))
    case = opened(request, known).case
    (effects,) = act(case, "review", "agree", registrar(COUNTY), known, NOW, case.version).effects
    assert effects.move == CompulsoryMove(CompulsoryState.SUSPENDED, CompulsoryState.SUSPENDED)
    assert [clock.name for clock in effects.deadlines] == ["suspension-end"]


@pytest.mark.rule("A29-1")
@pytest.mark.parametrize("issued", [date(2025, 9, 8), date(2025, 9, 10), None])
def test_a_renewal_on_the_old_evidence_is_refused(issued: date | None) -> None:
    request, known = _renewing(issued)
    assert stopping(request, known) == {"A29-1": Status.FAILED}


@pytest.mark.rule("A29-1")
def test_a_renewal_leaves_no_gap() -> None:
    request, known = _renewing(date(2026, 9, 1), since=date(2026, 9, 14))
    assert stopping(request, known) == {"A29-1": Status.FAILED}


@pytest.mark.rule("A29-2")
def test_a_total_of_exactly_two_years_is_accepted_and_one_day_more_refused() -> None:
    first = suspended(date(2024, 10, 8), date(2025, 10, 8))
    known = _known(archive=archive(first), student=pupil(Stage.SENIOR))
    until = date(2027, 9, 10)
    assert stopping(_ask(known, until=until), known) == {}
    one_day = suspended(date(2026, 3, 2), date(2026, 3, 3))
    longer = _known(archive=archive(first, one_day))
    assert stopping(_ask(longer, until=until), longer) == {"A29-2": Status.FAILED}


@pytest.mark.rule("A29-2")
def test_the_compulsory_stage_has_no_total() -> None:
    first = suspended(date(2023, 9, 1), date(2024, 9, 1), "21")
    known = _known(Stage.JUNIOR, archive=archive(first, suspended(date(2025, 1, 1), date(2026, 1, 1), "21")))
    assert stopping(_ask(known, until=date(2027, 9, 10)), known) == {}


@pytest.mark.rule("A29-2")
def test_a_suspension_of_junior_high_does_not_count_in_senior_high() -> None:
    first = suspended(date(2022, 9, 1), date(2023, 9, 1), "22")
    known = _known(archive=archive(first, suspended(date(2023, 9, 2), date(2024, 9, 1), "22")))
    assert stopping(_ask(known, until=date(2027, 9, 10)), known) == {}


@pytest.mark.rule("A29-2")
def test_one_block_may_be_two_calendar_years_with_a_leap_day() -> None:
    assert within_total((Block(date(2027, 9, 10), date(2029, 9, 10)),))
    assert not within_total((Block(date(2027, 9, 10), date(2029, 9, 11)),))
    two = (Block(date(2027, 9, 10), date(2028, 9, 10)), Block(date(2028, 10, 10), date(2029, 10, 10)))
    assert sum(block.days for block in two) == 731
    assert not within_total(two)


@pytest.mark.rule("A29-2")
def test_a_resumption_cuts_the_suspension_and_a_renewal_continues_it() -> None:
    back = entry(EntryKind.RESUMPTION, date(2026, 3, 2), grade="31")
    first, renewal = (
        suspended(date(2024, 9, 10), date(2025, 9, 10)), suspended(date(2025, 9, 11), date(2026, 9, 10)),
    )  # fmt: skip
    past = archive(first, renewal, back)
    assert senior_blocks(past) == (Block(date(2024, 9, 10), date(2026, 3, 2)),)


@pytest.mark.rule("A30-1")
@pytest.mark.parametrize(
    ("stage", "grade", "since", "stops"),
    [
        (Stage.PRIMARY, "16", date(2027, 3, 1), True),
        (Stage.JUNIOR, "23", date(2027, 3, 1), True),
        (Stage.PRIMARY, "16", date(2027, 1, 15), False),
        (Stage.PRIMARY, "15", date(2027, 3, 1), False),
    ],
)
def test_the_last_compulsory_semester_needs_an_exception(stage: Stage, grade: str, since: date, stops: bool) -> None:
    known = _known(stage, student=pupil(stage, grade=grade), today=since)
    request = _ask(known, **{"from": since, "until": date(2027, 9, 1)})
    assert stopping(request, known) == ({"A30-1": Status.EXCEPTION_POSSIBLE} if stops else {})
    excepted = replace(known, exceptions=frozenset({"A30-1"}))
    assert stopping(request, excepted) == {}


@pytest.mark.rule("A30-2")
@pytest.mark.parametrize(("grade", "stops"), [("33", True), ("32", False)])
def test_last_grade_of_senior_high_is_refused_without_exception(grade: str, stops: bool) -> None:
    known = _known(student=pupil(Stage.SENIOR, grade=grade), exceptions=frozenset({"A30-2"}))
    assert stopping(_ask(known), known) == ({"A30-2": Status.FAILED} if stops else {})


@pytest.mark.rule("A30-2")
def test_a_place_may_be_less_strict_in_the_last_senior_grade() -> None:
    known = _known(student=pupil(Stage.SENIOR, grade="33"), policy=Policy(class_size={}, strict_last_grade=False))
    assert stopping(_ask(known), known) == {}
    spring = replace(known, today=date(2027, 3, 1))
    assert stopping(_ask(spring, **{"from": date(2027, 3, 1), "until": date(2027, 9, 1)}), spring) == {}


# --- the end


@pytest.mark.rule("A33-1")
def test_a_clock_of_one_month_for_the_school_starts_with_the_suspension() -> None:
    known = _known()
    (clock,) = suspension.suspension_effects(_ask(known), known, known.today).deadlines
    assert (clock.name, clock.rule, clock.unit) == ("suspension-end", "A33-1", known.school.code)
    assert (clock.event, clock.period) == (date(2027, 3, 10), Period(1, Measure.MONTHS))
