"""Addresses and schools in Chinese text, by an own grammar over the divisions of the rule book."""

from __future__ import annotations

from gateway.anonymize.text.places.addresses import AddressDetector
from gateway.anonymize.text.places.anchors import AnchorFinder
from gateway.anonymize.text.places.schools import SchoolDetector, SchoolFinder
from gateway.anonymize.text.reading import Detector
from rulebook.records import Divisions


def detectors(divisions: Divisions) -> tuple[Detector, ...]:
    """Return the detectors of addresses and of schools over ``divisions`` (the rule book's)."""
    anchors, schools = AnchorFinder(divisions), SchoolFinder()
    return AddressDetector(anchors, schools), SchoolDetector(anchors, schools)
