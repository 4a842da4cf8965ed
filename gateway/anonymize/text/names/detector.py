"""Find persons: candidates with scores, and the best set of them."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp

from gateway.anonymize.text.names.candidates import Candidates
from gateway.anonymize.text.names.choice import choose
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import lexicons
from gateway.anonymize.text.names.repeats import again
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType


class NameDetector:
    """Names of persons in running text."""

    name = "names.person"

    def find(self, reading: Reading) -> Iterable[Span]:
        """Return the persons of the text."""
        evidence, words = Evidence.of(reading), lexicons()
        cues = Cues(evidence, words)
        chosen = choose(evidence.text, Candidates(evidence, words, cues).all())
        for found in [*chosen, *again(evidence, words, cues, chosen)]:
            source = Source.MODEL if found.rule == "names.model" else Source.NAME_RULE
            score = 1 / (1 + exp(-found.score))
            yield Span(found.start, found.end, TextType.PERSON, source, score, found.rule)
