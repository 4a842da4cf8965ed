"""What the room knows: bonds of accounts to pupils, activations, passkeys, challenges. Frozen values, no name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from gateway.accounts.records import SessionToken
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.principals import AccountKind, Principal, Role

BondId = NewType("BondId", str)
ActivationId = NewType("ActivationId", str)
"""Names an activation in the log and on pages; it opens nothing."""
CardId = NewType("CardId", str)
"""The number on a card; it opens nothing."""
PasskeyId = NewType("PasskeyId", str)
"""Names a passkey on pages: a digest of its credential id."""
CeremonyId = NewType("CeremonyId", str)
"""Kept in the browser's cookie alone: what binds a challenge to the browser that asked for it."""

MAX_TRIES = 5
"""Wrong codes after which an activation is spent."""
CODE_DIGITS = 8
LONGEST_NAME = 40
"""Characters of the name that a family gives to a passkey."""


class BondKind(StrEnum):
    """How an account stands to a pupil."""

    GUARDIAN = "guardian"
    SELF = "self"
    """The pupil's own account."""

    @property
    def account_kind(self) -> AccountKind:
        """The kind of account that such a bond opens."""
        return AccountKind.GUARDIAN if self is BondKind.GUARDIAN else AccountKind.PUPIL

    @property
    def role(self) -> Role:
        """The one role of that account."""
        return Role.GUARDIAN if self is BondKind.GUARDIAN else Role.PUPIL


@dataclass(frozen=True, slots=True)
class Bond:
    """An account and the pupil for whom it stands. It ends by an act, or of itself by the pupil's age (``rules``)."""

    id: BondId
    account: AccountId
    subject_ref: SubjectRef = field(repr=False)
    kind: BondKind
    opened_at: datetime
    opened_by: AccountId
    ended_at: datetime | None = None
    ended_by: AccountId | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """A right to open, or reopen, an account for a pupil; used once. Of its link and its code only digests are kept."""

    id: ActivationId
    reference_hash: str = field(repr=False)
    code_hash: str = field(repr=False)
    """Over link and code: eight digits alone would be guessed from their digest in seconds."""
    subject_ref: SubjectRef = field(repr=False)
    kind: BondKind
    account: AccountId | None
    """The account that it reopens; ``None``: it opens a new one, or adds the pupil to that of who is signed in."""
    unit: UnitCode | None
    """The school or department that made it; ``None``: a guardian did."""
    made_by: AccountId
    made_at: datetime
    expires_at: datetime
    tries: int = 0
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def why_closed(self, now: datetime) -> str | None:
        """Return why it is good for nothing, for the log alone; ``None`` while it is open."""
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        return "spent" if self.tries >= MAX_TRIES else None


@dataclass(frozen=True, slots=True)
class MadeActivation:
    """An activation as the person sees it once: neither the link nor the code is kept anywhere."""

    id: ActivationId
    kind: BondKind
    expires_at: datetime
    code: str = field(repr=False)
    """Eight digits, to be told apart from the link: face to face, on paper, by telephone."""
    link: str = field(repr=False)
    """With the reference in the fragment: no server's log sees it."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key credential of an account (Web Authentication Level 3)."""

    id: PasskeyId
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    """COSE."""
    sign_count: int
    account: AccountId
    name: str = field(repr=False)
    created_at: datetime
    last_used_at: datetime | None = None


class Purpose(StrEnum):
    """What a challenge was made for."""

    REGISTER = "register"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A random number to be signed, once, within minutes; ``account`` is whose passkey is registered."""

    id_hash: str = field(repr=False)
    purpose: Purpose
    challenge: bytes = field(repr=False)
    account: AccountId | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ceremony:
    """The begin of a registration or a sign-in: ``options`` is JSON for the browser's credential functions."""

    id: CeremonyId = field(repr=False)
    options: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do for a pupil now."""

    see: bool = False
    hold: bool = False
    """Receive the identity into a wallet."""
    act: bool = False
    """Hold the identity, sign in with it, consent."""
    close: bool = False
    """End the identity; of a pupil under 14 also open and close the own account."""


@dataclass(frozen=True, slots=True)
class Child:
    """A pupil as an account sees them. ``age`` is in completed years, ``None`` where the record has no birth date."""

    subject_ref: SubjectRef = field(repr=False)
    label: str = field(repr=False)
    """The masked name of the sharing view."""
    school_name: str
    grade: str
    """Code of the list of grades; empty where the record has none."""
    stage: str
    bond: BondKind
    age: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """A pupil on the family's page: with the rights, and whether the pupil has an own live account."""

    child: Child
    state: str
    rights: Rights
    bond: Bond = field(repr=False)
    own_account: bool
    turns: int | None
    """14 or 18 when the pupil reaches that age within a year: the hand-over comes near."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A session that was opened. ``token`` is ``None`` when the person stays in the one that there was."""

    principal: Principal
    token: SessionToken | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Card:
    """A guardian's card; of the reference in its QR code only a digest is kept."""

    id: CardId
    reference_hash: str = field(repr=False)
    bond: BondId
    account: AccountId
    subject_ref: SubjectRef = field(repr=False)
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MadeCard:
    """A card as its guardian sees and prints it."""

    id: CardId
    child: Child
    expires_at: datetime
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What somebody who scanned a card that holds is told."""

    id: CardId
    label: str = field(repr=False)
    """The masked name that stands on the card."""
    expires_at: datetime
