"""The door for the pages and the API of registrars: use cases of the registry, no SQL.

Whoever reads a person here leaves a ``registry.read`` event in the outbox first: it is committed before the
record is returned (A50-4, design 2). ``schools`` says for which schools the caller may act; an unknown
student and one of another school get the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Literal, Protocol

from core_registry.domain.records import Student, StudentId, SubjectRef
from core_registry.domain.states import LABELS, StudentState
from core_registry.errors import RegisterRuleError, StudentNotFoundError
from core_registry.intake.records import ImportRequest, ImportSummary, Progress
from core_registry.intake.scratch import ScratchFile, scratch_file

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "LABELS",
    "ImportRequest",
    "ImportSummary",
    "OfficeStore",
    "RegistryOffice",
    "ScratchFile",
    "StateChange",
    "Student",
    "StudentId",
    "StudentLine",
    "StudentState",
    "scratch_file",
]

MAX_LINES = 500
"""Lines of one page of a list."""

_S = StudentState
TRANSITIONS: Mapping[StudentState, frozenset[StudentState]] = MappingProxyType(
    {
        _S.ACTIVE: frozenset({_S.SUSPENDED, _S.WITHDRAWN, _S.GRADUATED, _S.DECEASED}),
        _S.SUSPENDED: frozenset({_S.ACTIVE, _S.WITHDRAWN, _S.DECEASED}),
        _S.WITHDRAWN: frozenset({_S.DECEASED}),
        _S.GRADUATED: frozenset({_S.DECEASED}),
    }
)
"""The part of section 4 that an officer may do here; any other change is refused (S-3)."""
LAST_GRADES = frozenset({"16", "23", "33"})

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
class Standing:
    """What a change of state depends on."""

    state: StudentState
    grade: str | None
    stage: str | None
    school_code: str


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of state: from what to what, on which civil day, on what ground (an article or rule id)."""

    student_id: StudentId
    before: StudentState
    after: StudentState
    on: date
    ground: str
    actor: str
    at: datetime


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

    def standing(self, student_id: StudentId, schools: frozenset[str] | None) -> Standing | None:
        """Return where a student stands."""

    def change_state(self, change: StateChange) -> None:
        """Write a change of state with its sharing row and event. Raises ``RegisterChangedError``."""


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

    def change_state(
        self,
        student_id: StudentId,
        state: StudentState,
        *,
        actor: str,
        ground: str,
        on: date,
        schools: frozenset[str] | None = None,
    ) -> None:
        """Change the state of a record; the sharing row and the event ``registry.state`` go with it.

        ``ground`` names the article or rule (S-4), never a circumstance of the pupil. Raises
        ``RegisterRuleError`` for a change that section 4 does not have (S-3), ``StudentNotFoundError``,
        ``RegisterChangedError`` when someone else was faster.
        """
        now = self._now()
        _require_plain(ground, "ground", "依据")
        standing = self._store.standing(student_id, schools)
        if standing is None:
            raise _unknown()
        if state not in TRANSITIONS.get(standing.state, frozenset()):
            raise RegisterRuleError(
                f"A record that is '{standing.state}' cannot become '{state}' here.",
                detail_zh=f"“{LABELS[standing.state]}”的学籍不能变更为“{LABELS[state]}”。",
                rule="S-3",
            )
        if state is StudentState.WITHDRAWN and standing.stage != "senior":
            raise RegisterRuleError(
                "Only a pupil of senior high school can withdraw; the compulsory stage knows no withdrawal.",
                detail_zh="义务教育阶段学生不得退学，仅普通高中学生可以办理退学。",
                rule="S-3",
            )
        if state is StudentState.GRADUATED and standing.grade not in LAST_GRADES:
            raise RegisterRuleError(
                "A pupil graduates from the last grade of a stage.", detail_zh="仅毕业年级学生可以毕业。", rule="S-3"
            )
        self._store.change_state(StateChange(student_id, standing.state, state, on, ground, actor, now))

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
