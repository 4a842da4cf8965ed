"""The generated set: templates of school texts filled with invented people, places and numbers; seeded.

Two pools: ``dev`` to work with, ``test`` to be measured by. They share neither templates nor seeds, and names,
roads, estates and villages come from different halves of the lists. A third of the sentences stands in a record
whose people are written as registrars write them: given name alone, with spaces, one wrong character, a former name.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from bench.pii.names import Name, Names
from bench.pii.numbers import Numbers
from bench.pii.places import Places
from bench.pii.sentences import Gold, Record, Sentence
from bench.pii.words import SLOTS
from rulebook import Divisions

POOLS = {"dev": (0, 20_261_101), "test": (1, 20_261_205)}
"""Half of the lists, seed."""
KNOWN = 1 / 3
_FORMER, _SHORTENED = 0.03, 0.4
"""Of names of the pupil, and of places of the record."""
_SLOT = re.compile(r"\{([a-z_0-9.]+)\}")
_TEMPLATES = Path(__file__).with_name("templates")
_DOTS = "‧•・.． "
_WRONG = "字芳红小文明光志春晓梅林建国安平永新海玉青云华天宇浩然思远佳怡"
_ROLES = {
    "pupil": "pupil", "parent": "guardian", "parent2": "guardian", "mate": "third", "mate2": "third",
    "mate3": "third", "other": "third", "teacher": "staff", "teacher2": "staff",
}  # fmt: skip
_KNOWN_PEOPLE = frozenset({"pupil", "parent", "parent2"})


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern: its kind and its text with slots."""

    kind: str
    text: str


@dataclass(slots=True)
class Scene:
    """The people and places of one sentence: a slot that stands twice is filled with the same."""

    people: dict[str, Name] = field(repr=False)
    schools: dict[str, tuple[str, ...]]
    addresses: dict[str, tuple[str, ...]] = field(repr=False)
    """Both in parts, from the largest unit down."""


class Generator:
    """Fills the templates of one pool."""

    def __init__(self, divisions: Divisions, pool: str = "test", seed: int | None = None) -> None:
        """``seed`` replaces the pool's own."""
        half, own_seed = POOLS[pool]
        self._rng = random.Random(own_seed if seed is None else seed)
        self._names = Names(self._rng, half)
        self._places = Places(self._rng, half, divisions)
        counties = sorted(one.code for one in divisions.by_code.values() if one.level == "county")
        self._numbers = Numbers(self._rng, counties)
        self.templates = templates(pool)
        self._pool = pool

    def sentences(self, count: int) -> list[Sentence]:
        """Return ``count`` sentences; every template comes up about equally often."""
        order: list[Template] = []
        while len(order) < count:
            order += self._rng.sample(self.templates, len(self.templates))
        return [self.fill(template, f"{self._pool}{number:05d}") for number, template in enumerate(order[:count])]

    def fill(self, template: Template, name: str, *, known: bool | None = None, scene: Scene | None = None) -> Sentence:
        """Return one sentence of a template, in a record or not, of new people unless a scene is given."""
        scene = scene or self.scene()
        known = (self._rng.random() < KNOWN and template.kind != "none") if known is None else known
        parts: list[str] = []
        spans: list[Gold] = []
        length = position = 0
        for match in _SLOT.finditer(template.text):
            before = template.text[position : match.start()]
            value, kind, tags = self._value(match[1], scene, known=known)
            start = length + len(before)
            length = start + len(value)
            parts += (before, value)
            if kind:
                spans.append(Gold(start, length, kind, frozenset(tags)))
            position = match.end()
        text = "".join((*parts, template.text[position:]))
        marks = {template.kind, "needs-record"} if known else {template.kind}
        record = self.record(scene) if known else None
        return Sentence(name, text, tuple(spans), frozenset(marks), record, template.text)

    def scene(self) -> Scene:
        """Return new people and places."""
        pupil = self._names.draw()
        people = {"pupil": pupil, "parent": self._names.kin(pupil), "parent2": self._names.kin(pupil)}
        for slot in ("mate", "mate2", "mate3", "other", "teacher", "teacher2"):
            people[slot] = self._names.draw()
        people["former"] = Name(pupil.full[0] + self._names.draw("common").given, "former")
        return Scene(
            people,
            {"school": self._places.school(), "school2": self._places.school()},
            {"address": self._places.address(), "part": ("", self._places.part())},
        )

    def record(self, scene: Scene) -> Record:
        """Return what the registry knows of a scene."""
        return {
            "student": scene.people["pupil"].full,
            "guardians": [scene.people["parent"].full, scene.people["parent2"].full],
            "former_name": scene.people["former"].full,
            "school": "".join(scene.schools["school"]),
            "address": "".join(scene.addresses["address"]),
        }

    def _value(self, slot: str, scene: Scene, *, known: bool) -> tuple[str, str, list[str]]:
        """Return what stands in a slot, its type (empty: no personal data), and its tags."""
        base, _, part = slot.partition(".")
        if base in _ROLES:
            person = scene.people[base]
            if base == "pupil" and known and self._rng.random() < _FORMER:
                person = scene.people["former"]
            text, form = self._written(person, part, known=known and base in _KNOWN_PEOPLE)
            return text, "PERSON", [_ROLES[base], person.stratum, *form]
        if base in scene.schools or base in scene.addresses:
            is_school = base in scene.schools
            parts = scene.schools[base] if is_school else scene.addresses[base]
            text, form = self._located(parts, known=known and base in {"school", "address"})
            return (text, "SCHOOL", form) if is_school else (text, "ADDRESS", [base, *form])
        if base == "residence":
            return self._places.residence(), "ADDRESS", ["bare"]
        if base in SLOTS or base == "city":
            return self._places.city() if base == "city" else SLOTS[base](self._rng), "", []
        return self._number(base)

    def _number(self, slot: str) -> tuple[str, str, list[str]]:
        numbers = self._numbers
        tagged = {
            "id": (numbers.cn_id, "CN_ID"), "student_no": (numbers.student_no, "STUDENT_NO"),
            "phone": (numbers.phone, "PHONE"), "phone2": (numbers.phone, "PHONE"),
            "bank": (numbers.bank_card, "BANK_CARD"),
        }  # fmt: skip
        if slot in tagged:
            draw, kind = tagged[slot]
            text, form = draw()
            return text, kind, [form]
        plain = {
            "passport": (numbers.passport, "PASSPORT"), "permit": (numbers.permit, "PERMIT"),
            "plate": (numbers.plate, "PLATE"), "wechat": (numbers.wechat, "WECHAT"), "qq": (numbers.qq, "QQ"),
            "email": (numbers.email, "EMAIL"), "birth": (numbers.birth_date, "BIRTH_DATE"),
            "hotline": (numbers.hotline, ""), "docno": (numbers.document_number, ""), "isbn": (numbers.isbn, ""),
            "order": (numbers.order_number, ""),
        }  # fmt: skip
        value, kind = plain[slot]
        return value(), kind, []

    def _located(self, parts: tuple[str, ...], *, known: bool) -> tuple[str, list[str]]:
        """Return a place as somebody wrote it: whole, or from some part on where the record says what is meant."""
        if known and parts[0] and self._rng.random() < _SHORTENED:
            return "".join(parts[1:]), ["short"]
        return "".join(parts), []

    def _written(self, person: Name, part: str, *, known: bool) -> tuple[str, list[str]]:
        """Return a name as somebody wrote it, and a tag for its form unless it is as registered."""
        if part == "given" and person.given:
            return person.given, ["given"]
        dotted = "·" in person.full
        other_dot = person.full.replace("·", self._rng.choice(_DOTS))
        forms: dict[tuple[str, str], float] = {
            (other_dot if dotted else " ".join(person.full), "odd" if dotted else "spaced"): 0.12 if dotted else 0.03
        }
        if known:
            if dotted:
                forms[person.full.replace("·", ""), "undotted"] = 0.08
            elif len(person.full) > 2:
                forms[self._mistyped(person.full), "typo"] = 0.08
            if person.given:
                forms[person.given, "given"] = 0.10
        forms[person.full, ""] = 1 - sum(forms.values())
        text, form = self._rng.choices(list(forms), list(forms.values()))[0]
        return text, [form] if form else []

    def _mistyped(self, name: str) -> str:
        place = self._rng.randrange(1, len(name))
        wrong = self._rng.choice([one for one in _WRONG if one not in name])
        return name[:place] + wrong + name[place + 1 :]


def templates(pool: str) -> list[Template]:
    """Return the templates of a pool."""
    lines = (_TEMPLATES / f"{pool}.txt").read_text(encoding="utf-8").splitlines()
    return [Template(*line.split("|", 1)) for line in lines if line and not line.startswith("#")]
