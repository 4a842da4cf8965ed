"""What identity needs from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from gateway.identity.records import CredentialId, IssuedCredential, Shard, ShardId, Status
from gateway.ids import RecipientId, SubjectRef
from gateway.journal import Tx
from gateway.policies.records import Grant
from gateway.principals import Principal

R = TypeVar("R")


class PupilView(Protocol):
    """What identity reads of the sharing view (``core_registry.sharing.SharingView``)."""

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return one row as a mapping, ``None`` when there is none."""


class ReleaseGate(Protocol):
    """The one road out (I1), as identity needs it; ``releases`` stands behind it."""

    def answer(
        self,
        recipient: RecipientId,
        principal: Principal,
        purpose: str,
        claims: frozenset[str],
        run: Callable[[Grant], R],
    ) -> R:
        """Return what ``run`` returns of the standing grant of ``recipient`` that covers purpose and claims.

        ``claims`` are field names of the release profile ``identity-check`` (``claims.grant_fields``).
        Decides before ``run`` is called; the intent is durable before, the outcome after, also when ``run``
        raises. ``run`` opens transactions of its own. Raises ``ForbiddenError`` without such a grant.
        """


class IdentityRepository(Protocol):
    """Rows of identity; implemented by ``gateway.identity.store.IdentityStore``."""

    def use_once(self, tx: Tx, digest: str, expires_at: datetime) -> bool:
        """Keep a digest; ``False`` when it is there already."""

    def open_shards(self, tx: Tx, limit: int) -> list[Shard]:
        """Return shards of which fewer than ``limit`` entries are used."""

    def shard(self, tx: Tx, shard: ShardId) -> Shard | None:
        """Return one shard."""

    def shards_signed_before(self, tx: Tx, moment: datetime) -> list[Shard]:
        """Return shards with an older token."""

    def oldest_signature(self, tx: Tx) -> datetime | None:
        """Return when the shard with the oldest token was signed."""

    def add_shard(self, tx: Tx, shard: Shard) -> None:
        """Keep a new shard."""

    def save_shard(self, tx: Tx, shard: Shard, *, seen_version: int) -> None:
        """Replace a shard that was read at ``seen_version``; raises ``ConflictError``."""

    def taken(self, tx: Tx, entries: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """Return those entries that were given out before."""

    def known_thumbprints(self, tx: Tx, thumbprints: Collection[str]) -> set[str]:
        """Return those holder keys that were used before."""

    def add_credentials(self, tx: Tx, issued: Sequence[IssuedCredential]) -> None:
        """Keep issued credentials; raises ``ConflictError``."""

    def credential_at(self, tx: Tx, shard: ShardId, index: int) -> IssuedCredential | None:
        """Return the credential of a status entry."""

    def credentials_of(self, tx: Tx, subjects: Collection[SubjectRef], *, live_at: datetime) -> list[IssuedCredential]:
        """Return the unexpired credentials of pupils."""

    def credentials_named(self, tx: Tx, ids: Collection[CredentialId]) -> list[IssuedCredential]:
        """Return credentials by their ids, expired ones as well; unknown ids are left out."""

    def signed_by(self, tx: Tx, kids: Collection[str], *, live_at: datetime) -> list[IssuedCredential]:
        """Return some unexpired credentials of one list that these keys signed and that are not ended yet."""

    def set_credential_status(self, tx: Tx, ids: Collection[CredentialId], status: Status) -> None:
        """Write the status of credentials."""

    def sweep(self, tx: Tx, before: datetime) -> Mapping[str, int]:
        """Forget what expired."""
