"""Who is who in a text: the record's pupil, a guardian, a schoolmate, somebody else; one person, one name to hide by.

Pure. 小明 is 王小明 when one full name alone ends so; of two people who may be meant it is neither.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, Literal

from gateway.anonymize.text.spans import Source

if TYPE_CHECKING:
    from gateway.anonymize.text.reading import KnownRecord

Role = Literal["student", "guardian", "schoolmate", "other"]

_FAMILY: Final = "record.family"
"""How the rules begin by which the names of guardians are found (``known.people``)."""
_LONGEST_SURNAME: Final = 2
_PARTS: Final = re.compile("[·•・‧∙⋅．.]")


@dataclass(frozen=True, slots=True)
class Person:
    """A role and which of its people: the place in the record, or the folded name."""

    role: Role
    key: str


class People:
    """The people of one record and of the texts about it, met in the order of the texts."""

    def __init__(self, record: KnownRecord | None) -> None:
        self._known: list[tuple[str, str, Person]] = []
        if record is not None:
            self._known += [_entry(name, Person("student", "")) for name in record.students]
            self._known += [
                _entry(name, Person("guardian", str(number))) for number, name in enumerate(record.guardians, start=1)
            ]
        self.guardians = len(record.guardians) if record else 0
        self._met: dict[str, Person] = {}
        self._full: dict[Person, str] = {}
        if record is not None:
            for name, (_, _, person) in zip((*record.students, *record.guardians), self._known, strict=True):
                self._full.setdefault(person, name)

    def meet(self, names: Iterable[tuple[str, Source, str]]) -> None:
        """Take in names as they stand in the texts, with who found them by which rule.

        Those that were met before keep their person.
        """
        new: dict[str, tuple[str, Source, str]] = {}
        for value, source, rule in names:
            key = fold(value)
            if key not in self._met and (key not in new or _rank(source) < _rank(new[key][1])):
                new[key] = value, source, rule
        # longest first, so that a given name alone finds the full name it belongs to
        for key, (value, source, rule) in sorted(new.items(), key=lambda item: -len(item[0])):
            person = self._met[key] = self._person(key, source, rule)
            self._full.setdefault(person, value)

    def who(self, value: str) -> Person:
        """Return the person of a name that was met."""
        return self._met[fold(value)]

    def full(self, person: Person) -> str:
        """Return the name of a person as the record has it, else the longest that was met."""
        return self._full[person]

    def _person(self, key: str, source: Source, rule: str) -> Person:
        for name, _, person in self._known:
            if key == name:
                return person
        fits = {person for name, first, person in self._known if _short_for(key, name, first)}
        if len(fits) == 1:
            return fits.pop()
        if source is Source.RECORD:
            return self._nearest(key, rule)
        met = {person for name, person in self._met.items() if _short_for(key, name, "")}
        if len(met) == 1:
            return met.pop()
        return Person("schoolmate" if source is Source.ROSTER else "other", key)

    def _nearest(self, key: str, rule: str) -> Person:
        """Return whose name of the record this is, misspelt or short; the pupil when in doubt."""
        role = "guardian" if rule.startswith(_FAMILY) else "student"
        known = [one for one in self._known if one[2].role == role] or self._known
        if not known:
            return Person("student", "")

        def alike(one: tuple[str, str, Person]) -> float:
            forms = (one[0], one[0][1:] or one[0])
            return max(SequenceMatcher(None, key, form, autojunk=False).ratio() for form in forms)

        return max(known, key=alike)[2]  # of equals the first: the pupil before the family


def fold(value: str) -> str:
    """Return a name as it is compared: NFKC, letters and digits only, no case."""
    return "".join(c for c in unicodedata.normalize("NFKC", value) if c.isalnum()).casefold()


def _entry(name: str, person: Person) -> tuple[str, str, Person]:
    """Return the folded name, its first part where it has parts (阿依古丽·买买提), the person."""
    parts = [part for part in _PARTS.split(name) if part]
    return fold(name), fold(parts[0]) if len(parts) > 1 else "", person


def _short_for(short: str, name: str, first: str) -> bool:
    """Return whether ``short`` is the given name, or the first part, of a full name."""
    if first and short == first:
        return True
    missing = len(name) - len(short)
    return len(short) >= 1 and 1 <= missing <= _LONGEST_SURNAME and missing <= len(short) and name.endswith(short)


def _rank(source: Source) -> int:
    return (Source.RECORD, Source.ROSTER).index(source) if source in {Source.RECORD, Source.ROSTER} else 2
