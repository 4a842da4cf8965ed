"""The nightly pass, on both databases: boundary 3, 18 and 35's sisters at database level."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from core_registry.db.case_tables import case_steps, cases, clocks
from core_registry.db.clock_store import SqlClockStore
from core_registry.db.engine import reading, writing
from core_registry.domain.chapters.no_arrival import no_show
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.working_days import Measure, Period, WorkCalendar
from core_registry.errors import RegisterRuleError
from tests.factories.casedb import make_office
from tests.factories.casedb import registrar as office_registrar
from tests.factories.oversight import COUNTY, OTHER, PRIMARY, SENIOR, SETTING, House, first_grade, pupil, senior

LAST_DAY = SETTING.calendar.after(date(2026, 9, 1), Period(10, Measure.WORKING_DAYS)).day


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


@pytest.mark.rule("A14-1", "A14-2", "A33-2")
def test_who_did_not_come_is_followed_up_from_the_day_after_ten_working_days(both: House) -> None:
    house = both
    house.admit(first_grade(1), first_grade(2), senior(3), state="pre-registered")
    came = house.admit(first_grade(4))
    house.clock.on(LAST_DAY)
    assert house.oversight.run_clocks().no_shows == 0
    house.clock.on(date(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day + 1))
    night = house.oversight.run_clocks()
    assert (night.no_shows, night.proposals) == (2, 1)
    assert {(m.kind, m.rule, m.owner) for m in house.matters()} == {
        ("dropout", "A14-1", PRIMARY),
        ("proposal", "A14-2", SENIOR),
    }
    assert all(m.due_on > house.clock.at.date() and m.state == "open" for m in house.matters())
    assert came[0] not in {m.student_id for m in house.matters()}
    # nothing is cancelled by the system, not even in senior high
    assert {state for (state,) in house.rows("state")} == {"pre-registered", "active"}
    # the same night again, and the next one
    assert (night2 := house.oversight.run_clocks()).no_shows == night2.proposals == 0
    house.clock.on(date(2026, 9, 20))
    assert house.oversight.run_clocks().no_shows == 0
    assert len(house.matters()) == 3


@pytest.mark.rule("A14-1")
def test_who_was_put_on_the_list_later_or_is_being_registered_is_no_no_show(house: House) -> None:
    house.admit(first_grade(1), state="pre-registered", created=date(2026, 9, 17))
    (again,) = house.admit(first_grade(2), state="pre-registered", created=date(2025, 8, 1))
    house.moved(again, "pre-registered", date(2026, 9, 18), "graduated")
    house.clock.on(date(2026, 9, 21))
    assert house.oversight.run_clocks().no_shows == 0


@pytest.mark.rule("A14-1", "A9-10")
def test_a_late_entry_that_ended_opens_a_matter_in_the_compulsory_stage(house: House) -> None:
    (student,) = house.admit(first_grade(1), state="late-entry")
    (elder,) = house.admit(senior(2), state="late-entry")
    for one, school in ((student, PRIMARY), (elder, SENIOR)):
        house.wind(name="arrival", rule="A14-1", unit=school, student_id=one, event_on=date(2026, 9, 10),
                   number=14, measure="days", due_on=date(2026, 9, 24))  # fmt: skip
    house.clock.on(date(2026, 9, 24))
    assert house.oversight.run_clocks().no_shows == 0
    house.clock.on(date(2026, 9, 25))
    night = house.oversight.run_clocks()
    assert (night.overdue, night.no_shows, night.proposals) == (2, 1, 1)
    assert {(m.student_id, m.kind, m.rule) for m in house.matters()} == {
        (student, "dropout", "A14-1"),
        (elder, "proposal", "A14-2"),
    }


@pytest.mark.rule("A33-1", "A33-2")
def test_an_expired_suspension_becomes_a_drop_out_matter_or_a_proposal_and_never_a_withdrawal(house: House) -> None:
    (student,) = house.admit(pupil(1), state="suspended")
    (elder,) = house.admit(senior(2), state="suspended")
    (back,) = house.admit(pupil(3))
    for one, school in ((student, PRIMARY), (elder, SENIOR), (back, PRIMARY)):
        house.wind(name="suspension-end", rule="A33-1", unit=school, student_id=one, event_on=date(2026, 9, 1),
                   due_on=date(2026, 10, 1))  # fmt: skip
    with writing(house.registry.engine) as connection:
        connection.execute(update(clocks).where(clocks.c.student_id == back).values(state="met"))
    house.clock.on(date(2026, 10, 1))
    assert house.oversight.run_clocks().lapsed == 0
    house.clock.on(date(2026, 10, 2))
    night = house.oversight.run_clocks()
    assert (night.lapsed, night.proposals) == (1, 1)
    assert {(m.student_id, m.kind, m.rule) for m in house.matters()} == {
        (student, "dropout", "A33-1"),
        (elder, "proposal", "A33-1"),
    }
    assert house.rows("state", student_id=student) == [("suspended",)]
    assert house.rows("state", student_id=elder) == [("suspended",)]
    house.clock.on(date(2026, 11, 30))
    assert house.oversight.run_clocks().lapsed == 0


@pytest.mark.rule("A50-16", "A9-3", "A13-1", "A36-3", "A37-1")
def test_each_unit_is_told_once_of_what_is_overdue_and_of_nobody_by_name(house: House) -> None:
    (student,) = house.admit(pupil(1))
    for name, rule, unit in (("archive", "A9-3", PRIMARY), ("x", "A13-1", PRIMARY), ("y", "A37-1", COUNTY)):
        house.wind(name=name, rule=rule, unit=unit, student_id=student, due_on=date(2026, 10, 9))
    house.wind(name="z", rule="A36-3", unit=COUNTY, student_id=student, due_on=date(2026, 10, 13))
    house.clock.on(date(2026, 10, 12))
    assert (night := house.oversight.run_clocks()).overdue == 3
    assert night.units == 2
    assert house.events("registry.overdue") == [
        {"unit": COUNTY, "day": "2026-10-12", "clocks": 1, "steps": 0, "rules": "A37-1 1", "subjects": 0},
        {"unit": PRIMARY, "day": "2026-10-12", "clocks": 2, "steps": 0, "rules": "A13-1 1, A9-3 1", "subjects": 0},
    ]
    assert house.oversight.run_clocks().overdue == 0
    assert len(house.events("registry.overdue")) == 2
    assert len(house.events("registry.clocks")) == 1


@pytest.mark.rule("T-7")
def test_a_provisional_deadline_is_computed_anew_when_the_notice_is_there(house: House) -> None:
    (student,) = house.admit(pupil(1))
    house.wind(name="archive", rule="A9-3", unit=PRIMARY, student_id=student, event_on=date(2027, 9, 28), number=5,
               measure="working_days", due_on=date(2027, 10, 5), provisional=True)  # fmt: skip
    holidays = {date(2027, 10, day): False for day in range(1, 8)}
    known = WorkCalendar(holidays, frozenset({2027}))
    store = SqlClockStore(house.registry.engine)
    assert store.recompute(known, lambda *_: None) == 1
    (clock,) = [row for row in house.table(clocks) if row.name == "archive"]
    assert (clock.due_on, clock.provisional) == (date(2027, 10, 12), False)
    assert store.recompute(known, lambda *_: None) == 0


@pytest.mark.rule("T-7", "A37-1")
def test_days_that_run_from_an_event_are_computed_anew_from_that_event(tmp_path: Path) -> None:
    office = make_office(f"sqlite:///{tmp_path / 'registry.db'}")
    office.desk.open(office.suspension(1), office_registrar(PRIMARY))
    waiting = case_steps.c.waiting
    with writing(office.engine) as connection:
        connection.execute(
            update(case_steps)
            .where(waiting)
            .values(counted_from=date(2027, 9, 28), days=5, due_on=date(2027, 10, 5), provisional=True)
        )
    holidays = {date(2027, 10, day): False for day in range(1, 8)}
    assert SqlClockStore(office.engine).recompute(WorkCalendar(holidays, frozenset({2027})), lambda *_: None) == 1
    with reading(office.engine) as connection:
        (step,) = connection.execute(select(case_steps.c.due_on, case_steps.c.provisional).where(waiting)).all()
    assert tuple(step) == (date(2027, 10, 12), False)  # not from the day on which the case reached the superior
    office.engine.dispose()


@pytest.mark.rule("T-6")
def test_a_pass_before_the_last_one_is_refused(house: House) -> None:
    house.clock.on(date(2026, 10, 12))
    house.oversight.run_clocks()
    house.clock.on(date(2026, 10, 11))
    with pytest.raises(RegisterRuleError) as refused:
        house.oversight.run_clocks()
    assert refused.value.rule == "T-6"


@pytest.mark.rule("A19-1")
def test_a_step_that_is_late_is_told_once_and_can_still_be_done(house: House) -> None:
    (student,) = house.admit(pupil(1))
    with writing(house.registry.engine) as connection:
        connection.execute(
            insert(cases).values(
                case_id="ca-1", sequence=1, kind="transfer", student_id=student, school_code=OTHER, home_school=PRIMARY,
                status="open", version=1, event_on=date(2026, 9, 28), applied_on=date(2026, 9, 10), opened_by="st-x",
                opened_at="2026-09-28T00:00:00Z", changed_by="st-x", changed_at="2026-09-28T00:00:00Z", results="[]",
                key_version=1, sealed=b"-",
            )
        )  # fmt: skip
        connection.execute(
            insert(case_steps).values(
                case_id="ca-1", position=2, name="sending-school", party="school", act="agree", act_zh="", turn=2,
                rule="A19-1", unit=PRIMARY, days=10, reached_on=date(2026, 9, 28), due_on=date(2026, 10, 16),
                provisional=False, late=False, waiting=True,
            )
        )  # fmt: skip
    house.clock.on(date(2026, 10, 16))
    assert house.oversight.run_clocks().steps == 0
    house.clock.on(date(2026, 10, 17))
    assert house.oversight.run_clocks().steps == 1
    assert house.events("registry.overdue")[-1]["rules"] == "A19-1 1"
    house.clock.on(date(2026, 10, 18))
    assert house.oversight.run_clocks().steps == 0
    (step,) = house.table(case_steps)
    assert step.waiting  # a mark blocks nothing


@pytest.mark.rule("A14-1", "A14-2")
@pytest.mark.parametrize("day", [date(2026, 9, 14), date(2026, 9, 15), date(2026, 9, 16), date(2026, 12, 1)])
def test_the_pass_agrees_with_the_rule_for_one_pupil(house: House, day: date) -> None:
    house.admit(first_grade(1), senior(2), state="pre-registered")
    house.clock.on(day)
    night = house.oversight.run_clocks()
    for stage, found in ((Stage.PRIMARY, night.no_shows), (Stage.SENIOR, night.proposals)):
        told = no_show(StudentState.PRE_REGISTERED, stage, date(2026, 9, 1), day, SETTING.calendar)
        assert (told is not None) == (found == 1)


def test_the_pass_says_how_far_it_is(house: House) -> None:
    told: list[str] = []
    house.oversight.run_clocks(lambda stage, _done, _total: told.append(stage))
    assert {"overdue", "no-show", "arrival", "suspension-end"} <= set(told)
