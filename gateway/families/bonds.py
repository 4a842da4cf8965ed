"""For whom an account stands, and what it may do for them now: read from bonds and the sharing view, never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from gateway.accounts.sealing import civil_date
from gateway.families.ports import BondStore, PupilView
from gateway.families.records import Bond, BondKind, Child, Member, Rights
from gateway.families.rules import NOTHING, age_of, hand_over, rights_of
from gateway.ids import AccountId, SubjectRef
from gateway.journal import Reader


@dataclass(frozen=True, slots=True)
class Bonds:
    """Reads bonds with the rows of their pupils; a row that is gone gives no right at all."""

    store: BondStore
    reader: Reader
    view: PupilView
    now: Callable[[], datetime]

    def today(self) -> date:
        """Return the civil date in Asia/Shanghai (T-6)."""
        return civil_date(self.now())

    def members(self, account: AccountId) -> tuple[Member, ...]:
        """Return every pupil whom the account may see, oldest bond first, with its rights."""
        return tuple(self._members(account))

    def rights(self, account: AccountId, subject_ref: SubjectRef) -> Rights:
        """Return what the account may do for a pupil now; nothing without a live bond or a row."""
        found = self.reader.read(lambda tx: self.store.bonds_with(tx, subject_ref))
        mine = next((one for one in found if one.account == account), None)
        row = None if mine is None else self.view.pupil(subject_ref)
        if mine is None or row is None:
            return NOTHING
        return rights_of(mine.kind, row, self.today(), own_account=_own(found) is not None)

    def own_account(self, subject_ref: SubjectRef) -> Bond | None:
        """Return the live bond of the pupil's own account, ``None`` where there is none."""
        return _own(self.reader.read(lambda tx: self.store.bonds_with(tx, subject_ref)))

    def with_pupil(self, subject_ref: SubjectRef) -> tuple[Bond, ...]:
        """Return the live bonds of a pupil whose rights have not run out with age, oldest first."""
        found = self.reader.read(lambda tx: self.store.bonds_with(tx, subject_ref))
        row = self.view.pupil(subject_ref)
        if row is None:
            return ()
        own, today = _own(found) is not None, self.today()
        return tuple(one for one in found if rights_of(one.kind, row, today, own_account=own).see)

    def _members(self, account: AccountId) -> Iterator[Member]:
        for bond in self.reader.read(lambda tx: self.store.bonds_of(tx, account)):
            row = self.view.pupil(bond.subject_ref)
            if row is None:
                continue
            own = self.own_account(bond.subject_ref) is not None
            rights = rights_of(bond.kind, row, self.today(), own_account=own)
            if rights.see:
                yield Member(
                    child_of(bond, row, self.today()),
                    str(row.get("state") or ""),
                    rights,
                    bond,
                    own,
                    hand_over(row, self.today()),
                )


def child_of(bond: Bond, row: Mapping[str, object], today: date) -> Child:
    """Return the pupil of ``row`` as the account of ``bond`` sees them."""
    return Child(
        subject_ref=bond.subject_ref,
        label=str(row.get("name_masked") or ""),
        school_name=str(row.get("school_name") or ""),
        grade=str(row.get("grade") or ""),
        stage=str(row.get("stage") or ""),
        bond=bond.kind,
        age=age_of(row, today),
    )


def _own(bonds: tuple[Bond, ...]) -> Bond | None:
    return next((one for one in bonds if one.kind is BondKind.SELF), None)
