from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from core_registry.domain.cases import CaseStatus, withdraw
from core_registry.domain.divisions import district, same_place
from core_registry.domain.exceptions import granting_units
from core_registry.domain.explaining import explain
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import PROCEDURES, Act
from core_registry.domain.regulation import REGULATION, Mark
from core_registry.domain.requests import Request
from core_registry.domain.rules import Party, Status
from core_registry.domain.states import CompulsoryMove, CompulsoryState, Stage, StudentState
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    PRIMARY_SCHOOL,
    archive,
    entry,
    facts,
    paper,
    registrar,
    result_of,
    school,
    stopping,
)
from tests.factories.chapter_four import (
    DATONG,
    NEW_SCHOOL,
    POLICY,
    after,
    agreed,
    noon,
    opened,
    receiver,
    refused,
    term,
    transfer,
    transferring,
)

SEPTEMBER = date(2026, 9, 10)


def on(day: date, stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    return transferring(stage, today=day, **changes)


@pytest.mark.rule("A16-1")
@pytest.mark.parametrize(("day", "taken"), [(1, True), (15, True), (16, True), (17, False)])
def test_the_window_is_open_on_day_15_and_needs_an_exception_on_day_16(day: int, taken: bool) -> None:
    # Term starts on 1 September, which is not counted: day 15 is the 16th.
    known = on(date(2026, 9, day))
    expected = {} if taken else {"A16-1": Status.EXCEPTION_POSSIBLE}
    assert stopping(transfer(known), known) == expected


@pytest.mark.rule("A16-1")
def test_an_exception_from_the_window_is_granted_by_the_city_of_the_receiving_school() -> None:
    known = on(date(2026, 9, 17))
    result = result_of("A16-1", transfer(known), known)
    assert result.ask is Party.CITY
    assert granting_units(Party.CITY, known.school, known.receiving) == {CITY, "140000"}
    allowed = replace(known, exceptions=frozenset({"A16-1"}))
    assert result_of("A16-1", transfer(known), allowed).status is Status.EXCEPTED
    assert opened(transfer(known), allowed, NEW_SCHOOL[Stage.PRIMARY]).case.status is CaseStatus.OPEN


@pytest.mark.rule("A16-1", "T-4")
def test_a_window_that_ends_on_a_day_off_ends_on_the_next_working_day() -> None:
    # 14 days from 28 February 2028 are a Monday; 13 days end on Sunday 12 March and go on to the 13th.
    short = replace(POLICY, transfer_days=13)
    for day, taken in ((13, True), (14, False)):
        known = on(date(2028, 3, day), policy=short)
        assert ("A16-1" not in stopping(transfer(known), known)) is taken


@pytest.mark.rule("A16-1")
def test_the_window_is_that_of_the_receiving_place() -> None:
    late = replace(facts().terms, semesters=(replace(term(2026, 1), start=date(2026, 9, 7)),))
    known = on(date(2026, 9, 22), receiving_terms=late)
    assert stopping(transfer(known), known) == {}
    assert "A16-1" in stopping(transfer(known), replace(known, receiving_terms=facts().terms))


@pytest.mark.rule("A16-1")
def test_without_a_calendar_of_the_place_the_window_is_not_open() -> None:
    known = on(SEPTEMBER, receiving_terms=replace(facts().terms, semesters=()))
    assert stopping(transfer(known), known) == {"A16-1": Status.EXCEPTION_POSSIBLE}


@pytest.mark.rule("A16-3")
def test_the_city_may_lengthen_or_shorten_the_window() -> None:
    known = on(date(2026, 9, 17))
    longer = replace(known, policy=replace(POLICY, transfer_days=20))
    assert "A16-1" in stopping(transfer(known), known)
    assert stopping(transfer(longer), longer) == {}
    shorter = replace(on(date(2026, 9, 16)), policy=replace(POLICY, transfer_days=10))
    assert "A16-1" in stopping(transfer(shorter), shorter)


@pytest.mark.rule("A16-2")
def test_a_transfer_started_by_the_sending_school_is_refused() -> None:
    known = on(SEPTEMBER)
    for unit in (PRIMARY_SCHOOL, COUNTY, OTHER_COUNTY):
        with pytest.raises(RegisterRuleError) as caught:
            opened(transfer(known), known, unit)
        assert caught.value.rule == "A16-2"


@pytest.mark.rule("A16-2")
def test_a_transfer_to_the_own_or_to_a_closed_school_is_refused() -> None:
    own = on(SEPTEMBER, receiving=school())
    assert stopping(transfer(own), own) == {"A16-2": Status.FAILED}
    closed = on(SEPTEMBER, receiving=receiver(closed=True))
    assert stopping(transfer(closed), closed) == {"A16-2": Status.FAILED}


@pytest.mark.rule("A16-2")
def test_the_steps_go_guardian_receiving_school_sending_school_both_superiors() -> None:
    known = on(SEPTEMBER)
    case = opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case
    assert [(s.order, s.party, s.act) for s in case.steps] == [
        (1, Party.GUARDIAN, Act.APPLY),
        (2, Party.RECEIVING_SCHOOL, Act.START),
        (3, Party.SCHOOL, Act.AGREE),
        (4, Party.REGISTRY_SUPERIOR, Act.REVIEW),
        (4, Party.RECEIVING_SUPERIOR, Act.REVIEW),
    ]
    assert [s.name for s in case.current] == ["sending-school"]
    with pytest.raises(RegisterRuleError):
        agreed(case, "sending-superior", known)
    case = agreed(case, "sending-school", known).case
    assert [s.unit for s in case.current] == [COUNTY, OTHER_COUNTY]


@pytest.mark.rule("A16-2", "A19-3", "A20-4", "A6-2")
def test_a_completed_transfer_moves_the_record_and_leaves_a_backup() -> None:
    known = on(SEPTEMBER, archive=archive(entry(EntryKind.AWARD, date(2026, 5, 4), level="school")))
    change = opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY])
    assert change.effects == ()
    change = agreed(change.case, "sending-school", known)
    assert [e.move for e in change.effects] == [
        CompulsoryMove(CompulsoryState.ACTIVE, CompulsoryState.TRANSFER_PENDING)
    ]
    known = after(known, change, days=1)
    change = agreed(change.case, "receiving-superior", known)
    assert change.effects == ()
    change = agreed(change.case, "sending-superior", known)
    (effects,) = change.effects
    assert change.case.status is CaseStatus.COMPLETED
    assert effects.move == CompulsoryMove(CompulsoryState.TRANSFER_PENDING, CompulsoryState.ACTIVE)
    assert (effects.school, effects.grade, effects.class_name) == (NEW_SCHOOL[Stage.PRIMARY], None, "2班")
    made, backup = effects.entries
    assert (made.kind, made.data["from"], made.data["to"]) == (EntryKind.TRANSFER, PRIMARY_SCHOOL, effects.school)
    assert (backup.kind, backup.data["school"]) == (EntryKind.BACKUP, PRIMARY_SCHOOL)
    copy = json.loads(str(backup.personal["archive"]))
    assert [one["kind"] for one in copy["entries"]] == ["award"]


@pytest.mark.rule("A16-2")
@pytest.mark.parametrize("step", ["sending-superior", "receiving-superior"])
def test_a_transfer_that_a_superior_refuses_leaves_the_pupil_active_at_the_old_school(step: str) -> None:
    known = on(SEPTEMBER)
    change = agreed(opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case, "sending-school", known)
    change = refused(change.case, step, after(known, change))
    (effects,) = change.effects
    assert change.case.status is CaseStatus.REFUSED
    assert effects.move == CompulsoryMove(CompulsoryState.TRANSFER_PENDING, CompulsoryState.ACTIVE)
    assert effects.school is None


@pytest.mark.rule("A16-2")
def test_a_transfer_that_ends_before_the_sending_school_agreed_changes_nothing() -> None:
    known = on(SEPTEMBER)
    case = opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case
    assert refused(case, "sending-school", known).effects == ()
    receiving = registrar(NEW_SCHOOL[Stage.PRIMARY])
    assert withdraw(case, receiving, known, noon(known), case.version, "误报").effects == ()


@pytest.mark.rule("A16-2")
def test_a_pending_transfer_that_is_withdrawn_goes_back() -> None:
    known = on(SEPTEMBER)
    change = agreed(opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case, "sending-school", known)
    known = after(known, change)
    receiving = registrar(NEW_SCHOOL[Stage.PRIMARY])
    (effects,) = withdraw(change.case, receiving, known, noon(known), change.case.version, "监护人撤回").effects
    assert effects.move is not None
    assert effects.move.after == CompulsoryState.ACTIVE


@pytest.mark.rule("A17-1", "A18-2")
def test_a_full_grade_is_refused_with_the_hint_of_the_county() -> None:
    full = on(SEPTEMBER, receiving=receiver(free_places={"14": 0, "13": 5}))
    result = result_of("A17-1", transfer(full), full)
    assert (result.status, result.ask) == (Status.FAILED, Party.COUNTY)
    assert "A18-2" in result.needed_zh
    assert "A18-2" in result.needed
    one = on(SEPTEMBER, receiving=receiver(free_places={"14": 1}))
    assert stopping(transfer(one), one) == {}


@pytest.mark.rule("A17-1", "A18-2")
def test_the_last_place_taken_between_acceptance_and_completion_stops_the_second_transfer() -> None:
    known = on(SEPTEMBER, receiving=receiver(free_places={"14": 1}))
    change = agreed(opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case, "sending-school", known)
    known = after(known, change)
    change = agreed(change.case, "sending-superior", known)
    taken = replace(known, receiving=receiver(free_places={"14": 0}))
    with pytest.raises(CaseRefusedError) as caught:
        agreed(change.case, "receiving-superior", taken)
    assert caught.value.rule == "A17-1"
    assert "A18-2" in caught.value.detail_zh
    assert agreed(change.case, "receiving-superior", known).case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A17-1")
def test_a_grade_without_a_class_or_of_another_stage_has_no_place() -> None:
    none = on(SEPTEMBER, receiving=receiver(free_places={}))
    assert "A17-1" in stopping(transfer(none), none)
    junior = on(SEPTEMBER, receiving=receiver(Stage.JUNIOR))
    assert "A17-1" in stopping(transfer(junior), junior)


@pytest.mark.rule("A18-1")
@pytest.mark.parametrize(
    ("ground", "kind"),
    [("household-move", "household-proof"), ("residence-move", "residence-proof"), ("other", "transfer-proof")],
)
def test_a_compulsory_transfer_has_a_ground_with_its_proof(ground: str, kind: str) -> None:
    known = on(SEPTEMBER, evidence=(paper(kind),))
    assert stopping(transfer(known, ground=ground, ground_detail="随迁"), known) == {}
    wrong = on(SEPTEMBER, evidence=(paper("photo"),))
    assert stopping(transfer(wrong, ground=ground), wrong) == {"A18-1": Status.FAILED}


@pytest.mark.rule("A18-1")
def test_a_compulsory_transfer_meets_the_conditions_of_the_receiving_place() -> None:
    known = on(SEPTEMBER)
    assert stopping(transfer(known, conditions_met=False), known) == {"A18-1": Status.FAILED}
    assert stopping(transfer(known, ground=None), known) == {"A18-1": Status.FAILED}


@pytest.mark.rule("A18-3")
def test_a_senior_transfer_to_another_city_with_both_proofs_is_accepted() -> None:
    known = on(SEPTEMBER, Stage.SENIOR)
    assert stopping(transfer(known), known) == {}
    change = opened(transfer(known), known, NEW_SCHOOL[Stage.SENIOR])
    change = agreed(change.case, "sending-school", known)
    known = after(known, change)
    change = agreed(agreed(change.case, "sending-superior", known).case, "receiving-superior", known)
    assert change.effects[0].move is not None
    assert change.effects[0].move.after == StudentState.ACTIVE.value
    assert change.effects[0].entries[0].data["comparable"] == "yes"


@pytest.mark.rule("A18-3")
@pytest.mark.parametrize("left_out", ["household-proof", "residence-proof"])
def test_a_senior_transfer_with_one_proof_only_is_refused(left_out: str) -> None:
    proofs = (paper("household-proof", "police"), paper("residence-proof", "housing"))
    known = on(SEPTEMBER, Stage.SENIOR, evidence=tuple(p for p in proofs if p.kind != left_out))
    result = next(r for r in explain(transfer(known), known) if r.stops)
    assert (result.rule, result.evidence) == ("A18-3", left_out)


@pytest.mark.rule("A18-3")
def test_the_proof_of_a_senior_household_move_comes_from_the_police() -> None:
    proofs = (paper("household-proof", "school"), paper("residence-proof", "housing"))
    known = on(SEPTEMBER, Stage.SENIOR, evidence=proofs)
    assert stopping(transfer(known), known) == {"A18-3": Status.FAILED}


@pytest.mark.rule("A18-3")
def test_a_senior_move_between_two_districts_of_one_city_is_refused() -> None:
    there = receiver(Stage.SENIOR, division=OTHER_COUNTY, city=CITY, admission_area="北片")
    known = on(SEPTEMBER, Stage.SENIOR, receiving=there)
    inside = transfer(known, household_to=OTHER_COUNTY, residence_to=OTHER_COUNTY)
    assert stopping(inside, known) == {"A18-3": Status.FAILED}
    county = "140121"
    there = receiver(Stage.SENIOR, division=county, city=CITY, admission_area="清徐")
    known = on(SEPTEMBER, Stage.SENIOR, receiving=there)
    known = replace(known, places={**known.places, county: (county, CITY)})
    assert stopping(transfer(known, household_to=county, residence_to=county), known) == {}


@pytest.mark.rule("A18-3")
@pytest.mark.parametrize(
    "values",
    [
        {"residence_to": "140105"},
        {"comparable": False},
        {"household_to": "140105", "residence_to": "140105"},
        {"household_to": "130102", "residence_to": "130102"},
        {"household_from": None},
        {"household_to": "999999"},
    ],
    ids=["residence stayed", "not comparable", "no move", "school elsewhere", "not named", "unknown place"],
)
def test_a_senior_transfer_needs_household_residence_and_school_at_one_new_place(values: dict[str, str]) -> None:
    known = on(SEPTEMBER, Stage.SENIOR)
    assert stopping(transfer(known, **values), known) == {"A18-3": Status.FAILED}


@pytest.mark.rule("A18-3")
def test_districts_are_told_from_counties_by_their_code() -> None:
    assert [district(code) for code in ("140105", "140120", "140171")] == [True, True, True]
    assert [district(code) for code in ("140121", "140181", "140100", "429004")] == [False, False, False, False]
    assert same_place(("140105", CITY), ("140106", CITY))
    assert not same_place(("140105", CITY), ("140121", CITY))
    assert not same_place(("140105", CITY), (DATONG, "140200"))


@pytest.mark.rule("A19-1", "T-2")
def test_a_step_reached_before_the_holiday_is_on_time_on_its_tenth_working_day() -> None:
    known = on(date(2026, 9, 14))
    case = opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case
    reached = replace(known, today=date(2026, 9, 28))
    change = agreed(case, "sending-school", reached)
    assert next(s for s in change.case.steps if s.name == "sending-school").late is False
    waiting = {s.name: s.due for s in change.case.current}
    assert waiting == {"sending-superior": date(2026, 10, 16), "receiving-superior": date(2026, 10, 16)}
    pending = after(reached, change)
    for day, late in ((date(2026, 10, 16), False), (date(2026, 10, 17), True), (date(2026, 10, 19), True)):
        done = agreed(change.case, "sending-superior", replace(pending, today=day)).case
        assert next(s for s in done.steps if s.name == "sending-superior").late is late


@pytest.mark.rule("A19-1")
def test_each_party_has_ten_working_days_of_its_own() -> None:
    known = on(date(2026, 9, 14))
    change = opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY])
    timed = [s for s in PROCEDURES["transfer"].steps(change.case.request, known) if s.party is not Party.GUARDIAN]
    assert [s.days for s in timed] == [10, 10, 10, 10]


@pytest.mark.rule("A19-1")
@pytest.mark.parametrize(("put_in", "late"), [(date(2026, 9, 20), False), (date(2026, 9, 21), True)])
def test_the_receiving_school_is_late_after_ten_working_days_from_the_application(put_in: date, late: bool) -> None:
    # Applied on Monday 7 September; Sunday the 20th is worked in 2026 and is the tenth working day.
    known = on(date(2026, 9, 7))
    case = opened(transfer(known), replace(known, today=put_in), NEW_SCHOOL[Stage.PRIMARY]).case
    assert next(s for s in case.steps if s.name == "receiving-school").late is late


@pytest.mark.rule("A21-1")
def test_a_private_school_takes_two_decisions_even_of_one_department() -> None:
    known = on(SEPTEMBER, receiving=receiver(private=True))
    change = agreed(opened(transfer(known), known, NEW_SCHOOL[Stage.PRIMARY]).case, "sending-school", known)
    known = after(known, change)
    joint = [s for s in change.case.current if s.rule == "A21-1"]
    assert {(s.party, s.unit) for s in joint} == {
        (Party.RECEIVING_SUPERIOR, OTHER_COUNTY),
        (Party.RECEIVING_SUPERVISING_DEPT, OTHER_COUNTY),
    }
    case = agreed(agreed(change.case, "sending-superior", known).case, "receiving-superior", known).case
    assert case.status is CaseStatus.OPEN
    assert agreed(case, "receiving-supervising-dept", known).case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A21-1")
def test_a_private_senior_school_looks_at_plan_and_examination() -> None:
    known = on(SEPTEMBER, Stage.SENIOR, receiving=receiver(Stage.SENIOR, private=True))
    assert stopping(transfer(known), known) == {"A21-1": Status.FAILED}
    assert stopping(transfer(known, plan_considered=True), known) == {}


@pytest.mark.rule("A45-3")
def test_the_words_of_a_ground_keep_to_the_record() -> None:
    known = on(SEPTEMBER)
    bad = "\u4e13\u95e8\u5b66\u6821"
    assert stopping(transfer(known, ground="other", ground_detail=bad), known) == {"A45-3": Status.FAILED}


# The county arranges a school.


def arranged(known: Facts) -> Request:
    return transfer(known, kind="county-placement", full_school="2114000099")


@pytest.mark.rule("A18-2")
def test_the_county_of_the_receiving_place_arranges_a_school() -> None:
    known = on(date(2026, 10, 12))  # the window has closed: the application to the full school kept it
    request = arranged(known)
    assert stopping(request, known) == {}
    change = opened(request, known, OTHER_COUNTY)
    assert [s.name for s in change.case.current] == ["arrange"]
    change = agreed(agreed(change.case, "arrange", known).case, "sending-school", known)
    known = after(known, change)
    change = agreed(agreed(change.case, "sending-superior", known).case, "receiving-superior", known)
    assert (change.case.status, change.effects[0].school) == (CaseStatus.COMPLETED, NEW_SCHOOL[Stage.PRIMARY])


@pytest.mark.rule("A18-2")
def test_only_the_county_arranges_and_only_a_school_with_a_place() -> None:
    known = on(SEPTEMBER)
    for unit in (NEW_SCHOOL[Stage.PRIMARY], COUNTY, CITY):
        with pytest.raises(RegisterRuleError) as caught:
            opened(arranged(known), known, unit)
        assert caught.value.rule == "A18-2"
    full = on(SEPTEMBER, receiving=receiver(free_places={"14": 0}))
    assert stopping(arranged(full), full) == {"A17-1": Status.FAILED}


@pytest.mark.rule("A18-2")
def test_the_county_arranges_in_the_compulsory_stage_and_not_the_school_that_is_full() -> None:
    known = on(SEPTEMBER)
    same = transfer(known, kind="county-placement", full_school=NEW_SCHOOL[Stage.PRIMARY])
    assert stopping(same, known) == {"A18-2": Status.FAILED}
    senior = on(SEPTEMBER, Stage.SENIOR)
    assert stopping(arranged(senior), senior)["A18-2"] is Status.FAILED


def test_the_marks_of_the_transfer_rules_are_those_of_the_regulation() -> None:
    rules = ("A16-1", "A20-1", "A20-2", "A20-3", "A20-4", "A20-5", "A20-6")
    assert [r for r in rules if REGULATION[r].mark is Mark.PRINCIPLE] == ["A16-1", "A20-1", "A20-3"]
