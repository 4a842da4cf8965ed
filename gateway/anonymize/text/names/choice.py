"""The best set of names of a text: no two overlap, and names in a row speak for each other."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.scored import Candidate

_JOINERS = {
    "": 1.6,
    "、": 1.5,
    "和": 0.6,
    "与": 0.6,
    "及": 0.6,
    ",": 0.4,
    "，": 0.4,
    " ": 0.4,
    "跟": 0.5,
    "以及": 0.6,
    ";": 0.25,
}
"""What stands between names of a row, and what it adds to both being names."""


def choose(text: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the names whose scores add up to the most, in the order of the text."""
    by_end: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.score > weights.LEAST:
            by_end.setdefault(candidate.end, []).append(candidate)
    best: list[float] = [0.0] * (len(text) + 1)
    pick: list[Candidate | None] = [None] * (len(text) + 1)
    # named[end]: the best total of a set whose last name ends right there, and that name with the one before it.
    named: dict[int, tuple[float, Candidate, Candidate | None]] = {}
    for end in range(1, len(text) + 1):
        best[end] = best[end - 1]
        for candidate in by_end.get(end, ()):
            start = candidate.start
            total, before = best[start] + candidate.score, None
            for size in (0, 1, 2):
                joined = named.get(start - size)
                if joined is None:
                    continue
                bonus = _JOINERS.get(text[start - size : start])
                if bonus is None or not (size or _both_full(candidate, joined[1])):
                    continue
                if joined[0] + candidate.score + bonus > total:
                    total, before = joined[0] + candidate.score + bonus, joined[1]
            if end not in named or total > named[end][0]:
                named[end] = (total, candidate, before)
        if end in named and named[end][0] > best[end]:
            best[end] = named[end][0]
            pick[end] = named[end][1]
    return _trace(best, pick, named)


def _both_full(one: Candidate, other: Candidate) -> bool:
    """Return whether both are full names by their surnames: a roll may leave out the marks between such."""
    return one.rule == other.rule == "names.surname"


def _trace(
    best: list[float],
    pick: list[Candidate | None],
    named: dict[int, tuple[float, Candidate, Candidate | None]],
) -> list[Candidate]:
    chosen: list[Candidate] = []
    end = len(best) - 1
    while end > 0:
        if pick[end] is None:
            end -= 1
            continue
        current: Candidate | None = pick[end]
        while current is not None:
            chosen.append(current)
            end = current.start
            current = named[current.end][2]
    chosen.reverse()
    return chosen
