"""Extracts as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Line, Model, SchoolCode, Text, set_of
from gateway.policies.records import Format, Level
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

    def to_record(self) -> ExtractRequest:
        """Return the record."""
        return ExtractRequest(
            format=self.format,
            fields=None if self.fields is None else tuple(sorted(set(self.fields))),
            stages=set_of(self.stages),
            grades=set_of(self.grades),
            schools=set_of(self.schools),
            purpose=self.purpose,
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
        )


class ExtractList(Model):
    """Extracts, newest first."""

    items: list[ExtractOut]


class DeletionIn(Model):
    """销毁证明: the recipient's word that the extract was deleted everywhere."""

    statement: Text
    deleted_on: date
    responsible: Annotated[Line, Field(min_length=2, max_length=120)]
