"""A search for leaks: generated records with names in awards and remarks, redacted, then read for every name again.

``python -m bench.pii.leaks 10000`` prints what leaked, and the leak rate of the people of the record, of others on the
school's roll, and of everybody else. A name leaks when any of its forms can be read in the redacted text more often
than the text holds it as an innocent word: as written, as registered, without spaces and dots, its given name, a part
between dots.
"""

from __future__ import annotations

import random
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from bench.pii.generate import Generator, Scene
from bench.pii.names import Name
from bench.pii.sentences import Sentence
from bench.pii.sets import divisions
from gateway.anonymize.text.redactor import TextRedactor
from gateway.anonymize.withholding import WITHHELD
from gateway.settings import default_config
from rulebook.recognizers import read_recognizers
from rulebook.source import Sources

GROUPS = ("record", "roll", "others")
CLAIMED: Mapping[str, float] = {"record": 0.006, "roll": 0.04, "others": 0.06}
"""The leak rates that docs/text.md claims, by group of people: no run may find more."""
_SEED = 20_261_203
_CLASS = 40
"""Records of one school."""
_ON_THE_ROLL = 0.7
"""Of other pupils in a text: pupils of the same school."""
_MATES = ("mate", "mate2", "mate3")
_KINDS = ("award", "remark")
_PLACEHOLDER = re.compile(r"〔[^〕]{1,12}〕")
_BETWEEN = re.compile(r"[\s·‧•・．.]")


@dataclass(frozen=True, slots=True)
class Written:
    """A person in a text: to which group they belong, and all forms their name can be read in."""

    group: str
    forms: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Case:
    """A text of a record, with the people in it."""

    sentence: Sentence
    school: str
    people: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Leaks:
    """People found in texts by group: how many there were, how many can still be read."""

    texts: int
    met: Mapping[str, int]
    leaked: Mapping[str, int]
    withheld: int
    """Texts that were not read: nothing can leak from them, and nothing is proved by them."""
    shown: tuple[str, ...] = field(default=(), repr=False)
    """Group, form and redacted text of each leak; everybody is invented."""

    def rate(self, group: str) -> float:
        """Return the share of people of a group that can be read; 0 when there are none."""
        return self.leaked[group] / self.met[group] if self.met[group] else 0.0

    def line(self) -> str:
        """Return one line for people."""
        told = ", ".join(
            f"{group} {self.rate(group):.4f} ({self.leaked[group]:,} of {self.met[group]:,}, claimed "
            f"≤ {CLAIMED[group]:g})"
            for group in GROUPS
        )
        return f"leak rate in {self.texts:,} redacted texts ({self.withheld:,} withheld): {told}"

    @property
    def kept(self) -> bool:
        """Whether every text was read and no rate is above the claim."""
        return not self.withheld and all(self.rate(group) <= CLAIMED[group] for group in GROUPS)


def cases(records: int, seed: int = _SEED) -> tuple[list[Case], dict[str, list[str]]]:
    """Return two texts for each record (an award, a remark), and the rolls of the schools."""
    generator = Generator(divisions(), "test", seed)
    rng = random.Random(seed)
    templates = {kind: [one for one in generator.templates if one.kind == kind] for kind in _KINDS}
    found: list[Case] = []
    rolls: dict[str, list[str]] = {}
    for first in range(0, records, _CLASS):
        scenes = [generator.scene() for _ in range(min(_CLASS, records - first))]
        school = f"school-{first // _CLASS}"
        roll = [scene.people["pupil"] for scene in scenes]
        rolls[school] = [one.full for one in roll]
        for number, scene in enumerate(scenes):
            on_the_roll = _mix(scene, roll, rng)
            for kind in _KINDS:
                sentence = generator.fill(rng.choice(templates[kind]), f"{first + number}", known=True, scene=scene)
                found.append(Case(sentence, school, _people(sentence, scene, on_the_roll)))
    return found, rolls


def search(all_cases: Sequence[Case], rolls: Mapping[str, Sequence[str]], redactor: TextRedactor) -> Leaks:
    """Redact the texts and return who can still be read in them."""
    redacted = redactor.redact(
        pl.Series("text", [case.sentence.text for case in all_cases]),
        known_frame(all_cases),
        lambda school: rolls.get(school, ()),
    )
    met, leaked = dict.fromkeys(GROUPS, 0), dict.fromkeys(GROUPS, 0)
    told: list[str] = []
    for case, text in zip(all_cases, redacted, strict=True):
        shown = folded(_PLACEHOLDER.sub("\n", text))
        innocent = folded(_innocent(case.sentence))
        for person in case.people:
            met[person.group] += 1
            read = sorted(form for form in person.forms if shown.count(form) > innocent.count(form))
            if read:
                leaked[person.group] += 1
                told.append(f"{person.group}: {'/'.join(read)} in {text}")
    withheld = sum(text == WITHHELD for text in redacted)
    return Leaks(len(all_cases), met, leaked, withheld, tuple(told))


def known_frame(all_cases: Sequence[Case]) -> pl.DataFrame:
    """Return what the registry knows of each text, as the redactor takes it."""
    records = [case.sentence.record or {} for case in all_cases]
    return pl.DataFrame(
        {
            "school_code": [case.school for case in all_cases],
            "school_name": [record["school"] for record in records],
            "name": [record["student"] for record in records],
            "former_name": [record["former_name"] for record in records],
            "guardians": [record["guardians"] for record in records],
            "residence_address": [record["address"] for record in records],
            "household_address": [None for _ in records],
        },
        schema_overrides={"guardians": pl.List(pl.String), "household_address": pl.String},
    )


def new_redactor(processes: int | None = None) -> TextRedactor:
    """Return the redactor of the rule book that ships."""
    return TextRedactor(divisions(), read_recognizers(Sources(default_config())), processes=processes)


def folded(text: str) -> str:
    """Return a text as it is searched: NFKC, without spaces and dots; a line break stands for what was hidden."""
    return "\n".join(_BETWEEN.sub("", unicodedata.normalize("NFKC", line)) for line in text.split("\n"))


def _mix(scene: Scene, roll: Sequence[Name], rng: random.Random) -> frozenset[str]:
    """Replace most other pupils of a scene by pupils of the same school; return the slots that were."""
    chosen = [slot for slot in _MATES if rng.random() < _ON_THE_ROLL]
    others = [one for one in roll if one.full != scene.people["pupil"].full]
    for slot in chosen if others else ():
        scene.people[slot] = rng.choice(others)
    return frozenset(chosen if others else ())


def _people(sentence: Sentence, scene: Scene, on_the_roll: frozenset[str]) -> tuple[Written, ...]:
    rolled = {scene.people[slot].full for slot in on_the_roll}
    found = []
    for span in sentence.spans:
        if span.type != "PERSON":
            continue
        written = sentence.text[span.start : span.end]
        person = next((one for one in scene.people.values() if _same(one, written)), None)
        if span.tags & {"pupil", "guardian"}:
            group = "record"
        else:
            group = "roll" if person is not None and person.full in rolled else "others"
        found.append(Written(group, _forms(written, person)))
    return tuple(found)


def _same(person: Name, written: str) -> bool:
    return folded(person.full) == folded(written)


def _forms(written: str, person: Name | None) -> frozenset[str]:
    """Return the forms in which a written name, or parts of it that tell who it is, can be read."""
    forms = {folded(written), *(folded(part) for part in written.split("·") if "·" in written)}
    if person is not None:
        forms |= {folded(person.full), folded(person.given)}
    return frozenset(form for form in forms if len(form) > 1)


def _innocent(sentence: Sentence) -> str:
    parts, position = [], 0
    for span in sentence.spans:
        parts.append(sentence.text[position : span.start])
        position = span.end
    return "\n".join((*parts, sentence.text[position:]))


def main(records: int) -> int:
    """Print the leak rates; return 1 when one is above what is claimed, or a text was withheld."""
    leaks = search(*cases(records), new_redactor())
    print(*leaks.shown, leaks.line(), sep="\n")
    return 0 if leaks.kept else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
