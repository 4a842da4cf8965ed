"""What registrars send and see, as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from gateway.api.models.base import Code, Line, Model, Prose, SchoolCode


class ImportIn(Model):
    """How to take a form."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    mapping: Code = "template"
    school: SchoolCode | None = None
    preview: bool = False
    accept_shrink: bool = False


class FindingOut(Model):
    """One thing wrong, or doubtful, in one cell; no value of the row is in it."""

    row: int
    column: str
    """Letters of the column in the file; empty for a whole row."""
    field: str | None
    severity: str
    code: str
    rule: str
    message: str
    message_en: str


class ImportOut(Model):
    """What an import did, or would do."""

    import_id: str | None
    repeated: bool
    rows: int
    new: int
    changed: int
    unchanged: int
    rejected: int
    absent: int
    warnings: int
    schools: int
    shrink: list[str]
    finding_counts: dict[str, int]
    findings: list[FindingOut]
    error_workbook: str | None
    """The rejected rows with their reasons, ``.xlsx`` in base64."""


class SchoolListIn(Model):
    """Which students are listed, and why."""

    school: SchoolCode
    reason: Annotated[Line, Field(min_length=1, max_length=200)]
    grade: Code | None = None
    class_name: Annotated[Line, Field(max_length=40)] | None = None
    after: Annotated[Line, Field(max_length=40)] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class StudentLineOut(Model):
    """A student in a list, masked."""

    student_id: str
    name_masked: str | None
    id_number_masked: str | None
    school_code: str
    school_name: str | None
    grade: str | None
    class_name: str | None
    state: str


class StudentListOut(Model):
    """Students of a school, masked."""

    items: list[StudentLineOut]


class SubjectOut(Model):
    """The permanent meaningless reference of a student."""

    subject_ref: str


class RedactionPreviewIn(Model):
    """A text to look at, and the student whom it is about."""

    text: Annotated[Prose, Field(max_length=102_400)]
    """At most 100 kB in UTF-8."""
    student_id: Code | None = None
    """With it, what the registry knows of the student is used; the reading is recorded."""


class RedactionSpanOut(Model):
    """A piece that would be hidden; offsets are code points, the end exclusive."""

    start: int
    end: int
    type: str
    """`PERSON`, `ADDRESS`, `SCHOOL`, `CN_ID`, `STUDENT_NO`, `PHONE`, ..."""
    rule: str
    """Why: the recogniser and its rule."""


class RedactionPreviewOut(Model):
    """The text as it would stand in the sharing view."""

    text: str
    spans: list[RedactionSpanOut]
    version: str
    """The version of the redaction; it is stored beside each text."""
