"""Where the forms of one record stand in a text.

One record has a few dozen forms. Building an Aho-Corasick automaton for them costs 120 to 300 µs, searching for each
in turn 10 to 20 µs for a hundred characters: the automaton pays for the roll of a school (``roster``), not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def occurrences(text: str, patterns: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each pattern with the places where it stands, overlapping ones too."""
    characters = set(text)
    for pattern in patterns:
        if pattern[0] not in characters or pattern[-1] not in characters:
            continue
        start = text.find(pattern)
        while start >= 0:
            yield pattern, start, start + len(pattern)
            start = text.find(pattern, start + 1)


def leftmost_longest(text: str, patterns: Iterable[str]) -> list[tuple[str, int, int]]:
    """Return the places that do not overlap, the first and of these the longest, in the order of the text."""
    found: list[tuple[str, int, int]] = []
    for pattern, start, end in sorted(occurrences(text, patterns), key=lambda one: (one[1], -one[2])):
        if not found or start >= found[-1][2]:
            found.append((pattern, start, end))
    return found
