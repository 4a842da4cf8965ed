"""Names whose characters are parted by single spaces, as rolls are set: 李 思 雨, 李 雷."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons
from gateway.anonymize.text.names.scored import Candidate
from gateway.anonymize.text.names.scoring import Scorer

_HAN = r"[\u3400-\u9fff\U00020000-\U0003ffff]"
_SPACED = re.compile(rf"(?={_HAN} {{1,2}}{_HAN})")
_PARTS = re.compile(rf"({_HAN}) {{1,2}}({_HAN})(?: {{1,2}}({_HAN}))?+(?: {{1,2}}({_HAN}))?+")
_BLANKS = frozenset(" \t\n,，。、;；:：()（）")
_MOST = 4
"""Characters of a spaced name, with a compound surname."""


def spaced(evidence: Evidence, words: Lexicons, scorer: Scorer) -> Iterator[Candidate]:
    """Yield a surname and one or two characters (three behind a compound surname) with a space between each two."""
    text = evidence.text
    if " " not in text:
        return
    for place in _SPACED.finditer(text):
        match = _PARTS.match(text, place.start())
        if match is None:
            continue
        start = match.start()
        if start > 1 and text[start - 1] == " " and _alone(text, start - 2):
            continue  # It goes on from a name that began before.
        parts = [part for part in match.groups() if part]
        joined = "".join(parts)
        if len(parts) == _MOST and joined[:2] in words.parts and joined[2:] in words.parts:
            yield scorer.score(start, match.end(_MOST), 3.0, "names.spaced")  # 扎 西 群 培
        compound = joined[:2] in words.compound
        surnamed = parts[0] in words.surnames or compound
        longest = min(len(parts), _MOST if compound else 3)
        for count in range(3 if compound or not surnamed else 2, longest + 1):
            end = match.end(count)
            if (count == len(parts) or not _alone(text, match.start(count + 1))) and (
                surnamed or parts[1] in words.given
            ):
                shape = scorer.given(end - 1, end) + (0.5 if surnamed else -0.5) * (count - 2)
                yield scorer.score(start, end, shape, "names.spaced")


def _alone(text: str, place: int) -> bool:
    """Return whether the character at ``place`` stands between blanks or ends."""
    return (
        text[place] not in _BLANKS
        and (place == 0 or text[place - 1] in _BLANKS)
        and (place + 1 >= len(text) or text[place + 1] in _BLANKS)
        and text[place] >= "\u3400"
    )
