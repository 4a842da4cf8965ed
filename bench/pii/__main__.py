"""Measure the search for personal data in free text on our own sets: ``python -m bench.pii``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.pii.detectors import DETECTORS, Detect
from bench.pii.errors import error_lists
from bench.pii.goals import answers, detail_table, goals_table
from bench.pii.page import chosen as chosen_sentences
from bench.pii.page import judge
from bench.pii.sentences import Sentence, SentenceError, read_lines
from bench.pii.sets import SETS, development
from bench.pii.timing import measure_speed


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of goals; return 0, or 2 when a set cannot be read. Figures judge nothing here: the page does."""
    parser = argparse.ArgumentParser(prog="python -m bench.pii", description=__doc__)
    parser.add_argument("--set", choices=[*SETS, "dev", "all"], default="all", help="which own sets (default: all)")
    parser.add_argument(
        "--file", type=Path, help="measure this file of JSON lines instead (format: bench/pii/sentences.py)"
    )
    parser.add_argument("--record", action=argparse.BooleanOptionalAction, help="only with, or only without the record")
    parser.add_argument("--detail", action="store_true", help="by type and by tag as well")
    parser.add_argument("--errors", action="store_true", help="list what was missed and what was hit by mistake")
    parser.add_argument("--beside", action="store_true", help="raw LAC and stock Presidio beside ours")
    parser.add_argument("--detector", choices=[*DETECTORS], default="ours")
    parser.add_argument("--speed", action="store_true", help="time of 100 characters")
    parser.add_argument("--size", type=int, help="sentences of the generated set")
    chosen = parser.parse_args(arguments)
    try:
        sets = {chosen.file.name: read_lines(chosen.file)} if chosen.file else _own(chosen.set, chosen.size)
    except (SentenceError, OSError) as error:
        print(f"the set cannot be read: {error}", file=sys.stderr)
        return 2
    detect = DETECTORS[chosen.detector]()
    beside = {name: make() for name, make in DETECTORS.items() if name != chosen.detector} if chosen.beside else {}
    for name, sentences in sets.items():
        for known in (False, True) if chosen.record is None else (chosen.record,):
            print(_told(name, sentences, known, detect, beside, detail=chosen.detail, errors=chosen.errors))
    if chosen.speed:
        texts = [one.text for sentences in sets.values() for one in sentences]
        print(measure_speed(detect, texts).line())
    return 0


def _own(name: str, size: int | None) -> dict[str, list[Sentence]]:
    makers: dict[str, Callable[[int | None], list[Sentence]]] = {**SETS, "dev": development} if name == "dev" else SETS
    return {one: make(size) for one, make in makers.items() if name in {one, "all"}}


def _told(
    name: str, sentences: Sequence[Sentence], known: bool, detect: Detect, beside: dict[str, Detect],
    *, detail: bool, errors: bool,
) -> str:  # fmt: skip
    chosen = chosen_sentences(sentences, known=known)
    if not chosen:
        return f"{name}: no sentence {'with' if known else 'without'} a record\n"
    judged = judge(detect, chosen, known=known)
    others = [(other, answers(judge(find, chosen, known=known), known=known)) for other, find in beside.items()]
    title = f"## {name}, {'record known' if known else 'no record'}: {len(chosen):,} sentences"
    parts = [goals_table(title, answers(judged, known=known), others)]
    if detail:
        parts.append(detail_table(judged))
    if errors:
        parts.append(error_lists(judged))
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
