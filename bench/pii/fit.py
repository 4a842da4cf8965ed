"""Fit the weights of the name rules on invented sentences: ``python -m bench.pii.fit``.

Sentences come from the frames of ``templates/train.txt`` and the development pool, never from a pool or a set that is
measured; names are drawn with the hard strata far above their share. A logistic regression over the candidates of all
sentences, by full gradients with Adam, in numpy; the same seed gives the same weights. It writes
``gateway/anonymize/text/lexicons/person_weights.txt``.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.pii.generate import Generator, Scene, Template, templates
from bench.pii.names import Name, Names
from bench.pii.sentences import Sentence
from bench.pii.sets import divisions
from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.model import word_model
from gateway.anonymize.text.names.candidates import Candidates
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.features import Features
from gateway.anonymize.text.names.fitted import worth
from gateway.anonymize.text.names.lexical import PEOPLES, lexicons
from gateway.anonymize.text.names.sides import Sides
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import Reading

Floats = npt.NDArray[np.float64]

TARGET = Path(__file__).parents[2] / "gateway/anonymize/text/lexicons/person_weights.txt"
SHARES = {
    "common": 0.31, "two": 0.18, "rare": 0.11, "compound": 0.05, "word": 0.17, "minority": 0.14, "foreign": 0.02,
    "rarechar": 0.02,
}  # fmt: skip
"""Shares of the strata in the sentences that are fitted on."""
_OF_KIND = {
    "people": {"minority": 0.9, "common": 0.05, "foreign": 0.05},
    "given": {"common": 0.8, "compound": 0.1, "rare": 0.1},
    "news": {"common": 0.6, "two": 0.2, "rare": 0.05, "compound": 0.03, "foreign": 0.08, "minority": 0.04},
    "roll": {"common": 0.6, "two": 0.2, "rare": 0.08, "compound": 0.03, "word": 0.05, "minority": 0.04},
}
"""The shares of frames that are for some strata."""
SEED = 20_261_130
_FILLED = 24
"""How often each frame is filled."""
_NONE = 3
"""How often a frame without persons is filled: it is the same each time but for its numbers."""
_ROUNDS, _STEP = 300, 0.05
_RIDGE, _RARE = 30.0, 6
_KIND = re.compile("[:|]")
_SMALL = 0.04
"""Weights below this are left out."""


class TrainingNames(Names):
    """Draws names with the hard strata above their share, surnames and given names from all of our own lists."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng, 0)
        words = lexicons()
        singles = words.surnames
        self._dice = rng
        self.shares = SHARES
        likely = (words.word_names | words.not_names) - words.never_alone
        listed = {one for one in likely if one[0] in singles and len(one) in (2, 3)}
        self._listed = sorted(listed)
        listed_not = {one for one in lexicon("name_words") if len(one) == 2 and one[0] in singles} - likely
        self._unlisted = sorted(listed_not - words.never_alone)  # words that no list of the name rules holds
        self._worded = sorted(words.word_names)
        self._surnames = sorted(one for one, worth in singles.items() if worth >= 0)
        self._odd = sorted(singles)
        self._compounds = sorted(words.compound)
        self._parts = {
            people: [part for part in lexicon(f"person_peoples_{people}") if len(part) > 1] for people in PEOPLES
        }
        self._given_characters = sorted(words.given)

    def draw(self, stratum: str | None = None) -> Name:
        """Return a name of a stratum, or of any by the shares of training."""
        chosen = stratum or self._dice.choices(list(self.shares), list(self.shares.values()))[0]
        pick, chance = self._dice.choice, self._dice.random()
        if chosen == "minority" and chance < 0.5:
            return self._of_parts()
        if chosen == "word" and chance < 0.1:
            word = pick(self._listed)[:2]  # 马上飞: a word and one more character
            return Name(word + pick(self._given_characters), chosen)
        if chosen == "word" and chance < 0.75:
            return Name(
                pick(self._worded if chance < 0.66 else self._listed if chance < 0.69 else self._unlisted), chosen
            )
        if chosen in ("rare", "two") and chance < 0.6:
            surname = pick(self._surnames if chance < 0.5 else self._odd)
            size = 1 if chosen == "two" else 2
            given = "".join(pick(self._given_characters) for _ in range(size))
            return Name(surname + given, chosen, given if size > 1 else "")
        if chosen == "compound" and chance < 0.6:
            given = "".join(pick(self._given_characters) for _ in range(pick((1, 2))))
            return Name(pick(self._compounds) + given, chosen, given if len(given) > 1 else "")
        return super().draw(chosen)

    def _of_parts(self) -> Name:
        """Return a name of parts that belong to one people, with a dot where that people writes one."""
        pick = self._dice.choice
        people = pick(("tibetan", "mongol", "yi", "turkic", "turkic"))
        first, second = self._dice.sample(self._parts[people], 2)
        if people == "turkic":
            own = first + pick(("", "", "古丽", "江", "别克", "汗"))
            return Name(f"{own}·{second}" if self._dice.random() < 0.8 else own, "minority", own)
        return Name(first + second if len(first) < 3 or self._dice.random() < 0.3 else first, "minority")


class TrainingGenerator(Generator):
    """Fills frames with such names, spaced more often."""

    def __init__(self, seed: int, frames: Sequence[Template]) -> None:
        super().__init__(divisions(), "dev", seed)
        self._names = self._drawn = TrainingNames(self._rng)
        self.templates = list(frames)

    def fill(self, template: Template, name: str, *, known: bool | None = None, scene: Scene | None = None) -> Sentence:
        """Return a sentence of a frame, with names of the strata that its kind is for."""
        self._drawn.shares = _OF_KIND.get(template.kind, SHARES)
        return super().fill(template, name, known=known, scene=scene)

    def _written(self, person: Name, part: str, *, known: bool) -> tuple[str, list[str]]:
        text, form = super()._written(person, part, known=known)
        if not form and "·" not in text and part != "given" and self._rng.random() < 0.04:
            return " ".join(text), ["spaced"]
        return text, form


def sentences(frames: Sequence[Template], seed: int = SEED, filled: int = _FILLED) -> list[Sentence]:
    """Return the frames, each filled several times."""
    generator = TrainingGenerator(seed, frames)
    return [
        generator.fill(frame, "fit", known=False)
        for frame in frames
        for _ in range(_NONE if frame.kind == "none" else filled)
    ]


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates of many sentences: the numbers of their features, the values of these, and whether each is a name."""

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    values: Floats
    truth: Floats
    names: list[str]


def examples(chosen: Iterable[Sentence]) -> Examples:
    """Return the candidates of ``chosen``; a candidate is a name if its borders are those of a true person."""
    found: list[tuple[list[tuple[str, float]], bool]] = []
    words, model = lexicons(), word_model()
    for sentence in chosen:
        normal = Normal.of(sentence.text)
        if len(normal.text) != len(sentence.text):
            continue  # Its places are not those of the text; some numbers in odd forms are so.
        true = {(gold.start, gold.end) for gold in sentence.spans if gold.type == "PERSON"}
        evidence = Evidence.of(Reading(normal, model.cut))
        cues = Cues(evidence, words)
        features = Features(evidence, words, Sides(evidence, words, cues))
        for one in worth(Candidates(evidence, words, cues).all()):
            named = [("bias", 1.0), *features.real(one), *((name, 1.0) for name in features.kinds(one).features())]
            found.append((named, (one.start, one.end) in true))
    counts = Counter(name for named, _ in found for name, _ in named)
    names = sorted(name for name, count in counts.items() if count >= _RARE)
    number = {name: place for place, name in enumerate(names)}
    cells = [
        (row, number[name], value) for row, (named, _) in enumerate(found) for name, value in named if name in number
    ]
    rows, columns, values = (np.array(part) for part in zip(*cells, strict=True))
    return Examples(rows, columns, values.astype(np.float64), np.array([float(true) for _, true in found]), names)


def fit(data: Examples, ridge: float = _RIDGE, rounds: int = _ROUNDS) -> Floats:
    """Return the weights that make the truth of ``data`` likeliest, drawn to 0, the score by hand to 1."""
    size, width = len(data.truth), len(data.names)
    prior = np.zeros(width)
    prior[data.names.index("hand")] = 1.0
    free = np.array([name == "bias" for name in data.names])
    weights, mean, square = prior.copy(), np.zeros(width), np.zeros(width)
    for turn in range(1, rounds + 1):
        logits = np.bincount(data.rows, data.values * weights[data.columns], size)
        error = 1 / (1 + np.exp(-logits.clip(-30, 30))) - data.truth
        slope: Floats = np.bincount(data.columns, data.values * error[data.rows], width).astype(np.float64)
        slope = slope + ridge * np.where(free, 0.0, weights - prior)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        step = _STEP * (1.0 if turn < rounds * 0.6 else 0.2)
        weights -= step * (mean / (1 - 0.9**turn)) / (np.sqrt(square / (1 - 0.999**turn)) + 1e-8)
    return weights


def write(path: Path, names: Sequence[str], weights: Floats) -> int:
    """Write the weights that are worth it; return how many."""
    kept = [
        (name, weight)
        for name, weight in zip(names, weights, strict=True)
        if abs(weight) >= _SMALL or not _KIND.search(name)  # numbers and the bias always
    ]
    head = (
        "# Weights of the features of a candidate for a name (names/features.py), log odds\n"
        f"# Fitted by `python -m bench.pii.fit` (seed {SEED}) on invented sentences; not to be edited by hand.\n"
    )
    path.write_text(head + "".join(f"{name} {weight:.2f}\n" for name, weight in kept), encoding="utf-8")
    return len(kept)


def main() -> int:
    """Fit and write; print how many weights there are."""
    parser = argparse.ArgumentParser(prog="python -m bench.pii.fit", description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--held-out", action="store_true", help="leave the development pool out")
    chosen = parser.parse_args()
    frames = templates("train") + ([] if chosen.held_out else templates("dev"))
    data = examples(sentences(frames))
    weights = fit(data)
    print(
        len(data.truth),
        "candidates",
        int(data.truth.sum()),
        "names;",
        write(chosen.out, data.names, weights),
        "weights",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
