"""Free text as a part of the page of all benches: goals on the own sets, and the time of 100 characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.pii.detectors import DETECTORS, Detect
from bench.pii.goals import Answer, answers, goals_table
from bench.pii.metrics import Judged
from bench.pii.sentences import Sentence
from bench.pii.sets import SETS
from bench.pii.timing import GOAL, Speed, measure_speed

QUICK_SENTENCES = 60


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one set, with or without the record, and those of raw LAC beside."""

    name: str
    ours: Sequence[Answer]
    beside: Sequence[tuple[str, Sequence[Answer]]] = ()


@dataclass(frozen=True, slots=True)
class FreeText:
    """How well and how fast free text is searched."""

    tables: Sequence[Table]
    speed: Speed
    title: str = "Free text"

    @property
    def met(self) -> bool:
        """Whether the worse end of every interval and the 95th percentile meet their goals."""
        return not any(map(_missed, self.tables)) and self.speed.p95 <= GOAL

    def line(self) -> str:
        """Return one line for the terminal."""
        by_table = [
            f"{table.name.split(':')[0]}: {', '.join(_missed(table))}" for table in self.tables if _missed(table)
        ]
        verdict = f"MISSED: {'; '.join(by_table)}" if by_table else "goals met"
        return f"{self.title}: {verdict}; {self.speed.line()}"

    def section(self) -> str:
        """Return the section of the page."""
        told = "\n".join(goals_table(f"### {table.name}\n", table.ours, table.beside) for table in self.tables)
        return (
            f"## {self.title}\n\n"
            "Own sets, everybody in them invented (`bench/pii/README.md` says how they were made and what they cannot "
            "tell). A goal counts as met when the worse end of the 95 % interval meets it; *figure only*: the figure "
            f"meets it, the interval does not.\n\n{told}\n{self.speed.line()}\n"
        )


def _missed(table: Table) -> list[str]:
    return [answer.goal.name for answer in table.ours if answer.judged and not answer.met]


def judge(detect: Detect, sentences: Sequence[Sentence], *, known: bool) -> Judged:
    """Return what ``detect`` finds in sentences; ``known`` hands it the record that a sentence stands in."""
    return Judged(sentences, [detect(one.text, one.record if known else None) for one in sentences])


def chosen(sentences: Sequence[Sentence], *, known: bool) -> list[Sentence]:
    """Return the sentences that are judged: those of a record, or those that can be understood without one."""
    if known:
        return [one for one in sentences if one.record is not None]
    return [one for one in sentences if "needs-record" not in one.tags]


def free_text(say: Callable[[str], None], *, quick: bool = False) -> FreeText:
    """Measure all own sets; ``quick`` takes a few sentences of each, to show that it runs."""
    ours = DETECTORS["ours"]()
    others = {} if quick else {"lac": DETECTORS["lac"](), "presidio": DETECTORS["presidio"]()}
    tables = []
    texts: list[str] = []
    for name, make in SETS.items():
        every = make(QUICK_SENTENCES if quick else None)[: QUICK_SENTENCES if quick else None]
        texts += [one.text for one in every]
        for known in (False, True):
            sentences = chosen(every, known=known)
            if not sentences:
                continue
            beside = [
                (other, answers(judge(find, sentences, known=known), known=known)) for other, find in others.items()
            ]
            table = Table(
                f"{name}, {'record known' if known else 'no record'}: {len(sentences):,} sentences",
                answers(judge(ours, sentences, known=known), known=known),
                beside,
            )
            tables.append(table)
            say(f"free text, {table.name}")
    return FreeText(tables, measure_speed(ours, texts, rounds=40 if quick else 400))
