"""Transfers and their kin for the tests of chapter 4: who receives, what is asked, what a change makes of facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from core_registry.domain.cases import Actor, Case, Change, act, open_case
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts, Policy, SchoolFacts
from core_registry.domain.requests import Request, Value
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import Semester
from tests.factories.cases import OTHER_COUNTY, TERMS, asked, entry, facts, paper, registrar, school

NEW_SCHOOL = {Stage.PRIMARY: "2114000011", Stage.JUNIOR: "3114000012", Stage.SENIOR: "3414000013"}
DATONG = "140213"
"""A district of another city than the schools of ``tests.factories.cases``."""
DATONG_CITY = "140200"
POLICY = Policy(
    class_size={"primary": 45, "junior": 50, "senior": 55},
    gaokao_closing={2026: date(2026, 11, 10)},
)


def receiver(stage: Stage = Stage.PRIMARY, **changes: object) -> SchoolFacts:
    """Return a school that receives: in the neighbouring district, a senior one in another city."""
    there, city = (DATONG, DATONG_CITY) if stage is Stage.SENIOR else (OTHER_COUNTY, "140100")
    values: dict[str, object] = {
        "code": NEW_SCHOOL[stage], "division": there, "city": city, "managing_authority": there,
        "supervising_dept": there, "registry_superior": there,
    }  # fmt: skip
    return school(stage, **{**values, **changes})


def transferring(stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    """Return the facts of a transfer with all proofs, on a day in the window of the first term of 2026."""
    proofs = (paper("household-proof", "police"), paper("residence-proof", "housing"))
    values: dict[str, object] = {"receiving": receiver(stage), "evidence": proofs, "policy": POLICY}
    return facts(stage, **{**values, **changes})  # type: ignore[arg-type]  # a builder


def transfer(known: Facts, **values: Value) -> Request:
    """Return the application that fits ``transferring``; ``values`` replace some."""
    senior: dict[str, Value] = {
        "household_from": "140105",
        "household_to": DATONG,
        "residence_to": DATONG,
        "comparable": True,
    }
    own: dict[str, Value] = {
        "ground": "household-move", "grade": known.pupil.grade, "class_name": "2班", "conditions_met": True,
        **(senior if known.stage is Stage.SENIOR else {}),
    }  # fmt: skip
    kind = str(values.pop("kind", "transfer"))
    return replace(asked(kind, known), values={**own, **values})


def sanction(first: str, until: str | None = None, supersedes: str | None = None) -> ArchiveEntry:
    """Return the entry of a sanction; without ``until`` it has no last day."""
    one = entry(EntryKind.SANCTION, date.fromisoformat(first), supersedes)
    return replace(one, data={"kind": "demerit", "from": first, "until": until})


def sanction_end(of: ArchiveEntry, on: str) -> ArchiveEntry:
    """Return the entry that ends a sanction."""
    return replace(
        entry(EntryKind.SANCTION_END, date.fromisoformat(on)), data={"of": of.id, "on": on, "how": "expired"}
    )


def noon(known: Facts) -> datetime:
    """Return an instant of the day of judging."""
    day = known.today
    return datetime(day.year, day.month, day.day, 4, 0, tzinfo=UTC)


def opened(request: Request, known: Facts, unit: str) -> Change:
    """Return the case that the registrar of ``unit`` opened."""
    return open_case("ca-1", request, known, registrar(unit), noon(known), known.pupil.version)


def agreed(case: Case, step: str, known: Facts) -> Change:
    """Return the case after the unit of ``step`` agreed."""
    unit = next(one.unit for one in case.steps if one.name == step)
    return act(case, step, "agree", Actor(f"st-{unit}", unit, "registrar"), known, noon(known), case.version)


def refused(case: Case, step: str, known: Facts) -> Change:
    """Return the case after the unit of ``step`` refused."""
    unit = next(one.unit for one in case.steps if one.name == step)
    actor = Actor(f"st-{unit}", unit, "registrar")
    return act(case, step, "refuse", actor, known, noon(known), case.version, "不符合条件")


def after(known: Facts, change: Change, days: int = 0) -> Facts:
    """Return the facts ``days`` later, with the record moved as the change says."""
    student = known.pupil
    for effects in change.effects:
        if effects.move is not None:
            student = replace(student, state=StudentState(effects.move.after.value))
    return replace(known, student=student, today=known.today + timedelta(days=days))


def term(year: int, number: int) -> Semester:
    """Return a term of the test calendar."""
    found = TERMS.of(year, number)
    assert found is not None
    return found
