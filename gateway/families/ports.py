"""What families need from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Protocol

from gateway.families.records import (
    Activation,
    ActivationId,
    Bond,
    BondId,
    BondKind,
    Card,
    Challenge,
    Passkey,
    PasskeyId,
)
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import Tx
from gateway.principals import Principal

InCharge = Callable[[Principal, Mapping[str, object]], bool]
"""Says whether a member of staff has charge of the pupil of a row of the sharing view."""


class PupilView(Protocol):
    """What families read of the sharing view (``core_registry.sharing.SharingView``)."""

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return one row as a mapping, ``None`` when there is none."""


class BondStore(Protocol):
    """Bonds of accounts to pupils. A live bond has not ended, and its account is not sealed."""

    def add_bond(self, tx: Tx, bond: Bond) -> None:
        """Keep a new bond; raises ``ConflictError`` for a second live one of the same two, or of a pupil's own."""

    def bond(self, tx: Tx, bond: BondId) -> Bond | None:
        """Return a bond, ended ones as well."""

    def bonds_of(self, tx: Tx, account: AccountId) -> tuple[Bond, ...]:
        """Return the live bonds of an account, oldest first; none for a sealed account."""

    def bonds_with(self, tx: Tx, subject_ref: SubjectRef) -> tuple[Bond, ...]:
        """Return the live bonds of a pupil, oldest first."""

    def end_bond(self, tx: Tx, bond: BondId, at: datetime, by: AccountId | None) -> bool:
        """End a bond, by somebody or with age (``None``); ``False`` when it had ended."""

    def review_again(self, tx: Tx, subject_ref: SubjectRef) -> int:
        """Let the worker look at the guardians' live bonds of a pupil again now; return how many."""


class KeptBonds(BondStore, Protocol):
    """Bonds as the worker follows them up."""

    def unregistered(self, tx: Tx, limit: int) -> tuple[Bond, ...]:
        """Return guardians' live bonds of which the registry does not know yet, oldest first."""

    def registered(self, tx: Tx, bond: BondId, at: datetime) -> None:
        """Note that the registry knows of a bond."""

    def unsettled(self, tx: Tx, limit: int) -> tuple[Bond, ...]:
        """Return bonds that ended and were not followed up yet, oldest first."""

    def settled(self, tx: Tx, bond: BondId, at: datetime) -> None:
        """Note that the end of a bond was followed up."""

    def for_review(self, tx: Tx, today: date, limit: int) -> tuple[Bond, ...]:
        """Return guardians' live bonds whose pupils' ages are to be looked at, the longest due first."""

    def review_on(self, tx: Tx, bond: BondId, day: date) -> None:
        """Note when a bond is to be looked at again."""


class GuardianRegister(Protocol):
    """Guardians' accounts as the registry knows them (A3-5, A7-3). Doing either twice changes nothing more."""

    def link(self, account: str, subject_ref: str, *, verified_by: str, on: date, now: datetime) -> bool:
        """Keep that a guardian's relation to a pupil was verified; ``False`` when there is no such pupil."""

    def unlink(self, account: str, subject_ref: str, *, by: str, now: datetime) -> bool:
        """Take a link away; ``False`` when there was none."""


class SignIns(Protocol):
    """Sign-ins at relying parties."""

    def bond_ended(self, subject: SubjectRef, account: AccountId, reason: str) -> int:
        """End the sign-ins of an account for a pupil; return how many."""


class Wallets(Protocol):
    """Identities in wallets, where the issuer's key is."""

    def end_held(self, subject_ref: SubjectRef, holder: AccountId, until: datetime, reason: str) -> int:
        """End what ``holder`` fetched for a pupil until then, and its open offers; return how many credentials."""


class ActivationStore(Protocol):
    """Activations by the digest of their reference."""

    def add_activation(self, tx: Tx, activation: Activation) -> None:
        """Keep a new activation."""

    def activation_behind(self, tx: Tx, reference_hash: str) -> Activation | None:
        """Return an activation, closed ones as well."""

    def activation(self, tx: Tx, activation: ActivationId) -> Activation | None:
        """Return an activation, closed ones as well."""

    def open_activations(self, tx: Tx, unit: UnitCode, at: datetime) -> tuple[Activation, ...]:
        """Return those that a unit made and that are open at ``at``, newest first."""

    def take_try(self, tx: Tx, activation: ActivationId, at: datetime) -> bool:
        """Count a try of the code; ``False`` when the activation is not open at ``at``. Atomic."""

    def use_activation(self, tx: Tx, activation: ActivationId, at: datetime, account: AccountId) -> bool:
        """Mark an activation as used by ``account``; ``False`` when it was used or revoked or has expired. Atomic."""

    def revoke_earlier(
        self, tx: Tx, subject_ref: SubjectRef, kind: BondKind, account: AccountId | None, at: datetime
    ) -> int:
        """Revoke what is unused of the same pupil, kind and account; return how many it was."""

    def revoke_activation(self, tx: Tx, activation: ActivationId, at: datetime) -> bool:
        """Revoke an activation; ``False`` when it was used or revoked before."""

    def sweep(self, tx: Tx, before: datetime) -> Mapping[str, int]:
        """Forget activations, challenges and cards that expired before ``before``; return row counts."""


class PasskeyStore(Protocol):
    """Passkeys, and the challenges that they sign."""

    def add_passkey(self, tx: Tx, passkey: Passkey) -> None:
        """Keep a new passkey; raises ``ConflictError`` for one that is there already."""

    def passkey(self, tx: Tx, passkey: PasskeyId) -> Passkey | None:
        """Return a passkey."""

    def passkeys_of(self, tx: Tx, account: AccountId) -> tuple[Passkey, ...]:
        """Return the passkeys of an account, oldest first."""

    def use_passkey(self, tx: Tx, passkey: PasskeyId, at: datetime, *, before: int, after: int) -> bool:
        """Move the count from ``before`` to ``after``; ``False`` when another sign-in moved it. Atomic."""

    def remove_passkey(self, tx: Tx, passkey: PasskeyId, account: AccountId) -> bool:
        """Remove a passkey of an account; ``False`` when it has none such."""

    def remove_passkeys(self, tx: Tx, account: AccountId) -> int:
        """Remove all passkeys of an account; return how many."""

    def add_challenge(self, tx: Tx, challenge: Challenge) -> None:
        """Keep a new challenge."""

    def take_challenge(self, tx: Tx, id_hash: str) -> Challenge | None:
        """Return a challenge and forget it, expired ones as well; ``None`` when there is none. Atomic."""


class CardStore(Protocol):
    """Guardians' cards by the digest of their reference."""

    def add_card(self, tx: Tx, card: Card) -> None:
        """Keep a new card."""

    def card_behind(self, tx: Tx, reference_hash: str) -> Card | None:
        """Return a card, those that are over as well."""

    def end_cards(self, tx: Tx, bond: BondId, at: datetime) -> int:
        """Let the cards of a bond that still hold end at ``at``; return how many."""


class FamilyRepository(BondStore, ActivationStore, PasskeyStore, CardStore, Protocol):
    """All rows of the room; implemented by ``gateway.families.store.FamilyStore``."""
