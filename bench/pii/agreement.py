"""How well two passes of annotation agree: ``python -m bench.pii.agreement`` prints it and every difference."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np

from bench.pii.sentences import Gold, Sentence, SentenceError, read_markup, write_markup
from bench.pii.sets import HAND, hand_records


def span_f1(first: Sequence[Sentence], second: Sequence[Sentence]) -> float:
    """Return the F1 of strict spans with types: the same whichever pass counts as the truth."""
    same = total = 0
    for one, other in zip(first, second, strict=True):
        mine = {(span.start, span.end, span.type) for span in one.spans}
        theirs = {(span.start, span.end, span.type) for span in other.spans}
        same += 2 * len(mine & theirs)
        total += len(mine) + len(theirs)
    return same / total if total else 1.0


def kappa(first: Sequence[Sentence], second: Sequence[Sentence]) -> float:
    """Return Cohen's kappa of the types of single characters; no type is a type of its own."""
    types = ["", *sorted({span.type for one in (*first, *second) for span in one.spans})]
    number = {kind: index for index, kind in enumerate(types)}
    table = np.zeros((len(types), len(types)))
    for one, other in zip(first, second, strict=True):
        np.add.at(table, (_labels(one, number), _labels(other, number)), 1)
    table /= table.sum()
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return (float(np.trace(table)) - chance) / (1 - chance) if chance < 1 else 1.0


def differences(first: Sequence[Sentence], second: Sequence[Sentence]) -> list[str]:
    """Return the sentences on which two passes differ, in both forms."""
    return [
        f"{one.id}\n  1: {write_markup(one.text, map(_bare, one.spans))}\n  2: {write_markup(other.text, other.spans)}"
        for one, other in zip(first, second, strict=True)
        if {_bare(span) for span in one.spans} != set(other.spans)
    ]


def passes(name: str = "hand") -> tuple[list[Sentence], list[Sentence]]:
    """Return both passes of a set in the same order; raises ``SentenceError`` when their texts are not the same."""
    first, second = (read_markup(HAND / f"{name}_{number}_pass.txt", hand_records()) for number in ("first", "second"))
    by_id: Mapping[str, Sentence] = {one.id: one for one in second}
    if [(one.id, one.text) for one in first] != [(one.id, by_id[one.id].text) for one in first if one.id in by_id]:
        raise SentenceError("the two passes are not of the same texts")
    return first, [by_id[one.id] for one in first]


def main() -> int:
    """Print the agreement and the differences."""
    for name in ("hand", "fresh"):
        first, second = passes(name)
        told = f"span F1 {span_f1(first, second):.4f}, kappa {kappa(first, second):.4f}"
        print(f"{name}: {len(first)} sentences, {told}", *differences(first, second), sep="\n")
    return 0


def _labels(sentence: Sentence, number: Mapping[str, int]) -> list[int]:
    labels = [0] * len(sentence.text)
    for span in sentence.spans:
        labels[span.start : span.end] = [number[span.type]] * (span.end - span.start)
    return labels


def _bare(span: Gold) -> Gold:
    return Gold(span.start, span.end, span.type)


if __name__ == "__main__":
    sys.exit(main())
