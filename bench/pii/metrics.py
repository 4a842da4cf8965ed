"""What is measured: strict precision, recall and F1, covered spans, over-masked characters; each with its interval.

- *strict*: a prediction counts when start, end and type are those of a true span.
- *covered*: a true span lies wholly inside one prediction, whatever its type. The leak rate is 1 - covered.
- *over-mask*: the share of characters outside of all true spans that some prediction hides.

Every measure is a ratio of two sums over sentences, so that one resampling of sentences serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.pii.sentences import Gold, Sentence

Floats = npt.NDArray[np.float64]
Found = tuple[int, int, str]
"""A prediction: start, end (exclusive, code points), type."""
Choose = Callable[[Gold], bool]

RESAMPLES = 2_000
_SEED = 20_261_201
_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Measure:
    """A ratio of two sums; one row a sentence."""

    over: Floats
    under: Floats

    @property
    def value(self) -> float:
        """Return the ratio; not a number when nothing was there to be measured."""
        total = float(self.under.sum())
        return float(self.over.sum()) / total if total else float("nan")

    @property
    def size(self) -> int:
        """Return how much was measured: the sum below the line."""
        return int(self.under.sum())


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    size: int


class Judged:
    """Sentences with what a detector found in them."""

    def __init__(self, sentences: Sequence[Sentence], found: Sequence[Iterable[Found]]) -> None:
        """``found`` has one entry a sentence, in the same order."""
        self.sentences = sentences
        self.found = [frozenset((start, end, str(kind)) for start, end, kind in one) for one in found]
        if len(self.sentences) != len(self.found):
            raise ValueError("each sentence needs an answer")

    def recall(self, choose: Choose) -> Measure:
        """Return the share of chosen true spans that were found strictly."""
        return self._of_golds(choose, lambda gold, found: (gold.start, gold.end, gold.type) in found)

    def covered(self, choose: Choose) -> Measure:
        """Return the share of chosen true spans that lie inside one prediction."""
        return self._of_golds(choose, is_covered)

    def precision(self, kind: str) -> Measure:
        """Return the share of predictions of a type that are right."""
        hits, predicted, _ = self._counts(kind)
        return Measure(hits, predicted)

    def f1(self, kind: str) -> Measure:
        """Return the harmonic mean of precision and recall of a type."""
        hits, predicted, true = self._counts(kind)
        return Measure(2 * hits, predicted + true)

    def over_mask(self) -> Measure:
        """Return the share of innocent characters that are hidden."""
        hidden, innocent = [], []
        for sentence, found in zip(self.sentences, self.found, strict=True):
            personal = np.zeros(len(sentence.text), dtype=bool)
            masked = personal.copy()
            for gold in sentence.spans:
                personal[gold.start : gold.end] = True
            for start, end, _ in found:
                masked[start:end] = True
            hidden.append(float(np.count_nonzero(masked & ~personal)))
            innocent.append(float(np.count_nonzero(~personal)))
        return Measure(np.array(hidden), np.array(innocent))

    def kinds(self) -> list[str]:
        """Return the types that the sentences hold, most frequent first."""
        counts: dict[str, int] = {}
        for sentence in self.sentences:
            for gold in sentence.spans:
                counts[gold.type] = counts.get(gold.type, 0) + 1
        return sorted(counts, key=lambda kind: (-counts[kind], kind))

    def tags(self, kind: str) -> list[str]:
        """Return the tags on spans of a type, most frequent first."""
        counts: dict[str, int] = {}
        for sentence in self.sentences:
            for gold in sentence.spans:
                for tag in gold.tags if gold.type == kind else ():
                    counts[tag] = counts.get(tag, 0) + 1
        return sorted(counts, key=lambda tag: (-counts[tag], tag))

    def _of_golds(self, choose: Choose, right: Callable[[Gold, frozenset[Found]], bool]) -> Measure:
        over, under = [], []
        for sentence, found in zip(self.sentences, self.found, strict=True):
            chosen = [gold for gold in sentence.spans if choose(gold)]
            under.append(float(len(chosen)))
            over.append(float(sum(right(gold, found) for gold in chosen)))
        return Measure(np.array(over), np.array(under))

    def _counts(self, kind: str) -> tuple[Floats, Floats, Floats]:
        hits, predicted, true = [], [], []
        for sentence, found in zip(self.sentences, self.found, strict=True):
            gold = {(one.start, one.end, one.type) for one in sentence.spans if one.type == kind}
            mine = {one for one in found if one[2] == kind}
            hits.append(float(len(gold & mine)))
            predicted.append(float(len(mine)))
            true.append(float(len(gold)))
        return np.array(hits), np.array(predicted), np.array(true)


def is_covered(gold: Gold, found: Iterable[Found]) -> bool:
    """Return whether a true span lies wholly inside one prediction."""
    return any(start <= gold.start and gold.end <= end for start, end, _ in found)


def of_type(*kinds: str) -> Choose:
    """Return a choice of spans by type."""
    return lambda gold: gold.type in kinds


def tagged(kind: str, tag: str) -> Choose:
    """Return a choice of spans by type and tag."""
    return lambda gold: gold.type == kind and tag in gold.tags


def anything(_gold: Gold) -> bool:
    """Choose every span."""
    return True


class Bootstrap:
    """Resamples of sentences, the same for every measure of a set. Seeded: a run can be repeated.

    Sentences of one template go wrong together, so that templates are drawn, with all their sentences.
    """

    def __init__(self, sentences: Sequence[Sentence], resamples: int = RESAMPLES) -> None:
        names = [one.group or f"{number}" for number, one in enumerate(sentences)]
        position = {name: index for index, name in enumerate(dict.fromkeys(names))}
        even = np.full(len(position), 1 / len(position))
        drawn = np.random.default_rng(_SEED).multinomial(len(position), even, size=resamples)
        self._weights = drawn[:, [position[name] for name in names]].astype(np.float64)

    def interval(self, measure: Measure) -> Interval:
        """Return the figure with its 95 % interval (percentiles of the resamples).

        Where all or none are right the resamples cannot differ: there the exact interval of a share stands
        (Clopper and Pearson), so that 40 of 40 does not pass for certainty.
        """
        size, value = measure.size, measure.value
        if not size:
            return Interval(value, value, value, 0)
        if value in {0.0, 1.0}:
            room = 1 - float(_TAIL ** (1 / size))
            return Interval(value, max(0.0, value - room), min(1.0, value + room), size)
        under = self._weights @ measure.under
        known = under > 0
        ratios = (self._weights @ measure.over)[known] / under[known]
        low, high = np.quantile(ratios, [_TAIL, 1 - _TAIL])
        return Interval(value, float(low), float(high), size)
