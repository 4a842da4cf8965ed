"""The audit trail as JSON."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, ValidatorFunctionWrapHandler, WrapValidator

from gateway.api.models.base import Line, Model

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _moment(value: object, handler: ValidatorFunctionWrapHandler) -> datetime:
    """Refuse what pydantic would take for a Unix time: a number is no time here."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value) is None:
        raise ValueError("A time with its offset is expected, as 2026-11-23T10:00:00Z.")
    moment: datetime = handler(value)
    return moment


Moment = Annotated[AwareDatetime, WrapValidator(_moment)]
Term = Annotated[Line, Field(min_length=1, max_length=120)]


class AuditQueryIn(Model):
    """What an inspector looks for; every member that is given is one more condition."""

    kind: Term | None = None
    outcome: Term | None = None
    actor: Term | None = None
    unit: Term | None = None
    application: Term | None = None
    approver: Term | None = None
    executor: Term | None = None
    extract: Term | None = None
    grant: Term | None = None
    ground: Term | None = None
    recipient: Term | None = None
    responsible: Term | None = None
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[int, Field(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class AuditEntryOut(Model):
    """An entry as people read it."""

    index: int
    leaf_hash: str
    content: dict[str, Any]


class AuditPageOut(Model):
    """Entries, newest first; ``before`` asks for the next page."""

    items: list[AuditEntryOut]
    before: int | None


class ProofOut(Model):
    """An entry's bytes (base64), its inclusion proof and checkpoint."""

    index: int
    entry: str
    tree_size: int
    root: str
    proof: list[str]
    checkpoint: str
    receipt: str


class PackageIn(Model):
    """Which entries go into an inspection package; left out, the whole log."""

    entries: Annotated[list[Annotated[int, Field(ge=0, le=2**53)]], Field(min_length=1, max_length=1000)] | None = None
