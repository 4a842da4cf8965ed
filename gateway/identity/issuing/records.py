"""What issuing knows: offers, access tokens of wallets, what wallets ask and get. Frozen values, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from gateway.accounts.dpop import Shown
from gateway.identity.records import CredentialId
from gateway.ids import AccountId, SubjectRef

OfferId = NewType("OfferId", str)
"""Names an offer in the log and on pages; it opens nothing."""

MAX_TRIES = 5
"""Wrong transaction codes after which an offer is spent."""
TX_CODE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Offer:
    """A right to fetch one batch, redeemed once. Of its code and its transaction code only digests are kept."""

    id: OfferId
    code_hash: str = field(repr=False)
    tx_hash: str = field(repr=False)
    """Over both codes: six digits alone would be guessed from their digest in a second."""
    configuration: str
    subject_ref: SubjectRef = field(repr=False)
    made_by: AccountId
    made_at: datetime
    expires_at: datetime
    tries: int = 0
    redeemed_at: datetime | None = None

    def open_at(self, now: datetime) -> bool:
        """Say whether the offer may still be redeemed."""
        return self.redeemed_at is None and self.tries < MAX_TRIES and self.expires_at > now


@dataclass(frozen=True, slots=True)
class MadeOffer:
    """An offer as the person sees it once: neither code is kept anywhere."""

    id: OfferId
    configuration: str
    expires_at: datetime
    tx_code: str = field(repr=False)
    """Six digits, to be told apart from the link: on paper, by telephone, face to face."""
    document: Mapping[str, object] = field(repr=False)
    """The offer by value (OpenID4VCI 1.0 section 4.1.1)."""
    address: str = field(repr=False)
    """``credential_offer_uri``: the offer by reference (section 4.1.3)."""
    uri: str = field(repr=False)
    """``openid-credential-offer://`` by reference, for wallet applications."""
    link: str = field(repr=False)
    """The same for the web wallet, in a fragment: no server's log sees it."""


@dataclass(frozen=True, slots=True)
class Access:
    """An access token of a wallet, of which only the digest is kept: good for one batch, and what follows it."""

    token_hash: str = field(repr=False)
    offer: OfferId
    configuration: str
    by_identifier: bool
    """The token response named credential identifiers: the request must use one (section 8.2)."""
    subject_ref: SubjectRef = field(repr=False)
    made_by: AccountId
    jkt: str | None
    """The thumbprint of the key that it is bound to (RFC 9449)."""
    issued_at: datetime
    expires_at: datetime
    kept_until: datetime
    """Until then the wallet may notify: when the batch expires."""
    used_at: datetime | None = None
    notification_hash: str | None = field(default=None, repr=False)
    credentials: tuple[CredentialId, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """How an access token came: its scheme in lower case, and what came as DPoP."""

    token: str = field(repr=False)
    scheme: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request of the pre-authorised code grant, as it was sent (section 6.1)."""

    shown: Shown
    code: str | None = field(default=None, repr=False)
    tx_code: str | None = field(default=None, repr=False)
    details: str | None = None
    """``authorization_details``, JSON."""


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An access token (section 6.2). ``details`` are there when the wallet asked with ``authorization_details``."""

    value: str = field(repr=False)
    bound: bool
    expires_in: int
    details: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class CredentialAnswer:
    """One-time credentials, in the order of the proofs (section 8.3)."""

    credentials: tuple[str, ...] = field(repr=False)
    notification_id: str = field(repr=False)
    expires_at: datetime
    """When all of them expire. It is in each of them too."""


class NotifiedEvent(StrEnum):
    """What became of a batch at the wallet (section 11.1)."""

    ACCEPTED = "credential_accepted"
    FAILURE = "credential_failure"
    DELETED = "credential_deleted"
