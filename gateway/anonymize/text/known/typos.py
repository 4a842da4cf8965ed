"""A name with a slip in it: a character wrong, missing, too many, two swapped; or typed by its sound."""

from __future__ import annotations

from collections.abc import Iterator, Set
from enum import Enum
from typing import Final, NamedTuple

from gateway.anonymize.text.known.readings import homophones
from gateway.anonymize.text.squeezed import is_han

LEAST: Final = 3
"""Shorter names have a slip only by sound: one of two characters wrong is just another name."""
_TWO: Final = 2
_STAND_INS: Final = frozenset("某x×○〇口□?#*")
"""What people and broken encodings put for a character."""


class Slip(Enum):
    """What went wrong."""

    SOUND = "sound"
    HIDDEN = "hidden"
    """A character was made unreadable: 王X明."""
    FIRST = "first"
    MIDDLE = "middle"
    LAST = "last"
    MISSING = "missing"
    DOUBLED = "doubled"
    EXTRA = "extra"
    SWAPPED = "swapped"


class Near(NamedTuple):
    """A place of a squeezed text that is nearly the name."""

    start: int
    end: int
    slip: Slip
    at: int
    """Where the slip is; for a missing character, the one before it."""


def near(text: str, name: str, characters: Set[str]) -> Iterator[Near]:
    """Yield where a squeezed text has ``name`` (of three and more characters) with one slip; never where it is right.

    ``characters`` are those of the text: most texts hold too few of a name's to look any further.
    """
    size = len(name)
    if size < LEAST or sum(character in characters for character in name) < size - 1:
        return
    starts = set(_all(text, name[0]))
    for place in _all(text, name[1]):
        starts.add(place)
        if place:
            starts.add(place - 1)
    for start in sorted(starts):
        for length in (size - 1, size, size + 1):
            end = start + length
            if end <= len(text) and (found := slip_of(text[start:end], name)):
                yield Near(start, end, found[0], start + found[1])


def sounding(text: str, name: str, characters: Set[str]) -> Iterator[Near]:
    """Yield where a squeezed text has other characters of the same sound as ``name``, at any of its places."""
    first, *others = [homophones(character) for character in name]
    if first.isdisjoint(characters) or any(other.isdisjoint(characters) for other in others):
        return
    last = len(text) - len(name)
    for start, character in enumerate(text):
        if character in first and start <= last:
            end = start + len(name)
            if all(text[start + 1 + at] in other for at, other in enumerate(others)) and text[start:end] != name:
                yield Near(start, end, Slip.SOUND, start)


def slip_of(text: str, name: str) -> tuple[Slip, int] | None:
    """Return the one slip that makes ``text`` out of ``name`` and where it is, if there is exactly one."""
    if len(text) == len(name):
        wrong = [at for at, character in enumerate(name) if text[at] != character]
        if len(wrong) == 1:
            return _replaced(text, name, wrong[0])
        swapped = len(wrong) == _TWO and text[wrong[0]] == name[wrong[1]] and text[wrong[1]] == name[wrong[0]]
        return (Slip.SWAPPED, wrong[0]) if swapped and wrong[1] == wrong[0] + 1 else None
    shorter, longer = sorted((text, name), key=len)
    at = next((at for at, character in enumerate(shorter) if longer[at] != character), len(shorter))
    if len(longer) != len(shorter) + 1 or longer[at + 1 :] != shorter[at:]:
        return None
    if len(text) < len(name):
        return Slip.MISSING, max(at - 1, 0)
    return _added(longer, at) if at < len(shorter) else None  # the name itself with something behind it


def _added(longer: str, at: int) -> tuple[Slip, int] | None:
    if longer[at] in (longer[at - 1 : at] + longer[at + 1 : at + 2]) or longer[at] in _STAND_INS:
        return Slip.DOUBLED, at
    return (Slip.EXTRA, at) if is_han(longer[at]) else None


def _replaced(text: str, name: str, at: int) -> tuple[Slip, int] | None:
    if text[at] in _STAND_INS:
        return Slip.HIDDEN, at
    if not is_han(text[at]):
        return None
    if text[at] in homophones(name[at]):
        return Slip.SOUND, at
    if at == 0:
        return Slip.FIRST, at
    return (Slip.LAST if at == len(name) - 1 else Slip.MIDDLE), at


def _all(text: str, character: str) -> Iterator[int]:
    place = text.find(character)
    while place >= 0:
        yield place
        place = text.find(character, place + 1)
