from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.archive_texts import says_what_is_never_recorded
from core_registry.domain.cases import CaseStatus
from core_registry.domain.explaining import explain
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import PROCEDURES
from core_registry.domain.requests import Request
from core_registry.domain.rules import PARTY_LABELS, Party, Status
from core_registry.domain.states import CompulsoryMove, CompulsoryState, Stage, StudentState
from core_registry.errors import RegisterRuleError
from tests.factories.cases import (
    COUNTY,
    JUNIOR_SCHOOL,
    OTHER_COUNTY,
    PRIMARY_SCHOOL,
    archive,
    asked,
    entry,
    facts,
    paper,
    pupil,
    school,
    stopping,
)
from tests.factories.chapter_four import POLICY, after, agreed, opened, receiver

SPECIAL = "5114000051"
ASSESSED = (paper("assessment", "committee", "county"),)


def disabled(stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    values: dict[str, object] = {
        "student": pupil(stage, disabled=True, placement="2"), "evidence": ASSESSED, "policy": POLICY,
        "receiving": receiver(stage, code=SPECIAL, category="51"),
    }  # fmt: skip
    return facts(stage, **{**values, **changes})  # type: ignore[arg-type]  # a builder


def place(known: Facts, placement: str = "1") -> Request:
    return asked("placement-change", known, placement=placement, class_name="1班")


@pytest.mark.rule("A23-1")
@pytest.mark.parametrize(
    ("day", "grade"), [(date(2026, 9, 10), "11"), (date(2026, 11, 20), "14"), (date(2027, 5, 20), "16")]
)
def test_no_window_binds_a_disabled_pupil(day: date, grade: str) -> None:
    known = disabled(today=day, student=pupil(disabled=True, placement="2", grade=grade))
    assert stopping(place(known), known) == {}


@pytest.mark.rule("A23-1", "A17-1")
def test_capacity_binds_a_disabled_pupil() -> None:
    full = disabled(receiving=receiver(code=SPECIAL, category="51", free_places={"14": 0}))
    assert stopping(place(full), full) == {"A17-1": Status.FAILED}
    one = disabled(receiving=receiver(code=SPECIAL, category="51", free_places={"14": 1}))
    assert stopping(place(one), one) == {}


@pytest.mark.rule("A23-1")
def test_a_placement_changes_for_disabled_pupils_only() -> None:
    known = disabled(student=pupil())
    assert stopping(place(known), known) == {"A23-1": Status.FAILED}


@pytest.mark.rule("A9-4")
@pytest.mark.parametrize(
    "proofs",
    [(paper("photo"),), (paper("assessment", "school"),), (paper("assessment", "committee", "township"),)],
    ids=["none", "of the school", "below the county"],
)
def test_a_placement_rests_on_the_committees_conclusion(proofs: tuple[object, ...]) -> None:
    known = disabled(evidence=proofs)
    assert stopping(place(known), known) == {"A9-4": Status.FAILED}


@pytest.mark.rule("A23-1")
def test_the_receiving_school_moves_the_pupil_and_the_placement_follows() -> None:
    known = disabled()
    with pytest.raises(RegisterRuleError):
        opened(place(known), known, PRIMARY_SCHOOL)
    change = agreed(opened(place(known), known, SPECIAL).case, "sending-school", known)
    known = after(known, change)
    assert {s.unit for s in change.case.current} == {COUNTY, OTHER_COUNTY}
    change = agreed(agreed(change.case, "sending-superior", known).case, "receiving-superior", known)
    (effects,) = change.effects
    assert effects.move == CompulsoryMove(CompulsoryState.TRANSFER_PENDING, CompulsoryState.ACTIVE)
    assert (effects.school, dict(effects.fields)) == (SPECIAL, {"special_ed_placement": "1"})
    assert [one.kind for one in effects.entries] == [EntryKind.PLACEMENT, EntryKind.TRANSFER, EntryKind.BACKUP]


@pytest.mark.rule("A23-1")
def test_inside_one_school_only_the_placement_changes() -> None:
    known = disabled(receiving=school())
    assert stopping(place(known, "2"), known) == {"A23-1": Status.FAILED}
    change = opened(place(known, "3"), known, PRIMARY_SCHOOL)
    (effects,) = agreed(change.case, "receiving-superior", known).effects
    assert (effects.move, effects.school, dict(effects.fields)) == (None, None, {"special_ed_placement": "3"})


@pytest.mark.rule("A23-1", "A9-4")
@pytest.mark.parametrize(("category", "placement", "fits"), [("51", "1", True), ("21", "1", False), ("51", "2", False)])
def test_a_placement_fits_the_kind_of_school(category: str, placement: str, fits: bool) -> None:
    known = disabled(receiving=receiver(code=SPECIAL, category=category))
    assert (stopping(place(known, placement), known) == {}) is fits


# To a lower grade.


def lower(known: Facts, grade: str) -> Request:
    return asked("demotion", known, grade=grade, class_name="1班")


@pytest.mark.rule("A23-3", "A27-3")
def test_only_a_disabled_pupil_goes_down_a_grade() -> None:
    known = disabled(receiving=None)
    assert stopping(lower(known, "13"), known) == {}
    other = facts(evidence=ASSESSED)
    assert stopping(lower(other, "13"), other) == {"A23-3": Status.FAILED}


@pytest.mark.rule("A23-3")
@pytest.mark.parametrize(("grade", "taken"), [("13", True), ("11", True), ("14", False), ("15", False)])
def test_down_is_a_lower_grade(grade: str, taken: bool) -> None:
    known = disabled(receiving=None)
    assert (stopping(lower(known, grade), known) == {}) is taken


@pytest.mark.rule("A23-3")
def test_down_stays_within_the_stage() -> None:
    known = disabled(Stage.JUNIOR, receiving=None)
    assert stopping(lower(known, "16"), known) == {"A23-3": Status.FAILED}
    assert stopping(lower(known, "21"), known) == {}


@pytest.mark.rule("A23-3", "A23-2")
def test_going_down_rests_on_the_committees_assessment() -> None:
    known = disabled(receiving=None, evidence=(paper("letter"),))
    assert stopping(lower(known, "13"), known) == {"A23-3": Status.FAILED}
    held = replace(known, archive=archive(entry(EntryKind.ASSESSMENT, date(2026, 6, 1))))
    assert stopping(lower(held, "13"), held) == {}


@pytest.mark.rule("A23-3")
def test_the_school_registers_and_the_superior_approves_a_lower_grade() -> None:
    known = disabled(receiving=None)
    change = opened(lower(known, "13"), known, PRIMARY_SCHOOL)
    assert change.effects == ()
    assert [(s.party, s.act_zh) for s in change.case.current] == [(Party.REGISTRY_SUPERIOR, "审批")]
    (effects,) = agreed(change.case, "superior", known).effects
    assert (effects.grade, effects.move) == ("13", None)
    assert effects.entries[0].data == {"before": "14", "after": "13", "why": "demotion"}


# The grade determination.


def determine(known: Facts, grade: str = "23") -> Request:
    return asked("grade-determination", known, grade=grade, class_name="3班")


@pytest.mark.rule("A24-1", "A24-3")
def test_school_and_supervising_department_determine_a_grade_without_paper() -> None:
    known = facts(Stage.JUNIOR, school=school(Stage.JUNIOR, supervising_dept="140100"))
    assert stopping(determine(known), known) == {}
    change = opened(determine(known), known, JUNIOR_SCHOOL)
    assert [(s.party, s.unit) for s in change.case.current] == [(Party.SUPERVISING_DEPT, "140100")]
    done = agreed(change.case, "supervising-dept", known)
    (effects,) = done.effects
    assert done.case.status is CaseStatus.COMPLETED
    assert (effects.grade, effects.class_name, effects.neutral) == ("23", "3班", True)
    assert (effects.move, effects.ground, effects.school, effects.matters) == (None, "", None, ())


@pytest.mark.rule("A24-3")
def test_a_grade_determination_takes_grade_and_class_and_nothing_else() -> None:
    procedure = PROCEDURES["grade-determination"]
    assert [spec.name for spec in procedure.fields] == ["grade", "class_name"]
    assert (procedure.private, procedure.needs_evidence, procedure.article) == (True, False, "")
    known = facts(Stage.JUNIOR)
    assert procedure.evidence(determine(known), known) == ()


@pytest.mark.rule("A24-2", "A24-3", "A45-3")
def test_no_word_of_a_grade_determination_says_anything_but_that() -> None:
    known = facts(Stage.JUNIOR)
    procedure = PROCEDURES["grade-determination"]
    steps = procedure.steps(determine(known), known)
    results = [*explain(determine(known), known), *explain(determine(known, "14"), known)]
    (effects,) = agreed(opened(determine(known), known, JUNIOR_SCHOOL).case, "supervising-dept", known).effects
    words = [
        procedure.zh, procedure.en, procedure.kind, effects.ground,
        *(word for spec in procedure.fields for word in (spec.name, spec.zh, spec.en)),
        *(word for step in steps for word in (step.name, step.rule, step.act_zh, step.act, PARTY_LABELS[step.party])),
        *(word for r in results for word in (r.rule, r.title, r.title_zh, r.needed, r.needed_zh)),
        *(str(word) for one in effects.entries for word in (*one.data, *one.data.values(), *one.personal.values())),
    ]  # fmt: skip
    assert (procedure.zh, procedure.en) == ("年级核定", "Grade determination")
    for word in words:
        assert not says_what_is_never_recorded(word)
        assert "24" not in word
        assert not any(hint in word.lower() for hint in ("专门", "返", "复学", "矫", "special", "return", "correct"))


@pytest.mark.rule("A24-2", "A24-3")
def test_the_entry_of_a_grade_determination_is_that_of_every_determination_of_a_grade() -> None:
    known = facts(Stage.JUNIOR)
    (effects,) = agreed(opened(determine(known), known, JUNIOR_SCHOOL).case, "supervising-dept", known).effects
    abroad = facts(
        Stage.JUNIOR, evidence=(paper("learning-record"),), receiving=known.school,
        student=pupil(Stage.JUNIOR, state=StudentState.ABROAD),
    )  # fmt: skip
    request = asked("return", abroad, grade="23", class_name="3班", policy_met=True)
    case = opened(request, abroad, JUNIOR_SCHOOL).case
    (other,) = agreed(case, "superior", abroad).effects
    (here,) = effects.entries
    (there,) = [one for one in other.entries if one.kind is EntryKind.GRADE]
    assert here == there


@pytest.mark.rule("A24-1")
def test_a_grade_that_the_school_does_not_have_is_not_determined() -> None:
    known = facts(Stage.JUNIOR)
    assert stopping(determine(known, "14"), known) == {"A7-1": Status.FAILED}
    with pytest.raises(RegisterRuleError):
        opened(determine(known), known, COUNTY)


@pytest.mark.rule("A45-3")
def test_a_class_name_keeps_to_the_record() -> None:
    known = facts(Stage.JUNIOR)
    request = asked("grade-determination", known, grade="23", class_name="\u4e13\u95e8\u6559\u80b2\u73ed")
    assert stopping(request, known) == {"A45-3": Status.FAILED}
