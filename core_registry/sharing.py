"""The door for releases, identity and policies: the sharing view. Records and protocols, no SQL.

The sharing view is one row a pupil, written in the transaction that writes the record. It holds
desensitised forms, quasi-identifiers and the permanent ``subject_ref``; nothing in it opens to a raw
identifier (I2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from core_registry.domain.identity_number import normalize_identity_number, problem_of
from core_registry.domain.student_number import StudentNumberError, kind_of, normalize_student_number

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

ColumnType = Literal["text", "date", "bool", "int"]

SHARING_COLUMNS: Mapping[str, ColumnType] = {
    "subject_ref": "text",  # 32 hexadecimal digits, random
    "name_masked": "text",
    "id_number_masked": "text",
    "phone_masked": "text",  # of the first guardian
    "address_masked": "text",  # province, city, county, then ***
    "guardian_name_masked": "text",
    "guardian_relation": "text",  # GB/T 4761
    "address_division": "text",  # six digits, present residence
    "household_division": "text",  # six digits, household registration
    "birth_date": "date",
    "sex": "text",  # GB/T 2261.1
    "nationality": "text",  # GB/T 2659, three letters
    "overseas_status": "text",
    "ethnicity": "text",  # GB/T 3304
    "id_type": "text",  # JY/T 1001
    "political_status": "text",  # GB/T 4762
    "boarding": "bool",
    "disability": "bool",
    "disability_type": "text",
    "special_ed_placement": "text",
    "left_behind": "bool",
    "school_code": "text",  # 学校标识码, ten digits
    "school_name": "text",
    "school_type": "text",  # first two digits of school_code
    "school_division": "text",  # county-level division where the school stands
    "managing_authority": "text",  # division code of the department that manages the school
    "stage": "text",  # primary, junior, senior
    "grade": "text",
    "class_name": "text",
    "entry_month": "text",  # YYYY-MM
    "state": "text",  # section 4 of the rules: active, suspended, ...
    "awards_text": "text",  # redacted when written
    "remarks_text": "text",  # redacted when written
    "updated_at": "text",  # UTC, RFC 3339, seconds
}
"""Every column of the sharing view and its type, in order. ``None`` is allowed in all but
``subject_ref``, ``school_code``, ``managing_authority``, ``state`` and ``updated_at``."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows of the sharing view: every set is one more condition.

    ``None`` is no condition; an empty set matches nothing (empty means no). ``authorities`` is the
    territory: division codes of the managing authorities, already closed downwards by the caller.
    """

    authorities: frozenset[str] | None = None
    stages: frozenset[str] | None = None
    grades: frozenset[str] | None = None
    schools: frozenset[str] | None = None
    school_divisions: frozenset[str] | None = None
    states: frozenset[str] | None = None

    def conditions(self) -> dict[str, frozenset[str]]:
        """Return the conditions as column name -> allowed values."""
        names = {
            "authorities": "managing_authority",
            "stages": "stage",
            "grades": "grade",
            "schools": "school_code",
            "school_divisions": "school_division",
            "states": "state",
        }
        found = {names[f.name]: getattr(self, f.name) for f in fields(self)}
        return {column: values for column, values in found.items() if values is not None}


class SharingSnapshot(Protocol):
    """One consistent state of the sharing view; reading it twice gives the same rows in the same order."""

    @property
    def version(self) -> str:
        """The registry's commit counter at this snapshot, as decimal text."""

    def count(self, rows: RowFilter) -> int:
        """Return the number of rows."""

    def batches(self, columns: Sequence[str], rows: RowFilter, *, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches with exactly ``columns``, ordered by ``subject_ref``.

        Types: text as string, date as date32, bool as bool, int as int64. Raises ``ValueError`` on a
        column outside ``SHARING_COLUMNS``.
        """

    def tuples(self, columns: Sequence[str], rows: RowFilter) -> pl.DataFrame:
        """Return the distinct tuples of ``columns`` with their count in ``n`` (grouped in the database)."""


class SharingView(Protocol):
    """Read access to the sharing view, by a database role that sees nothing else."""

    def snapshot(self) -> AbstractContextManager[SharingSnapshot]:
        """Open a snapshot; it is one read transaction."""

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return one row as a mapping, ``None`` when there is none."""


class IdentifierKind(StrEnum):
    """What a suspicion of the leak scan can be asked about."""

    ID_NUMBER = "id_number"
    STUDENT_NUMBER = "student_number"
    PHONE = "phone"
    NAME = "name"


class Matcher(Protocol):
    """Is this value one of ours? Answered from the keyed index, never from clear text."""

    def known(self, kind: IdentifierKind, values: Sequence[str]) -> list[bool]:
        """Return, value by value, whether the registry holds it (pupils and guardians)."""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """A person whom somebody outside named. Number and name are both needed; what else is given must agree too."""

    id_number: str = field(repr=False)
    name: str = field(repr=False)
    student_number: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    """Of a guardian."""


class PersonMatcher(Protocol):
    """Which pupil is this? Answered from the keyed index; no clear value comes back, and a near miss is a miss."""

    def subjects(self, people: Sequence[PersonQuery]) -> list[str | None]:
        """Return, person by person, the ``subject_ref``, or ``None``: unknown, or another name, are one answer."""


class PupilRows(Protocol):
    """Rows of the sharing view by reference."""

    def pupils(self, subject_refs: Sequence[str], columns: Sequence[str]) -> tuple[str, pl.DataFrame]:
        """Return the commit counter, and the rows that there are, with ``subject_ref`` and ``columns``."""


NumberKind = Literal["id_number", "student_number"]


@dataclass(frozen=True, slots=True)
class PupilLine:
    """A pupil among those that were looked for: masked, with its permanent reference."""

    subject_ref: str
    name_masked: str = field(repr=False)
    school_name: str = field(repr=False)
    grade: str = field(repr=False)
    class_name: str = field(repr=False)


class PupilFinder(Protocol):
    """Who is it that somebody in the house looks for? Answered from the keyed index, masked; no clear value comes back.

    Whoever asks records it before anything is shown. All raise ``RegistryUnavailableError``.
    """

    def by_number(self, kind: NumberKind, number: str) -> PupilLine | None:
        """Return the pupil who has this number now."""

    def by_name(self, name: str, school: str | None, born: date | None, limit: int) -> list[PupilLine]:
        """Return the pupils of this name, at a school (its code) or born on a day, or both; at most ``limit``.

        Raises ``ValueError`` without either: a name alone is half a province.
        """

    def by_reference(self, subject_ref: str) -> PupilLine | None:
        """Return the pupil with this reference."""


def number_of(text: str) -> tuple[NumberKind, str] | None:
    """Return of which kind a number of a pupil is, and its normal form; ``None`` for what is neither.

    A student number has 19 characters and begins with a letter; a resident identity number has 18.
    """
    normal = normalize_student_number(text)
    try:
        kind_of(normal)
    except StudentNumberError:
        return ("id_number", normal) if problem_of(normal) is None else None
    return "student_number", normal


def normal_id_number(text: str) -> str:
    """Return an identity number in half width and upper case, without blanks. Total and idempotent."""
    return normalize_identity_number(text)


def id_number_problem(normal: str) -> str | None:
    """Return why a *normalised* text is no resident identity number (GB 11643), ``None`` if it is one.

    One of ``empty``, ``first-generation`` (15 digits), ``shape``, ``birth-date``, ``checksum``.
    """
    problem = problem_of(normal)
    return None if problem is None else problem.value


class Masker(Protocol):
    """The display masks, one function for a column of any length. Implemented by the gateway."""

    def mask(self, kind: Literal["name", "id_number", "phone", "student_number"], values: pl.Series) -> pl.Series:
        """Return the masked column: total, idempotent, nulls stay null."""

    def mask_address(self, divisions: pl.Series) -> pl.Series:
        """Return ``山西省太原市小店区***`` from six-digit division codes; ``***`` for an unknown one."""


TEXT_WITHHELD = "〔文本未提供〕"
"""Stands in the sharing view where the record has a text that could not be redacted."""
NOT_REDACTED = "withheld"
"""The version of a text that stands withheld: it is never the present one, so that such a text is tried again."""

KNOWN_COLUMNS: tuple[str, ...] = (
    "school_code", "school_name", "name", "former_name", "guardians", "residence_address", "household_address",
)  # fmt: skip
"""What the registry knows of the pupil whom a text is about: text, ``guardians`` a list of text."""


class Redactor(Protocol):
    """Hides every person in free text. Implemented by the gateway; the registry stores the result.

    It never passes a text through that it could not read: such a text comes back as ``TEXT_WITHHELD``.
    """

    @property
    def version(self) -> str:
        """Return under which version it redacts now: stored beside the text, so that a better one can run again."""

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
        """Return the redacted column; nulls stay null.

        ``known`` stands row by row beside ``texts``, with ``KNOWN_COLUMNS``. ``rosters(school_code)`` opens the names
        on the roll of a school: it is called for a school of which there is a text, in the order of the rows.
        """


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A fact of the registry on its way to the gateway, written in the registry's own transaction.

    ``kind``: ``registry.import``, ``registry.read``, ``registry.state`` and others. ``facts`` hold no personal data.
    """

    sequence: int
    kind: str
    at: datetime
    actor: str
    facts: Mapping[str, str | int | bool | None]
    subjects: tuple[str, ...] = field(default=(), repr=False)


class Outbox(Protocol):
    """The registry's outbox, read by the worker exactly once, in order."""

    def pending(self, after: int, limit: int) -> list[OutboxEvent]:
        """Return events with a sequence above ``after``, ascending, at most ``limit``."""
