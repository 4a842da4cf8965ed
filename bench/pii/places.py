"""Invented addresses and schools: real divisions and townships, the rest made up."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from bench.pii.lists import read_lists
from rulebook import Divisions

_LISTS = read_lists("places")

_GROUPS = "一 二 三 四 五 六".split()

_LONGEST = 6
"""Characters of a township's name; longer ones are offices, not places."""


class Places:
    """Draws addresses and schools; the two halves use other roads, estates, villages and heads of names."""

    def __init__(self, rng: random.Random, half: int, divisions: Divisions) -> None:
        self._rng = rng
        self._counties = [
            unit
            for unit in sorted(divisions.by_code.values(), key=lambda one: one.code)
            if unit.level == "county" and unit.code.startswith("14") and not getattr(unit, "zone", False)
        ]
        self._elsewhere = [
            unit
            for unit in sorted(divisions.by_code.values(), key=lambda one: one.code)
            if unit.level == "county" and not unit.code.startswith("14")
        ]
        self._townships: Mapping[str, Sequence[str]] = {
            county: plain
            for county, names in divisions.townships.items()
            if (plain := [name for name in names if len(name) <= _LONGEST and name.endswith(("乡", "镇", "街道"))])
        }
        self._roads, self._estates, self._heads = (
            _half(one, half) for one in (_LISTS["roads"], _LISTS["estates"], _LISTS["heads"])
        )
        self._villages = _half(_LISTS["surname_villages"], half)

    def address(self) -> tuple[str, ...]:
        """Return an address with a detail, in one of many forms, in its parts: division, township, the rest."""
        pick = self._rng.choice
        outside = self._rng.random() < 0.15
        county = pick(self._elsewhere if outside else self._counties)
        head = self._head(county.full_name)
        town = "" if outside or self._rng.random() < 0.4 else pick(self._townships.get(county.code, ("",)))
        village = bool(town) and not town.endswith(("街道", "办事处"))
        return head, town, self._village(detailed=True) if village else self._street()

    def residence(self) -> str:
        """Return a bare county or city, which counts only beside a word of residence."""
        county = self._rng.choice(self._counties)
        return self._rng.choice([county.name, self._head(county.full_name)])

    def city(self) -> str:
        """Return a bare division that says nothing about where somebody lives."""
        return str(self._rng.choice(self._counties + self._elsewhere).name)

    def part(self) -> str:
        """Return an address without any division."""
        return self._street() if self._rng.random() < 0.7 else self._village(detailed=True)

    def school(self) -> tuple[str, str]:
        """Return a school, kindergarten or vocational school in two parts: its divisions (or none), its name."""
        pick = self._rng.choice
        county = pick(self._counties if self._rng.random() < 0.85 else self._elsewhere)
        form = self._rng.random()
        if form < 0.2:
            return "", self._short(county.name) + pick(_LISTS["numbers"][:8]) + pick(["中", "小", "中", "初中"])
        if form < 0.5:
            head = pick([county.name, self._city_and(county.full_name)])
            return head, f"第{pick(_LISTS['numbers'])}{pick(_LISTS['stages_numbered'])}"
        if form < 0.65:
            town = pick(self._townships.get(county.code, ("城关镇",)))
            kind = pick(["中心小学", "中心校", "中心学校", "初级中学", "中心幼儿园", "寄宿制小学"])
            return county.name, town + kind
        return pick(["", county.name, self._city_and(county.full_name)]), pick(self._heads) + pick(_LISTS["stages"])

    def _head(self, full_name: str) -> str:
        """Return a full name of a division, at times without its province or its city."""
        form = self._rng.random()
        if form < 0.5:
            return full_name
        if form < 0.8 and full_name.startswith("山西省"):
            return full_name.removeprefix("山西省")
        return full_name

    def _city_and(self, full_name: str) -> str:
        return full_name.removeprefix("山西省")

    def _short(self, name: str) -> str:
        return name[:-1] if len(name) > 2 else name

    def _street(self) -> str:
        rng, pick = self._rng, self._rng.choice
        road = pick(self._roads) + pick(_LISTS["kinds"])
        flat = pick(
            [
                f"{rng.randint(1, 40)}号楼{rng.randint(1, 6)}单元{rng.randint(1, 30)}0{rng.randint(1, 4)}室",
                f"{rng.randint(1, 40)}号楼{rng.randint(1, 6)}单元{rng.randint(1, 9)}号",
                f"{rng.randint(1, 30)}栋{rng.randint(1, 33)}0{rng.randint(1, 4)}",
                f"{rng.randint(1, 30)}-{rng.randint(1, 5)}-{rng.randint(1, 18)}0{rng.randint(1, 4)}",
                f"{pick('ABCD')}座{rng.randint(1, 30)}0{rng.randint(1, 8)}室",
                f"{rng.randint(1, 30)}号楼",
            ]
        )
        form = rng.random()
        if form < 0.35:
            return f"{road}{rng.randint(1, 260)}号{pick(self._estates)}{flat}"
        if form < 0.7:
            return f"{pick(self._estates)}{flat}"
        if form < 0.85:
            return f"{road}{rng.randint(1, 260)}号"
        return f"{road}{rng.randint(1, 260)}号院{rng.randint(1, 9)}号楼"

    def _village(self, *, detailed: bool = False) -> str:
        rng, pick = self._rng, self._rng.choice
        village = (
            pick(self._villages)
            if rng.random() < 0.4
            else pick(_LISTS["village_heads"]) + pick(_LISTS["village_bodies"])
        )
        more = [
            f"{rng.randint(1, 300)}号",
            f"{pick(_GROUPS)}组",
            f"{pick(_GROUPS)}组{rng.randint(1, 90)}号",
            f"{rng.randint(1, 9)}排{rng.randint(1, 20)}号",
        ]
        return village + "村" + pick(more if detailed else ["", *more])


def _half(values: list[str], half: int) -> list[str]:
    return [value for number, value in enumerate(values) if number % 2 == half]
