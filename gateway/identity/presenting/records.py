"""What a request for a presentation is, where it stands, and what its asker is told. Frozen values, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from joserfc.jwk import ECKey

from gateway.identity.records import ClaimValue
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.principals import Principal

PresentationId = NewType("PresentationId", str)
"""Random: whoever has it may fetch the request, which tells who asks for what and nothing of a pupil."""

LIFE = timedelta(minutes=5)
"""How long a request may be answered; and how long an answer waits to be read."""
MAX_FETCHES = 5
"""How often one request is handed out: once for the wallet, a few times for a network that breaks."""
RELYING_PARTY_KEEPS = timedelta(hours=1)
"""How long a row without an answer tells its asker what became of it."""


class ResponseMode(StrEnum):
    """How the wallet answers (OpenID4VP 1.0 sections 8.2 and 8.3.1)."""

    DIRECT_POST = "direct_post"
    DIRECT_POST_JWT = "direct_post.jwt"


class State(StrEnum):
    """Where a request stands, as its asker is told."""

    WAITING = "waiting"
    FETCHED = "fetched"
    ANSWERING = "answering"
    """Kept for the moment in which an answer is verified; told as ``fetched``."""
    ANSWERED = "answered"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Never kept: it follows from the time."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What of a request lies sealed in its row: nonce, state, the key of an encrypted answer, and who asked."""

    nonce: str = field(repr=False)
    state: str = field(repr=False)
    asker: Principal
    key: ECKey | None = field(default=None, repr=False)
    """The ephemeral private key of ``direct_post.jwt``; ``None`` for ``direct_post``."""


@dataclass(frozen=True, slots=True)
class PresentationRow:
    """A row. ``secrets`` and ``answer`` are sealed to ``id`` (``sealing.Box``)."""

    id: PresentationId
    account: AccountId
    recipient: RecipientId
    grant: GrantId
    purpose: str
    claims: tuple[str, ...]
    mode: ResponseMode
    secrets: bytes = field(repr=False)
    state: State
    fetches: int
    made_at: datetime
    expires_at: datetime
    reason: str | None = None
    answered_at: datetime | None = None
    read_at: datetime | None = None
    answer: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was made: what a relying party shows to the wallet.

    ``uri`` opens a wallet on the same device, ``link`` the wallet of this gateway; a QR code holds either.
    """

    id: PresentationId
    client_id: str
    request_uri: str
    uri: str
    link: str
    expires_at: datetime
    claims: tuple[str, ...]
    grant: GrantId
    purpose: str
    purpose_zh: str
    purpose_en: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a request stands. ``claims`` are told once, to the first reading after the answer."""

    id: PresentationId
    state: State
    expires_at: datetime
    asked: tuple[str, ...]
    reason: str | None = None
    """Why it was refused, a stable code: of ``Reason``, ``declined`` by the holder, or of ``responses.Refused``."""
    read: bool = False
    claims: Mapping[str, ClaimValue] | None = field(default=None, repr=False)
    verified_at: datetime | None = None
    credential_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What one standing grant lets a person ask for, in the names of claims."""

    grant: GrantId
    purpose: str
    purpose_zh: str
    purpose_en: str
    claims: tuple[str, ...]
    uses_left: int
