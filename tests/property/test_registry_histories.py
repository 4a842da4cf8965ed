"""Thousands of random histories of the registry, over the real desk and database: S-1 to S-5, boundaries 19 and 24.

A history is a copy of a small province in which registrars, heads and guardians ask for anything that a procedure
offers, rightly and wrongly, while the clock moves on by days, months and years.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from core_registry.db.engine import reading
from core_registry.domain.cases import Actor
from core_registry.domain.procedures import PROCEDURES
from core_registry.domain.terms import GRADE_OF_YEAR
from core_registry.errors import (
    RegisterChangedError,
    RegistryError,
    StaleCaseError,
    StudentNotFoundError,
    ValuesError,
)
from core_registry.intake.records import ImportRequest
from core_registry.sample.writers import write_csv
from tests.factories.casedb import book, registrar, setting
from tests.factories.histories import (
    PROVINCE,
    SCHOOLS,
    STATED,
    STRANGER,
    YEARS,
    guardian,
)
from tests.factories.history_checks import allowed, final
from tests.factories.history_recipes import NEVER_TOLD, PRINCIPLES, ask
from tests.factories.history_walk import COMPLETED, HISTORIES, OPENED, Stage, Walk

STARTS = (date(2026, 3, 3), date(2026, 9, 1), date(2027, 3, 2), date(2027, 6, 14))
seeds = st.integers(0, 2**24 - 1)
"""Small enough for Hypothesis to draw them evenly: each gives the random numbers of one step."""


class Histories(Walk, RuleBasedStateMachine):
    """One history."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        Walk.__init__(self)

    @initialize(start=st.sampled_from(STARTS), seed=seeds)
    def begin(self, start: date, seed: int) -> None:
        """Choose the day and the pupils whom the history is about; all others are their classmates."""
        rnd = self.randomness(seed)
        self.world.go(start)
        everybody = self.watch.pupils()
        for stage in "123":
            self.cast.append(rnd.choice([one for one in everybody if one.grade[0] == stage]).student_id)
        self.cast.append(rnd.choice([one for one in everybody if one.disabled]).student_id)
        last = [one for one in everybody if one.grade in {"15", "16", "23", "33"}]
        self.cast.append(rnd.choice(last).student_id)
        self.watch.look()

    # --- asking and deciding

    @rule(seed=seeds)
    def ask_for_something(self, seed: int) -> None:
        """Open a case and leave it where it is."""
        rnd = self.randomness(seed)
        self.open(rnd)

    @rule(seed=seeds)
    def ask_and_carry_through(self, seed: int) -> None:
        """Open a few cases, one after the other; every unit agrees until each ends."""
        rnd = self.randomness(seed)
        for _ in range(rnd.randrange(2, 6)):
            self.through(rnd)

    @rule(seed=seeds)
    def carry_a_life_on(self, seed: int) -> None:
        """The same for one pupil only: this is what takes a record through its states."""
        rnd = self.randomness(seed)
        pupil = rnd.choice(self.cast)
        for _ in range(rnd.randrange(2, 6)):
            self.through(rnd, pupil)

    @rule(seed=seeds)
    def decide_what_waits(self, seed: int) -> None:
        """A unit decides a step that waits for it."""
        rnd = self.randomness(seed)
        case = self.waiting(rnd)
        if case is not None:
            self.decide(case, rnd, agree=rnd.random() < 0.8)

    @rule(seed=seeds)
    def withdraw_a_case(self, seed: int) -> None:
        """The opener takes a case back, sometimes with a note that must not be kept."""
        rnd = self.randomness(seed)
        case = self.waiting(rnd)
        if case is None:
            return
        note = f"送{rnd.choice(NEVER_TOLD)}" if rnd.random() < 0.3 else "撤回"
        unit = next((step.unit for step in case.steps if step.unit), case.request.school)
        self.do(lambda: self.world.desk.withdraw(case.id, registrar(unit), case.version, note))

    @rule(seed=seeds)
    def submit_twice(self, seed: int) -> None:
        """The same key gives the same case and writes nothing."""
        rnd = self.randomness(seed)
        if not self.submitted:
            return
        asked, evidence, actor, key, case_id = rnd.choice(self.submitted)
        before = self.watch.mark()
        try:
            again = self.world.desk.open(asked.draft(evidence, None, key), actor)
        except RegistryError as error:
            raise AssertionError("a submission that was taken is taken again") from error
        assert again.id == case_id
        assert self.watch.mark() == before

    @rule(seed=seeds)
    def grant_an_exception(self, seed: int) -> None:
        """A department grants an exception from a principle; the request that it is for follows."""
        rnd = self.randomness(seed)
        name, kind = rnd.choice(PRINCIPLES)
        pupil, province = self.look_up(rnd), registrar(PROVINCE)
        paper = self.world.paper("application", PROVINCE, pupil.student_id, "education", "province")
        draft = ask(self.world, rnd, kind, pupil, None, self.fresh()).draft((), None, None)
        told_reason = f"曾在{NEVER_TOLD[0]}"
        self.refused(lambda: self.world.desk.grant_exception(name, draft, province, told_reason, paper))
        self.do(lambda: self.world.desk.grant_exception(name, draft, province, STATED, paper))
        self.through(rnd, pupil.student_id, kind)

    @rule(seed=seeds)
    def determine_a_grade(self, seed: int) -> None:
        """When a private case has ended there is one neutral entry more, and nothing else (A24-1, A24-3)."""
        rnd = self.randomness(seed)
        active = self.those("active")
        if not active:
            return
        pupil = rnd.choice(active)
        draft = ask(self.world, rnd, "grade-determination", pupil, None, self.fresh()).draft((), None, None)
        before = self.watch.counts()
        case = self.do(lambda: self.world.desk.open(draft, registrar(pupil.school)))
        if case is None:
            return
        self.watch.private.add(case.id)
        assert self.watch.counts() - before == Counter(sealed_cases=1), "A24-3"
        while case is not None and case.current:
            case = self.decide(case, rnd, agree=True)
        if case is not None:
            after = self.watch.counts()
            assert (after - before, before - after) == (Counter(archive_entries=1), Counter()), "A24-3"

    # --- who may not, and what may not

    @rule(seed=seeds)
    def decide_for_another_unit(self, seed: int) -> None:
        """A step is decided by its own unit only, on what is there now, and with a note that may be kept."""
        rnd, desk = self.randomness(seed), self.world.desk
        case = self.waiting(rnd)
        if case is None:
            return
        step = rnd.choice(case.current)
        own = registrar(step.unit)
        wrong = registrar(rnd.choice([unit for unit in (*SCHOOLS, PROVINCE) if unit != step.unit]))
        for actor in (wrong, Actor("st-nobody", step.unit, "registrar"), guardian()):
            self.refused(partial(desk.act, case.id, step.name, "agree", actor, case.version))
        self.refused(partial(desk.act, case.id, step.name, "agree", own, case.version + 1), StaleCaseError)
        note = f"去了{rnd.choice(NEVER_TOLD)}"
        self.refused(partial(desk.act, case.id, step.name, "agree", own, case.version, note))
        self.refused(partial(desk.act, case.id, step.name, "refuse", own, case.version, note))

    @rule(seed=seeds)
    def ask_as_a_stranger(self, seed: int) -> None:
        """A guardian whose link nobody verified asks for nothing (A7-3)."""
        rnd = self.randomness(seed)
        asked = ask(self.world, rnd, "data-change", self.look_up(rnd), None, self.fresh())
        draft = asked.draft((), None, None)
        self.refused(lambda: self.world.desk.open(draft, guardian(STRANGER)), (StudentNotFoundError, ValuesError))

    @rule(seed=seeds)
    def try_every_state(self, seed: int) -> None:
        """Whoever writes to the tables past all rules: a guard of the database refuses what section 4 has not."""
        rnd = self.randomness(seed)
        pupil = self.look_up(rnd)
        states = ("withdrawn", "completed", "incomplete", "admission-cancelled", "deferred", "graduated")
        impossible = [one for one in states if one != pupil.state and not allowed(pupil.state, one, pupil.grade)]
        tries = [("state", state) for state in impossible]
        # The guard takes a correction for under way until the next commit.
        if final(pupil.state, pupil.grade) and not self.watch.just_corrected(pupil.student_id):
            tries += [("name_key", "0"), ("grade", "14"), ("class_name", "9班")]
        if pupil.number[0] != "L":
            tries.append(("number_key", "0"))
        for column, value in tries:
            statement = f"UPDATE students SET {column} = :v WHERE student_id = :s"
            self.refused(partial(self.write, statement, pupil, value), RegisterChangedError)
        for table in ("transitions", "archive_entries", "certificates", "case_evidence", "cases"):
            with reading(self.world.engine) as connection:
                filled = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            if filled:
                self.refused(partial(self.write, f"DELETE FROM {table}", pupil, ""), RegisterChangedError)

    @rule(seed=seeds)
    def import_a_form(self, seed: int) -> None:
        """A file brings a pupil's form again: changed, of a final record, with another number or a forbidden text."""
        rnd = self.randomness(seed)
        pupil = self.look_up(rnd)
        with reading(self.world.engine) as connection:
            row = self.world.register.opened_rows(connection, [pupil.student_id]).row(0, named=True)
        values = {name: _written(value) for name, value in row.items()}
        changes: dict[str, str | None] = rnd.choice(
            [
                {"residence_address": "山西省太原市小店区亲贤北街二号"},
                {"student_number": f"G{pupil.id_number}"},
                {"student_number": None, "class_name": "4班"},
                {"residence_address": f"山西省太原市小店区{NEVER_TOLD[0]}宿舍"},
                {"grade": "31"},
            ]
        )
        frame = pl.DataFrame([{**values, **changes}], schema_overrides=dict.fromkeys(values, pl.String))
        path = self.world.path.with_suffix(".csv")
        write_csv(path, frame, book())
        asked = ImportRequest(path, path.name, "template", "st-import", accept_shrink=True)
        done = self.do(lambda: self.world.office.import_run(asked))
        path.unlink()
        COMPLETED[f"import, {'changed' if done is not None and done.changed else 'nothing'}"] += 1

    # --- time and the acts of whole schools

    @rule(days=st.integers(1, 25))
    def days_pass(self, days: int) -> None:
        """Some days pass, and the night's clocks run."""
        self.wait(self.world.today + timedelta(days=days))

    @rule(which=st.integers(0, 4))
    def go_to_a_day_that_matters(self, which: int) -> None:
        """The start of a term, ten working days later, the end of a term, a month or a year on."""
        terms, today = setting().terms(PROVINCE), self.world.today
        following = terms.following(today)
        now = terms.at(today)
        days = (
            following.start + timedelta(days=1) if following else None,
            following.start + timedelta(days=17) if following else None,
            now.end - timedelta(days=8) if now and now.end - timedelta(days=8) > today else None,
            today + timedelta(days=31),
            today + timedelta(days=366),
        )
        self.wait(days[which] or today + timedelta(days=3))

    @rule(seed=seeds)
    def a_school_moves_up(self, seed: int) -> None:
        """All grades of a school but the last move up, once a year (A27-3)."""
        rnd = self.randomness(seed)
        semester = setting().terms(PROVINCE).started(self.world.today)
        if semester is None or semester.number != 1 or semester.school_year < 2026:
            return
        school = self.look_up(rnd).school
        actor = registrar(school)
        act = self.do(lambda: self.world.oversight.promote(school, semester.school_year, actor))
        COMPLETED["promotion" if act is not None and act.pupils else "no promotion"] += 1
        if rnd.random() < 0.3:
            _, _, stages, system, _ = SCHOOLS[school]
            first = GRADE_OF_YEAR[YEARS[stages.split()[0], system][0]]
            self.do(lambda: self.world.oversight.place_classes(school, first, 2, actor))

    @rule(seed=seeds)
    def a_school_year_ends_and_another_begins(self, seed: int) -> None:
        """Pupils of the last grades graduate; the next stage admits them, and they arrive."""
        rnd, terms = self.randomness(seed), setting().terms(PROVINCE)
        last = next((one for one in terms.semesters if one.number == 2 and one.end > self.world.today), None)
        if last is None:
            return
        self.wait(max(last.end - timedelta(days=8), self.world.today))
        for pupil in self.those("active"):
            if pupil.grade in {"15", "16", "23", "33"}:
                before, after = ("", "certificate") if pupil.compulsory else ("graduation-conditions", "certificate")
                for kind in filter(None, (before, "graduation", after)):
                    self.through(rnd, pupil.student_id, kind)
        first = terms.of(last.school_year + 1, 1)
        if first is None:
            return
        self.wait(first.start + timedelta(days=rnd.randrange(1, 30)))
        for pupil in self.those("graduated"):
            if pupil.compulsory:
                for kind in ("admission", rnd.choice(["late-entry", "arrival"]), "arrival"):
                    self.through(rnd, pupil.student_id, kind)

    @rule(seed=seeds)
    def look_things_up(self, seed: int) -> None:
        """What the desk shows holds nothing that is never told, and no private case (A24-2, A24-3)."""
        rnd = self.randomness(seed)
        pupil, unit = self.look_up(rnd), rnd.choice([*SCHOOLS, PROVINCE])
        actor, desk = registrar(unit), self.world.desk
        shown = (
            dataclasses.asdict(desk.history(pupil.student_id, registrar(pupil.school), "核对", None)),
            [dataclasses.asdict(line) for line in desk.cases(actor, None, limit=200)],
            dataclasses.asdict(desk.work(actor, limit=200)),
        )
        told_text = json.dumps(shown, ensure_ascii=False, default=str)
        assert not any(word in told_text for word in NEVER_TOLD), "A45-3"
        assert "grade-determination" not in told_text, "A24-3"
        assert not any(trace in told_text for trace in self.watch.private), "A24-3"

    # --- what always holds

    @invariant()
    def everything_holds(self) -> None:
        """S-1 to S-5, A6-2, A34, A24, A45: after every step."""
        if self.cast:
            self.watch.look()
            self.watch.scan()


def _written(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.isoformat() if isinstance(value, date) else str(value)


def _walk(examples: int, steps: int) -> Counter[str]:
    """Run histories; return what was completed, by kind."""
    before = Counter(COMPLETED)
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink), database=None,
        ),
    )  # fmt: skip
    return Counter(COMPLETED) - before


def _tell(capsys: pytest.CaptureFixture[str], done: Counter[str], since: int) -> None:
    """Say how far the histories went, also when the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{next(HISTORIES) - since} histories; opened: {_listed(OPENED)}; done: {_listed(done)}\n")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in counts.most_common())


@pytest.fixture(scope="module", autouse=True)
def _tidy() -> Iterator[None]:
    yield
    Stage.clear()


@pytest.mark.rule("S-1", "S-2", "S-3", "S-4", "S-5", "A34-1", "A34-2", "A38-2", "A24-2", "A24-3", "A45-3", "A45-4")
def test_random_histories_never_break_the_register(capsys: pytest.CaptureFixture[str]) -> None:
    since = next(HISTORIES)
    done = _walk(24, 25)
    _tell(capsys, done, since)
    assert len(PROCEDURES.keys() & done.keys()) >= 8, "the histories go nowhere"


@pytest.mark.soak
@pytest.mark.rule("S-1", "S-2", "S-3", "S-4", "S-5", "A34-1", "A34-2", "A38-2", "A24-2", "A24-3", "A45-3", "A45-4")
def test_thousands_of_random_histories_never_break_the_register(capsys: pytest.CaptureFixture[str]) -> None:
    since = next(HISTORIES)
    done = _walk(2_000, 25)
    _tell(capsys, done, since)
    assert len(PROCEDURES.keys() & done.keys()) >= 30, "the histories go nowhere"
