"""Names of other peoples: with a dot between their parts, or made of parts that are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.acts import act
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons
from gateway.anonymize.text.names.scored import Candidate

_DOT = "·•‧・∙⋅.\u00b7\u2022\u2027\u30fb"
_DOTS = frozenset(_DOT)
_HAN = r"[\u3400-\u9fff\U00020000-\U0003ffff]"
_DOTTED = re.compile(rf"({_HAN}{{1,10}}+)((?: ?[{_DOT}] ?{_HAN}{{1,12}}+){{1,8}}+)")
_SURNAMES = frozenset("马沙米艾哈丁撒纳海穆")
"""What may stand before a known part: surnames of the Hui, and beginnings of Uyghur names."""
_MOST_ODD = 2
"""Characters between known parts, at most."""
_PLACE = frozenset("市县旗州区盟乡镇村族语文山河湖省国")


def dotted(evidence: Evidence, words: Lexicons, cues: Cues) -> Iterator[Candidate]:
    """Yield names whose parts a dot joins: 阿依古丽·买买提."""
    text = evidence.text
    if _DOTS.isdisjoint(text):
        return
    for begin, finish in _runs(evidence, words):
        opened = text.rfind("《", max(0, begin - 20), begin)
        if opened >= 0 and "》" not in text[opened:begin]:
            continue
        places = [place for place in range(begin, finish) if text[place] in _DOTS]
        first, last = places[0] - (text[places[0] - 1] == " "), places[-1] + 1
        last += text[last : last + 1] == " "
        starts = [
            (s, _letters(evidence, words, s, first) + _edge(evidence, s, cues.left(s))) for s in range(begin, first)
        ]
        chains = _chains(text, last, words)
        ends = [
            (e, _letters(evidence, words, last, e) + _edge(evidence, e, cues.right(e)) + _known(chains, e))
            for e in range(last + 1, _stop(evidence, last + 1, finish) + 1)
        ]
        start, before = max(starts, key=lambda found: found[1])
        end, behind = max(ends, key=lambda found: found[1])
        middle = _letters(evidence, words, first, last)
        plain = "." in text[first:last]  # A full stop may end a sentence.
        yield Candidate(start, end, before + behind + middle - (1.5 if plain else 0.0), "names.dotted")


def _runs(evidence: Evidence, words: Lexicons) -> Iterator[tuple[int, int]]:
    """Yield where names with dots may stand; a middle part that is no transliteration ends one and begins the next."""
    text = evidence.text
    for match in _DOTTED.finditer(text):
        begin = match.start()
        dots = [place for place in range(begin, match.end()) if text[place] in _DOTS]
        for one, other in pairwise(dots):
            if any(character not in words.syllables for character in text[one + 1 : other].strip()):
                stop = max(_stop(evidence, one + 2, other), one + 2)
                if stop < other:
                    yield begin, stop
                    begin = stop
        yield begin, match.end()


def _known(chains: dict[int, _Reached], end: int) -> float:
    """Return what it adds when known parts reach ``end``, without any odd character between them."""
    _, parts, odd = chains.get(end, (0.0, 0, 0))
    return 0.8 * parts if not odd else 0.0


def _stop(evidence: Evidence, place: int, end: int) -> int:
    """Return where the last part must end: before the first conjunction, preposition or particle."""
    while place < end:
        word = evidence.words[evidence.at[place]]
        if evidence.text[place] in "与及跟之" or (
            word.start == place and word.tag in ("c", "p", "u", "w") and word.confidence > weights.HALF
        ):
            return place
        place += 1
    return end


def _edge(evidence: Evidence, place: int, cue: float) -> float:
    return min(cue, 2.0) + 0.7 * evidence.border[place]


def _letters(evidence: Evidence, words: Lexicons, start: int, end: int) -> float:
    """Return how much the characters look like a transliteration."""
    total = 0.0
    for place in range(start, end):
        character = evidence.text[place]
        if character in _DOT or character == " ":
            continue
        total += 0.35 if character in words.syllables else -0.9
        total += 0.2 * max(evidence.odds[place], -2.0)
    return total - 0.6 * max(0, end - start - 5)


def built(evidence: Evidence, words: Lexicons, cues: Cues) -> Iterator[Candidate]:
    """Yield names made of known parts: 卓玛次仁."""
    text = evidence.text
    for start in range(len(text) - 1):
        if text[start : start + 2] in words.heads or (
            text[start] in _SURNAMES and text[start + 1 : start + 3] in words.heads
        ):
            for end, (total, parts, _) in _chains(text, start, words).items():
                if parts and end - start >= weights.SHORTEST:
                    yield _from_parts(evidence, words, cues, start, end, total + (4.0 if parts > 1 else 0.0))


_Reached: TypeAlias = tuple[float, int, int]


def _chains(text: str, start: int, words: Lexicons) -> dict[int, _Reached]:
    """Return the ends that chains of parts from ``start`` reach: for each the worth, the parts, the odd characters."""
    reached: dict[int, _Reached] = {start: (0.0, 0, 0)}
    for place in range(start, min(start + 12, len(text))):
        if place not in reached:
            continue
        total, parts, odd = reached[place]
        steps = [(size, 1.1 if size > weights.SHORTEST else 0.7, 1, 0) for size in _parts(text, place, words)]
        if (parts and odd < _MOST_ODD and text[place] in words.syllables) or (
            place == start and text[place] in _SURNAMES
        ):
            steps.append((1, -0.5 if parts else 0.2, 0, 1))
        for size, worth, part, more in steps:
            found = (total + worth, parts + part, odd + more)
            if found[0] > reached.get(place + size, (-9.0,))[0]:
                reached[place + size] = found
    del reached[start]
    return reached


def _from_parts(evidence: Evidence, words: Lexicons, cues: Cues, start: int, end: int, total: float) -> Candidate:
    text = evidence.text
    left, right = cues.left(start), cues.right(end)
    if right < weights.VERB and act(evidence, words, end) == "act":
        right = weights.VERB
    if text[end : end + 1] in _PLACE and end < len(text):
        total -= 4.0
    if end - start == weights.SHORTEST:
        total -= 1.5
    border = 0.5 * (evidence.border[start] * (left < weights.ROLE) + evidence.border[end] * (right < weights.TITLE))
    likelihood = max(evidence.mean(start, end), -1.2)
    return Candidate(start, end, -1.0 + total + likelihood + border + left + right, "names.parts")


def _parts(text: str, place: int, words: Lexicons) -> list[int]:
    """Return the lengths of the known parts that stand at ``place``."""
    if text[place : place + 2] not in words.heads:
        return []
    return [size for size in (2, 3, 4, 5) if place + size <= len(text) and text[place : place + size] in words.parts]
