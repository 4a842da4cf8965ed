"""How a random history asks, decides and is refused: the hands behind the rules of the state machine."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from sqlalchemy import text

from core_registry.cases.records import NewEvidence
from core_registry.db.engine import reading, writing
from core_registry.domain.cases import Actor, Case
from core_registry.domain.facts import Facts
from core_registry.domain.procedures import PROCEDURES, EvidenceNeed
from core_registry.domain.requests import Request
from core_registry.errors import (
    RegisterChangedError,
    RegistryError,
    RegistryUnavailableError,
    SealedValueError,
    ValuesError,
)
from tests.factories.histories import LAST_DAY, SCHOOLS, World, guardian, make_template, open_world
from tests.factories.history_checks import Watch
from tests.factories.history_recipes import Asked, Pupil, actor_of, ask, issued_by, needs_of, openers, spoil, told

_MOVING = (
    "suspension", "resumption", "transfer", "graduation", "graduation-conditions", "withdrawal", "abroad", "return",
    "admission", "arrival", "registration", "transfer-out", "transfer-in", "to-vocational", "from-vocational",
    "admission-cancellation", "late-entry", "incomplete", "certificate", "correction", "county-placement",
)  # fmt: skip
_SENIOR = frozenset(
    {"withdrawal", "expulsion", "graduation-conditions", "to-vocational", "admission-cancellation", "incomplete"}
)
_COMPULSORY = frozenset({"fraud-report", "admission-rearrangement", "county-placement"})
_ENDING = frozenset({"death", "transfer-out", "expulsion", "to-vocational"})
"""What ends most histories too soon."""
ANYWHERE = frozenset({"active", "suspended", "pre-registered", "late-entry", "abroad", "transfer-pending"})
OPENED: Counter[str] = Counter()
COMPLETED: Counter[str] = Counter()
HISTORIES = count()
_T = TypeVar("_T")
Errors = type[Exception] | tuple[type[Exception], ...]


class Stage:
    """The world in which all histories of this run take place, one after the other; made with the first."""

    world: World | None = None

    @classmethod
    def renewed(cls) -> World:
        """Return the world as it was at the beginning."""
        if cls.world is None:
            home = Path(tempfile.mkdtemp(prefix="xueji-histories-"))
            make_template(home / "template.db")
            cls.world = open_world(home / "template.db", home / "history.db")
        cls.world.renew()
        return cls.world

    @classmethod
    def clear(cls) -> None:
        """Take the world away."""
        if cls.world is not None:
            cls.world.close()
            shutil.rmtree(cls.world.path.parent, ignore_errors=True)
        cls.world = None


class Walk:
    """One history's world, what watches it, and the acts that its rules are made of."""

    def __init__(self) -> None:
        self.number = next(HISTORIES)
        self.world: World = Stage.renewed()
        self.watch = Watch(self.world)
        self.cast: list[str] = []
        self.serial = 300
        self.steps = 0
        self.submitted: list[tuple[Asked, tuple[str, ...], Actor, str, str]] = []

    def randomness(self, seed: int) -> Random:
        """Return the random numbers of one step: other ones for the same seed at another step."""
        self.steps += 1
        return Random(f"{seed}/{self.steps}")

    def fresh(self) -> int:
        """Return a number that was not used before in this history."""
        self.serial += 1
        return self.serial

    def look_up(self, rnd: Random, who: str | None = None) -> Pupil:
        """Return a pupil as the record is now: ``who``, or one of those whom the history is about."""
        found = {one.student_id: one for one in self.watch.pupils()}
        return found[who or rnd.choice(self.cast)]

    def wait(self, day: date) -> None:
        """Let time pass until ``day``; the night's clocks run then. Beyond the school calendar nothing happens."""
        if day <= LAST_DAY:
            self.world.go(day)
            self.world.oversight.run_clocks()

    def those(self, state: str) -> list[Pupil]:
        """Return those of the history's pupils whose record is in ``state``."""
        return [one for one in self.watch.pupils() if one.student_id in self.cast and one.state == state]

    def through(self, rnd: Random, who: str | None = None, kind: str = "") -> None:
        """Open a case; every unit agrees until it ends."""
        case = self.open(rnd, who, kind)
        while case is not None and case.current:
            case = self.decide(case, rnd, agree=True)

    def open(self, rnd: Random, who: str | None = None, wanted: str = "") -> Case | None:
        """Ask for something, a quarter of the times with something wrong; ``None`` when it is refused."""
        kind, pupil = (wanted, self.look_up(rnd, who)) if wanted else self.choose(rnd, who)
        student = None if pupil is None else pupil.student_id
        today = self.world.today
        plain = Asked(kind, next(iter(SCHOOLS)) if pupil is None else pupil.school, today, today, student)
        known = self.facts(plain) if pupil is not None else None
        asked = ask(self.world, rnd, kind, pupil, known, self.fresh())
        chance = rnd.random()
        if chance < 0.2:
            asked = spoil(asked, rnd)
        forbidden = told(asked, rnd) if 0.2 <= chance < 0.27 else None
        asked = forbidden or asked
        try:
            facts = self.facts(asked)
            units = [] if facts is None else openers(asked, facts)
            needs = () if facts is None else needs_of(asked, facts)
        except RegistryError:
            facts, units, needs = None, [], ()
        unit = rnd.choice(units) if units and chance < 0.95 else rnd.choice(list(SCHOOLS))
        actor = guardian() if asked.guardian else actor_of(unit, rnd)
        evidence = self.evidence(asked, actor, needs, rnd, complete=chance > 0.1)
        version = None if pupil is None or chance < 0.8 else pupil.version
        key = f"key-{self.fresh()}y" if rnd.random() < 0.5 else None
        if PROCEDURES[kind].private:
            self.refused(
                lambda: self.world.desk.open(asked.draft((self.some_file(actor, student),), None, None), actor)
            )
        draft = asked.draft(evidence, version, key)
        if forbidden is not None:
            self.refused(lambda: self.world.desk.open(draft, actor))
            return None
        self.watch.look()
        case = self.do(lambda: self.world.desk.open(draft, actor))
        if case is None:
            return None
        OPENED[kind] += 1
        if case.procedure.private:
            self.watch.private |= {case.id} | ({key} if key else set())
        elif key is not None:
            self.submitted.append((asked, evidence, actor, key, case.id))
        if pupil is None and case.request.student_id is not None:
            self.cast.append(case.request.student_id)
        self.note(case)
        return case

    def choose(self, rnd: Random, who: str | None) -> tuple[str, Pupil | None]:
        """Return what to ask, and of whom: mostly something that stage and state of the record allow."""
        if who is None and rnd.random() < 0.12:
            return rnd.choice(["enrolment", "enrolment", "deferral", "special-case"]), None
        pupil = self.look_up(rnd, who)
        kinds = [kind for kind, one in PROCEDURES.items() if one.subject == "student"]
        if rnd.random() < 0.1:
            return rnd.choice(kinds), pupil
        if pupil.disabled and pupil.state == "active" and rnd.random() < 0.3:
            return rnd.choice(["placement-change", "demotion"]), pupil
        if pupil.state == "pre-registered" and rnd.random() < 0.5:
            return rnd.choice(["registration", "arrival", "late-entry"]), pupil
        others = _COMPULSORY if not pupil.compulsory else _SENIOR
        fitting = [
            kind for kind in kinds if pupil.state in (PROCEDURES[kind].opens_in or ANYWHERE) and kind not in others
        ]
        if rnd.random() < 0.8:
            fitting = [kind for kind in fitting if kind not in _ENDING] or fitting
        moving = [kind for kind in fitting if kind in _MOVING]
        return rnd.choice(moving if moving and rnd.random() < 0.55 else fitting or kinds), pupil

    def facts(self, asked: Asked) -> Facts | None:
        """Return what the registry knows for judging a request, so that a recipe can be right."""
        try:
            request = asked.request()
        except ValuesError:
            request = Request(asked.kind, asked.school, asked.on, asked.applied_on, asked.student_id)
        try:
            with self.world.store.writing(self.world.now) as tx:
                return tx.facts(request, ())
        except RegistryError:
            return None

    def evidence(
        self, asked: Asked, actor: Actor, needs: tuple[EvidenceNeed, ...], rnd: Random, *, complete: bool
    ) -> tuple[str, ...]:
        """Hand in what the request needs, not all of it or of too low a level unless ``complete``."""
        if asked.procedure.private or (actor.role == "guardian" and not asked.guardian):
            return ()
        items = []
        for need in needs:
            kind = rnd.choice(need.kinds)
            issuer, level = issued_by(need, kind)
            if not complete and rnd.random() < 0.5:
                level = "township"
            unit = asked.school if actor.role == "guardian" else actor.unit
            items.append(self.world.paper(kind, unit, asked.student_id, issuer, level))
        return tuple(items if complete else items[1:])

    def some_file(self, actor: Actor, student: str | None) -> str:
        new = NewEvidence("application", "other", "", None, "application/pdf", b"%PDF-1.7\n\n%%EOF\n", student)
        return self.world.desk.hand_in(new, actor).id

    def waiting(self, rnd: Random) -> Case | None:
        """Return an open case, private ones too."""
        with reading(self.world.engine) as connection:
            ids = list(connection.execute(text("SELECT case_id FROM cases WHERE status = 'open' ORDER BY 1")).scalars())
            ids += connection.execute(text("SELECT case_id FROM sealed_cases ORDER BY 1")).scalars()
        if not ids:
            return None
        with self.world.store.writing(self.world.now) as tx:
            return tx.case(rnd.choice(ids))

    def decide(self, case: Case, rnd: Random, *, agree: bool) -> Case | None:
        """Let the unit of a waiting step agree, or refuse with a reason."""
        step = rnd.choice(case.current)
        actor = actor_of(step.unit, rnd) if step.unit else guardian()
        note = "" if agree else f"不符合条件{self.fresh()}z"
        if case.procedure.private and note:
            self.watch.private.add(note)
        self.watch.look()
        made = self.do(
            lambda: self.world.desk.act(case.id, step.name, "agree" if agree else "refuse", actor, case.version, note)
        )
        if made is not None:
            self.note(made)
        return made

    @staticmethod
    def note(case: Case) -> None:
        if case.status.value == "completed":
            COMPLETED[case.request.kind] += 1

    def do(self, act: Callable[[], _T]) -> _T | None:
        """Return what ``act`` gives; ``None`` when it is refused, and then nothing is written."""
        before = self.watch.mark()
        try:
            return act()
        except (RegistryUnavailableError, SealedValueError):
            raise
        except RegistryError as error:
            guarded = type(error) is RegisterChangedError
        if guarded:
            raise AssertionError("only a guard of the database stopped it")
        assert self.watch.mark() == before, "what is refused leaves nothing behind"
        return None

    def refused(self, act: Callable[[], object], error: Errors = RegistryError) -> None:
        """Pass when ``act`` is refused and wrote nothing."""
        before = self.watch.mark()
        with pytest.raises(error):
            act()
        assert self.watch.mark() == before, "what is refused leaves nothing behind"

    def write(self, statement: str, pupil: Pupil, value: str) -> None:
        """Write past every rule."""
        with writing(self.world.engine) as connection:
            connection.execute(text(statement), {"s": pupil.student_id, "v": value})
