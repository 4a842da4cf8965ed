"""Requests of every kind for the random histories: right ones by recipe, and ways to make them wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from core_registry.cases.parsing import parse_values
from core_registry.cases.records import Draft
from core_registry.domain.cases import Actor, unit_of
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import PROCEDURES, EvidenceNeed, Procedure
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Party
from core_registry.domain.terms import GRADE_OF_YEAR, YEAR_OF_GRADE
from core_registry.domain.working_days import add_months
from core_registry.errors import RegistryError
from core_registry.oversight.records import PlanRow
from tests.factories.casedb import registrar, setting
from tests.factories.histories import COUNTY, SCHOOLS, SPECIAL, STATED, YEARS, World, disability, form, number_of

NEVER_TOLD = ("专门学校", "专门教育")
"""What no archive says (A45-3): a text with it is refused, whatever the field."""
PRINCIPLES = (
    ("A5-1", "paper-copy"), ("A16-1", "transfer"), ("A20-1", "transfer"), ("A20-1", "county-placement"),
    ("A20-3", "transfer"), ("A30-1", "suspension"), ("A20-1", "transfer-in"),
)  # fmt: skip
"""Rules from which somebody may grant an exception, and what it is asked for."""
_AWAY = "110105"


@dataclass(frozen=True)
class Pupil:
    """A record as a history sees it before it asks for something."""

    student_id: str
    state: str
    school: str
    grade: str
    version: int
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    disabled: bool
    placement: str | None
    number: str = field(repr=False)

    @property
    def year(self) -> int:
        return YEAR_OF_GRADE[self.grade]

    @property
    def compulsory(self) -> bool:
        return self.grade < "30"


@dataclass(frozen=True)
class Asked:
    """A request before it is parsed."""

    kind: str
    school: str
    on: date
    applied_on: date
    student_id: str | None
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    guardian: bool = False

    @property
    def procedure(self) -> Procedure:
        return PROCEDURES[self.kind]

    def request(self) -> Request:
        """Return the request. Raises ``ValuesError``."""
        values = parse_values(self.procedure, self.values)
        student = self.student_id if self.procedure.subject == "student" else None
        return Request(self.kind, self.school, self.on, self.applied_on, student, values)

    def draft(self, evidence: tuple[str, ...], version: int | None, key: str | None) -> Draft:
        """Return the draft for the desk."""
        return Draft(
            self.kind, self.school, self.on, self.applied_on, self.student_id, self.values, evidence, version, key
        )  # fmt: skip


def schools_with(year: int, rnd: Random, but: str = "") -> str:
    """Return a school that has a year of schooling, not ``but`` where there is another."""
    found = [
        code
        for code, (_, _, stages, system, _) in SCHOOLS.items()
        if code != but and any(year in YEARS[stage, system] for stage in stages.split())
    ]
    regular = [code for code in found if code != SPECIAL or rnd.random() < 0.1]
    return rnd.choice(regular or found or list(SCHOOLS))


def ask(world: World, rnd: Random, kind: str, pupil: Pupil | None, facts: Facts | None, serial: int) -> Asked:
    """Return a request of ``kind`` that is right as far as the record allows."""
    procedure, today = PROCEDURES[kind], world.today
    school = pupil.school if pupil is not None else rnd.choice(list(SCHOOLS))
    asked = Asked(kind, school, today, today, None if pupil is None else pupil.student_id)
    grade = "11" if pupil is None else pupil.grade
    values = {spec.name: _default(spec, rnd, today, grade) for spec in procedure.fields if spec.required or spec.when}
    asked = replace(asked, values=values)
    recipe = _RECIPES.get(kind)
    if recipe is None:
        return asked
    return recipe(_Table(world, rnd, today, pupil, facts, serial), asked)


def _default(spec: ValueSpec, rnd: Random, today: date, grade: str) -> object:
    if spec.kind is ValueType.TEXT:
        own = STATED if spec.personal else "某单位"
        return "2班" if spec.name == "class_name" else own[: spec.longest]
    if spec.kind is ValueType.CHOICE:
        return rnd.choice(list(spec.choices))
    plain: Mapping[ValueType, object] = {
        ValueType.DATE: today.isoformat(), ValueType.INTEGER: 1, ValueType.BOOLEAN: True, ValueType.GRADE: grade,
        ValueType.SCHOOL: rnd.choice(list(SCHOOLS)), ValueType.DIVISION: COUNTY,
    }  # fmt: skip
    return plain[spec.kind]


@dataclass(frozen=True)
class _Table:
    """What a recipe looks at."""

    world: World
    rnd: Random
    today: date
    someone: Pupil | None
    facts: Facts | None
    serial: int

    @property
    def pupil(self) -> Pupil:
        if self.someone is None:
            raise AssertionError("this recipe needs a pupil")
        return self.someone

    def with_(self, asked: Asked, there: str | None = None, /, **values: object) -> Asked:
        return replace(asked, school=there or asked.school, values={**asked.values, **values})


def _elsewhere(table: _Table, asked: Asked) -> Asked:
    pupil = table.pupil
    there = schools_with(pupil.year, table.rnd, pupil.school)
    here, new = SCHOOLS[pupil.school][0], SCHOOLS[there][0]
    return table.with_(
        asked, there, grade=pupil.grade, ground=table.rnd.choice(["household-move", "residence-move", "other"]),
        conditions_met=True, comparable=True, plan_considered=True, household_from=here, household_to=new,
        residence_to=new,
    )  # fmt: skip


def _county_placement(table: _Table, asked: Asked) -> Asked:
    made = _elsewhere(table, asked)
    full = next(code for code in SCHOOLS if code != made.school)
    wanted = {spec.name for spec in asked.procedure.fields}
    values = {name: value for name, value in {**made.values, "full_school": full}.items() if name in wanted}
    return replace(made, values=values)


def _transfer_in(table: _Table, asked: Asked) -> Asked:
    made = _elsewhere(table, asked)
    return table.with_(made, origin=_AWAY, origin_grade=table.pupil.grade, exam_taken=False)


def _from_vocational(table: _Table, asked: Asked) -> Asked:
    year = table.pupil.year + (table.pupil.state == "graduated")
    return table.with_(asked, schools_with(year, table.rnd), grade=GRADE_OF_YEAR.get(year, "33"))


def _admission(table: _Table, asked: Asked) -> Asked:
    """Stand on the list and, mostly, on the plan of the next stage's school."""
    pupil, world = table.pupil, table.world
    there = schools_with(min(pupil.year + 1, 12), table.rnd, pupil.school)
    semester = setting().terms(SCHOOLS[there][0]).started(world.today)
    if semester is not None and table.rnd.random() < 0.8:
        rows = [PlanRow(1, pupil.id_number, pupil.name)]
        world.admissions.upload(there, semester.school_year, rows, registrar(there), world.now)
    return table.with_(asked, there)


def _suspension(table: _Table, asked: Asked) -> Asked:
    since = table.today
    if table.pupil.state == "suspended" and table.facts is not None:
        before = table.facts.archive.last(EntryKind.SUSPENSION)
        until = None if before is None else before.day("until")
        since = until or since
    until = since + timedelta(days=table.rnd.choice([14, 60, 180, 365]))
    days = {"from": since.isoformat(), "until": until.isoformat()}
    return replace(asked, values={**asked.values, **days, "hours_total": 600, "hours_lost": 200})


def _absence(table: _Table, asked: Asked) -> Asked:
    semester = setting().terms(COUNTY).started(table.today)
    if semester is None:
        return asked
    last = min(semester.end, table.today)
    first = max(semester.start, last - timedelta(days=table.rnd.choice([3, 40, 90])))
    return table.with_(asked, run_from=first.isoformat(), run_until=last.isoformat(), total_weeks=20)


def _graduation(table: _Table, asked: Asked) -> Asked:
    senior = ["graduation", "completion", "incomplete"]
    return table.with_(asked, outcome="graduation" if table.pupil.compulsory else table.rnd.choice(senior))


def _conditions(table: _Table, asked: Asked) -> Asked:
    return replace(asked, values={name: table.rnd.random() < 0.95 for name in asked.values})


def _enrolment(table: _Table, asked: Asked) -> Asked:
    """A new pupil; sometimes one whose document is registered already."""
    rnd, serial = table.rnd, table.serial
    school = rnd.choice([code for code in SCHOOLS if code != SPECIAL or rnd.random() < 0.2])
    _, _, stages, system, _ = SCHOOLS[school]
    years = YEARS[stages.split()[0], system]
    year = years[0] if rnd.random() < 0.7 else rnd.choice(list(years))
    # Who enters now was born a year later for each school year since 2025.
    later = table.today.year - 2025 - (table.today.month < 8)
    row = form(serial, school, year, f"{2025 + later}-09")
    born = date(2019 - (year - 1) + later, 3, 9)
    row |= {"birth_date": born, "id_number": number_of(serial, born)}
    if school == SPECIAL or rnd.random() < 0.1:
        row |= disability("1" if school == SPECIAL else "2")
    taken = {spec.name for spec in asked.procedure.fields}
    values = {name: value for name, value in row.items() if name in taken and value is not None}
    return replace(
        asked, school=school,
        values={**values, "source": "form", "admission_type": "first-entry", "assessment_no": "评2026-1",
                "sino_foreign": False, "class_type": "regular", "entry_month": row["entry_month"]},
    )  # fmt: skip


def _deferral(table: _Table, asked: Asked) -> Asked:
    row = form(table.serial, asked.school, 1, "")
    taken = {spec.name for spec in asked.procedure.fields}
    year = table.today.year if table.today.month < 9 else table.today.year + 1
    values = {name: value for name, value in row.items() if name in taken and value is not None}
    return replace(asked, values={**asked.values, **values, "school_year": year, "years": 1,
                                  "household_division": COUNTY, "renewal": False})  # fmt: skip


def _withdrawal(table: _Table, asked: Asked) -> Asked:
    if table.rnd.random() < 0.6:
        return table.with_(asked, ground="application")
    return table.with_(asked, ground="suspension-lapsed" if table.pupil.state == "suspended" else "absence")


def _placement(table: _Table, asked: Asked) -> Asked:
    there = table.rnd.choice([SPECIAL, table.pupil.school, schools_with(table.pupil.year, table.rnd)])
    return table.with_(asked, there, placement="1" if there == SPECIAL else table.rnd.choice(["2", "3"]))


def _determination(table: _Table, asked: Asked) -> Asked:
    step = table.rnd.choice([-1, 0, 1])
    return table.with_(asked, grade=GRADE_OF_YEAR.get(table.pupil.year + step, table.pupil.grade))


def _new_data(table: _Table, asked: Asked) -> Asked:
    born = date(2015, 3, 9)
    changes: list[dict[str, object]] = [
        {"residence_address": "山西省太原市小店区亲贤北街一号"},
        {"boarding": True},
        {"name": f"改名{chr(0x4E00 + table.serial)}"},
        {"class_name": "3班"},
        {"former_name": "旧名"},
        {"id_number": number_of(table.serial, born), "birth_date": born.isoformat()},
        {"id_number": number_of(table.serial, born_of(table.pupil.id_number))},
    ]
    own = {name: value for name, value in asked.values.items() if name == "reason"}
    if asked.kind == "data-change":
        own["by_guardian"] = table.rnd.random() < 0.3
    return replace(asked, values={**own, **table.rnd.choice(changes)}, guardian=bool(own.get("by_guardian")))


def born_of(id_number: str) -> date:
    """Return the birth date in an identity number."""
    return date.fromisoformat(f"{id_number[6:10]}-{id_number[10:12]}-{id_number[12:14]}")


def _sanction_end(table: _Table, asked: Asked) -> Asked:
    last = None if table.facts is None else table.facts.archive.last(EntryKind.SANCTION)
    return table.with_(asked, of="en-none" if last is None else last.id)


def _proof(table: _Table, asked: Asked) -> Asked:
    stage = "primary" if table.pupil.grade < "20" else "junior" if table.pupil.compulsory else "senior"
    number = "晋毕字第140105号"
    return table.with_(asked, stage=stage, graduated_on=table.today.isoformat(), original_number=number)


_RECIPES: Mapping[str, Callable[[_Table, Asked], Asked]] = {
    "abroad": lambda t, a: t.with_(a, document_until=add_months(t.today, 12).isoformat()),
    "return": lambda t, a: t.with_(a, schools_with(t.pupil.year, t.rnd), grade=t.pupil.grade),
    "suspension": _suspension,
    "absence": _absence,
    "graduation": _graduation,
    "graduation-conditions": _conditions,
    "transfer": _elsewhere,
    "county-placement": _county_placement,
    "admission-rearrangement": lambda t, a: t.with_(a, schools_with(t.pupil.year, t.rnd, t.pupil.school)),
    "transfer-out": lambda t, a: t.with_(a, destination=_AWAY),
    "transfer-in": _transfer_in,
    "to-vocational": lambda t, a: t.with_(a, vocational_school="3614000001", programme_years=3),
    "from-vocational": _from_vocational,
    "admission": _admission,
    "arrival": lambda t, a: t.with_(a, class_members=30),
    "enrolment": _enrolment,
    "deferral": _deferral,
    "special-case": lambda t, a: t.with_(a, explained_by="school"),
    "late-entry": lambda t, a: t.with_(a, until=(t.today + timedelta(days=7)).isoformat()),
    "withdrawal": _withdrawal,
    "placement-change": _placement,
    "demotion": lambda t, a: t.with_(a, grade=GRADE_OF_YEAR.get(t.pupil.year - 1, t.pupil.grade)),
    "grade-determination": _determination,
    "data-change": _new_data,
    "correction": _new_data,
    "sanction": lambda t, a: t.with_(a, until=(t.today + timedelta(days=60)).isoformat()),
    "sanction-end": _sanction_end,
    "education-proof": _proof,
}


def spoil(asked: Asked, rnd: Random) -> Asked:
    """Return the request with one thing wrong, or at least unusual."""
    way = rnd.randrange(6)
    if way == 0:
        return replace(asked, values={**asked.values, "grade": rnd.choice(list(YEAR_OF_GRADE))})
    if way == 1:
        return replace(asked, school=rnd.choice(list(SCHOOLS)))
    if way == 2:
        shift = timedelta(days=rnd.choice([-400, -40, 40, 400]))
        return replace(asked, on=asked.on + shift, applied_on=asked.applied_on + shift)
    if way == 3 and asked.values:
        gone = rnd.choice(sorted(asked.values))
        return replace(asked, values={name: value for name, value in asked.values.items() if name != gone})
    if way == 4:
        choices = [spec for spec in asked.procedure.fields if spec.choices]
        if choices:
            spec = rnd.choice(choices)
            return replace(asked, values={**asked.values, spec.name: rnd.choice(list(spec.choices))})
    flags = [spec.name for spec in asked.procedure.fields if spec.kind is ValueType.BOOLEAN]
    return replace(asked, values={**asked.values, **({rnd.choice(flags): False} if flags else {})})


def told(asked: Asked, rnd: Random) -> Asked | None:
    """Return the request with a text that no archive may hold (A45-3); ``None`` where it takes no such text."""
    texts = [
        spec for spec in asked.procedure.fields
        if spec.kind is ValueType.TEXT and spec.longest >= 10 and spec.name in asked.values
    ]  # fmt: skip
    if not texts:
        return None
    spec = rnd.choice(texts)
    return replace(asked, values={**asked.values, spec.name: f"曾在{rnd.choice(NEVER_TOLD)}"})


def needs_of(asked: Asked, facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Return the evidence that the request needs; one item of any kind where none is named."""
    request = asked.request()
    needs = asked.procedure.evidence(request, facts)
    if asked.kind in {"demotion", "admission", "graduation"} and facts.pupil.disabled:
        needs = (*needs, EvidenceNeed(("assessment",), "A23-2", "", ""))
    if needs or not asked.procedure.needs_evidence:
        return needs
    return (EvidenceNeed(("application",), "A7-1", "", ""),)


def issued_by(need: EvidenceNeed, kind: str) -> tuple[str, str]:
    """Return issuer and level that meet a need."""
    issuer = sorted(need.issuers)[0] if need.issuers else "committee" if kind == "assessment" else "other"
    return issuer, need.level or "county"


def openers(asked: Asked, facts: Facts) -> list[str]:
    """Return the units that may open the request."""
    request = asked.request()
    planned = {plan.party: plan.unit for plan in asked.procedure.steps(request, facts) if plan.unit is not None}
    units = []
    for party in sorted(asked.procedure.opened_by - {Party.GUARDIAN}):
        try:
            units.append(planned.get(party) or unit_of(party, request, facts))
        except (ValueError, RegistryError):
            continue
    return units


def actor_of(unit: str, rnd: Random) -> Actor:
    """Return the registrar, sometimes the head, of a unit."""
    return registrar(unit) if rnd.random() < 0.9 else Actor(f"he-{unit}", unit, "principal")
