"""What went wrong, by kind: for those who improve a detector. Everybody in our own sets is invented."""

from __future__ import annotations

from bench.pii.metrics import Found, Judged, is_covered
from bench.pii.sentences import Gold

_AROUND = 10


def error_lists(judged: Judged) -> str:
    """Return misses, wrong borders or types, and false hits, each with some characters around it."""
    lists: dict[str, list[str]] = {}
    for sentence, found in zip(judged.sentences, judged.found, strict=True):
        exact = {(gold.start, gold.end, gold.type) for gold in sentence.spans}
        for gold in sentence.spans:
            if (gold.start, gold.end, gold.type) not in found:
                kind = _kind(gold, found)
                tags = ",".join(sorted(gold.tags))
                line = (
                    f"{_around(sentence.text, gold.start, gold.end)}  ({tags}) {_touching(sentence.text, gold, found)}"
                )
                lists.setdefault(f"{gold.type}: {kind}", []).append(f"{sentence.id}: {line}")
        for start, end, kind in sorted(found - exact):
            if not any(start < gold.end and gold.start < end for gold in sentence.spans):
                where = _around(sentence.text, start, end)
                lists.setdefault(f"{kind}: false hit", []).append(f"{sentence.id}: {where}")
    return "\n".join(f"### {name} ({len(lines)})\n" + "\n".join(lines) + "\n" for name, lines in sorted(lists.items()))


def _kind(gold: Gold, found: frozenset[Found]) -> str:
    if any(start == gold.start and end == gold.end for start, end, _ in found):
        return "another type"
    if is_covered(gold, found):
        return "covered, other borders"
    return "leaks in part" if any(start < gold.end and gold.start < end for start, end, _ in found) else "missed"


def _touching(text: str, gold: Gold, found: frozenset[Found]) -> str:
    touching = sorted(one for one in found if one[0] < gold.end and gold.start < one[1])
    return " ".join(f"→ {kind}〈{text[start:end]}〉" for start, end, kind in touching)


def _around(text: str, start: int, end: int) -> str:
    return f"{text[max(0, start - _AROUND) : start]}【{text[start:end]}】{text[end : end + _AROUND]}"
