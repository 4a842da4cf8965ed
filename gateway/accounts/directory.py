"""Everything that an administrator, or ``xueji init`` and ``xueji accounts`` on the host, does to accounts.

Who may do it is the decision point's to say (``authority``). Under it lies a floor that no policy lifts: nobody
manages the own account, 三员分立, the approver neither applies nor executes, one name in one unit is one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.accounts.authority import refusals
from gateway.accounts.client_registry import ClientRegistry
from gateway.accounts.closing import Closing
from gateway.accounts.opening import Opening, security_rules
from gateway.accounts.records import Account, ManagedAct, SecurityRules
from gateway.accounts.roles import needs_second_factor
from gateway.errors import ForbiddenError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.principals import FAMILIES, AccountKind, Principal, Role
from rulebook.records import Parameters

__all__ = ["AccountDirectory", "AccountState", "security_rules"]


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as its manager sees it: what holds today, and what comes due when."""

    account: Account
    effective_roles: frozenset[Role]
    seals_on: date | None
    password_due: bool
    rules_acknowledged: bool
    second_factor: bool
    second_factor_missing: bool


class AccountDirectory(Opening, Closing, ClientRegistry):
    """The directory of accounts: opening, changing, closing, reading."""

    def listed(self, actor: Principal, *, unit: UnitCode | None = None) -> tuple[Account, ...]:
        """Return the accounts of staff, applicants and clients that ``actor`` manages, by id; of one unit if given.

        Guardians and pupils are not listed: who they are stands in the registry alone. Raises ``ForbiddenError`` for
        whoever manages no accounts at all.
        """
        with refusals(self._journal, actor, "list"):
            self._authority.manage_accounts(actor, actor.unit)
        everybody = self._reader.read(lambda tx: self._accounts.listed(tx, unit=unit))
        found = [one for one in everybody if one.kind not in FAMILIES]
        units = self._authority.managed(actor, {one.unit for one in found if one.unit is not None})
        kept: dict[RecipientId, bool] = {}
        return tuple(one for one in found if self._reaches(actor, one, units, kept))

    def show(self, actor: Principal, account_id: AccountId) -> Account:
        """Return an account that ``actor`` manages, or the own one.

        Raises ``ForbiddenError`` and ``AccountNotFoundError``.
        """
        if actor.account == account_id:
            return self.get(account_id)
        with self._managing(actor, account_id, "read") as (account, _):
            return account

    def state(self, account: Account, today: date, parameters: Parameters) -> AccountState:
        """Return what holds for ``account`` today."""
        staff = account.kind is AccountKind.STAFF
        return AccountState(
            account,
            account.effective_roles(today),
            account.seals_on(parameters.sealing_months) if account.sealed_at is None else None,
            staff and account.password_due(today, parameters.password_days),
            not staff or account.rules_version == self._rules_in_force(account.unit).version,
            account.totp_sealed is not None,
            staff and needs_second_factor(account.roles) and account.totp_sealed is None,
        )

    def rules_of(self, actor: Principal, unit: UnitCode) -> SecurityRules:
        """Return the security rules in force in ``unit``; raises ``ForbiddenError``."""
        if actor.unit != unit:
            self._authority.manage_accounts(actor, unit)
        return self._rules_in_force(unit)

    def acts(self, actor: Principal, account_id: AccountId) -> tuple[ManagedAct, ...]:
        """Return who closed, reopened or reset an account and why, oldest first.

        Raises ``ForbiddenError`` unless ``actor`` manages the account or inspects.
        """
        if Role.INSPECTOR not in actor.roles:
            with refusals(self._journal, actor, "read_acts"):
                self._authority.manage_accounts(actor, actor.unit)
            account = self.get(account_id)
            with refusals(self._journal, actor, "read_acts", account=account_id):
                self._permit(actor, account.unit, account.recipient)
        return self._reader.read(lambda tx: self._accounts.notes(tx, account_id))

    def _reaches(
        self, actor: Principal, account: Account, units: frozenset[UnitCode], kept: dict[RecipientId, bool]
    ) -> bool:
        recipient = account.recipient
        if account.unit is not None or recipient is None:
            return account.unit in units
        if recipient not in kept:
            kept[recipient] = self._may_keep(actor, self._registered_by(recipient))
        return kept[recipient]

    def _may_keep(self, actor: Principal, keeper: UnitCode | None) -> bool:
        try:
            self._authority.manage_clients(actor, keeper)
        except ForbiddenError:
            return False
        return True
