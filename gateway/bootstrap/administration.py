"""Wires accounts, recipients and delegations, and the decision point as they ask it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.accounts.delegations import Delegations
from gateway.accounts.directory import AccountDirectory
from gateway.accounts.passwords import Passwords
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.records import SecurityRules
from gateway.accounts.service import AccountService
from gateway.accounts.store import SqlAccounts, SqlBookkeeping, SqlClients, SqlSessions
from gateway.accounts.store.delegations import SqlDelegations
from gateway.accounts.store.recipients import SqlRecipients
from gateway.accounts.totp import SecretBox
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.registry import registry_office
from gateway.ids import UnitCode
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.policies.decision import Action, Circumstances, DecisionPoint
from gateway.policies.resources import system_resource
from gateway.policies.scope import territory_within
from gateway.principals import Principal
from gateway.services import Services
from rulebook.records import Divisions


@dataclass(frozen=True, slots=True)
class DecidedAuthority:
    """The ``Authority`` of the accounts room: Cedar, asked for the system of a unit.

    ``managing`` returns school -> managing authority, so that whoever manages a department's accounts reaches the
    schools under it (A3-2); it is read anew each time.
    """

    decisions: DecisionPoint
    divisions: Divisions
    separation: str
    managing: Callable[[], Mapping[str, str]]

    def manage_accounts(self, actor: Principal, unit: UnitCode | None) -> str:
        """Return the id of the policy by which ``actor`` manages the accounts of ``unit``; raise ``ForbiddenError``."""
        return self._decide(actor, Action.MANAGE_ACCOUNTS, unit)

    def manage_clients(self, actor: Principal, unit: UnitCode | None) -> str:
        """Return the id of the policy by which ``actor`` keeps recipients that ``unit`` registered, or raise."""
        return self._decide(actor, Action.MANAGE_CLIENTS, unit)

    def delegate(self, actor: Principal, unit: UnitCode | None) -> str:
        """Return the id of the policy by which ``actor`` lends the approval of ``unit``; raise ``ForbiddenError``."""
        return self._decide(actor, Action.DELEGATE, unit)

    def managed(self, actor: Principal, units: Iterable[UnitCode]) -> frozenset[UnitCode]:
        """Return those of ``units`` whose accounts ``actor`` manages."""
        wanted = frozenset(units)
        schools = self.managing() if any(unit not in self.divisions.by_code for unit in wanted) else {}
        return frozenset(
            unit
            for unit in wanted
            if self.decisions.decide(
                actor, Action.MANAGE_ACCOUNTS, system_resource(unit), self._around(actor, unit, schools)
            ).allowed
        )

    def above(self, unit: UnitCode) -> tuple[UnitCode, ...]:
        """Return the department ``unit`` itself and those above it, upwards; empty for what is no department."""
        return tuple(UnitCode(code) for code in self.divisions.ancestors(unit))

    def _decide(self, actor: Principal, action: Action, unit: UnitCode | None) -> str:
        schools = {} if unit is None or unit in self.divisions.by_code or unit == actor.unit else self.managing()
        around = self._around(actor, unit, schools)
        return self.decisions.require(actor, action, system_resource(unit), around).policy

    def _around(self, actor: Principal, unit: UnitCode | None, schools: Mapping[str, str]) -> Circumstances:
        place = "" if unit is None else unit
        within = territory_within(self.divisions, actor.unit, place) or territory_within(
            self.divisions, actor.unit, schools.get(place, "")
        )
        return Circumstances(separation=self.separation, territory_within=within)


@dataclass(frozen=True, slots=True)
class AccountServices:
    """The room of accounts, wired but for tokens."""

    accounts: AccountService
    directory: AccountDirectory
    recipients: RecipientRegister
    delegations: Delegations


def authority(parts: Parts) -> DecidedAuthority:
    """Return who decides about accounts on this face."""
    office = registry_office(parts)

    def managing() -> Mapping[str, str]:
        if office is None:
            return {}
        rows: Iterable[tuple[str, str]] = office.schools().select("school_code", "managing_authority").iter_rows()
        return dict(rows)

    return DecidedAuthority(parts.decisions, parts.book.divisions, parts.settings.separation, managing)


def account_services(parts: Parts, scratch: SqlBookkeeping, default_rules: SecurityRules) -> AccountServices:
    """Return the services of accounts, recipients and delegations of a face."""
    keyring, book = parts.keyring, parts.book
    # a face without the accounts key can open nobody's second factor: a key of its own makes that certain
    box = SecretBox(keyring.secret(Key.ACCOUNTS) if keyring.has(Key.ACCOUNTS) else secrets.token_bytes(32))
    people, sessions, clients = SqlAccounts(), SqlSessions(), SqlClients()
    passwords, decider = Passwords(), authority(parts)

    def is_division(code: str) -> bool:
        return code in book.divisions.by_code

    recipients = RecipientRegister(
        store=SqlRecipients(),
        journal=parts.journal,
        reader=parts.reader,
        authority=decider,
        parameters=book.parameters,
        is_division=is_division,
        now=parts.now,
    )
    delegations = Delegations(
        store=SqlDelegations(),
        accounts=people,
        journal=parts.journal,
        reader=parts.reader,
        authority=decider,
        parameters=book.parameters,
        now=parts.now,
    )
    accounts = AccountService(
        accounts=people,
        sessions=sessions,
        journal=parts.journal,
        reader=parts.reader,
        bookkeeping=scratch,
        box=box,
        passwords=passwords,
        parameters=book.parameters,
        default_rules=default_rules,
        now=parts.now,
        deputies=delegations,
        recipients=recipients,
    )
    directory = AccountDirectory(
        accounts=people,
        sessions=sessions,
        clients=clients,
        journal=parts.journal,
        reader=parts.reader,
        box=box,
        passwords=passwords,
        default_rules=default_rules,
        is_division=is_division,
        authority=decider,
        now=parts.now,
        registered_by=recipients.unit_of,
        when_changed=delegations.settle,
    )
    return AccountServices(accounts, directory, recipients, delegations)


def standing_tasks(services: Services) -> list[Task]:
    """Return the passes over recipients and delegations: what has come due is written down once."""
    tasks = []
    if services.recipients is not None:
        tasks.append(Task("standing of recipients", Periodic(services.recipients.sweep, 3600)))
    if services.delegations is not None:
        tasks.append(Task("delegations over", Periodic(services.delegations.sweep, 3600)))
    return tasks
