"""Chapter 7: who issues which certificate, once, and what stands for a lost one (Arts. 38-43; boundary group 23)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from core_registry.domain.cases import CaseStatus, act, open_case
from core_registry.domain.certificates import OWN_NUMBER
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts
from core_registry.domain.rules import Status
from core_registry.domain.states import Stage, StudentState
from core_registry.errors import RegisterRuleError
from tests.factories.cases import (
    CITY,
    COUNTY,
    JUNIOR_SCHOOL,
    SENIOR_SCHOOL,
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

NOW = datetime(2026, 7, 15, 4, 0, tzinfo=UTC)
TODAY = date(2026, 7, 15)
STATE = {
    "graduation": StudentState.GRADUATED,
    "completion": StudentState.COMPLETED,
    "incomplete": StudentState.INCOMPLETE,
}
SCHOOL = {Stage.JUNIOR: JUNIOR_SCHOOL, Stage.SENIOR: SENIOR_SCHOOL}


def classified(outcome: str, stage: Stage, why: str = "") -> ArchiveEntry:
    """Return the entry that a reviewed classification leaves."""
    return entry(
        EntryKind.CLASSIFICATION, date(2026, 7, 8), outcome=outcome, stage=stage.value, school=SCHOOL[stage], why=why
    )


def certificate(kind: str, stage: Stage) -> ArchiveEntry:
    """Return the entry of a certificate that was issued."""
    return entry(
        EntryKind.CERTIFICATE, date(2026, 7, 10), kind=kind, stage=stage.value, school=SCHOOL[stage], effective=True
    )


def left(outcome: str, stage: Stage, *entries: ArchiveEntry, **of_school: object) -> Facts:
    """Return what is known of a pupil who left with ``outcome``."""
    grade = "33" if stage is Stage.SENIOR else "23"
    student = pupil(stage, state=STATE[outcome], grade=grade, entry_month="2023-09")
    return facts(stage, TODAY, student=student, school=school(stage, **of_school), archive=archive(*entries))


@pytest.mark.rule("A38-1", "A42-1")
def test_the_supervising_department_issues_the_junior_certificate() -> None:
    known = left("graduation", Stage.JUNIOR, classified("graduation", Stage.JUNIOR), supervising_dept=COUNTY)
    change = open_case("ca-1", asked("certificate", known, medium="both"), known, registrar(JUNIOR_SCHOOL), NOW, 1)
    step = change.case.current[0]
    assert (step.unit, step.rule) == (COUNTY, "A38-1")
    done = act(change.case, "issue", "agree", registrar(COUNTY), known, NOW, change.case.version)
    issued = done.effects[-1].certificates[0]
    assert (issued.kind, issued.issuer, issued.effective) == ("graduation", COUNTY, True)


@pytest.mark.rule("A40-1")
@pytest.mark.parametrize(
    ("managed_by", "issuer"), [(COUNTY, CITY), (CITY, CITY), ("140000", "140000")], ids=["county", "city", "province"]
)
def test_the_city_issues_the_senior_certificate_and_the_province_for_its_own_schools(
    managed_by: str, issuer: str
) -> None:
    known = left("graduation", Stage.SENIOR, classified("graduation", Stage.SENIOR), managing_authority=managed_by)
    case = open_case("ca-1", asked("certificate", known, medium="both"), known, registrar(SENIOR_SCHOOL), NOW, 1).case
    assert case.current[0].unit == issuer
    with pytest.raises(RegisterRuleError):
        act(case, "issue", "agree", registrar(SENIOR_SCHOOL), known, NOW, case.version)
    done = act(case, "issue", "agree", registrar(issuer), known, NOW, case.version)
    assert done.effects[-1].certificates[0].issuer == issuer


@pytest.mark.rule("A41-3")
@pytest.mark.parametrize(
    ("outcome", "why", "reason"),
    [
        ("completion", "conditions", "学习期满，未达到规定毕业条件"),
        ("incomplete", "withdrawal", "退学"),
        ("incomplete", "early-end", "未完成学业终止学习"),
    ],
)
def test_the_school_issues_completion_and_incomplete_itself(outcome: str, why: str, reason: str) -> None:
    known = left(outcome, Stage.SENIOR, classified(outcome, Stage.SENIOR, why))
    change = open_case("ca-1", asked("certificate", known, medium="paper"), known, registrar(SENIOR_SCHOOL), NOW, 1)
    assert change.case.status is CaseStatus.COMPLETED
    issued = change.effects[0].certificates[0]
    assert (issued.kind, issued.issuer) == (outcome, SENIOR_SCHOOL)
    assert issued.data["reason"] == reason
    assert (issued.data["since"], issued.data["until"]) == ("2023-09", "2026-07")


@pytest.mark.rule("A41-3", "A41-2")
def test_the_stub_of_an_expelled_pupil_tells_no_sanction() -> None:
    expelled = entry(EntryKind.SANCTION, date(2026, 5, 1), kind="expulsion", **{"from": "2026-05-01"})
    known = left("incomplete", Stage.SENIOR, expelled)
    change = open_case("ca-1", asked("certificate", known, medium="paper"), known, registrar(SENIOR_SCHOOL), NOW, 1)
    assert change.effects[0].certificates[0].data["reason"] == "未完成学业终止学习"


@pytest.mark.rule("A42-1")
def test_no_certificate_before_the_superior_reviewed_the_classification() -> None:
    known = left("graduation", Stage.SENIOR)
    assert stopping(asked("certificate", known, medium="both"), known) == {"A42-1": Status.FAILED}
    other_stage = left("graduation", Stage.SENIOR, classified("graduation", Stage.JUNIOR))
    assert stopping(asked("certificate", other_stage, medium="both"), other_stage) == {"A42-1": Status.FAILED}


@pytest.mark.rule("A42-1")
def test_an_active_pupil_gets_no_certificate() -> None:
    known = facts(Stage.SENIOR, TODAY)
    assert stopping(asked("certificate", known, medium="both"), known) == {"S-3": Status.FAILED}


@pytest.mark.rule("A43-1")
@pytest.mark.parametrize("medium", ["electronic", "paper", "both"])
def test_electronic_and_paper_have_one_number(medium: str) -> None:
    known = left("graduation", Stage.JUNIOR, classified("graduation", Stage.JUNIOR))
    case = open_case("ca-1", asked("certificate", known, medium=medium), known, registrar(JUNIOR_SCHOOL), NOW, 1).case
    done = act(case, "issue", "agree", registrar(COUNTY), known, NOW, case.version)
    assert [one.data["medium"] for one in done.effects[-1].certificates] == [medium]


@pytest.mark.rule("A43-2")
def test_a_second_graduation_certificate_is_refused_and_the_proof_named() -> None:
    known = left(
        "graduation", Stage.SENIOR, classified("graduation", Stage.SENIOR), certificate("graduation", Stage.SENIOR)
    )
    refusal = result_of("A43-2", asked("certificate", known, medium="paper"), known)
    assert refusal.status is Status.FAILED
    assert "学历证明书" in refusal.needed_zh


@pytest.mark.rule("A43-2")
def test_the_junior_certificate_does_not_stand_in_the_way_of_the_senior_one() -> None:
    known = left(
        "graduation", Stage.SENIOR, certificate("graduation", Stage.JUNIOR), classified("graduation", Stage.SENIOR)
    )
    assert not stopping(asked("certificate", known, medium="paper"), known)


# --- 学历证明书: boundary group 23


def lost(*entries: ArchiveEntry) -> Facts:
    """Return a senior graduate who reports the certificate lost."""
    known = left(
        "graduation",
        Stage.SENIOR,
        classified("graduation", Stage.SENIOR),
        certificate("graduation", Stage.SENIOR),
        *entries,
    )
    return replace(known, evidence=(paper("loss-report"),))


@pytest.mark.rule("A43-2")
def test_the_proof_is_not_effective_until_the_supervising_department_stamps_it() -> None:
    known = lost()
    request = asked("education-proof", known, stage="senior", original_number="2026140100000001")
    change = open_case("ca-1", request, known, registrar(SENIOR_SCHOOL), NOW, 1)
    issued = change.effects[0].certificates[0]
    assert (issued.kind, issued.issuer, issued.effective) == ("education-proof", SENIOR_SCHOOL, False)
    assert issued.original == "2026140100000001"
    assert change.effects[0].entries[0].data["effective"] is False
    assert (issued.data["years"], issued.data["graduated"]) == (3, "2026-07")
    assert change.case.current[0].unit == COUNTY

    written: dict[str, Any] = dict(change.effects[0].entries[0].data)
    pending = entry(EntryKind.CERTIFICATE, TODAY, **written)
    stamped = act(change.case, "stamp", "agree", registrar(COUNTY), lost(pending), NOW, change.case.version)
    effects = stamped.effects[-1]
    assert effects.stamped == OWN_NUMBER
    assert effects.certificates == ()
    assert effects.entries[0].data["effective"] is True
    assert effects.entries[0].supersedes == pending.id


@pytest.mark.rule("A43-2")
def test_the_school_cannot_stamp_its_own_proof() -> None:
    known = lost()
    request = asked("education-proof", known, stage="senior", original_number="1")
    case = open_case("ca-1", request, known, registrar(SENIOR_SCHOOL), NOW, 1).case
    with pytest.raises(RegisterRuleError) as refused:
        act(case, "stamp", "agree", registrar(SENIOR_SCHOOL), known, NOW, case.version)
    assert refused.value.rule == "A43-2"


@pytest.mark.rule("A43-2")
def test_a_refused_stamp_leaves_nothing_effective() -> None:
    known = lost()
    request = asked("education-proof", known, stage="senior", original_number="1")
    case = open_case("ca-1", request, known, registrar(SENIOR_SCHOOL), NOW, 1).case
    refused = act(case, "stamp", "refuse", registrar(COUNTY), known, NOW, case.version, "号码不符")
    assert refused.case.status is CaseStatus.REFUSED
    assert refused.effects == ()


@pytest.mark.rule("A43-2")
def test_without_a_loss_report_there_is_no_proof() -> None:
    known = replace(lost(), evidence=(paper("leavers-list"),))
    request = asked("education-proof", known, stage="senior", original_number="1")
    assert stopping(request, known) == {"A43-2": Status.FAILED}


@pytest.mark.rule("A43-2")
def test_who_did_not_graduate_gets_no_proof() -> None:
    known = replace(
        left("completion", Stage.SENIOR, classified("completion", Stage.SENIOR, "conditions")),
        evidence=(paper("loss-report"),),
    )
    request = asked("education-proof", known, stage="senior", original_number="1")
    assert stopping(request, known) == {"A43-2": Status.FAILED}


@pytest.mark.rule("A43-2")
def test_the_proof_of_an_earlier_stage_comes_from_the_school_of_that_graduation() -> None:
    student = pupil(Stage.SENIOR, grade="31", entry_month="2026-09")
    known = facts(
        Stage.SENIOR,
        date(2026, 9, 10),
        student=student,
        archive=archive(classified("graduation", Stage.JUNIOR), certificate("graduation", Stage.JUNIOR)),
        evidence=(paper("loss-report"),),
    )
    request = asked("education-proof", known, stage="junior", original_number="1")
    assert stopping(request, known) == {"A43-2": Status.FAILED}  # the senior school cannot

    there = replace(known, receiving=school(Stage.JUNIOR))
    request = asked("education-proof", there, stage="junior", original_number="1")
    case = open_case("ca-1", request, there, registrar(JUNIOR_SCHOOL), NOW, 1).case
    assert [step.name for step in case.current] == ["stamp"]
    assert case.steps[0].unit == JUNIOR_SCHOOL
