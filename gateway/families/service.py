"""Use cases of families: for whom an account stands, ending of bonds and accounts; activations and passkeys beside it.

What an account may do is never stored: it follows from its live bonds, the pupil's age today and the state of the
record (``rules``). Consent and issuing ask ``may_act_for`` and ``may_hold_for`` at the moment of the act.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.accounts.repositories import AccountStore, SessionStore
from gateway.errors import NotFoundError
from gateway.families.activation import ActivationDesk
from gateway.families.bonds import Bonds
from gateway.families.cards import CardDesk
from gateway.families.passkeys import PasskeyDesk
from gateway.families.ports import FamilyRepository, InCharge
from gateway.families.records import Bond, BondId, BondKind, Child, Member, Rights
from gateway.families.rules import OWN_ACCOUNT_AGE
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.principals import AccountKind, Principal

CLOSED = "family"
"""The reason of a family's account that was closed, as ``Account.sealed_reason``."""


@dataclass(frozen=True, slots=True)
class FamilyService:
    """Families, as every face but the worker alone has them."""

    bonds: Bonds
    activations: ActivationDesk
    passkeys: PasskeyDesk
    cards: CardDesk
    store: FamilyRepository
    accounts: AccountStore
    sessions: SessionStore
    journal: Journal
    reader: Reader
    scratch: Scratch
    in_charge: InCharge
    now: Callable[[], datetime]

    # --- rights -----------------------------------------------------------------------------------------------

    def children(self, account: AccountId) -> tuple[Child, ...]:
        """Return the pupils for whom the account may act now, oldest bond first."""
        return tuple(one.child for one in self.bonds.members(account) if one.rights.act)

    def members(self, account: AccountId) -> tuple[Member, ...]:
        """Return every pupil whom the account may see, with its rights."""
        return self.bonds.members(account)

    def rights(self, account: AccountId, subject_ref: SubjectRef) -> Rights:
        """Return what the account may do for a pupil now; nothing for a stranger."""
        return self.bonds.rights(account, subject_ref)

    def may_act_for(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether the account may hold the identity, sign in with it and consent, for a pupil now."""
        return self.rights(account, subject_ref).act

    def may_hold_for(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether the account may receive the identity: who may act, and a pupil under 14 for themselves."""
        return self.rights(account, subject_ref).hold

    def may_end_for(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether the account may end the identity of a pupil now."""
        return self.rights(account, subject_ref).close

    # --- ending -----------------------------------------------------------------------------------------------

    def end_bond(self, bond: BondId, by: Principal) -> None:
        """End a bond: staff in charge of the pupil any, an account its own; a pupil's own account is closed by it.

        Raises ``NotFoundError`` when there is no such bond, it has ended, or ``by`` has no charge: one answer.
        """
        found = self.reader.read(lambda tx: self.store.bond(tx, bond))
        if found is None or found.ended_at is not None or not self._may_end(found, by):
            raise _no_bond()
        self._end(found, by)

    def close_own_account(self, subject_ref: SubjectRef, by: Principal) -> None:
        """Close the own account of a pupil under 14, by a guardian who may act; or one's own.

        Raises ``NotFoundError`` when there is no such account, or ``by`` may not: one answer.
        """
        own = self.bonds.own_account(subject_ref)
        if own is None or not self._may_close(own, by):
            raise _no_bond()
        self._end(own, by)

    def sweep(self) -> Mapping[str, int]:
        """Forget activations, challenges and cards that expired; return row counts. For the worker's timer."""
        now = self.now()
        return self.scratch.write(lambda tx: self.store.sweep(tx, now))

    # --- inside -----------------------------------------------------------------------------------------------

    def _end(self, bond: Bond, by: Principal) -> None:
        now, own = self.now(), bond.kind is BondKind.SELF

        def write(tx: Tx) -> None:
            if not self.store.end_bond(tx, bond.id, now, by.account):
                raise _no_bond()
            if own:
                self.accounts.seal(tx, bond.account, now, CLOSED)
                self.sessions.end_all(tx, bond.account)
                self.store.remove_passkeys(tx, bond.account)

        facts: dict[str, JsonValue] = {"account": bond.account, "bond": bond.kind.value}
        kind = "family.account_closed" if own else "family.bond_ended"
        self.journal.record(write, EntryDraft(kind, by, facts=facts, subjects=(bond.subject_ref,)))

    def _may_end(self, bond: Bond, by: Principal) -> bool:
        if by.kind is AccountKind.STAFF:
            row = self.bonds.view.pupil(bond.subject_ref)
            return row is not None and self.in_charge(by, row)
        if bond.account != by.account:
            return False
        return bond.kind is BondKind.GUARDIAN or self.rights(by.account, bond.subject_ref).close

    def _may_close(self, own: Bond, by: Principal) -> bool:
        if own.account == by.account:
            return self.rights(by.account, own.subject_ref).close
        if by.kind is not AccountKind.GUARDIAN:
            return False
        child = next((one.child for one in self.members(by.account) if one.child.subject_ref == own.subject_ref), None)
        young = child is not None and child.age is not None and child.age < OWN_ACCOUNT_AGE
        return young and self.rights(by.account, own.subject_ref).close


def _no_bond() -> NotFoundError:
    return NotFoundError(
        "There is no such account of a pupil in your charge, or it has ended.",
        detail_zh="未找到您负责的该账号，或已终止。",
    )
