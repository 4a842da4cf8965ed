"""Names of persons: what the word model takes for a name, put right by rules of context."""

from __future__ import annotations

from gateway.anonymize.text.names.detector import NameDetector
from gateway.anonymize.text.reading import Detector


def detectors() -> tuple[Detector, ...]:
    """Return the detectors of ``PERSON``."""
    return (NameDetector(),)
