"""Find persons: candidates with scores, and the best set of them."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp

from gateway.anonymize.text.names.candidates import Candidates
from gateway.anonymize.text.names.choice import choose
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.features import Features
from gateway.anonymize.text.names.fitted import fitted, rescored, worth
from gateway.anonymize.text.names.lexical import lexicons
from gateway.anonymize.text.names.repeats import again
from gateway.anonymize.text.names.sides import Sides
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType


class NameDetector:
    """Names of persons in running text."""

    name = "names.person"

    def find(self, reading: Reading) -> Iterable[Span]:
        """Return the persons of the text."""
        evidence, words = Evidence.of(reading), lexicons()
        cues = Cues(evidence, words)
        features, fit = Features(evidence, words, Sides(evidence, words, cues)), fitted()
        candidates = worth(Candidates(evidence, words, cues).all())
        chosen = choose(evidence.text, [rescored(one, features, fit) for one in candidates])
        for name in [*chosen, *again(evidence, words, cues, chosen)]:
            source = Source.MODEL if name.rule == "names.model" else Source.NAME_RULE
            score = 1 / (1 + exp(-name.score))
            yield Span(name.start, name.end, TextType.PERSON, source, score, name.rule)
