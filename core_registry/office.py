"""The door for the pages and the API of registrars: use cases of the registry, no SQL.

Whoever reads a person here leaves a ``registry.read`` event in the outbox first: it is committed before the
record is returned (A50-4, design 2). ``schools`` says for which schools the caller may act; an unknown
student and one of another school get the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Literal, Protocol

from core_registry.cases.guardians import GuardianDesk, GuardianRequest
from core_registry.cases.records import (
    CaseLine,
    Draft,
    ExceptionGrant,
    History,
    Located,
    MembershipLine,
    NewEvidence,
    TransitionLine,
    WorkItem,
    WorkList,
)
from core_registry.cases.service import CaseDesk
from core_registry.domain.cases import STATUS_LABELS, Actor, Case, CaseStatus, Step
from core_registry.domain.facts import ArchiveEntry, EntryKind, Evidence
from core_registry.domain.procedures import ACT_LABELS, Act, Procedure
from core_registry.domain.records import Student, StudentId, SubjectRef
from core_registry.domain.regulation import REGULATION, Regulation
from core_registry.domain.requests import ValueSpec, ValueType
from core_registry.domain.rules import PARTY_LABELS, Party, RuleResult, Status
from core_registry.domain.states import LABELS, StudentState
from core_registry.errors import RegisterRuleError, StudentNotFoundError
from core_registry.intake.records import ImportRequest, ImportSummary, Progress
from core_registry.intake.scratch import ScratchFile, scratch_file
from core_registry.papers.records import CertificateKey, CertificateLine, Paper, PublicAnswer
from core_registry.papers.service import PaperDesk
from core_registry.redactions import Rerun, TextRedactions
from core_registry.staff import Filed, NewPost, PostLine, StaffDesk

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ACT_LABELS",
    "EVIDENCE_SUFFIXES",
    "LABELS",
    "OTHER_FILE",
    "PARTY_LABELS",
    "REGULATION",
    "STATUS_LABELS",
    "Act",
    "Actor",
    "ArchiveEntry",
    "Case",
    "CaseDesk",
    "CaseLine",
    "CaseStatus",
    "CertificateKey",
    "CertificateLine",
    "Draft",
    "EntryKind",
    "Evidence",
    "ExceptionGrant",
    "Filed",
    "GuardianDesk",
    "GuardianRequest",
    "History",
    "ImportRequest",
    "ImportSummary",
    "Located",
    "MembershipLine",
    "NewEvidence",
    "NewPost",
    "OfficeStore",
    "Paper",
    "PaperDesk",
    "Party",
    "PostLine",
    "Procedure",
    "PublicAnswer",
    "RegistryOffice",
    "Regulation",
    "Rerun",
    "RuleResult",
    "ScratchFile",
    "StaffDesk",
    "Status",
    "Step",
    "Student",
    "StudentId",
    "StudentLine",
    "StudentState",
    "TextContext",
    "TextRedactions",
    "TransitionLine",
    "ValueSpec",
    "ValueType",
    "WorkItem",
    "WorkList",
    "scratch_file",
]

EVIDENCE_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
)
"""Media type of a file of evidence -> the suffix under which it is saved."""
OTHER_FILE = "application/octet-stream"
"""As what any other file goes out."""
MAX_LINES = 500
"""Lines of one page of a list."""

_PERSONAL = re.compile(r"[0-9]{7,}")
_TEXT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReadNote:
    """Who reads, when, why and how: ``act`` is ``record``, ``lookup`` or ``list``."""

    actor: str
    reason: str
    act: Literal["record", "lookup", "list"]
    at: datetime


@dataclass(frozen=True, slots=True)
class StudentLine:
    """A student in a list: masked, from the sharing view."""

    student_id: StudentId
    name_masked: str | None = field(repr=False)
    id_number_masked: str | None = field(repr=False)
    school_code: str
    school_name: str | None
    grade: str | None
    class_name: str | None
    state: StudentState


@dataclass(frozen=True, slots=True)
class TextContext:
    """What is known of the pupil whom a text is about, for its redaction: in memory, for one text."""

    known: Mapping[str, object] = field(repr=False)
    """``core_registry.sharing.KNOWN_COLUMNS``; empty when the text is about nobody in particular."""
    roster: tuple[str, ...] = field(default=(), repr=False)
    """Names on the roll of the school."""


class OfficeStore(Protocol):
    """What the office needs of the registry database. Reads of persons take a note and commit it first."""

    def departments(self) -> pl.DataFrame:
        """Return the departments: code, name, level, parent, zone."""

    def schools(self) -> pl.DataFrame:
        """Return the schools with all their columns, ``stages`` as list."""

    def save_schools(self, frame: pl.DataFrame, at: datetime) -> int:
        """Write schools; return their number. Raises ``RegisterRuleError``; nothing is written then."""

    def by_id_number(self, id_number: str, schools: frozenset[str] | None, note: ReadNote) -> list[StudentLine]:
        """Return the students with this identity number."""

    def by_class(
        self, school: str, grade: str | None, class_name: str | None, after: str, limit: int, note: ReadNote
    ) -> list[StudentLine]:
        """Return students of a school by ``student_id``, those after ``after``."""

    def record(self, student_id: StudentId, schools: frozenset[str] | None, note: ReadNote) -> Student | None:
        """Return the clear record."""

    def subject_ref(self, student_id: StudentId, schools: frozenset[str] | None) -> SubjectRef | None:
        """Return the permanent reference."""

    def roll_names(self, school: str) -> tuple[str, ...]:
        """Return the names on the roll of a school, for the redaction of a text: they are shown to nobody."""


class Imports(Protocol):
    """The import of forms (``core_registry.intake.service.ImportService``)."""

    def preview(self, request: ImportRequest, progress: Progress = ...) -> ImportSummary:
        """Return what ``run`` would do."""

    def run(
        self, request: ImportRequest, progress: Progress = ..., errors_to: Path | IO[bytes] | None = None
    ) -> ImportSummary:
        """Import the good rows, write the bad ones to ``errors_to``."""


def _silent(stage: str, done: int, total: int) -> None:  # the protocol of a progress
    """Report no progress."""


class RegistryOffice:
    """The use cases of registrars and officers. ``write_template`` writes the empty form to a path."""

    def __init__(
        self,
        store: OfficeStore,
        imports: Imports,
        write_template: Callable[[Path], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._imports = imports
        self._write_template = write_template
        self._now = now

    def import_preview(self, request: ImportRequest, progress: Progress = _silent) -> ImportSummary:
        """Return what an import would do; nothing is written. Raises ``UnreadableFileError``."""
        return self._imports.preview(request, progress)

    def import_run(
        self, request: ImportRequest, progress: Progress = _silent, errors_to: Path | IO[bytes] | None = None
    ) -> ImportSummary:
        """Import the good rows in one transaction; the bad ones go to ``errors_to`` with their reasons.

        Raises ``UnreadableFileError``, ``ShrinkGuardError``, ``RegisterRuleError``, ``RegisterChangedError``,
        ``RegistryUnavailableError``; after an error nothing is written.
        """
        return self._imports.run(request, progress, errors_to)

    def template(self, path: Path) -> None:
        """Write the empty form of Annex 1 to ``path``."""
        self._write_template(path)

    def import_schools(self, frame: pl.DataFrame) -> int:
        """Write schools and return their number; see ``OfficeStore.save_schools`` (A3-1)."""
        return self._store.save_schools(frame, self._now())

    def schools(self) -> pl.DataFrame:
        """Return the schools: code, name, category, division, authorities, stages (list), closed."""
        return self._store.schools()

    def units(self) -> pl.DataFrame:
        """Return the education departments: code, name, level, parent, zone."""
        return self._store.departments()

    def find_by_id_number(
        self, id_number: str, *, actor: str, reason: str, schools: frozenset[str] | None = None
    ) -> list[StudentLine]:
        """Return the students with this identity number, masked: none or one. The look-up is recorded first."""
        return self._store.by_id_number(id_number, schools, self._note(actor, reason, "lookup"))

    def find_by_class(
        self,
        school: str,
        *,
        actor: str,
        reason: str,
        grade: str | None = None,
        class_name: str | None = None,
        schools: frozenset[str] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[StudentLine]:
        """Return a page of a school's students, masked; ``after`` is the last ``student_id`` of the page before.

        A school outside ``schools`` gives an empty list. Raises ``ValueError`` for a limit outside 1 to 500.
        """
        if not 1 <= limit <= MAX_LINES:
            raise ValueError(f"a page has 1 to {MAX_LINES} lines")
        note = self._note(actor, reason, "list")
        if schools is not None and school not in schools:
            return []
        return self._store.by_class(school, grade, class_name, after, limit, note)

    def student(
        self, student_id: StudentId, actor: str, reason: str, *, schools: frozenset[str] | None = None
    ) -> Student:
        """Return the clear record; the event ``registry.read`` is durable before.

        Raises ``StudentNotFoundError`` (recorded as well), ``SealedValueError``, ``RegisterRuleError`` for a missing
        reason. Source: A50-4.
        """
        found = self._store.record(student_id, schools, self._note(actor, reason, "record"))
        if found is None:
            raise _unknown()
        return found

    def subject_ref_of(self, student_id: StudentId, *, schools: frozenset[str] | None = None) -> SubjectRef:
        """Return the permanent reference of a student. Raises ``StudentNotFoundError``."""
        found = self._store.subject_ref(student_id, schools)
        if found is None:
            raise _unknown()
        return found

    def text_context(
        self, student_id: StudentId | None, actor: str, reason: str, *, schools: frozenset[str], own: str = ""
    ) -> TextContext:
        """Return what a text is redacted with: the record of ``student_id``, read and recorded as ``student`` reads it.

        Without a pupil it is the roll of the school ``own``, if that is one of ``schools``. Raises what ``student``
        raises: an unknown pupil and one of another school get the same answer.
        """
        if student_id is None:
            return TextContext({}, self._store.roll_names(own) if own in schools else ())
        pupil = self.student(student_id, actor, reason, schools=schools)
        listed = self._store.schools()
        names = listed.filter(listed["school_code"] == pupil.school_code)["name"].to_list()
        known: dict[str, object] = {
            "school_code": pupil.school_code,
            "school_name": names[0] if names else None,
            "name": pupil.name,
            "former_name": pupil.former_name,
            "guardians": [member.name for member in pupil.members],
            "residence_address": pupil.residence_address,
            "household_address": pupil.household_address,
        }
        return TextContext(known, self._store.roll_names(pupil.school_code))

    def _note(self, actor: str, reason: str, act: Literal["record", "lookup", "list"]) -> ReadNote:
        _require_plain(reason, "reason", "事由")
        return ReadNote(actor, reason.strip(), act, self._now())


def _require_plain(text: str, what: str, what_zh: str) -> None:
    """Refuse a reason or ground that is blank, or holds what looks like a number of a person: it goes into the log."""
    if not text.strip() or len(text) > _TEXT_LENGTH or _PERSONAL.search(text):
        raise RegisterRuleError(
            f"Give a {what} of 1 to {_TEXT_LENGTH} characters without any personal number; it is recorded.",
            detail_zh=f"请填写{what_zh}（1 至 {_TEXT_LENGTH} 字，不得含证件号、电话等个人信息），内容将被记录。",
            rule="A50-4",
        )


def _unknown() -> StudentNotFoundError:
    return StudentNotFoundError(
        "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
    )
