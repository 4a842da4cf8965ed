"""Activations: how the school, or for a pupil under 14 a guardian, lets somebody into an account of a family.

An activation is a link and eight digits, apart. The link holds a random reference in its fragment; neither is kept.
Who has both is signed in once and registers a passkey, or comes back with a fresh activation (design 9).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from gateway.accounts.records import Account
from gateway.errors import ConflictError, NotFoundError
from gateway.families.bonds import Bonds
from gateway.families.entering import BY_CODE, Doors, entered, principal_of
from gateway.families.errors import activation_refused
from gateway.families.ports import FamilyRepository, InCharge
from gateway.families.records import (
    CODE_DIGITS,
    Activation,
    ActivationId,
    Bond,
    BondId,
    BondKind,
    Entered,
    MadeActivation,
)
from gateway.families.rules import may_open
from gateway.identity.digests import digest_of
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, GroupJournal, JsonValue, Reader, Scratch, Tx
from gateway.principals import AccountKind, Principal


def reference_hash(reference: str) -> str:
    """Return what is kept of the reference of a link."""
    return digest_of("family activation", reference)


def code_hash(reference: str, code: str) -> str:
    """Return what is kept of a code: without the reference, which is not kept, it cannot be guessed."""
    return digest_of("family code", reference, code)


@dataclass(frozen=True, slots=True)
class ActivationDesk:
    """Makes, lists, revokes and redeems activations. ``in_charge`` says which staff may, for whom."""

    public_url: str
    life: timedelta
    bonds: Bonds
    store: FamilyRepository
    doors: Doors
    journal: GroupJournal
    reader: Reader
    scratch: Scratch
    in_charge: InCharge
    now: Callable[[], datetime]
    new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    new_reference: Callable[[], str] = lambda: secrets.token_hex(16)
    new_code: Callable[[], str] = lambda: f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"

    # --- making -----------------------------------------------------------------------------------------------

    def make(
        self, subject_ref: SubjectRef, kind: BondKind, by: Principal, account: AccountId | None = None
    ) -> MadeActivation:
        """Return an activation for a guardian, or for the pupil's own account; only digests of it are kept.

        ``account`` is a live account of that kind to be opened again; the pupil's own is found without it. An earlier
        activation of the same account is revoked. Raises
        ``NotFoundError`` when there is no such pupil or account, the pupil's age or record does not allow it, or
        ``by`` has no charge: one answer for all.
        """
        row = self.bonds.view.pupil(subject_ref)
        if row is None or not self._may_make(by, subject_ref, kind, row):
            self._refuse_making(by, subject_ref, kind)
        if kind is BondKind.SELF:
            own = self.bonds.own_account(subject_ref)
            account = None if own is None else own.account
        elif account is not None and not self._bound(account, subject_ref, kind):
            self._refuse_making(by, subject_ref, kind)
        now, reference, code = self.now(), self.new_reference(), self.new_code()
        made = Activation(
            id=ActivationId(f"ac-{self.new_id()}"),
            reference_hash=reference_hash(reference),
            code_hash=code_hash(reference, code),
            subject_ref=subject_ref,
            kind=kind,
            account=account,
            unit=by.unit if by.kind is AccountKind.STAFF else None,
            made_by=by.account,
            made_at=now,
            expires_at=now + self.life,
        )
        facts: dict[str, JsonValue] = {
            "activation": made.id,
            "bond": kind.value,
            "account": account,
            "expires_at": seconds_text(made.expires_at),
        }
        # Two guardians may each wait for a new account; of one account that there is, or is to be, the last one counts.
        single = kind is BondKind.SELF or account is not None

        def write(tx: Tx) -> None:
            if single:
                self.store.revoke_earlier(tx, subject_ref, kind, account, now)
            self.store.add_activation(tx, made)

        self.journal.record(
            write,
            EntryDraft("family.activation_made", by, facts=facts, subjects=(subject_ref,)),
        )
        link = f"{self.public_url}/family/activate#{reference}"
        return MadeActivation(made.id, kind, made.expires_at, code, link)

    def open_of(self, unit: UnitCode) -> tuple[Activation, ...]:
        """Return the open activations that a school or department made, newest first."""
        return self.reader.read(lambda tx: self.store.open_activations(tx, unit, self.now()))

    def revoke(self, activation: ActivationId, by: Principal) -> None:
        """Revoke an open activation of the own unit. Raises ``NotFoundError``, ``ConflictError`` for a closed one."""
        found = self.reader.read(lambda tx: self.store.activation(tx, activation))
        if found is None or found.unit is None or found.unit != by.unit or by.kind is not AccountKind.STAFF:
            raise NotFoundError("There is no such activation.", detail_zh="没有该激活记录。")

        def write(tx: Tx) -> None:
            if not self.store.revoke_activation(tx, activation, self.now()):
                raise ConflictError(
                    "The activation was used or revoked before.", detail_zh="该激活二维码已使用或已作废。"
                )

        self.journal.record(
            write,
            EntryDraft("family.activation_revoked", by, facts={"activation": found.id}, subjects=(found.subject_ref,)),
        )

    # --- redeeming --------------------------------------------------------------------------------------------

    def redeem(self, reference: str, code: str, here: Principal | None = None) -> Entered:
        """Return a session, opened by a link and its code; with a guardian ``here``, add the pupil to that account.

        A new session has assurance 1. An account that is opened again loses its passkeys and sessions first: who
        lost a telephone asks the school. Raises ``ActivationRefusedError``: one answer whatever is wrong.
        """
        found = self.reader.read(lambda tx: self.store.activation_behind(tx, reference_hash(reference)))
        if found is None:
            self._refuse(None, "unknown")
        closed = found.why_closed(self.now())
        # The try is counted before the code is looked at: tries side by side cannot outrun the limit.
        if closed is not None or not self.scratch.write(lambda tx: self.store.take_try(tx, found.id, self.now())):
            self._refuse(found, closed or "spent")
        if not hmac.compare_digest(code_hash(reference, code), found.code_hash):
            self._refuse(found, "code")
        if not self._still_allowed(found):
            self._refuse(found, "not_allowed")
        return self._enter(found, here)

    # --- inside -----------------------------------------------------------------------------------------------

    def _enter(self, found: Activation, here: Principal | None) -> Entered:
        now = self.now()
        stays = (
            found.account is None and here is not None and here.kind is found.kind.account_kind is AccountKind.GUARDIAN
        )
        account = self._account(found, here if stays else None, now)
        if account is None or account.sealed_at is not None:
            self._refuse(found, "closed")
        fresh = found.account is None and not stays
        token = None if stays else self.doors.token()
        who = here if here is not None and stays else principal_of(account, BY_CODE, now)
        bound = self._bound(account.id, found.subject_ref, found.kind)
        bond = Bond(BondId(f"bo-{self.new_id()}"), account.id, found.subject_ref, found.kind, now, found.made_by)

        def write(tx: Tx) -> None:
            if not self.store.use_activation(tx, found.id, now, account.id):
                raise _LostRaceError
            if fresh:
                self.doors.accounts.add(tx, account)
            if found.account is not None:
                self.doors.sessions.end_all(tx, account.id)
                self.store.remove_passkeys(tx, account.id)
            if not bound:
                self.store.add_bond(tx, bond)
                if bond.kind is BondKind.SELF:  # from 14 on the guardians hold the identity no longer
                    self.store.review_again(tx, bond.subject_ref)
            if token is not None:
                self.doors.open(tx, account.id, token, BY_CODE, now)

        facts: dict[str, JsonValue] = {
            "activation": found.id,
            "bond": found.kind.value,
            "account": account.id,
            "again": found.account is not None,
        }
        entries = [EntryDraft("family.activated", who, facts=facts, subjects=(found.subject_ref,))]
        if token is not None:
            entries.append(entered(who, "activation"))
        try:
            self.journal.record_all(write, entries)
        except (_LostRaceError, ConflictError):
            self._refuse(found, "used")  # another request was first, or another account became the pupil's own
        return Entered(who, token)

    def _account(self, found: Activation, here: Principal | None, now: datetime) -> Account | None:
        named = found.account if here is None else here.account
        if named is not None:
            return self.reader.read(lambda tx: self.doors.accounts.get(tx, named))
        kind = found.kind.account_kind
        prefix = "gd" if kind is AccountKind.GUARDIAN else "pu"
        return Account(AccountId(f"{prefix}-{self.new_id()}"), kind, frozenset({found.kind.role}), now)

    def _may_make(self, by: Principal, subject_ref: SubjectRef, kind: BondKind, row: Mapping[str, object]) -> bool:
        today = self.bonds.today()
        if by.kind is AccountKind.STAFF:
            return self.in_charge(by, row) and may_open(kind, row, today, by_guardian=False)
        guardian = by.kind is AccountKind.GUARDIAN and self.bonds.rights(by.account, subject_ref).act
        return guardian and may_open(kind, row, today, by_guardian=True)

    def _still_allowed(self, found: Activation) -> bool:
        """Say whether age and record still allow what they did when the activation was made."""
        row = self.bonds.view.pupil(found.subject_ref)
        if row is None:
            return False
        if found.account is not None and not self._bound(found.account, found.subject_ref, found.kind):
            return False
        by_guardian = found.unit is None
        if by_guardian and not self.bonds.rights(found.made_by, found.subject_ref).see:
            return False
        today = self.bonds.today()
        # the pupil may have turned 14 since the guardian made it: the own account is the pupil's all the more
        return may_open(found.kind, row, today, by_guardian=by_guardian) or (
            by_guardian and may_open(found.kind, row, today, by_guardian=False)
        )

    def _bound(self, account: AccountId, subject_ref: SubjectRef, kind: BondKind) -> bool:
        found = self.reader.read(lambda tx: self.store.bonds_with(tx, subject_ref))
        return any(one.account == account and one.kind is kind for one in found)

    def _refuse_making(self, by: Principal, subject_ref: SubjectRef, kind: BondKind) -> NoReturn:
        self.journal.append(
            EntryDraft(
                "family.activation_made",
                by,
                outcome="refused",
                facts={"bond": kind.value, "reason": "not_allowed"},
                subjects=(subject_ref,),
            )
        )
        raise NotFoundError(
            "No such pupil in your charge, or the age or the record does not allow such an account. The school opens "
            "accounts of guardians, and from 14 on the pupil's own; below 14 a guardian opens it.",
            detail_zh="未找到您负责的该学生，或其年龄、学籍状态不允许开通此类账号。监护人账号和满 14 周岁学生本人账号"
            "由学校开通，未满 14 周岁的由监护人开通。",
        )

    def _refuse(self, found: Activation | None, reason: str) -> NoReturn:
        facts: dict[str, JsonValue] = {"activation": None if found is None else found.id, "reason": reason}
        subjects = () if found is None else (found.subject_ref,)
        self.journal.append(
            EntryDraft("family.activation_refused", None, outcome="refused", facts=facts, subjects=subjects)
        )
        raise activation_refused()


class _LostRaceError(Exception):
    """Another request used the activation first; undoes this one."""
