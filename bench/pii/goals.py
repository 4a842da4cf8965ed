"""The goals for free text, and the figures that answer them on one set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.pii.metrics import Bootstrap, Interval, Judged, Measure, anything, of_type, tagged

IDENTIFIERS = ("CN_ID", "STUDENT_NO", "PHONE", "BANK_CARD")


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table of goals. A share: higher is better, unless ``lower`` says otherwise."""

    name: str
    goal: float
    ambitious: float
    measure: Callable[[Judged], Measure]
    known: bool = False
    """Whether the record is given to the detector."""
    lower: bool = False


GOALS = (
    Goal("PERSON F1", 0.90, 0.94, lambda judged: judged.f1("PERSON")),
    Goal("PERSON covered", 0.93, 0.97, lambda judged: judged.covered(of_type("PERSON"))),
    Goal("names that are words, recall", 0.60, 0.80, lambda judged: judged.recall(tagged("PERSON", "word"))),
    Goal("minority names, recall", 0.90, 0.97, lambda judged: judged.recall(tagged("PERSON", "minority"))),
    Goal("third persons, recall", 0.90, 0.94, lambda judged: judged.recall(tagged("PERSON", "third"))),
    Goal("ID, student no., phone, card covered", 0.98, 0.995, lambda judged: judged.covered(of_type(*IDENTIFIERS))),
    Goal("ADDRESS F1", 0.80, 0.88, lambda judged: judged.f1("ADDRESS")),
    Goal("SCHOOL F1", 0.88, 0.94, lambda judged: judged.f1("SCHOOL")),
    Goal("over-masked characters", 0.02, 0.01, Judged.over_mask, lower=True),
    Goal("all types covered", 0.0, 0.0, lambda judged: judged.covered(anything)),
    Goal("with the record: PERSON F1", 0.97, 0.985, lambda judged: judged.f1("PERSON"), known=True),
    Goal("with the record: all covered", 0.98, 0.992, lambda judged: judged.covered(anything), known=True),
    Goal("with the record: over-masked characters", 0.02, 0.01, Judged.over_mask, known=True, lower=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A goal with the figure that was measured."""

    goal: Goal
    found: Interval

    @property
    def met(self) -> bool:
        """Whether the worse end of the interval meets the goal; a goal that nothing was measured for is not met."""
        return self._passes(self.goal.goal)

    @property
    def ambitious(self) -> bool:
        """Whether the worse end meets the ambitious goal."""
        return self._passes(self.goal.ambitious)

    @property
    def judged(self) -> bool:
        """Whether there is a goal at all: some lines are told for themselves."""
        return self.goal.goal > 0

    def verdict(self) -> str:
        """Return how far the goal is met, in one word or two."""
        if not self.found.size:
            return "nothing measured"
        if not self.judged:
            return ""
        if self.ambitious:
            return "ambitious"
        if self.met:
            return "met"
        better = self.found.value <= self.goal.goal if self.goal.lower else self.found.value >= self.goal.goal
        return "figure only" if better else "NOT met"

    def _passes(self, bound: float) -> bool:
        if not self.found.size:
            return False
        return self.found.high <= bound if self.goal.lower else self.found.low >= bound


def answers(judged: Judged, *, known: bool) -> list[Answer]:
    """Return the figures of the goals with or without the record, each with its interval."""
    bootstrap = Bootstrap(judged.sentences)
    return [Answer(goal, bootstrap.interval(goal.measure(judged))) for goal in GOALS if goal.known == known]


def goals_table(title: str, found: Sequence[Answer], others: Sequence[tuple[str, Sequence[Answer]]] = ()) -> str:
    """Return a table for people. ``others`` are other detectors on the same sentences: their figures stand beside."""
    heads = ["measure", "goal", "ambitious", "figure", "95 %", "of", "verdict", *(name for name, _ in others)]
    beside = [{answer.goal.name: answer.found.value for answer in one} for _, one in others]
    lines = [
        [
            answer.goal.name, _bound(answer.goal.goal, answer), _bound(answer.goal.ambitious, answer),
            share(answer.found.value), f"{share(answer.found.low)}–{share(answer.found.high)}",
            f"{answer.found.size:,}", answer.verdict(),
            *(share(values.get(answer.goal.name, float("nan"))) for values in beside),
        ]
        for answer in found
    ]  # fmt: skip
    return f"{title}\n" + grid([heads, *lines])


def detail_table(judged: Judged) -> str:
    """Return precision, recall, F1 and covered by type, then recall and covered by tag."""
    bootstrap = Bootstrap(judged.sentences)
    rows = [["type", "spans", "P", "R", "F1", "95 %", "covered", "leak rate"]]
    for kind in judged.kinds():
        covered = judged.covered(of_type(kind))
        f1 = bootstrap.interval(judged.f1(kind))
        recall = judged.recall(of_type(kind))
        rows.append(
            [kind, f"{recall.size:,}", share(judged.precision(kind).value), share(recall.value), share(f1.value),
             f"{share(f1.low)}–{share(f1.high)}", share(covered.value), share(1 - covered.value)]
        )  # fmt: skip
    text = grid(rows)
    tags = [["type", "tag", "spans", "recall", "covered"]]
    for kind in judged.kinds():
        for tag in judged.tags(kind):
            recall = judged.recall(tagged(kind, tag))
            tags.append(
                [kind, tag, f"{recall.size:,}", share(recall.value), share(judged.covered(tagged(kind, tag)).value)]
            )
    return text + "\n" + grid(tags)


def share(value: float) -> str:
    """Return a share with three digits; a dash when there is none."""
    return "–" if value != value else f"{value:.3f}"  # noqa: PLR0124  (only not-a-number differs from itself)


def grid(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table; the first is the head."""
    head, *body = [list(row) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body]]
    return "\n".join(lines) + "\n"


def _bound(bound: float, answer: Answer) -> str:
    if not answer.judged:
        return ""
    return f"{'≤' if answer.goal.lower else '≥'} {bound:g}"
