"""What the workflow of applications and grants asks of other rooms: days, deliveries, the standing of recipients."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core_registry.domain.working_days import Measure, Period
from core_registry.setting import work_calendar
from gateway.accounts.delegations import Delegations
from gateway.accounts.own import OwnAccount
from gateway.accounts.recipients import RecipientRegister, suspended_error
from gateway.accounts.store import SqlAccounts
from gateway.bootstrap.parts import Parts
from gateway.errors import GatewayError
from gateway.ids import GrantId, RecipientId
from gateway.jobs import Periodic, Task
from gateway.journal import Tx
from gateway.policies.deadlines import WorkingDays
from gateway.policies.phases import Handed
from gateway.policies.protocols import RecipientStanding
from gateway.releases.records import ExtractState, Kept
from gateway.releases.road import DELIVERY_HOURS
from gateway.releases.store import ExtractStore
from gateway.services import Services
from rulebook import Rulebook

_NEVER_LEFT = frozenset({ExtractState.FAILED})
_UNDER_WAY = frozenset({ExtractState.QUEUED, ExtractState.PREPARING})


def working_days(book: Rulebook) -> WorkingDays:
    """Return the registry's own count of working days (T-1, T-2), so that both rooms keep one calendar."""
    calendar = work_calendar(book)
    return lambda day, number: calendar.after(day, Period(number, Measure.WORKING_DAYS)).day


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What the releases room knows of the extracts of grants."""

    extracts: ExtractStore
    now: Callable[[], datetime]

    def handed(self, tx: Tx, grants: Collection[GrantId]) -> Mapping[GrantId, Sequence[Handed]]:
        """Return the extracts of each of ``grants`` that has any; a failed preparation is none."""
        found: dict[GrantId, list[Handed]] = {}
        for kept in self.extracts.kept(tx, grants):
            if kept.state not in _NEVER_LEFT:
                found.setdefault(kept.grant, []).append(self._handed(kept))
        return found

    def _handed(self, kept: Kept) -> Handed:
        first = kept.first_delivery_at
        if kept.state in _UNDER_WAY:
            settled = False
        elif kept.state is ExtractState.READY:
            settled = first is not None and first + timedelta(hours=DELIVERY_HOURS) <= self.now()
        else:
            settled = True
        return Handed(
            extract=kept.id,
            delivered_at=first,
            delete_by=_delete_by(kept.obligations),
            settled=settled,
            certified=kept.state is ExtractState.DELETED,
        )


def standing(register: RecipientRegister) -> RecipientStanding:
    """Return why a recipient may receive nothing, as the register of recipients sees it."""

    def problem(tx: Tx, recipient: RecipientId, today: date) -> GatewayError | None:
        found = register.problem_in(tx, recipient, today)
        return None if found is None else suspended_error(found)

    return problem


def own_account(parts: Parts, delegations: Delegations) -> OwnAccount:
    """Return what answers people about their own account."""
    return OwnAccount(SqlAccounts(), delegations.lent, parts.reader, parts.book.parameters, parts.now)


def workflow_tasks(services: Services) -> list[Task]:
    """Return the hourly pass over deadlines and deletions: the first of a day does the work, the others find none."""
    return [Task("deadlines of applications", Periodic(services.applications.follow_up, 3600))]


def _delete_by(obligations: str) -> date | None:
    """Return the day that the obligations of an extract name; they are this program's own JSON."""
    if not obligations:
        return None
    return date.fromisoformat(json.loads(obligations)["delete_by"])
