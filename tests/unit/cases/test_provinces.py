from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Party, Status
from core_registry.domain.states import CompulsoryMove, CompulsoryState, SeniorMove, SeniorState, Stage, StudentState
from tests.factories.cases import PRIMARY_SCHOOL, archive, asked, facts, paper, pupil, stopping
from tests.factories.chapter_four import NEW_SCHOOL, POLICY, after, agreed, opened, receiver, sanction, transfer

HEBEI = "130102"


def leaving(**changes: object) -> Facts:
    values: dict[str, object] = {"evidence": (paper("receiving-consent", "school"),), "policy": POLICY}
    return facts(**{**values, **changes})  # type: ignore[arg-type]  # a builder


@pytest.mark.rule("A19-2", "A19-3")
def test_a_pupil_who_leaves_the_province_is_transferred_out_with_a_backup() -> None:
    known = leaving()
    change = opened(asked("transfer-out", known, destination=HEBEI), known, PRIMARY_SCHOOL)
    change = agreed(change.case, "sending-school", known)
    assert change.effects[0].move == CompulsoryMove(CompulsoryState.ACTIVE, CompulsoryState.TRANSFER_PENDING)
    known = after(known, change)
    change = agreed(change.case, "sending-superior", known)
    (effects,) = change.effects
    assert change.case.status is CaseStatus.COMPLETED
    assert effects.move == CompulsoryMove(CompulsoryState.TRANSFER_PENDING, CompulsoryState.TRANSFERRED_OUT)
    assert [one.kind for one in effects.entries] == [EntryKind.TRANSFER, EntryKind.BACKUP]
    assert effects.school is None


@pytest.mark.rule("A19-2")
def test_the_period_between_provinces_is_that_of_the_national_system() -> None:
    known = leaving(today=date(2026, 9, 7), policy=replace(POLICY, cross_province_days=11))
    case = opened(asked("transfer-out", known, destination=HEBEI), known, PRIMARY_SCHOOL).case
    # Sunday 20 September is worked in 2026 and is the tenth working day after the 7th
    assert [s.due for s in case.current] == [date(2026, 9, 21)]
    for day, late in ((date(2026, 9, 21), False), (date(2026, 9, 22), True)):
        done = agreed(case, "sending-school", replace(known, today=day)).case
        assert next(s for s in done.steps if s.name == "sending-school").late is late


@pytest.mark.rule("A19-2")
def test_inside_the_province_the_receiving_school_starts_instead() -> None:
    known = leaving()
    assert stopping(asked("transfer-out", known, destination="140213"), known) == {"A19-2": Status.FAILED}


@pytest.mark.rule("A20-5", "A20-6")
def test_neither_a_suspended_nor_a_sanctioned_pupil_leaves_the_province() -> None:
    idle = leaving(student=pupil(state=StudentState.SUSPENDED))
    request = asked("transfer-out", idle, destination=HEBEI)
    assert stopping(request, idle) == {"S-3": Status.FAILED, "A20-5": Status.FAILED}
    for until, stops in (("2026-09-10", True), ("2026-09-09", False)):
        known = leaving(archive=archive(sanction("2026-03-02", until)))
        assert stopping(request, known) == ({"A20-6": Status.FAILED} if stops else {})


def returning(stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    proofs = (paper("household-proof", "police"), paper("residence-proof", "housing"), paper("sending-consent"))
    values: dict[str, object] = {
        "student": pupil(stage, state=StudentState.TRANSFERRED_OUT), "receiving": receiver(stage), "policy": POLICY,
        "evidence": proofs,
    }  # fmt: skip
    return facts(stage, **{**values, **changes})  # type: ignore[arg-type]  # a builder


def back(known: Facts, **values: Value) -> Request:
    grade = known.pupil.grade
    given: dict[str, Value] = {"kind": "transfer-in", "origin": HEBEI, "origin_grade": grade, "household_from": HEBEI}
    return transfer(known, **{**given, **values})


@pytest.mark.rule("A16-2", "A19-2", "A6-1")
def test_a_pupil_who_comes_back_from_another_province_continues_the_own_record() -> None:
    known = returning()
    request = back(known, grade="15", origin_grade="15")
    assert stopping(request, known) == {}
    case = opened(request, known, NEW_SCHOOL[Stage.PRIMARY]).case
    assert [s.party for s in case.current] == [Party.RECEIVING_SUPERIOR]
    (effects,) = agreed(case, "receiving-superior", known).effects
    assert effects.move == CompulsoryMove(CompulsoryState.TRANSFERRED_OUT, CompulsoryState.ACTIVE)
    assert (effects.school, effects.grade) == (NEW_SCHOOL[Stage.PRIMARY], "15")


@pytest.mark.rule("A16-2")
def test_the_old_school_itself_may_receive_the_pupil_again() -> None:
    known = returning()
    known = replace(known, receiving=known.school)
    assert opened(back(known), known, PRIMARY_SCHOOL).case.status is CaseStatus.OPEN


@pytest.mark.rule("A20-4", "A16-1", "A17-1")
def test_grade_window_and_place_bind_who_comes_from_another_province_too() -> None:
    known = returning()
    assert stopping(back(known, origin_grade="13"), known) == {"A20-4": Status.FAILED}
    late = returning(today=date(2026, 9, 17))
    assert stopping(back(late), late) == {"A16-1": Status.EXCEPTION_POSSIBLE}
    full = returning(receiving=receiver(free_places={}))
    assert stopping(back(full), full) == {"A17-1": Status.FAILED}


@pytest.mark.rule("A25-1")
def test_a_senior_pupil_who_sat_the_examination_brings_the_certificate_of_the_province() -> None:
    known = returning(Stage.SENIOR)
    assert stopping(back(known), known) == {}
    assert stopping(back(known, exam_taken=True), known) == {"A25-1": Status.FAILED}
    for level, issuer, stops in (
        ("city", "education", True),
        ("province", "school", True),
        ("province", "education", False),
    ):
        with_proof = replace(known, evidence=(*known.evidence, paper("exam-certificate", issuer, level)))
        assert bool(stopping(back(with_proof, exam_taken=True), with_proof)) is stops
    case = opened(back(known), known, NEW_SCHOOL[Stage.SENIOR]).case
    (effects,) = agreed(case, "receiving-superior", known).effects
    assert effects.move == SeniorMove(SeniorState.TRANSFERRED_OUT, SeniorState.ACTIVE)


@pytest.mark.rule("A25-1")
def test_a_compulsory_pupil_needs_no_examination_certificate() -> None:
    known = returning()
    assert stopping(back(known, exam_taken=True), known) == {}


@pytest.mark.rule("A21-1")
def test_a_private_school_receives_from_another_province_by_two_decisions() -> None:
    known = returning(receiving=receiver(private=True))
    case = opened(back(known), known, NEW_SCHOOL[Stage.PRIMARY]).case
    assert {s.name for s in case.current} == {"receiving-superior", "receiving-supervising-dept"}
