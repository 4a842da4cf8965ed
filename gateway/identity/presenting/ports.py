"""What presenting needs from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.identity.presenting.records import PresentationId, PresentationRow, State
from gateway.identity.records import VerificationAnswer
from gateway.identity.verify import UnverifiedPresentation
from gateway.ids import RecipientId
from gateway.journal import Tx
from gateway.policies.records import Grant
from gateway.principals import Principal


class Verifier(Protocol):
    """Online verification under the release gate (``IdentityService``); here the audience is the gateway's own."""

    def verify_online(
        self,
        presentation: UnverifiedPresentation,
        relying_party: Principal,
        *,
        audience: str,
        nonce: str,
        requested: frozenset[str],
        purpose: str,
    ) -> VerificationAnswer:
        """Return the requested claims; raises ``GatewayError`` when anything does not hold."""


class Gate(Protocol):
    """The release gate before anything is asked: decides and takes no use (``StandingGate``)."""

    def standing(self, recipient: RecipientId, principal: Principal, purpose: str, claims: frozenset[str]) -> Grant:
        """Return the grant that covers the question; raises ``ForbiddenError``, which is recorded."""

    def held(self, recipient: RecipientId, principal: Principal) -> Sequence[Grant]:
        """Return the grants of level ``check`` that are in force for ``principal``, newest first."""


class PresentationStore(Protocol):
    """Rows of requests; implemented by ``gateway.identity.presenting.store.SqlPresentations``."""

    def add(self, tx: Tx, row: PresentationRow) -> None:
        """Keep a new request."""

    def get(self, tx: Tx, presentation: PresentationId) -> PresentationRow | None:
        """Return a request."""

    def fetch(self, tx: Tx, presentation: PresentationId, at: datetime, limit: int) -> bool:
        """Count a fetch of an open request, atomically; ``False`` when there is none left or it is over."""

    def begin(self, tx: Tx, presentation: PresentationId, at: datetime) -> bool:
        """Take an open request for its one answer, atomically; ``False`` when another was first or it is over."""

    def finish(
        self,
        tx: Tx,
        presentation: PresentationId,
        state: State,
        *,
        reason: str | None,
        answer: bytes | None,
        at: datetime,
    ) -> None:
        """Write how a request ended."""

    def take(self, tx: Tx, presentation: PresentationId, at: datetime) -> bool:
        """Mark the answer read and remove it, once; ``False`` when it was read before."""

    def sweep(self, tx: Tx, *, answers_before: datetime, rows_before: datetime) -> int:
        """Remove answers that nobody read, and rows that are over; return how many rows are gone."""
