"""Invented names by stratum, in two halves that share no name list: one to develop with, one to be measured by."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from bench.pii.lists import read_lists

_LISTS = read_lists("names")

_RARE_GIVEN = "子一思文嘉梓奕雨"

_WEIGHTS = {
    "common": 0.55, "two": 0.16, "rare": 0.07, "compound": 0.04, "word": 0.06, "minority": 0.08, "foreign": 0.02,
    "rarechar": 0.02,
}  # fmt: skip
"""Shares of the strata: more of the hard ones than a school has, so that each can be measured."""
STRATA = tuple(_WEIGHTS)


@dataclass(frozen=True, slots=True)
class Name:
    """An invented name with its stratum; ``given`` is empty where it cannot be told."""

    full: str = field(repr=False)
    stratum: str
    given: str = field(default="", repr=False)


class Names:
    """Draws names from one half of the lists."""

    def __init__(self, rng: random.Random, half: int) -> None:
        """``half`` is 0 or 1; surnames are shared, the rest is not."""
        self._rng = rng
        self._words = _half(_LISTS["words"], half)
        self._uyghur, self._kazakh = _half(_LISTS["uyghur"], half), _half(_LISTS["kazakh"], half)
        self._tibetan = _half(_LISTS["tibetan_a"], half), _half(_LISTS["tibetan_b"], half)
        self._mongol, self._yi = _half(_LISTS["mongol"], half), _half(_LISTS["yi"], half)
        self._hui = _half(_LISTS["hui_given"], half)
        self._foreign = _half(_LISTS["foreign_given"], half), _half(_LISTS["foreign_family"], half)
        self._characters = _half(_LISTS["rare_characters"], half)
        self._first, self._second, self._single = (
            _half(_LISTS["first"], half),
            _half(_LISTS["second"], half),
            _half(_LISTS["single"], half),
        )
        self._rare = _half(_LISTS["rare"], half)
        self._compound = _half(_LISTS["compound"], half)

    def draw(self, stratum: str | None = None) -> Name:
        """Return a name of a stratum, or of any by weight."""
        chosen = stratum or self._rng.choices(STRATA, list(_WEIGHTS.values()))[0]
        pick = self._rng.choice
        if chosen == "word":
            return Name(pick(self._words), chosen)
        if chosen == "minority":
            return self._minority()
        if chosen == "foreign":
            return Name(f"{pick(self._foreign[0])}·{pick(self._foreign[1])}", chosen)
        if chosen == "rarechar":
            given = pick(self._characters)
            given = given if self._rng.random() < 0.5 else pick(_RARE_GIVEN) + given
        elif chosen == "two":
            given = pick(self._single)
        else:
            given = self._given()
        surname = pick({"rare": self._rare, "compound": self._compound}.get(chosen, list(_LISTS["common"])))
        return Name(surname + given, chosen, given if len(given) > 1 else "")

    def kin(self, child: Name) -> Name:
        """Return a name for a parent: with the child's surname where there is one to be shared."""
        if child.stratum in {"common", "two", "rare"} and self._rng.random() < 0.6:
            given = self._given() if self._rng.random() < 0.7 else self._rng.choice(self._single)
            long = "common" if child.stratum == "two" else child.stratum
            return Name(child.full[0] + given, long if len(given) > 1 else "two", given if len(given) > 1 else "")
        return self._minority() if child.stratum == "minority" else self.draw()

    def _given(self) -> str:
        while True:
            given = self._rng.choice(self._first) + self._rng.choice(self._second)
            if given[0] != given[1]:
                return given

    def _minority(self) -> Name:
        pick = self._rng.choice
        people = pick(["uyghur", "uyghur", "kazakh", "tibetan", "mongol", "yi", "hui"])
        if people in {"uyghur", "kazakh"}:
            pool = self._uyghur if people == "uyghur" else self._kazakh
            own, father = self._rng.sample(pool, 2)
            return Name(f"{own}·{father}", "minority", own)
        if people == "tibetan":
            first, second = pick(self._tibetan[0]), pick(self._tibetan[1])
            return Name(first + second if first != second else first, "minority")
        if people == "hui":
            given = pick(self._hui)
            return Name(pick(_LISTS["hui_surnames"]) + given, "minority", given)
        return Name(pick(self._mongol if people == "mongol" else self._yi), "minority")


def _half(values: list[str] | str, half: int) -> list[str]:
    return [value for number, value in enumerate(values) if number % 2 == half]
