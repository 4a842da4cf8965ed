"""Changes of registry information, corrections, paper copies (Arts. 5 to 7), and Annex 1 as values."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core_registry.domain.annex1 import ANNEX1, ENTRY_AGE_FINDING, FORM_FINDINGS
from core_registry.domain.cases import Actor, CaseStatus, Change, act, open_case
from core_registry.domain.chapters import (  # noqa: F401  fill the table of procedures
    deferral,
    enrolment,
    information,
    late_entry,
    special_cases,
)
from core_registry.domain.chapters.information import CHANGEABLE, FINAL
from core_registry.domain.facts import EntryKind, Facts, Policy
from core_registry.domain.procedures import PROCEDURES, Effects
from core_registry.domain.requests import Request, ValueType
from core_registry.domain.rules import Status
from core_registry.domain.states import Stage, StudentState
from core_registry.errors import CaseRefusedError, RegisterRuleError
from core_registry.intake.findings import ERRORS
from tests.factories.cases import COUNTY, PRIMARY_SCHOOL, asked, facts, paper, pupil, registrar, stopping

NOW = datetime(2026, 9, 10, 4, tzinfo=UTC)
POLICY = Policy(
    class_size={"primary": 45},
    superior_fields=frozenset({"name", "id_type", "id_number", "birth_date", "sex", "ethnicity"}),
)
GUARDIAN = Actor("gu-1", "", "guardian")
_FIELDS = Path(__file__).resolve().parents[3] / "config" / "fields.toml"


def known(**changes: object) -> Facts:
    values: dict[str, object] = {"policy": POLICY, "evidence": (paper("identity-document"),), **changes}
    return facts(**values)  # type: ignore[arg-type]  # a builder


def opened(request: Request, what: Facts, actor: Actor | None = None) -> Change:
    return open_case("ca-1", request, what, actor or registrar(PRIMARY_SCHOOL), NOW, None)


def decided(change: Change, step: str, unit: str, what: Facts) -> Change:
    return act(change.case, step, "agree", registrar(unit), what, NOW, change.case.version)


def only(change: Change) -> Effects:
    (effects,) = change.effects
    return effects


@pytest.mark.rule("A9-2")
def test_the_values_of_annex_1_are_those_of_the_field_catalogue() -> None:
    catalogue = tomllib.loads(_FIELDS.read_text(encoding="utf-8"))
    form = {code: entry for code, entry in catalogue.items() if "number" in entry}
    assert list(ANNEX1) == list(form)
    for code, entry in form.items():
        spec = ANNEX1[code]
        assert (spec.zh, spec.en) == (entry["label"], entry["label_en"])
        assert spec.required is (entry["required"] in {"always", "disability"}), code
        if "max_length" in entry and spec.kind is ValueType.TEXT:
            assert spec.longest == entry["max_length"], code
        assert (spec.kind is ValueType.BOOLEAN) is (entry.get("code_list") == "yes_no"), code
        assert spec.personal is (code not in {"grade", "class_name"})


@pytest.mark.rule("A9-2")
def test_the_findings_named_here_are_errors_of_the_annex_1_checks() -> None:
    assert FORM_FINDINGS | {ENTRY_AGE_FINDING} <= ERRORS


@pytest.mark.rule("A7-2")
def test_a_guardians_change_takes_effect_only_after_the_schools_review() -> None:
    what = known()
    request = asked("data-change", what, by_guardian=True, member1_phone="13900000000")
    change = opened(request, what, GUARDIAN)
    assert change.effects == ()
    assert [step.name for step in change.case.current] == ["check"]
    with pytest.raises(RegisterRuleError):
        act(change.case, "check", "agree", GUARDIAN, what, NOW, change.case.version)
    done = decided(change, "check", PRIMARY_SCHOOL, what)
    assert done.case.status is CaseStatus.COMPLETED
    assert only(done).fields == {"member1_phone": "13900000000"}
    # The pending value stays in the case beside the effective one.
    assert done.case.request.values["member1_phone"] == "13900000000"


@pytest.mark.rule("A7-2")
def test_a_paper_application_that_the_school_enters_still_waits_for_its_review() -> None:
    what = known()
    change = opened(asked("data-change", what, by_guardian=True, member1_phone="13900000000"), what)
    assert [step.name for step in change.case.current] == ["check"]


@pytest.mark.rule("A7-2")
@pytest.mark.parametrize(
    ("field", "value"), [("name", "张一"), ("sex", "2"), ("ethnicity", "02"), ("id_number", "X1234")]
)
def test_a_change_of_identity_needs_the_superior(field: str, value: str) -> None:
    what = known()
    change = opened(replace(asked("data-change", what), values={"by_guardian": True, field: value}), what, GUARDIAN)
    change = decided(change, "check", PRIMARY_SCHOOL, what)
    assert [step.unit for step in change.case.current] == [COUNTY]
    assert change.effects == ()
    done = decided(change, "review", COUNTY, what)
    assert only(done).fields == {field: value}


@pytest.mark.rule("A7-2")
def test_the_address_is_decided_by_the_school_alone() -> None:
    what = known()
    change = opened(asked("data-change", what, residence_address="某地"), what)
    assert change.case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A7-2")
def test_a_change_of_nothing_is_refused() -> None:
    what = known()
    assert stopping(asked("data-change", what), what) == {"A7-2": Status.FAILED}


@pytest.mark.rule("A7-1")
def test_a_change_without_evidence_is_impossible() -> None:
    what = known(evidence=())
    with pytest.raises(CaseRefusedError) as refused:
        opened(asked("data-change", what, residence_address="某地"), what)
    assert refused.value.rule == "A7-1"


@pytest.mark.rule("A9-2")
def test_a_change_of_identity_needs_a_document_and_an_address_any_proof() -> None:
    what = known(evidence=(paper("other"),))
    assert stopping(asked("data-change", what, name="张一"), what) == {"A9-2": Status.FAILED}
    assert stopping(asked("data-change", what, residence_address="某地"), what) == {}


@pytest.mark.rule("A7-3")
def test_a_guardian_without_a_verified_link_is_refused() -> None:
    what = known(guardian_verified=False)
    request = asked("data-change", what, by_guardian=True, member1_phone="13900000000")
    assert stopping(request, what) == {"A7-3": Status.FAILED}
    assert stopping(request, known(guardian_verified=True)) == {}
    # The school's own change does not rest on the link.
    assert stopping(asked("data-change", what, member1_phone="13900000000"), what) == {}


@pytest.mark.rule("A7-3")
def test_a_guardian_cannot_take_the_schools_part_by_leaving_the_flag_out() -> None:
    what = known()
    change = opened(asked("data-change", what, member1_phone="13900000000"), what, GUARDIAN)
    assert change.case.status is CaseStatus.OPEN
    assert change.effects == ()


@pytest.mark.rule("A6-3", "S-2")
def test_no_procedure_takes_a_student_number() -> None:
    for procedure in PROCEDURES.values():
        assert not [spec.name for spec in procedure.fields if "student_number" in spec.name], procedure.kind


@pytest.mark.rule("A6-3", "S-2")
@pytest.mark.parametrize("value", [{"id_number": "X1234567", "id_type": "A"}, {"name": "张一"}])
def test_the_student_number_stays_when_document_or_name_change(value: dict[str, str]) -> None:
    what = known()
    change = opened(replace(asked("data-change", what), values=value), what)
    effects = only(decided(change, "review", COUNTY, what))
    assert set(effects.fields) == set(value)
    assert (effects.move, effects.new_record, effects.school) == (None, None, None)
    (entry,) = effects.entries
    assert entry.kind is EntryKind.DATA_CHANGE
    # Field names are told openly; old and new values are added under seal by the store.
    assert set(entry.data) == {"fields"}
    assert set(str(entry.data["fields"]).split(",")) == set(value)


@pytest.mark.rule("A27-3")
def test_a_change_of_data_never_changes_the_grade() -> None:
    assert "grade" not in CHANGEABLE
    for kind in ("data-change", "correction"):
        assert "grade" not in {spec.name for spec in PROCEDURES[kind].fields}


@pytest.mark.rule("A6-1", "A10-2")
def test_a_change_to_anothers_document_or_to_false_data_is_refused() -> None:
    duplicate = known(duplicate=True)
    assert stopping(asked("data-change", duplicate, id_number="X1234567"), duplicate) == {"A6-1": Status.FAILED}
    false = known(findings=("id-checksum",))
    assert stopping(asked("data-change", false, id_number="X1234567"), false) == {"A10-2": Status.FAILED}


@pytest.mark.rule("A9-4")
def test_a_new_placement_needs_the_committees_assessment() -> None:
    request = asked("data-change", known(), special_ed_placement="2")
    assert stopping(request, known()) == {"A9-4": Status.FAILED}
    assert stopping(request, known(evidence=(paper("assessment", "committee", "county"),))) == {}


@pytest.mark.rule("S-5")
@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_record_is_corrected_and_never_edited(state: StudentState) -> None:
    what = known(student=pupil(Stage.SENIOR, state=state))
    assert stopping(asked("data-change", what, residence_address="某地"), what)["S-3"] is Status.FAILED
    assert stopping(asked("correction", what, name="张一", reason="笔误"), what) == {}


@pytest.mark.rule("S-5")
def test_an_active_record_is_not_corrected_but_changed() -> None:
    what = known()
    assert stopping(asked("correction", what, name="张一", reason="笔误"), what) == {"S-3": Status.FAILED}


@pytest.mark.rule("S-5")
def test_a_correction_waits_for_the_superior_and_supersedes_nothing() -> None:
    what = known(student=pupil(state=StudentState.GRADUATED))
    change = opened(asked("correction", what, name="张一", reason="笔误"), what)
    assert change.effects == ()
    effects = only(decided(change, "approve", COUNTY, what))
    (entry,) = effects.entries
    assert (entry.kind, entry.supersedes) == (EntryKind.CORRECTION, None)
    assert entry.data == {"fields": "name"}
    assert entry.personal == {"reason": "笔误"}
    assert effects.fields == {"name": "张一"}
    assert effects.move is None


@pytest.mark.rule("A5-1")
def test_a_paper_copy_needs_an_exception_and_records_department_keeper_and_reason() -> None:
    what = known(evidence=(paper("request-letter"),))
    request = asked("paper-copy", what, for_unit="某法院", kept_by="某法院档案室", reason="诉讼")
    assert stopping(request, what) == {"A5-1": Status.EXCEPTION_POSSIBLE}
    excepted = replace(what, exceptions=frozenset({"A5-1"}))
    effects = only(opened(request, excepted))
    (entry,) = effects.entries
    assert (entry.kind, entry.on) == (EntryKind.PAPER_COPY, date(2026, 9, 10))
    assert entry.data == {"for_unit": "某法院", "kept_by": "某法院档案室"}
    assert entry.personal == {"reason": "诉讼"}


@pytest.mark.rule("A5-1")
def test_only_the_school_that_holds_the_archive_prints_it() -> None:
    what = known(exceptions=frozenset({"A5-1"}), evidence=(paper("request-letter"),))
    request = asked("paper-copy", what, for_unit="某法院", kept_by="某法院档案室", reason="诉讼")
    with pytest.raises(RegisterRuleError):
        opened(request, what, registrar("2114000099"))
