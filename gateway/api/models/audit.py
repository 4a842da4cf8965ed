"""The audit trail as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from gateway.api.models.base import Line, Model

_RFC_3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"


def moment(text: str) -> datetime:
    """Return the moment that an RFC 3339 text means; raises ``ValueError`` for one that never was."""
    return datetime.fromisoformat(text)


def _exists(text: str) -> str:
    try:
        moment(text)
    except ValueError:
        raise ValueError("There is no such moment.") from None  # the parser's text may repeat the input
    return text


# A text, since pydantic would also take a number, as a Unix time.
Moment = Annotated[str, Field(pattern=_RFC_3339, json_schema_extra={"format": "date-time"}), AfterValidator(_exists)]
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
