"""What is kept of a pseudonym key, as a frozen value, and what is asked of its store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from gateway.anonymize.pseudonyms import PseudonymAlgorithm
from gateway.ids import ApplicationId, ExtractId, GrantId, RecipientId
from gateway.journal import Tx

PseudonymKeyId = NewType("PseudonymKeyId", str)


class KeyEnd(StrEnum):
    """Why a key was destroyed: its grant or its extract is over."""

    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    USED_UP = "used_up"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KeyScope:
    """For what a key is: a recipient's project, which is one application, or one extract of it alone.

    ``extract`` is ``None`` for pseudonyms that stay the same in all extracts of the grant (longitudinal).
    """

    recipient: RecipientId
    application: ApplicationId
    extract: ExtractId | None

    @property
    def longitudinal(self) -> bool:
        """Whether the key serves more than one extract."""
        return self.extract is None


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """One version of a key. Without its salt, which nobody can compute again, the key is gone."""

    id: PseudonymKeyId
    scope: KeyScope
    grant: GrantId
    version: int
    """Counts from 1 in its scope; a version is used for as long as it is not destroyed."""
    algorithm: PseudonymAlgorithm
    key_id: str
    """The public name that manifests and reports give the key."""
    created_at: datetime
    wrapped_salt: bytes | None = field(repr=False)
    """The salt under a key of the pseudonym root; ``None`` once it is destroyed."""
    destroyed_at: datetime | None = None


class PseudonymKeyRows(Protocol):
    """What the keys need from their store."""

    def add(self, tx: Tx, key: PseudonymKey) -> bool:
        """Insert a key; false when its scope has this version already."""

    def newest(self, tx: Tx, scope: KeyScope) -> PseudonymKey | None:
        """Return the highest version of a scope, destroyed or not."""

    def standing(self, tx: Tx) -> list[PseudonymKey]:
        """Return the keys that were not destroyed, oldest first."""

    def destroy(self, tx: Tx, identifier: PseudonymKeyId, at: datetime) -> bool:
        """Destroy the salt of a key for good; false when that was done before."""
