"""What the worker does about bonds: the registry learns of them, they end with age, wallets empty, sign-ins end.

A bond is made and ended where the family or the school is; what follows from it needs the registry's database and the
issuer's key, so the worker does it, from the row, within seconds. Whatever is left undone by a worker that was killed
is found again: each step changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.accounts.sealing import civil_date
from gateway.articles import keeps
from gateway.families.ports import GuardianRegister, KeptBonds, PupilView, SignIns, Wallets
from gateway.families.records import Bond, BondKind
from gateway.families.rules import ADULT_AGE, GONE, OWN_ACCOUNT_AGE, age_of, rights_of
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx

AT_ONCE = 100
"""Bonds of one round."""
LOOK_AGAIN = timedelta(days=30)
WITH_AGE = "age"
"""The reason of a bond that ended of itself, and who ended it for the registry."""


@keeps("A50-15")
@dataclass(frozen=True, slots=True)
class BondKeeper:
    """Follows bonds up. ``view`` reads the sharing view."""

    store: KeptBonds
    register: GuardianRegister
    wallets: Wallets
    sign_ins: SignIns
    view: PupilView
    journal: Journal
    reader: Reader
    scratch: Scratch
    now: Callable[[], datetime]

    def follow(self) -> bool:
        """Carry over what was opened and what ended since; say whether there was anything. For the worker's rounds."""
        opened = self.reader.read(lambda tx: self.store.unregistered(tx, AT_ONCE))
        for bond in opened:
            self._register(bond)
        ended = self.reader.read(lambda tx: self.store.unsettled(tx, AT_ONCE))
        for bond in ended:
            self._settle(bond)
        return bool(opened or ended)

    def review(self) -> int:
        """End bonds whose pupils are of age, each with an entry; return how many. For the worker's timer.

        The right is gone on the day itself, whenever this runs (``rules``): the entry and the end of credentials come
        after it. A pupil far from 14 and 18 is looked at once a month, since a birth date may be corrected; the day
        that is kept for it tells no birthday.
        """
        today = civil_date(self.now())
        due = self.reader.read(lambda tx: self.store.for_review(tx, today, AT_ONCE))
        return sum(self._review(bond) for bond in due)

    def _register(self, bond: Bond) -> None:
        on = civil_date(bond.opened_at)
        self.register.link(bond.account, bond.subject_ref, verified_by=bond.opened_by, on=on, now=self.now())
        self.scratch.write(lambda tx: self.store.registered(tx, bond.id, self.now()))

    def _settle(self, bond: Bond) -> None:
        """Empty the wallet of a bond that ended; end its sign-ins and its link unless there is a new bond."""
        ended_at = bond.ended_at or self.now()
        reason = WITH_AGE if bond.ended_by is None else "bond_ended"
        self.wallets.end_held(bond.subject_ref, bond.account, ended_at, reason)
        live = self.reader.read(lambda tx: self.store.bonds_with(tx, bond.subject_ref))
        if all(one.account != bond.account for one in live):  # else there is a new bond by now
            self.sign_ins.bond_ended(bond.subject_ref, bond.account, reason)
            if bond.kind is BondKind.GUARDIAN:
                by = bond.ended_by or WITH_AGE
                self.register.unlink(bond.account, bond.subject_ref, by=by, now=self.now())
        self.scratch.write(lambda tx: self.store.settled(tx, bond.id, self.now()))

    def _review(self, bond: Bond) -> int:
        today = civil_date(self.now())
        row = self.view.pupil(bond.subject_ref)
        age = None if row is None else age_of(row, today)
        if age is not None and age >= ADULT_AGE:
            return self._end(bond)
        if row is not None and age is not None and age >= OWN_ACCOUNT_AGE and row.get("state") not in GONE:
            live = self.reader.read(lambda tx: self.store.bonds_with(tx, bond.subject_ref))
            own = any(one.kind is BondKind.SELF for one in live)
            if not rights_of(bond.kind, row, today, own_account=own).hold:
                self.wallets.end_held(bond.subject_ref, bond.account, self.now(), "handed_over")
        soon = None if row is None else age_of(row, today + LOOK_AGAIN)
        near = soon is not None and soon != age and soon in {OWN_ACCOUNT_AGE, ADULT_AGE}
        again = today + (timedelta(days=1) if near else LOOK_AGAIN)
        self.scratch.write(lambda tx: self.store.review_on(tx, bond.id, again))
        return 0

    def _end(self, bond: Bond) -> int:
        """End a bond with its one entry; whoever was quicker has written it."""
        now = self.now()

        def write(tx: Tx) -> None:
            if not self.store.end_bond(tx, bond.id, now, None):
                raise _EndedBeforeError

        facts: dict[str, JsonValue] = {"account": bond.account, "bond": bond.kind.value, "reason": WITH_AGE}
        entry = EntryDraft("family.bond_ended", None, facts=facts, subjects=(bond.subject_ref,))
        try:
            self.journal.record(write, entry)
        except _EndedBeforeError:
            return 0
        return 1


class _EndedBeforeError(Exception):
    """Somebody ended the bond first; undoes this one."""
