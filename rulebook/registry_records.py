"""What the registry's rules read of the rule book, as frozen values: terms, evidence, numbers that a place may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class TermDates:
    """First and last day of one semester (Q-13, Q-19).

    ``school_year`` is the year in which the school year begins, ``number`` 1 or 2. ``confirmed`` is false while the
    days are an assumption that the city has still to confirm.
    """

    school_year: int
    number: int
    start: date
    end: date
    confirmed: bool


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """A kind of evidence that may be handed in (section 7 of the rules).

    ``issuers`` are the kinds of issuer that make sense for it; ``media_types`` the files that are taken.
    """

    code: str
    label: str
    label_en: str
    issuers: frozenset[str]
    media_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlaceParameters:
    """What a city or county sets for itself; ``None`` or a missing stage: as the province says."""

    transfer_days: int | None
    entry_by: tuple[int, int] | None
    class_size: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RegistryParameters:
    """``[registry]`` of ``config/parameters.toml``: what the rules of the chapters read (section 10 of the rules)."""

    entry_age: int
    entry_by: tuple[int, int]
    """Month and day by which the age must be reached in the year of entry (Q-1)."""
    transfer_days: int
    contacts: int
    semester_end_weeks: int
    objection_days: int
    cross_province_days: int
    strict_last_grade: bool
    superior_fields: frozenset[str]
    """Fields whose change by a guardian needs the superior (Q-24)."""
    gaokao_closing: Mapping[int, date]
    """School year -> last day of the registration for the 高考 (A20-3)."""
    admission_areas: Mapping[str, str]
    """Division -> 招生区域, where that is not the city (A20-2)."""
    five_four: frozenset[str]
    """Divisions whose schools have five primary years unless a school's own entry says otherwise (A20-4)."""
    matter_days: Mapping[str, int]
    """Kind of a matter to be followed up -> working days in which its owner ends it."""
    certificate_numbers: Mapping[str, str]
    """Kind of certificate -> pattern with ``{issuer}``, ``{year}`` and ``{serial}`` (A43-3)."""
    serial_digits: int
    places: Mapping[str, PlaceParameters]
    """City or county -> what it sets for itself."""
