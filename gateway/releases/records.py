"""Extracts, deliveries, manifests and obligations, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NewType

from gateway.ids import AccountId, ExtractId, GrantId, RecipientId
from gateway.policies.records import Format, Level

DeliveryId = NewType("DeliveryId", str)

MEDIA_TYPES: dict[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


Compression = Literal["gzip"]
COMPRESSIBLE = frozenset({Format.CSV, Format.NDJSON})
"""Formats that are not compressed in themselves."""


class ExtractState(StrEnum):
    """Where an extract stands. ``expired`` and ``deleted`` extracts have no file any more."""

    QUEUED = "queued"
    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETED = "deleted"


class DeliveryEnd(StrEnum):
    """How a delivery ended. What was handed to the operating system counts as delivered."""

    OPEN = "open"
    COMPLETE = "complete"
    CLIENT_GONE = "client_gone"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """What is asked under a grant: a subset of it. ``None`` asks for all that was granted."""

    format: Format
    fields: tuple[str, ...] | None = None
    stages: frozenset[str] | None = None
    grades: frozenset[str] | None = None
    schools: frozenset[str] | None = None
    purpose: str | None = None
    """What it is for, as the caller declares it; it must be the purpose of the grant (A50-4, A50-9)."""
    since: ExtractId | None = None
    """Only what was added, changed or removed since this extract of the same grant."""
    compression: Compression | None = None
    encrypt: bool = False
    """Encrypted to the key that the recipient's system registered for it."""
    encrypt_to: Mapping[str, str] | None = None
    """That key, a public JWK, as it was when the extract was asked for."""


@dataclass(frozen=True, slots=True)
class Extract:
    """One prepared release. ``wrapped_key`` opens the file for those who hold the delivery key."""

    id: ExtractId
    grant: GrantId
    recipient: RecipientId
    executor: AccountId
    state: ExtractState
    level: Level
    request: ExtractRequest
    created_at: datetime
    expires_on: date
    file_name: str = ""
    size: int = 0
    """Plain bytes."""
    rows: int = 0
    sha256: str = ""
    manifest: str = field(default="", repr=False)
    report: str = field(default="", repr=False)
    obligations: str = field(default="", repr=False)
    wrapped_key: bytes = field(default=b"", repr=False)
    failure: str = ""
    """Problem type of a failed preparation; never a text with data in it."""
    rows_done: int = 0
    rows_total: int = 0
    first_delivery_at: datetime | None = None
    deleted_by: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One GET of the content: its own intent and outcome. ``owner`` holds a lease until ``leased_to``."""

    id: DeliveryId
    extract: ExtractId
    account: AccountId
    owner: str
    leased_to: datetime
    first_byte: int
    last_byte: int
    end: DeliveryEnd = DeliveryEnd.OPEN


@dataclass(frozen=True, slots=True)
class Kept:
    """As much of an extract as says whether it was handed out and must still be deleted."""

    id: ExtractId
    grant: GrantId
    state: ExtractState
    first_delivery_at: datetime | None
    obligations: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """An extract that was ended just now. ``unused``: no delivery of it ever began, so its use goes back."""

    unused: bool


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """What the pipeline made, before the manifest is signed. Sizes in bytes and rows."""

    size: int
    rows: int
    sha256: str
    rows_in: int
    suppressed: int
    snapshot: str
    plan_sha256: str
    columns: tuple[str, ...]
    parts: tuple[str, ...] = ()
    """SHA-256 of each part of the file, hexadecimal."""
    plain: PlainFile | None = None
    """What was packed into the file, where it was compressed or encrypted."""
    changes: Mapping[str, int] | None = None
    """Kind of change -> rows, of an extract of changes."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file as it was written and scanned, before it was packed."""

    size: int
    sha256: str
