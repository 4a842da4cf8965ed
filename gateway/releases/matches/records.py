"""The recipient's list and what is asked of it, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.ids import ExtractId
from gateway.policies.records import Format

MAX_LIST_BYTES = 16 << 20
"""Largest list as it is handed in: a hundred thousand people in a workbook take less than half of it."""
MAX_LIST_ROWS = 100_000
ROW = "row"
MATCHED = "matched"
YES, UNCONFIRMED = "是", "未能确认"
"""The two answers of the column ``matched``, and of a check."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One person of a list; ``row`` is the number of the row in the recipient's own file."""

    row: int
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    student_number: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """A list as it came: a file, or people already told apart."""

    content: bytes = field(default=b"", repr=False)
    people: tuple[Listed, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """What is asked under a grant: a subset of it. ``None`` asks for all fields that were granted."""

    format: Format
    fields: tuple[str, ...] | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class HeldList:
    """A sealed list of an extract: how many rows, how it opens, when it came. Sizes in bytes."""

    extract: ExtractId
    rows: int
    size: int
    """Plain bytes."""
    sealed_sha256: str
    """Of the sealed file: says which file was destroyed, and nothing about who stood in it."""
    wrapped_key: bytes = field(repr=False)
    received_at: datetime
    destroyed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListProblem:
    """One thing wrong with a list: where, by row number and column letters, and what to change. No value of a cell.

    Row 0 is the file as a whole; an empty column is the whole row.
    """

    row: int
    column: str
    detail: str
    detail_zh: str
