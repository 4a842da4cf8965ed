"""New records: checks, steps and effects (Arts. 2, 6, 9, 10, 12, 52)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from core_registry.domain.annex1 import ANNEX1
from core_registry.domain.cases import CaseStatus, Change, act, open_case, withdraw
from core_registry.domain.chapters import enrolment, special_cases  # noqa: F401  fill the table of procedures
from core_registry.domain.explaining import explain
from core_registry.domain.facts import EntryKind, Evidence, Facts
from core_registry.domain.procedures import Effects
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Status
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import (
    CITY,
    COUNTY,
    PRIMARY_SCHOOL,
    archive,
    asked,
    entry,
    facts,
    paper,
    pupil,
    registrar,
    school,
    stopping,
)

NOW = datetime(2026, 9, 10, 4, tzinfo=UTC)
FORM: dict[str, Value] = {
    "name": "张一", "sex": "1", "nationality": "CHN", "overseas_status": "00", "ethnicity": "01", "id_type": "1",
    "id_number": "140105202003010010", "birth_date": date(2020, 3, 1), "residence_address": "某地",
    "household_address": "某地", "grade": "11", "class_name": "1班", "boarding": False, "disability": False,
    "left_behind": False, "member1_name": "张甲", "member1_relation": "51", "member1_guardian": True,
    "member1_id_type": "1", "member1_id_number": "140105199003010019", "member1_household_address": "某地",
    "member1_phone": "13900000000", "entry_month": "2026-09", "admission_type": "first-entry", "source": "form",
}  # fmt: skip
PAPERS = (paper("annex-1"), paper("identity-document"))


def known(stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    values: dict[str, object] = {"student": None, "evidence": PAPERS, **changes}
    return facts(stage, **values)  # type: ignore[arg-type]  # a builder


def new(what: Facts, **values: Value) -> Request:
    return replace(asked("enrolment", what), values={**FORM, **values})


def refused(what: Facts | None = None, /, **values: Value) -> dict[str, Status]:
    what = what or known()
    return stopping(new(what, **values), what)


def senior(**values: Value) -> tuple[Facts, Request]:
    what = known(Stage.SENIOR)
    return what, new(what, grade="31", birth_date=date(2011, 3, 1), **values)


def opened(request: Request, what: Facts) -> Change:
    return open_case("ca-1", request, what, registrar(what.school.code), NOW, None)


def decided(change: Change, step: str, unit: str, what: Facts) -> Change:
    return act(change.case, step, "agree", registrar(unit), what, NOW, change.case.version)


def only(change: Change) -> Effects:
    (effects,) = change.effects
    return effects


@pytest.mark.rule("A10-1", "A9-3")
def test_registration_makes_a_pre_registered_record_and_approval_makes_it_active() -> None:
    what = known()
    change = opened(new(what), what)
    made = only(change)
    assert made.new_record is not None
    assert made.new_record["name"] == "张一"
    assert (made.new_record["entry_month"], made.new_record["entry_method"]) == ("2026-09", "first-entry")
    assert set(made.new_record) <= {*ANNEX1, "entry_month", "entry_method"}
    assert made.move is None  # the store writes it as pre-registered
    assert [(step.unit, step.rule) for step in change.case.current] == [(COUNTY, "A10-1")]
    done = only(decided(change, "approve", COUNTY, what))
    assert done.move is not None
    assert (done.move.before, done.move.after) == ("pre-registered", "active")
    assert done.met == ("archive",)
    assert [made.kind for made in done.entries] == [EntryKind.ENROLMENT]


@pytest.mark.rule("A10-1")
def test_only_the_registry_superior_approves_a_record() -> None:
    what = known()
    change = opened(new(what), what)
    for unit in (PRIMARY_SCHOOL, CITY, "140106"):
        with pytest.raises(RegisterRuleError):
            decided(change, "approve", unit, what)


@pytest.mark.rule("A10-1")
def test_a_refused_or_withdrawn_case_leaves_the_record_pre_registered() -> None:
    what = known()
    change = opened(new(what), what)
    no = act(change.case, "approve", "refuse", registrar(COUNTY), what, NOW, change.case.version, "材料不全")
    assert (no.case.status, no.effects) == (CaseStatus.REFUSED, ())
    back = withdraw(change.case, registrar(PRIMARY_SCHOOL), what, NOW, change.case.version, "")
    assert (back.case.status, back.effects) == (CaseStatus.WITHDRAWN, ())


@pytest.mark.rule("A9-3")
def test_the_archive_is_due_two_months_after_the_first_formalities_of_a_first_grader() -> None:
    what = known()
    request = replace(new(what), on=date(2026, 8, 31))
    (clock,) = only(opened(request, what)).deadlines
    assert (clock.rule, clock.unit, clock.event, clock.period) == (
        "A9-3", PRIMARY_SCHOOL, date(2026, 8, 31), Period(2, Measure.MONTHS),
    )  # fmt: skip
    due = what.calendar.after(clock.event, clock.period)
    assert due.day == date(2026, 11, 2)  # 31 October 2026 is a Saturday
    assert (due.late(date(2026, 11, 2)), due.late(date(2026, 11, 3))) == (False, True)


@pytest.mark.rule("A9-1")
def test_a_child_who_is_six_on_31_august_enters_and_one_born_a_day_later_does_not() -> None:
    assert refused(birth_date=date(2020, 8, 31)) == {}
    assert refused(birth_date=date(2020, 9, 1)) == {"A9-1": Status.FAILED}


@pytest.mark.rule("A9-1")
def test_the_day_by_which_a_child_is_six_is_the_places() -> None:
    policy = replace(known().policy, entry_age_month=12, entry_age_day=31)
    assert refused(known(policy=policy), birth_date=date(2020, 12, 31)) == {}
    assert refused(known(policy=policy), birth_date=date(2021, 1, 1)) == {"A9-1": Status.FAILED}
    # The file check at the usual date does not stand against the place's own.
    assert refused(known(policy=policy, findings=("age-entry",)), birth_date=date(2020, 12, 31)) == {}


@pytest.mark.rule("A9-2", "A7-1")
@pytest.mark.parametrize(
    ("evidence", "rules"),
    [
        ((paper("identity-document"),), {"A9-2"}),
        ((paper("annex-1"),), {"A9-2"}),
        ((), {"A9-2", "A7-1"}),
    ],
)
def test_registration_needs_a_document_and_the_signed_form(evidence: tuple[Evidence, ...], rules: set[str]) -> None:
    assert set(refused(known(evidence=evidence))) == rules


@pytest.mark.rule("A9-2")
def test_an_expired_document_is_refused_and_one_that_ends_that_day_is_not() -> None:
    assert refused(id_valid_until=date(2026, 9, 10)) == {}
    assert refused(id_valid_until=date(2026, 9, 9)) == {"A9-2": Status.FAILED}


@pytest.mark.rule("A9-2")
def test_an_incomplete_form_is_refused() -> None:
    assert refused(known(findings=("required-missing",))) == {"A9-2": Status.FAILED}


@pytest.mark.rule("A9-2")
def test_a_pupil_without_a_document_brings_a_school_proof() -> None:
    what = known(evidence=(paper("annex-1"), paper("school-proof")))
    assert refused(what, id_type="Z") == {}
    assert refused(id_type="Z") == {"A9-2": Status.FAILED}


@pytest.mark.rule("A10-2")
@pytest.mark.parametrize("finding", ["id-checksum", "birth-date-id", "sex-id", "age-below", "duplicate-suspected"])
def test_false_information_is_refused_and_named_without_its_value(finding: str) -> None:
    what = known(findings=(finding,))
    (result,) = [one for one in explain(new(what), what) if one.stops]
    assert (result.rule, finding in result.needed) == ("A10-2", True)
    assert "张一" not in result.needed_zh + result.needed


@pytest.mark.rule("A10-2")
def test_a_month_of_entry_that_is_none_is_refused() -> None:
    assert refused(entry_month="2026-13") == {"A10-2": Status.FAILED}


@pytest.mark.rule("A6-1", "S-1", "A10-2")
def test_a_second_record_of_a_person_is_refused() -> None:
    assert refused(known(duplicate=True)) == {"A6-1": Status.FAILED}


DISABLED: dict[str, Value] = {
    "disability": True, "disability_type": "1", "special_ed_placement": "2", "assessment_no": "2026-01",
}  # fmt: skip
ASSESSED = (*PAPERS, paper("assessment", "committee", "county"))


@pytest.mark.rule("A9-4")
def test_a_disabled_child_is_placed_only_after_the_county_committees_assessment() -> None:
    assert refused(known(evidence=ASSESSED), **DISABLED) == {}
    assert refused(None, **DISABLED) == {"A9-4": Status.FAILED}
    for issuer, level in (("hospital", "county"), ("committee", "township")):
        assert refused(known(evidence=(*PAPERS, paper("assessment", issuer, level))), **DISABLED) == {
            "A9-4": Status.FAILED
        }
    assert refused(known(evidence=ASSESSED), **{**DISABLED, "assessment_no": None}) == {"A9-4": Status.FAILED}


@pytest.mark.rule("A9-4")
@pytest.mark.parametrize(
    ("placement", "category", "fits"),
    [
        ("1", "51", True), ("1", "21", False), ("2", "21", True), ("2", "51", False),
        ("3", "21", True), ("3", "51", True), ("4", "21", False), ("", "21", False),
    ],
)  # fmt: skip
def test_the_school_in_charge_of_the_placement_registers(placement: str, category: str, fits: bool) -> None:
    what = known(evidence=ASSESSED, school=school(category=category))
    stopped = refused(what, **{**DISABLED, "special_ed_placement": placement})
    assert stopped == ({} if fits else {"A9-4": Status.FAILED})


@pytest.mark.rule("A9-4")
def test_assessment_and_placement_enter_the_archive_under_seal() -> None:
    what = known(evidence=ASSESSED)
    done = only(decided(opened(new(what, **DISABLED), what), "approve", COUNTY, what))
    kinds = {one.kind: one for one in done.entries}
    assert (kinds[EntryKind.PLACEMENT].data, kinds[EntryKind.PLACEMENT].personal) == ({}, {"placement": "2"})
    assert kinds[EntryKind.ASSESSMENT].personal == {"number": "2026-01"}


@pytest.mark.rule("A9-11")
def test_the_source_of_every_value_is_kept() -> None:
    what = known()
    request = new(what, source="mixed", joint_fields="name, birth_date")
    assert stopping(request, what) == {}
    (kept,) = only(decided(opened(request, what), "approve", COUNTY, what)).entries
    assert kept.data == {"source": "mixed", "joint_fields": "name,birth_date"}
    assert refused(source="mixed") == {"A9-11": Status.FAILED}
    assert refused(source="mixed", joint_fields="name,no_field") == {"A9-11": Status.FAILED}


OVERSEAS: dict[str, Value] = {
    "admission_type": "overseas", "id_type": "6", "overseas_status": "01", "id_number": "H12345678",
}  # fmt: skip
ADMITTED = (*PAPERS, paper("admission-notice"))


@pytest.mark.rule("A12-1")
def test_a_pupil_from_outside_the_mainland_registers_with_document_and_local_admission() -> None:
    assert refused(known(evidence=ADMITTED), **OVERSEAS) == {}
    assert refused(None, **OVERSEAS) == {"A12-1": Status.FAILED}
    foreign: dict[str, Value] = {**OVERSEAS, "id_type": "A", "overseas_status": "51", "nationality": "USA"}
    assert refused(known(evidence=ADMITTED), **foreign) == {}


@pytest.mark.rule("A12-1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"overseas_status": "00"},
        {"id_type": "1", "nationality": "USA", "overseas_status": "51"},
        {"id_type": "1", "overseas_status": "00"},
    ],
)
def test_document_and_origin_must_fit(wrong: dict[str, Value]) -> None:
    assert refused(known(evidence=ADMITTED), **{**OVERSEAS, **wrong}) == {"A12-1": Status.FAILED}


@pytest.mark.rule("A12-1")
def test_a_pupil_from_outside_does_not_register_without_a_document() -> None:
    what = known(evidence=(paper("annex-1"), paper("school-proof"), paper("admission-notice")))
    assert refused(what, **{**OVERSEAS, "id_type": "Z"}) == {"A12-1": Status.FAILED}


@pytest.mark.rule("A52-1")
def test_the_rules_apply_to_a_pupil_from_outside_as_to_any_other() -> None:
    what = known(evidence=ADMITTED)
    assert refused(what, **OVERSEAS, birth_date=date(2020, 9, 1)) == {"A9-1": Status.FAILED}
    here, there = opened(new(what), what).case, opened(new(what, **OVERSEAS), what).case
    assert [step.name for step in there.steps] == [step.name for step in here.steps]


@pytest.mark.rule("A12-2")
def test_the_city_confirms_a_sino_foreign_programme_before_the_superior_approves() -> None:
    what, request = senior(sino_foreign=True)
    change = opened(request, what)
    assert [(step.name, step.unit) for step in change.case.current] == [("city", CITY)]
    with pytest.raises(RegisterRuleError):
        decided(change, "approve", COUNTY, what)
    change = decided(change, "city", CITY, what)
    assert only(decided(change, "approve", COUNTY, what)).move is not None
    plain = opened(senior()[1], what)
    assert [step.name for step in plain.case.current] == ["approve"]


@pytest.mark.rule("A12-2")
def test_a_sino_foreign_programme_is_of_the_senior_stage() -> None:
    assert refused(sino_foreign=True) == {"A12-2": Status.FAILED}


@pytest.mark.rule("A12-3")
def test_a_special_case_is_explained_by_school_or_county_and_settled_by_the_city() -> None:
    what = known()
    for by, unit in (("school", PRIMARY_SCHOOL), ("county", COUNTY)):
        request = asked("special-case", what, explained_by=by, explanation="情况", proposal="意见")
        change = open_case("ca-1", request, what, registrar(unit), NOW, None)
        assert [(step.name, step.unit) for step in change.case.current] == [("settle", CITY)]
        settled = act(change.case, "settle", "agree", registrar(CITY), what, NOW, change.case.version, "同意")
        assert settled.case.status is CaseStatus.COMPLETED
        # Both sides' words stay in the case.
        assert settled.case.request.text("explanation") == "情况"
        assert settled.case.steps[-1].note == "同意"
        with pytest.raises(RegisterRuleError):
            act(change.case, "settle", "agree", registrar(COUNTY), what, NOW, change.case.version)


@pytest.mark.rule("A12-3")
def test_registration_of_a_special_case_rests_on_the_citys_settlement() -> None:
    assert refused(admission_type="special") == {"A12-3": Status.FAILED}
    for level, fits in (("county", False), ("city", True)):
        what = known(evidence=(*PAPERS, paper("city-settlement", "education", level)))
        assert refused(what, admission_type="special") == ({} if fits else {"A12-3": Status.FAILED})


@pytest.mark.rule("A2-1")
def test_a_kindergarten_and_another_stage_register_nobody() -> None:
    assert refused(known(school=school(category="11"))) == {"A2-1": Status.FAILED}
    assert refused(grade="21") == {"A2-1": Status.FAILED}


@pytest.mark.rule("A2-2")
@pytest.mark.parametrize(
    ("category", "kind", "fits"),
    [
        ("36", "comprehensive", True), ("36", "regular", False), ("36", None, False), ("36", "vocational", False),
        ("34", "comprehensive", True), ("34", None, True), ("34", "vocational", False),
    ],
)  # fmt: skip
def test_a_vocational_school_registers_comprehensive_classes_only(category: str, kind: str | None, fits: bool) -> None:
    what, request = senior(class_type=kind)
    what = replace(what, school=school(Stage.SENIOR, category=category))
    assert stopping(request, what) == ({} if fits else {"A2-2": Status.FAILED})


@pytest.mark.rule("A8-2")
def test_a_closed_school_gets_no_record() -> None:
    assert refused(known(school=school(closed=True))) == {"A8-2": Status.FAILED}


@pytest.mark.rule("A8-2")
def test_a_school_closed_meanwhile_gets_no_active_record() -> None:
    what = known()
    change = opened(new(what), what)
    with pytest.raises(CaseRefusedError):
        decided(change, "approve", COUNTY, replace(what, school=school(closed=True)))


@pytest.mark.rule("A53-1")
def test_an_entry_before_the_regulation_is_history_and_one_on_its_first_day_is_checked() -> None:
    what = known()
    before = replace(new(what), on=date(2026, 2, 9))
    assert stopping(before, what) == {"A53-1": Status.FAILED}
    assert stopping(replace(before, on=date(2026, 2, 10)), what) == {}


def waiting(**changes: object) -> Facts:
    values: dict[str, object] = {
        "state": StudentState.PRE_REGISTERED, "grade": "11", "birth_date": date(2020, 8, 31), "entry_month": "2026-09",
    }  # fmt: skip
    return facts(student=pupil(**{**values, **changes}), evidence=PAPERS)  # type: ignore[arg-type]  # a builder


@pytest.mark.rule("A10-1")
@pytest.mark.parametrize("state", ["pre-registered", "late-entry"])
def test_a_first_grader_who_waits_becomes_active_by_the_superiors_approval(state: str) -> None:
    what = waiting(state=StudentState(state))
    change = opened(asked("registration", what, source="form"), what)
    assert change.effects == ()
    done = only(decided(change, "approve", COUNTY, what))
    assert done.move is not None
    assert (done.move.before, done.move.after) == (state, "active")
    assert done.met == ("archive",)


@pytest.mark.rule("A10-1", "A13-2")
def test_who_comes_from_another_stage_is_not_registered_anew() -> None:
    junior = facts(Stage.JUNIOR, student=pupil(Stage.JUNIOR, state=StudentState.PRE_REGISTERED), evidence=PAPERS)
    request = asked("registration", junior, source="form")
    assert stopping(request, junior) == {"A10-1": Status.FAILED}
    admission = entry(EntryKind.ADMISSION, date(2026, 9, 1), admission_type="overseas")
    assert stopping(request, replace(junior, archive=archive(admission))) == {}
    before = archive(admission, entry(EntryKind.ENROLMENT, date(2026, 9, 2)))
    assert stopping(request, replace(junior, archive=before)) == {"A10-1": Status.FAILED}


@pytest.mark.rule("A9-1")
def test_a_waiting_child_born_a_day_too_late_is_refused() -> None:
    assert stopping(asked("registration", waiting(), source="form"), waiting()) == {}
    young = waiting(birth_date=date(2020, 9, 1))
    assert stopping(asked("registration", young, source="form"), young) == {"A9-1": Status.FAILED}


@pytest.mark.rule("A9-4")
def test_a_waiting_disabled_child_needs_placement_and_assessment() -> None:
    child = waiting(disabled=True, placement="2")
    request = asked("registration", child, source="form")
    assert stopping(request, child) == {"A9-4": Status.FAILED}
    assert stopping(request, replace(child, evidence=ASSESSED)) == {}
    unplaced = replace(waiting(disabled=True), evidence=ASSESSED)
    assert stopping(request, unplaced) == {"A9-4": Status.FAILED}


def test_an_active_record_is_not_registered_again() -> None:
    what = waiting(state=StudentState.ACTIVE)
    assert "S-3" in stopping(asked("registration", what, source="form"), what)
