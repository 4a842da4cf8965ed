from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus
from core_registry.domain.explaining import explain
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Status
from core_registry.domain.states import CompulsoryMove, CompulsoryState, SeniorMove, SeniorState, Stage, StudentState
from core_registry.errors import RegisterRuleError
from tests.factories.cases import COUNTY, PRIMARY_SCHOOL, archive, asked, entry, facts, paper, pupil, school, stopping
from tests.factories.chapter_four import DATONG, NEW_SCHOOL, agreed, opened, receiver

LEFT_ON = date(2026, 9, 10)


def leaving(**changes: object) -> Facts:
    return facts(**{"evidence": (paper("exit-document", "police"),), **changes})  # type: ignore[arg-type]  # a builder


@pytest.mark.rule("A26-1")
@pytest.mark.parametrize(("until", "taken"), [(date(2026, 9, 10), True), (date(2026, 9, 9), False), (None, False)])
def test_the_document_is_valid_on_the_day_of_leaving(until: date | None, taken: bool) -> None:
    known = leaving()
    request = asked("abroad", known, on=LEFT_ON, document_until=until)
    assert stopping(request, known) == ({} if taken else {"A26-1": Status.FAILED})


@pytest.mark.rule("A26-1")
def test_without_a_document_nobody_is_marked_as_abroad() -> None:
    known = leaving(evidence=(paper("letter"),))
    request = asked("abroad", known, document_until=date(2030, 1, 1))
    (result,) = [r for r in explain(request, known) if r.stops]
    assert (result.rule, result.evidence) == ("A26-1", "exit-document")


@pytest.mark.rule("A26-1", "A6-2")
def test_the_archive_of_a_pupil_abroad_lies_with_the_registry_superior() -> None:
    known = leaving(school=school(registry_superior="140100"))
    change = opened(asked("abroad", known, on=LEFT_ON, document_until=date(2030, 1, 1)), known, PRIMARY_SCHOOL)
    assert change.effects == ()
    change = agreed(change.case, "superior", known)
    (effects,) = change.effects
    assert change.case.status is CaseStatus.COMPLETED
    assert effects.move == CompulsoryMove(CompulsoryState.ACTIVE, CompulsoryState.ABROAD)
    assert (effects.holder, effects.school) == ("140100", None)
    assert (effects.entries[0].kind, effects.entries[0].data["from"]) == (EntryKind.ABROAD, "2026-09-10")


@pytest.mark.rule("A26-1")
def test_only_the_own_school_marks_a_pupil_as_abroad() -> None:
    known = leaving()
    with pytest.raises(RegisterRuleError):
        opened(asked("abroad", known, document_until=date(2030, 1, 1)), known, COUNTY)


def returning(stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    gone = entry(EntryKind.ABROAD, LEFT_ON)
    values: dict[str, object] = {
        "today": date(2027, 9, 6), "student": pupil(stage, state=StudentState.ABROAD), "receiving": receiver(stage),
        "evidence": (paper("learning-record"),),
        "archive": archive(replace(gone, data={"from": "2026-09-10"})),
    }  # fmt: skip
    return facts(stage, **{**values, **changes})  # type: ignore[arg-type]  # a builder


def back(known: Facts, **values: Value) -> Request:
    given: dict[str, Value] = {"grade": "15", "class_name": "2班", "policy_met": True}
    return asked("return", known, on=values.pop("on", None), **{**given, **values})  # type: ignore[arg-type]  # a day


@pytest.mark.rule("A26-2", "A6-1", "A6-2")
def test_on_return_the_same_record_goes_on_with_the_time_abroad_marked() -> None:
    known = returning()
    change = opened(back(known), known, NEW_SCHOOL[Stage.PRIMARY])
    (effects,) = agreed(change.case, "superior", known).effects
    assert effects.move == CompulsoryMove(CompulsoryState.ABROAD, CompulsoryState.ACTIVE)
    assert (effects.school, effects.grade, effects.new_record) == (NEW_SCHOOL[Stage.PRIMARY], "15", None)
    marked = effects.entries[0]
    assert marked.kind is EntryKind.RETURN
    assert (marked.data["from"], marked.data["on"]) == ("2026-09-10", "2027-09-06")


@pytest.mark.rule("A26-2")
def test_the_own_school_may_take_the_pupil_back() -> None:
    known = returning(receiving=school())
    assert opened(back(known), known, PRIMARY_SCHOOL).case.status is CaseStatus.OPEN


@pytest.mark.rule("A26-2")
def test_the_grade_on_return_follows_the_learning_record_and_the_policy() -> None:
    known = returning()
    assert stopping(back(known), known) == {}
    assert stopping(back(known, policy_met=False), known) == {"A26-2": Status.FAILED}
    assert stopping(back(known, grade="13"), known) == {"A26-2": Status.FAILED}
    assert stopping(back(known, grade="14"), known) == {}
    assert stopping(back(known, grade="21"), known) == {"A26-2": Status.FAILED}
    bare = returning(evidence=(paper("letter"),))
    assert stopping(back(bare), bare) == {"A26-2": Status.FAILED}


@pytest.mark.rule("A26-2")
def test_a_return_does_not_lie_before_the_day_of_leaving() -> None:
    known = returning()
    for day, taken in ((date(2026, 9, 10), True), (date(2026, 9, 9), False)):
        assert (stopping(back(known, on=day), known) == {}) is taken


@pytest.mark.rule("A26-2")
def test_a_pupil_who_left_in_junior_high_may_return_to_senior_high() -> None:
    known = returning(Stage.JUNIOR, receiving=receiver(Stage.SENIOR))
    case = opened(back(known, grade="31"), known, NEW_SCHOOL[Stage.SENIOR]).case
    assert [s.unit for s in case.current] == [DATONG]
    (effects,) = agreed(case, "superior", known).effects
    assert effects.move == SeniorMove(SeniorState.ABROAD, SeniorState.ACTIVE)
