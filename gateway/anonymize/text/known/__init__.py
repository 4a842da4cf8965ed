"""What the registry knows, as a dictionary: the record's people, school and address, and the school's roll."""

from __future__ import annotations

from gateway.anonymize.text.known.homes import RecordHome
from gateway.anonymize.text.known.people import RecordPeople
from gateway.anonymize.text.known.roll import RollNames
from gateway.anonymize.text.known.schools import RecordSchool
from gateway.anonymize.text.reading import Detector


def detectors() -> tuple[Detector, ...]:
    """Return the detectors of this room."""
    return (RecordPeople(), RecordHome(), RecordSchool(), RollNames())
