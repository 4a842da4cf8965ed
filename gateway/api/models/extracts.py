"""Extracts as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Line, Model, SchoolCode, Text, set_of
from gateway.ids import ExtractId
from gateway.policies.records import Format, Level
from gateway.releases.paging import MOST_ROWS, USUAL_ROWS
from gateway.releases.parts import Part
from gateway.releases.records import Extract, ExtractRequest


class ExtractIn(Model):
    """What is wanted under a grant; what is left out is all that was granted."""

    format: Format
    fields: Annotated[list[Code], Field(min_length=1, max_length=60)] | None = None
    stages: Annotated[list[Literal["primary", "junior", "senior"]], Field(max_length=3)] | None = None
    grades: Annotated[list[Code], Field(max_length=100)] | None = None
    schools: Annotated[list[SchoolCode], Field(max_length=5000)] | None = None
    purpose: Code | None = None
    """What it is for; another purpose than the grant's is refused and recorded."""
    since: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,40}$")] | None = None
    """Only the rows added, changed or removed since this extract of the same grant: under longitudinal grants."""
    compression: Literal["gzip"] | None = None
    """Of csv and ndjson."""
    encrypt: bool = False
    """Encrypted to the key of ``use`` ``enc`` in the caller's key set (JWE, RFC 7516)."""

    def to_record(self) -> ExtractRequest:
        """Return the record."""
        return ExtractRequest(
            format=self.format,
            fields=None if self.fields is None else tuple(sorted(set(self.fields))),
            stages=set_of(self.stages),
            grades=set_of(self.grades),
            schools=set_of(self.schools),
            purpose=self.purpose,
            since=None if self.since is None else ExtractId(self.since),
            compression=self.compression,
            encrypt=self.encrypt,
        )


class ExtractOut(Model):
    """An extract and how far it is."""

    id: str
    grant: str
    state: str
    level: Level
    format: Format
    executor: str
    created_at: datetime
    expires_on: date
    file_name: str
    bytes: int
    rows: int
    rows_done: int
    rows_total: int
    sha256: str
    failure: str
    since: str | None = None
    """The extract that this one holds the changes to."""
    compression: str | None = None
    encrypted_to: str | None = None
    """Id of the key that opens it."""

    @staticmethod
    def of(record: Extract) -> ExtractOut:
        """Return the model of a record."""
        return ExtractOut(
            id=record.id,
            grant=record.grant,
            state=record.state,
            level=record.level,
            format=record.request.format,
            executor=record.executor,
            created_at=record.created_at,
            expires_on=record.expires_on,
            file_name=record.file_name,
            bytes=record.size,
            rows=record.rows,
            rows_done=record.rows_done,
            rows_total=record.rows_total,
            sha256=record.sha256,
            failure=record.failure,
            since=record.request.since,
            compression=record.request.compression,
            encrypted_to=None if record.request.encrypt_to is None else record.request.encrypt_to["kid"],
        )


class PartOut(Model):
    """One range of a file, both ends included, as ``Range: bytes=first-last`` asks for it."""

    number: int
    first: int
    last: int
    sha256: str


class PartList(Model):
    """The parts of a file; together they are the whole of it."""

    extract: str
    bytes: int
    sha256: str
    items: list[PartOut]

    @staticmethod
    def of(extract: Extract, parts: Sequence[Part]) -> PartList:
        """Return the model of an extract's parts."""
        return PartList(
            extract=extract.id,
            bytes=extract.size,
            sha256=extract.sha256,
            items=[PartOut(number=p.number, first=p.first, last=p.last, sha256=p.sha256) for p in parts],
        )


class PageQuery(Model):
    """Which rows are wanted: from ``cursor``, as the page before gave it, or from the beginning."""

    cursor: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = USUAL_ROWS


class ExtractList(Model):
    """Extracts, newest first."""

    items: list[ExtractOut]


class DeletionIn(Model):
    """销毁证明: the recipient's word that the extract was deleted everywhere."""

    statement: Text
    deleted_on: date
    responsible: Annotated[Line, Field(min_length=2, max_length=120)]


class ReportQuery(Model):
    """In which form a release report is wanted; without it ``Accept`` decides, and JSON is the default."""

    format: Literal["json", "html", "pdf"] | None = None
