"""The rule book: everything under config/, loaded strictly, whole set or nothing."""

from rulebook.loader import load
from rulebook.records import (
    CalendarDay,
    CodeList,
    Division,
    Divisions,
    Field,
    FieldClass,
    Hierarchy,
    ImportMapping,
    LegalBasis,
    Operation,
    Parameters,
    PolicySet,
    ProfileField,
    Purpose,
    ReleaseProfile,
    Rulebook,
    RulebookError,
)
from rulebook.registry_records import (
    EvidenceKind,
    PlaceParameters,
    RegistryParameters,
    TermDates,
)

__all__ = [
    "CalendarDay",
    "CodeList",
    "Division",
    "Divisions",
    "EvidenceKind",
    "Field",
    "FieldClass",
    "Hierarchy",
    "ImportMapping",
    "LegalBasis",
    "Operation",
    "Parameters",
    "PlaceParameters",
    "PolicySet",
    "ProfileField",
    "Purpose",
    "RegistryParameters",
    "ReleaseProfile",
    "Rulebook",
    "RulebookError",
    "TermDates",
    "load",
]
