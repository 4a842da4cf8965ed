"""What a person may know of their own account: which roles hold until when, and which days come next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from gateway.accounts.delegation_records import Delegation
from gateway.accounts.records import Account
from gateway.accounts.sealing import civil_date
from gateway.ids import AccountId
from gateway.journal import Reader, Tx
from gateway.principals import Principal, Role
from rulebook.records import Parameters


class AccountsById(Protocol):
    """What is needed of the accounts table."""

    def get(self, tx: Tx, account: AccountId) -> Account | None:
        """Return an account by its id."""


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that holds today; ``until`` is its last day, ``on_behalf`` who lent it. Both ``None`` for an own role."""

    role: Role
    until: date | None = None
    on_behalf: AccountId | None = None


@dataclass(frozen=True, slots=True)
class OwnFacts:
    """The days that matter to the holder of an account."""

    roles: tuple[HeldRole, ...]
    second_factor: bool
    password_due_on: date | None
    """The first day on which a new password is asked for (A50-2); ``None`` without a password."""
    seals_on: date | None
    """The day on which the account is sealed if it stays unused (A50-3)."""
    rules_acknowledged: bool
    """Whether any version of the unit's security rules was acknowledged (A50-1)."""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """Reads one's own account and nobody else's: it is asked with the principal, never with an id."""

    accounts: AccountsById
    lent: Callable[[Tx, Account, date], Delegation | None]
    reader: Reader
    parameters: Parameters
    now: Callable[[], datetime]

    def facts(self, principal: Principal) -> OwnFacts | None:
        """Return the facts of the principal's account, ``None`` when it is gone."""
        today = civil_date(self.now())

        def read(tx: Tx) -> tuple[Account, Delegation | None] | None:
            account = self.accounts.get(tx, principal.account)
            return None if account is None else (account, self.lent(tx, account, today))

        found = self.reader.read(read)
        if found is None:
            return None
        account, lent = found
        own = account.effective_roles(today)
        return OwnFacts(
            roles=tuple(self._held(role, own, lent) for role in sorted(principal.roles)),
            second_factor=account.totp_sealed is not None,
            password_due_on=self._password_due_on(account, today),
            seals_on=account.seals_on(self.parameters.sealing_months),
            rules_acknowledged=account.rules_version is not None,
        )

    def _held(self, role: Role, own: frozenset[Role], lent: Delegation | None) -> HeldRole:
        if role is Role.APPROVING_OFFICER and role not in own and lent is not None:
            return HeldRole(role, lent.valid_to, lent.delegator)
        return HeldRole(role)

    def _password_due_on(self, account: Account, today: date) -> date | None:
        if account.password_hash is None:
            return None
        if account.must_change or account.password_set_at is None:
            return today
        return civil_date(account.password_set_at) + timedelta(days=self.parameters.password_days + 1)
