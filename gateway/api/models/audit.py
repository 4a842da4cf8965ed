"""The audit trail as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from gateway.api.models.base import Line, Model

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
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
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
