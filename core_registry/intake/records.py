"""What an import is asked, what it finds, and what it needs from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NewType, Protocol

from core_registry.domain.states import StudentState

if TYPE_CHECKING:
    import polars as pl

ImportId = NewType("ImportId", str)
Progress = Callable[[str, int, int], None]
"""Called with a stage (``read``, ``check``, ``write``), rows done and rows in all."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A file and how to take it.

    ``allowed_schools`` are the schools for which the actor may act, ``None`` for all (a province's officer);
    ``school`` is the 学校标识码 of all rows of a file that has no such column. ``accept_shrink`` answers the
    shrink guard with yes.
    """

    path: Path
    file_name: str
    mapping: str
    actor: str
    school: str | None = None
    allowed_schools: frozenset[str] | None = None
    accept_shrink: bool = False
    approved: bool = True
    """Whether new records take effect: a department's import is its approval (A10-1), a school's waits for one."""
    former: bool = False
    """Whether the rows are former pupils (历史学籍补录): they enter as graduated, and nobody is absent from it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, or doubtful, in one cell. ``row`` is the row number of the sheet, counted from 1.

    The messages hold no value of the row: they go into previews and API answers.
    """

    row: int
    field: str | None
    severity: Literal["error", "warning"]
    code: str
    rule: str
    message: str
    message_en: str
    column: str = ""
    """The letters of the cell's column in the file, as Excel shows them; empty for a whole row or an absent column."""

    @property
    def place(self) -> str:
        """Return where it is, in Chinese: ``第 12 行 H 列``."""
        return f"第 {self.row} 行 {self.column} 列" if self.column else f"第 {self.row} 行"

    @property
    def place_en(self) -> str:
        """Return where it is, in English: ``row 12 column H``."""
        return f"row {self.row} column {self.column}" if self.column else f"row {self.row}"


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import would do, or did. Row counts; ``absent`` are pupils of the register not in the file."""

    file_sha256: str
    mapping: str
    rows: int
    new: int
    changed: int
    unchanged: int
    rejected: int
    absent: int
    warnings: int
    schools: int
    finding_counts: Mapping[str, int]
    """Finding code -> number of rows."""
    findings: tuple[Finding, ...]
    """The first 200, errors before warnings, in order of row."""
    shrink: tuple[str, ...] = ()
    """学校标识码 of schools that would shrink or change beyond the guard."""
    import_id: ImportId | None = None
    """``None`` for a preview."""
    repeated: bool = False
    """The same content was imported before: nothing was written."""


@dataclass(frozen=True, slots=True)
class ImportMeta:
    """What the store keeps of an import beside the rows."""

    import_id: ImportId
    file_sha256: str
    mapping: str
    actor: str
    at: datetime
    summary: ImportSummary = field(repr=False)
    approved: bool = True
    """Whether new records are active, or wait for the superior as pre-registered (A10-1)."""
    former: bool = False
    """Whether new records are those of former pupils, who graduated."""

    @property
    def state(self) -> StudentState:
        """The state in which new records begin."""
        if self.former:
            return StudentState.GRADUATED
        return StudentState.ACTIVE if self.approved else StudentState.PRE_REGISTERED


class RegisterStore(Protocol):
    """What an import needs from the registry database. Frames hold one row a pupil unless said otherwise."""

    def schools(self) -> pl.DataFrame:
        """Return the schools: school_code, name, division, managing_authority, stages (list of text), closed (bool)."""

    def keyed(
        self, kind: Literal["id_number", "name", "phone", "suspect", "student_number"], values: pl.Series
    ) -> pl.Series:
        """Return HMAC keys (hexadecimal text) of normalised values; nulls stay null."""

    def held(self, id_keys: pl.Series) -> pl.DataFrame:
        """Return those already registered: id_key, student_id, school_code, name_key, state, content_key.

        And ``number_key``, the key of the student number, ``number_kind``, its first character, and
        ``entry_month`` (``YYYY-MM`` or null).
        """

    def numbered(self, number_keys: pl.Series) -> pl.DataFrame:
        """Return who holds one of these student numbers: number_key, student_id (A6-3)."""

    def suspects(self, suspect_keys: pl.Series) -> pl.DataFrame:
        """Return the registered pupils with one of these keys: suspect_key, student_id, id_key.

        The key is that of name, birth date and guardian's document.
        """

    def roll(self, schools: list[str]) -> pl.DataFrame:
        """Return the present register of ``schools``: student_id, school_code, id_key, state."""

    def imported(self, file_sha256: str) -> ImportSummary | None:
        """Return the summary of an import of the same content and mapping that changed nothing since, or ``None``."""

    def apply(self, rows: pl.DataFrame, meta: ImportMeta, progress: Progress) -> None:
        """Write all rows in one transaction: records, members, keys, sharing view, outbox, import row.

        ``rows`` has one column for each field code of Annex 1 with national codes as text, ``birth_date`` as
        date, yes/no fields as bool, and: ``school_code``, ``student_number`` (null: a provisional ``L`` number is
        made by the store), ``entry_month`` (``YYYY-MM`` or null), ``residence_division``, ``household_division``,
        ``id_key``, ``suspect_key``, ``content_key``, ``student_id`` (null for a new pupil).
        An error leaves nothing behind.
        """
