"""What issuing needs from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from gateway.identity.issuing.records import Access, Offer, OfferId
from gateway.identity.records import CredentialId
from gateway.ids import AccountId, SubjectRef
from gateway.journal import Tx
from gateway.principals import Principal

MayOffer = Callable[[Principal, SubjectRef, Mapping[str, object]], bool]
"""Says whether a principal may offer an identity for the pupil of a row of the sharing view."""

MayEnd = Callable[[Principal, SubjectRef], bool]
"""Says whether a principal may end the identity of a pupil."""


class IssuingRepository(Protocol):
    """Rows of issuing; implemented by ``gateway.identity.issuing.store.IssuingStore``."""

    def add_offer(self, tx: Tx, offer: Offer) -> None:
        """Keep a new offer."""

    def offer_by_code(self, tx: Tx, code_hash: str) -> Offer | None:
        """Return the offer of a code, redeemed or expired ones as well."""

    def take_try(self, tx: Tx, offer: OfferId, at: datetime) -> bool:
        """Count a try of the transaction code and hold the row; ``False`` when the offer is not open at ``at``."""

    def redeem_offer(self, tx: Tx, offer: OfferId, at: datetime) -> bool:
        """Mark an offer redeemed, and its last try as none; ``False`` when it was before, or has expired."""

    def add_access(self, tx: Tx, access: Access) -> None:
        """Keep a new access token."""

    def access(self, tx: Tx, token_hash: str) -> Access | None:
        """Return an access token, used and expired ones as well."""

    def use_access(self, tx: Tx, used: Access) -> bool:
        """Mark an access token as used, for the credentials named; ``False`` when it was used or closed before."""

    def notified(self, tx: Tx, access: Access, event: str) -> None:
        """Keep the last event of a batch."""

    def close_open(
        self,
        tx: Tx,
        subject_ref: SubjectRef,
        at: datetime,
        *,
        made_by: AccountId | None = None,
        until: datetime | None = None,
    ) -> int:
        """Let every offer and access token of a pupil that is still open end at ``at``; return how many.

        Those of one maker where given, and those made by ``until``.
        """

    def open_of(self, tx: Tx, subject_ref: SubjectRef, at: datetime, *, made_by: AccountId, until: datetime) -> int:
        """Return how many ``close_open`` would end."""

    def held(self, tx: Tx, subject_ref: SubjectRef, holder: AccountId, until: datetime) -> list[CredentialId]:
        """Return the credentials of a pupil that were fetched with offers of ``holder`` made by ``until``."""

    def sweep(self, tx: Tx, before: datetime) -> Mapping[str, int]:
        """Forget what expired before ``before``; return row counts."""
