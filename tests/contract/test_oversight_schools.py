"""Whole-school acts: verification, checks, quality, promotion, classes, merger, closure (boundaries 35 and 37)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from core_registry.db.case_tables import archive_entries, holders, school_acts, verification_results, verifications
from core_registry.db.engine import writing
from core_registry.db.tables import school_memberships, schools, sharing_students, students
from core_registry.errors import (
    CaseNotFoundError,
    CaseRefusedError,
    RegisterChangedError,
    RegisterRuleError,
)
from core_registry.oversight.service import VerificationResult
from tests.factories.oversight import (
    COUNTY,
    JUNIOR,
    OTHER,
    PRIMARY,
    SENIOR,
    House,
    first_grade,
    pupil,
    registrar,
    senior,
)

SCHOOL, ABOVE = registrar(PRIMARY), registrar(COUNTY)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House.at(f"sqlite:///{tmp_path / 'registry.db'}")
    yield made
    made.close()


@pytest.fixture
def both(database_url: str) -> Iterator[House]:
    made = House.at(database_url)
    yield made
    made.close()


@pytest.mark.rule("A49-1", "A49-2")
def test_a_school_is_verified_in_one_act_and_what_is_apart_becomes_matters(both: House) -> None:
    house = both
    ids = house.admit(*(pupil(n) for n in range(1, 6)))
    house.admit(pupil(9), state="graduated")
    found = {ids[0]: VerificationResult.PERSON_RECORD, ids[1]: VerificationResult.HOLLOW,
             ids[2]: VerificationResult.DATA_WRONG}  # fmt: skip
    made, opened = house.oversight.verify_term(PRIMARY, found, SCHOOL)
    assert (made.counts, made.signed_by, opened) == (True, SCHOOL.account, 2)
    assert made.totals == {"consistent": 2, "person-record": 1, "hollow": 1, "formalities-missing": 0,
                           "data-wrong": 1, "pupils": 5}  # fmt: skip
    assert len(house.table(verification_results)) == 5
    assert {(m.student_id, m.kind, m.owner, m.rule) for m in house.matters()} == {
        (ids[0], "person-record", PRIMARY, "A49-2"),
        (ids[1], "hollow-record", PRIMARY, "A49-2"),
    }
    assert {m.due_on for m in house.matters()} == {date(2027, 1, 22)}
    # a second one opens nothing twice
    assert house.oversight.verify_term(PRIMARY, found, SCHOOL)[1] == 0
    assert house.events("registry.verification")[0]["deviations"] == 3


@pytest.mark.rule("A49-1")
def test_a_verification_earlier_than_one_month_after_the_start_is_kept_and_does_not_count(house: House) -> None:
    house.admit(pupil(1))
    house.clock.on(date(2026, 9, 30))
    assert not house.oversight.verify_term(PRIMARY, {}, SCHOOL)[0].counts
    house.clock.on(date(2026, 10, 1))
    assert house.oversight.owing({PRIMARY: "140105"}, ABOVE) == [PRIMARY]
    assert house.oversight.verify_term(PRIMARY, {}, SCHOOL)[0].counts
    assert house.oversight.owing({PRIMARY: "140105", OTHER: "140105"}, ABOVE) == [OTHER]
    house.clock.on(date(2027, 2, 1))
    with pytest.raises(RegisterRuleError) as holidays:
        house.oversight.verify_term(PRIMARY, {}, SCHOOL)
    assert holidays.value.rule == "A49-1"


@pytest.mark.rule("A49-1")
def test_a_result_of_somebody_who_is_not_on_the_roll_is_refused_and_nothing_is_written(house: House) -> None:
    house.admit(pupil(1))
    (gone,) = house.admit(pupil(2), state="graduated")
    with pytest.raises(CaseRefusedError) as refused:
        house.oversight.verify_term(PRIMARY, {gone: VerificationResult.HOLLOW}, SCHOOL)
    assert [result.rule for result in refused.value.results] == ["A49-1"]
    assert house.table(verifications) == []


@pytest.mark.rule("A3-2", "A48-3")
def test_only_the_school_with_a_trained_registrar_verifies_its_register(house: House) -> None:
    house.admit(pupil(1))
    with pytest.raises(RegisterRuleError) as other:
        house.oversight.verify_term(PRIMARY, {}, registrar(OTHER))
    assert other.value.rule == "A49-1"
    house.end_posts(PRIMARY)
    house.file(PRIMARY, trained_on=None)
    with pytest.raises(RegisterRuleError) as untrained:
        house.oversight.verify_term(PRIMARY, {}, SCHOOL)
    assert untrained.value.rule == "A48-3"


@pytest.mark.rule("A3-6")
def test_the_county_checks_a_verification_once(house: House) -> None:
    house.admit(pupil(1))
    made, _ = house.oversight.verify_term(PRIMARY, {}, SCHOOL)
    with pytest.raises(RegisterRuleError):
        house.oversight.check_verification(made.id, SCHOOL)
    checked = house.oversight.check_verification(made.id, ABOVE)
    assert (checked.checked_by, checked.checked_on) == (ABOVE.account, date(2026, 10, 12))
    assert house.oversight.verifications([PRIMARY], ABOVE) == [checked]
    with pytest.raises(RegisterChangedError):
        house.oversight.check_verification(made.id, ABOVE)


@pytest.mark.rule("A3-6")
def test_the_changes_of_a_period_are_reported_and_marked_once_by_the_county(house: House) -> None:
    (student,) = house.admit(pupil(1))
    house.moved(student, "suspended", date(2026, 9, 1), "active")
    house.moved(student, "active", date(2026, 9, 30), "suspended")
    house.moved(student, "suspended", date(2026, 10, 1), "active")
    since, until = date(2026, 9, 1), date(2026, 9, 30)
    report = house.oversight.changes(PRIMARY, since, until, ABOVE, frozenset({PRIMARY}))
    assert {state.value: n for state, n in report.changes.items()} == {"suspended": 1, "active": 1}
    assert report.checked_by is None
    with pytest.raises(CaseNotFoundError):
        house.oversight.changes(PRIMARY, since, until, ABOVE, frozenset({OTHER}))
    with pytest.raises(RegisterRuleError):
        house.oversight.check_changes(PRIMARY, since, until, SCHOOL)
    house.oversight.check_changes(PRIMARY, since, until, ABOVE)
    marked = house.oversight.changes(PRIMARY, since, until, ABOVE, None)
    assert (marked.checked_by, marked.checked_on) == (ABOVE.account, date(2026, 10, 12))
    with pytest.raises(RegisterRuleError) as twice:
        house.oversight.check_changes(PRIMARY, since, until, ABOVE)
    assert twice.value.rule == "A3-6"


@pytest.mark.rule("A4-1")
def test_the_four_measures_are_counted_by_the_database(both: House) -> None:
    house = both
    ids = house.admit(*(pupil(n) for n in range(1, 5)))
    perfect = house.oversight.quality([PRIMARY], ABOVE)
    assert perfect.score.completeness == perfect.score.continuity == 1000
    assert perfect.wrong == {"provisional-number": 4}
    assert perfect.score.truth is None
    with writing(house.registry.engine) as connection:
        connection.execute(update(students).where(students.c.student_id == ids[0]).values(residence_division=None))
        connection.execute(update(students).where(students.c.student_id == ids[1]).values(grade="22"))
        gap = school_memberships.c.student_id == ids[2]
        connection.execute(update(school_memberships).where(gap).values(to_date=date(2026, 9, 1)))
        connection.execute(
            insert(school_memberships).values(student_id=ids[2], school_code=PRIMARY, from_date=date(2026, 9, 3))
        )
        none = school_memberships.c.student_id == ids[3]
        connection.execute(update(school_memberships).where(none).values(to_date=date(2026, 9, 1)))
    house.oversight.verify_term(PRIMARY, {ids[0]: VerificationResult.HOLLOW}, SCHOOL)
    measured = house.oversight.quality([PRIMARY], ABOVE)
    assert measured.records == 4
    assert measured.missing == {"residence_division": 1}
    assert measured.wrong["grade-of-another-stage"] == 1
    assert measured.counts.continuous == 2
    assert (measured.score.continuity, measured.score.truth) == (500, 750)
    assert house.oversight.quality([OTHER], ABOVE).score.completeness is None


@pytest.mark.rule("A4-1")
def test_a_membership_that_begins_on_the_day_after_or_on_the_same_day_leaves_no_gap(house: House) -> None:
    ids = house.admit(pupil(1), pupil(2), pupil(3))
    with writing(house.registry.engine) as connection:
        for student, start in zip(ids, (date(2026, 9, 1), date(2026, 9, 2), date(2026, 8, 31)), strict=True):
            mine = school_memberships.c.student_id == student
            connection.execute(update(school_memberships).where(mine).values(to_date=date(2026, 9, 1)))
            connection.execute(
                insert(school_memberships).values(student_id=student, school_code=PRIMARY, from_date=start)
            )
    assert house.oversight.quality([PRIMARY], ABOVE).counts.continuous == 2  # the third overlaps


@pytest.mark.rule("A20-4", "A27-3")
def test_all_grades_but_the_last_move_up_once_a_year(both: House) -> None:
    house = both
    house.clock.on(date(2026, 8, 25))
    old = date(2025, 9, 1)
    ids = house.admit(
        pupil(1, grade="11", entry_month="2025-09"), pupil(2, grade="12"), pupil(3, grade="16"), created=old
    )
    (resting,) = house.admit(pupil(4, grade="14"), state="suspended", created=old)
    (newcomer,) = house.admit(first_grade(5))
    (demoted,) = house.admit(pupil(6, grade="13"), created=old)
    with writing(house.registry.engine) as connection:
        connection.execute(
            insert(archive_entries).values(
                entry_id="en-x", sequence=1, student_id=demoted, kind="grade", event_on=date(2026, 8, 20),
                entered_at="2026-08-20T00:00:00Z", data="{}", actor="st-x", unit=PRIMARY,
            )
        )  # fmt: skip
    act = house.oversight.promote(PRIMARY, 2026, SCHOOL)
    assert (act.pupils, act.data["grades"]) == (2, {"12": 1, "11": 1})
    grades = dict(house.rows("student_id", "grade"))
    assert [grades[one] for one in (*ids, resting, newcomer, demoted)] == ["12", "13", "16", "14", "11", "13"]
    shared = {row.subject_ref: (row.grade, row.stage) for row in house.table(sharing_students)}
    assert shared[house.rows("subject_ref", student_id=ids[0])[0][0]] == ("12", "primary")
    noted = [entry for entry in house.entries() if entry.kind == "grade" and entry.entry_id != "en-x"]
    assert {entry.student_id for entry in noted} == set(ids[:2])
    assert '"why":"promotion"' in noted[0].data.replace(" ", "")
    # once a year, whoever asks again
    assert house.oversight.promote(PRIMARY, 2026, SCHOOL) == act
    assert len(house.table(school_acts)) == 1
    assert dict(house.rows("student_id", "version"))[ids[0]] == 1


@pytest.mark.rule("A20-4")
def test_the_grades_do_not_move_before_the_school_year_has_ended(house: House) -> None:
    house.clock.on(date(2026, 7, 10))
    with pytest.raises(RegisterRuleError):
        house.oversight.promote(PRIMARY, 2026, SCHOOL)
    house.clock.on(date(2026, 7, 11))
    assert house.oversight.promote(PRIMARY, 2026, SCHOOL).pupils == 0
    with pytest.raises(RegisterRuleError):
        house.oversight.promote(PRIMARY, 2026, registrar(OTHER))


@pytest.mark.rule("A11-1", "A13-1")
def test_newcomers_are_spread_evenly_and_method_and_result_are_kept(house: House) -> None:
    house.admit(*(first_grade(n, sex="1" if n % 3 else "2", class_name=None) for n in range(1, 12)))
    house.admit(first_grade(20, sex="2"), state="pre-registered")
    act = house.oversight.place_classes(PRIMARY, "11", 3, ABOVE)
    assert act.pupils == 12
    assert sorted(act.data["sizes"].values()) == [4, 4, 4]  # type: ignore[attr-defined]
    assert act.data["method_zh"]
    girls = [of.get("2", 0) for of in act.data["sexes"].values()]  # type: ignore[attr-defined]
    assert max(girls) - min(girls) <= 1
    assert {name for (name,) in house.rows("class_name")} == {"1班", "2班", "3班"}
    assert {row.class_name for row in house.table(sharing_students)} == {"1班", "2班", "3班"}
    (kept,) = house.oversight.school_acts(PRIMARY, ABOVE, None)
    assert kept.data["seed"] == act.id
    assert kept.data["standard"] == 45


@pytest.mark.rule("A11-1")
def test_classes_over_the_standard_and_grades_in_the_middle_of_a_stage_are_refused(house: House) -> None:
    house.admit(*(first_grade(n) for n in range(1, 47)))
    with pytest.raises(RegisterRuleError) as full:
        house.oversight.place_classes(PRIMARY, "11", 1, SCHOOL)
    assert full.value.rule == "A11-1"
    house.admit(pupil(100, grade="14"))
    with pytest.raises(RegisterRuleError):
        house.oversight.place_classes(PRIMARY, "14", 3, SCHOOL)
    assert house.table(school_acts) == []


@pytest.mark.rule("A8-1", "A6-2")
def test_on_a_merger_every_record_moves_in_one_listed_and_counted_act(both: House) -> None:
    house = both
    ids = [*house.admit(pupil(1), pupil(2)), *house.admit(pupil(3), state="suspended"),
           *house.admit(pupil(4), state="graduated")]  # fmt: skip
    act = house.oversight.merge(PRIMARY, OTHER, ABOVE)
    assert act.pupils == 4
    assert sorted(act.data["records"]) == sorted(ids)  # type: ignore[call-overload]
    assert {school for (school,) in house.rows("school_code")} == {OTHER}
    assert {(r.school_code, r.school_name) for r in house.table(sharing_students)} == {(OTHER, "小店区第二小学")}
    still = [m for m in house.table(school_memberships) if m.to_date is None]
    assert {(m.school_code, m.from_date) for m in still} == {(OTHER, date(2026, 10, 12))}
    assert {m.student_id for m in still} == set(ids[:3])
    assert {row.school_code for row in house.table(schools) if row.closed} == {PRIMARY}
    assert len([entry for entry in house.entries() if entry.kind == "transfer"]) == 4
    assert house.events("registry.school_act")[-1]["subjects"] == 4
    with pytest.raises(RegisterRuleError):
        house.oversight.merge(PRIMARY, OTHER, ABOVE)


@pytest.mark.rule("A8-1")
def test_a_merger_into_a_school_of_another_stage_is_refused(house: House) -> None:
    house.admit(pupil(1))
    with pytest.raises(CaseRefusedError) as refused:
        house.oversight.merge(PRIMARY, JUNIOR, ABOVE)
    assert refused.value.rule == "A8-1"
    with pytest.raises(RegisterRuleError):
        house.oversight.merge(PRIMARY, OTHER, SCHOOL)
    assert house.rows("school_code") == [(PRIMARY,)]


@pytest.mark.rule("A8-2")
def test_closing_a_school_with_an_active_pupil_is_refused(both: House) -> None:
    house = both
    house.admit(pupil(1))
    house.end_posts(PRIMARY)
    with pytest.raises(CaseRefusedError) as refused:
        house.oversight.close(PRIMARY, COUNTY, ABOVE)
    assert refused.value.rule == "A8-2"
    assert not any(row.closed for row in house.table(schools))


@pytest.mark.rule("A8-2", "A6-2")
def test_a_closed_school_holds_no_record_and_has_no_filed_post(house: House) -> None:
    (student,) = house.admit(pupil(1), state="graduated")
    with pytest.raises(CaseRefusedError):  # its registrar is still filed
        house.oversight.close(PRIMARY, COUNTY, ABOVE)
    house.end_posts(PRIMARY)
    act = house.oversight.close(PRIMARY, COUNTY, ABOVE)
    assert (act.pupils, act.to_unit) == (1, COUNTY)
    assert not [m for m in house.table(school_memberships) if m.to_date is None]
    assert [(h.student_id, h.unit, h.to_date) for h in house.table(holders)] == [(student, COUNTY, None)]
    assert {row.school_code for row in house.table(schools) if row.closed} == {PRIMARY}


@pytest.mark.rule("A8-2")
def test_on_closure_the_records_may_go_to_the_school_that_the_department_names(house: House) -> None:
    house.admit(pupil(1), state="graduated")
    house.end_posts(PRIMARY)
    assert house.oversight.close(PRIMARY, OTHER, ABOVE).to_unit == OTHER
    assert house.rows("school_code") == [(OTHER,)]


@pytest.mark.rule("A13-1")
def test_senior_newcomers_are_placed_too(house: House) -> None:
    house.admit(*(senior(n) for n in range(1, 8)), state="pre-registered")
    assert house.oversight.place_classes(SENIOR, "31", 2, registrar(SENIOR)).pupils == 7
