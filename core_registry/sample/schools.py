"""Schools with their classes: sizes by kind, spread over the counties by weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core_registry.sample.draw import Ints, Table
from core_registry.sample.places import FIRST_COUNTY, PROVINCE, counties_of, county_weight, rural_share
from rulebook import Division, Rulebook

_YEARS = {"primary": 6, "junior": 3, "senior": 3}
_CITY_MANAGED, _PROVINCE_MANAGED = 0.5, 0.03  # of schools with a senior stage
_USUAL_CLASS = 38  # pupils
_LEAST_PUPILS = 90  # fewer are no school of their own where schools have their full size
_FULL_SAMPLE = 6_000  # below this number of pupils the schools shrink, so that there are several


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of school: category of the 学校标识码, stages, share of schools, classes a grade in town and country."""

    name: str
    category: str
    stages: tuple[str, ...]
    share: float
    town: tuple[int, int]
    country: tuple[int, int]


_KINDS = (
    Kind("小学", "21", ("primary",), 0.62, (2, 6), (1, 2)),
    Kind("九年一贯制学校", "31", ("primary", "junior"), 0.12, (2, 4), (1, 2)),
    Kind("初级中学", "31", ("junior",), 0.17, (4, 10), (2, 5)),
    Kind("中学", "34", ("junior", "senior"), 0.02, (4, 10), (3, 6)),
    Kind("高级中学", "34", ("senior",), 0.06, (8, 20), (6, 10)),
    Kind("特殊教育学校", "51", ("primary", "junior"), 0.01, (1, 1), (1, 1)),
)
_OPENING = (0, 2, 4, 1)
"""The first schools of every sample, all in the first county: each stage is there however small the sample."""


@dataclass(slots=True)
class School:
    """A school and the sizes of its classes, grade by grade."""

    kind: Kind
    county: Division
    rural: bool
    classes: list[tuple[str, list[int]]]
    """Grade code and class sizes."""
    authority: str = ""
    name: str = ""
    code: str = ""

    @property
    def pupils(self) -> int:
        """The number of pupils."""
        return sum(sum(sizes) for _, sizes in self.classes)


@dataclass(frozen=True, slots=True)
class Plan:
    """All schools in order, and their classes as columns (one entry a class, in the order of the pupils)."""

    schools: tuple[School, ...]
    class_school: Ints
    class_grade: Ints
    """Position of the grade in the list of grades."""
    class_number: Ints
    class_ends: Ints
    """Running number of pupils up to the end of the class."""

    def frame(self) -> pl.DataFrame:
        """Return one row a school: school_code, name, category, division, managing_authority, stages."""
        return pl.DataFrame(
            {
                "school_code": [school.code for school in self.schools],
                "name": [school.name for school in self.schools],
                "category": [school.kind.category for school in self.schools],
                "division": [school.county.code for school in self.schools],
                "managing_authority": [school.authority for school in self.schools],
                "stages": [list(school.kind.stages) for school in self.schools],
            },
            schema={
                "school_code": pl.String, "name": pl.String, "category": pl.String, "division": pl.String,
                "managing_authority": pl.String, "stages": pl.List(pl.String),
            },
        )  # fmt: skip


def plan_schools(count: int, rng: np.random.Generator, book: Rulebook) -> Plan:
    """Return schools that hold exactly ``count`` pupils, ordered by county."""
    grades = {
        stage: [code for code, facts in book.code_lists["grades"].attributes.items() if facts["stage"] == stage]
        for stage in _YEARS
    }
    counties = counties_of(book.divisions)
    by_weight = Table([unit.code for unit in counties], [county_weight(unit) for unit in counties])
    by_share = Table([kind.name for kind in _KINDS], [kind.share for kind in _KINDS])
    scale = min(1.0, max(0.05, count / _FULL_SAMPLE))
    schools: list[School] = []
    left = count
    while left:
        if len(schools) < len(_OPENING):
            kind, county = _KINDS[_OPENING[len(schools)]], book.divisions.by_code[FIRST_COUNTY]
        else:
            kind = _KINDS[int(by_share.draw(rng, 1)[0])]
            county = counties[int(by_weight.draw(rng, 1)[0])]
        rural = len(schools) >= len(_OPENING) and bool(rng.random() < rural_share(county))
        school = School(kind, county, rural, _classes(kind, rural, grades, book, rng, scale))
        if school.pupils > left:
            if left < _LEAST_PUPILS * scale and schools:
                left -= _spread(schools, left, book)
            _shrink(school, left)
        if not school.pupils:
            break
        left -= school.pupils
        schools.append(school)
    schools.sort(key=lambda school: (school.county.code, school.kind.category))
    _name(schools, rng, book)
    return _columns(schools, list(book.code_lists["grades"].labels))


def _classes(
    kind: Kind, rural: bool, grades: dict[str, list[str]], book: Rulebook, rng: np.random.Generator, scale: float
) -> list[tuple[str, list[int]]]:
    least, most = kind.country if rural else kind.town
    found = []
    for stage in kind.stages:
        parallel = max(1, round(int(rng.integers(least, most + 1)) * scale))
        standard = book.parameters.class_size[stage]
        usual = (0.55 if rural else 0.88) * standard * max(scale, 0.3)
        for grade in grades[stage]:
            if kind.category == "51":
                sizes = rng.integers(6, 13, parallel)
            else:
                sizes = np.clip(np.rint(rng.normal(usual, usual * 0.12, parallel)), 4, standard)
            found.append((grade, [int(size) for size in sizes]))
    return found


def _spread(schools: list[School], pupils: int, book: Rulebook) -> int:
    """Put pupils into classes with room, one each in turn; return how many found a place."""
    placed = 0
    for school in schools:
        for grade, sizes in school.classes:
            stage = book.code_lists["grades"].attributes[grade]["stage"]
            room = 1 if school.kind.category != "51" and sizes[0] < book.parameters.class_size[stage] else 0
            taken = min(room, pupils - placed)
            sizes[0] += taken
            placed += taken
    return placed


def _shrink(school: School, pupils: int) -> None:
    """Cut a school down to ``pupils``: fewer classes first, then smaller ones of nearly one size."""
    while (spare := [sizes for _, sizes in school.classes if len(sizes) > 1]) and (
        sum(len(sizes) for _, sizes in school.classes) - len(spare)
    ) * _USUAL_CLASS >= pupils:
        for sizes in spare:
            sizes.pop()
    places = [(index, spot) for index, (_, sizes) in enumerate(school.classes) for spot in range(len(sizes))]
    each, more = divmod(pupils, len(places))
    for turn, (index, spot) in enumerate(places):
        school.classes[index][1][spot] = each + (turn < more)


def _name(schools: list[School], rng: np.random.Generator, book: Rulebook) -> None:
    """Give names, codes and managing authorities (``Q-4``: city-managed schools and those of zones need the city)."""
    used: dict[str, int] = {}
    provincial = 0
    for serial, school in enumerate(schools, start=1):
        county, kind = school.county, school.kind
        school.code = f"{kind.category}14{serial:06d}"
        senior = "senior" in kind.stages
        city = county.parent or PROVINCE
        school.authority = city if county.zone or (senior and rng.random() < _CITY_MANAGED) else county.code
        if senior and not school.rural and rng.random() < _PROVINCE_MANAGED:
            provincial += 1
            school.authority, school.name = PROVINCE, f"山西省实验中学第{provincial}校区"
            continue
        towns = book.divisions.townships.get(county.code, ("",))
        town = towns[int(rng.integers(len(towns)))]
        short = town.removesuffix("街道").removesuffix("办事处").removesuffix("镇").removesuffix("乡")
        base = county.full_name.removeprefix("山西省") + (town if school.rural else short)
        stem = base + kind.name if kind.category != "51" else county.full_name.removeprefix("山西省") + kind.name
        used[stem] = used.get(stem, 0) + 1
        if used[stem] == 1:
            school.name = stem
        else:
            school.name = f"{stem.removesuffix(kind.name)}第{used[stem]}{kind.name}"


def _columns(schools: list[School], grades: list[str]) -> Plan:
    rows = [
        (position, grades.index(grade), number, size)
        for position, school in enumerate(schools)
        for grade, sizes in school.classes
        for number, size in enumerate(sizes, start=1)
        if size
    ]
    columns = np.array(rows, dtype=np.int64)
    return Plan(tuple(schools), columns[:, 0], columns[:, 1], columns[:, 2], np.cumsum(columns[:, 3]))
