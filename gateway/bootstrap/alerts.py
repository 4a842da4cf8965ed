"""Alerts, wired: who may see them, which department answers, and the worker that raises them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from core_registry.setting import work_calendar
from gateway.accounts.store import SqlAccounts, SqlBookkeeping
from gateway.audit.alerts import AlertService, Desk
from gateway.audit.alerts_deadlines import AlertDeadlines
from gateway.audit.alerts_expiry import EndingGrant, ExpiryNotice
from gateway.audit.alerts_follower import AlertFollower
from gateway.audit.alerts_records import Alert
from gateway.audit.store import SqlAlertStore, SqlAmounts, SqlLogStore, SqlSuppressions
from gateway.audit.suppressions import SuppressionEnds, SuppressionService
from gateway.bootstrap.parts import Parts, Process
from gateway.errors import ConfigurationError
from gateway.ids import AccountId, ApplicationId, GrantId, UnitCode
from gateway.jobs import Periodic, Task
from gateway.keyring import Face
from gateway.policies.decision import Action
from gateway.policies.records import Grant, GrantState
from gateway.policies.resources import alert_resource
from gateway.policies.scope import civil_date
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store import SqlPolicyStore
from gateway.policies.trail import grant_links
from gateway.principals import Principal
from gateway.services import Services
from rulebook import Rulebook

__all__ = [
    "AlertService",
    "SuppressionService",
    "alert_service",
    "alert_tasks",
    "alerts_of",
    "officer",
    "suppression_service",
    "suppressions_of",
]


@dataclass(frozen=True, slots=True)
class PolicyGate:
    """Implements ``gateway.audit.alerts.AlertGate`` by the decision point."""

    applications: ApplicationService

    def read(self, principal: Principal, desk: Desk) -> None:
        """Raise ``ForbiddenError`` unless the principal may see the alerts of a desk."""
        unit, owner = desk
        self.applications.authorize(principal, Action.READ_ALERTS, alert_resource(unit, owner), territory=unit)

    def handle(self, principal: Principal, alert: Alert) -> str:
        """Return the policy that lets the principal handle an alert; raises ``ForbiddenError``."""
        resource = alert_resource(alert.unit, alert.owner, alert.about)
        return self.applications.authorize(principal, Action.HANDLE_ALERTS, resource, territory=alert.unit).policy


@dataclass(slots=True)
class Departments:
    """Implements ``gateway.audit.alerts_follower.Places`` on the divisions, the schools, accounts and grants."""

    parts: Parts
    services: Services
    policies: SqlPolicyStore
    _schools: dict[str, str] = field(default_factory=dict)

    @property
    def province(self) -> UnitCode:
        """The department of the province."""
        return province_of(self.parts.book)

    def department_of(self, unit: str) -> UnitCode | None:
        """Return a department as it is; of a school, the department that manages it."""
        if unit in self.parts.book.divisions.by_code:
            return UnitCode(unit)
        if unit not in self._schools and self.services.office is not None:
            schools = self.services.office.schools()
            self._schools.update(
                zip(schools["school_code"].to_list(), schools["managing_authority"].to_list(), strict=True)
            )
        found = self._schools.get(unit)
        return UnitCode(found) if found is not None and found in self.parts.book.divisions.by_code else None

    def unit_of_account(self, account: str) -> str | None:
        """Return the unit of an account."""
        found = self.parts.reader.read(lambda tx: SqlAccounts().get(tx, AccountId(account)))
        return None if found is None else found.unit

    def territory_of(self, *, grant: str | None, application: str | None) -> str | None:
        """Return the territory of a grant, or the unit that decides an application."""
        if grant is not None:
            held = self.parts.reader.read(lambda tx: self.policies.grant(tx, GrantId(grant)))
            if held is not None:
                return held.scope.population.territory
        if application is not None:
            asked = self.parts.reader.read(lambda tx: self.policies.application(tx, ApplicationId(application)))
            if asked is not None:
                return asked.unit
        return None


@dataclass(frozen=True, slots=True)
class Above:
    """Names the department above one."""

    book: Rulebook

    def __call__(self, unit: UnitCode) -> UnitCode | None:
        """Return the division above ``unit``; ``None`` for the province and what is unknown."""
        found = self.book.divisions.by_code.get(unit)
        if found is None or unit == province_of(self.book) or found.parent is None:
            return None
        return UnitCode(found.parent)


@dataclass(frozen=True, slots=True)
class LiveGrants:
    """Implements ``gateway.audit.alerts_expiry.EndingGrants``."""

    parts: Parts
    policies: SqlPolicyStore

    def ending(self, first: date, last: date) -> Iterator[EndingGrant]:
        """Yield the live grants whose last day lies in the range."""
        after: GrantId | None = None
        while page := self._page(after):
            for grant in page:
                if grant.state in _LIVE and first <= grant.scope.valid_to <= last:
                    yield EndingGrant(grant.scope.valid_to, grant_links(grant))
            after = page[-1].id

    def _page(self, after: GrantId | None) -> Sequence[Grant]:
        return self.parts.reader.read(lambda tx: self.policies.unclosed(tx, after=after))


_LIVE = frozenset({GrantState.ACTIVE, GrantState.SUSPENDED})


def province_of(book: Rulebook) -> UnitCode:
    """Return the province of this installation: the one whose semesters the rule book holds."""
    levels = {code: book.divisions.by_code[code].level for code in book.school_terms}
    return UnitCode(next(code for code, level in levels.items() if level == "province"))


def alert_service(parts: Parts, log: SqlLogStore, applications: ApplicationService) -> AlertService | None:
    """Return the use cases of alerts; ``None`` on a face that sees no entry of the log."""
    if parts.face not in {Face.ALL, Face.OFFICE, Face.WORKER}:
        return None
    divisions = parts.book.divisions
    return AlertService(
        store=SqlAlertStore(),
        log=log,
        reader=parts.reader,
        journal=parts.journal,
        gate=PolicyGate(applications),
        alerting=parts.book.alerts,
        is_division=lambda code: code in divisions.by_code,
        now=parts.now,
    )


def alert_tasks(
    parts: Parts, log: SqlLogStore, policies: SqlPolicyStore, scratch: SqlBookkeeping, services: Services
) -> list[Task]:
    """Return the worker's tasks: follow the log, record what is overdue, say which grants expire soon."""
    worked = work_calendar(parts.book).worked
    store, suppressions = SqlAlertStore(), SqlSuppressions()
    follower = AlertFollower(
        store=store,
        amounts=SqlAmounts(),
        suppressions=suppressions,
        log=log,
        reader=parts.reader,
        journal=parts.journal,
        scratch=scratch,
        alerting=parts.book.alerts,
        worked=worked,
        places=Departments(parts, services, policies),
        now=parts.now,
        new_id=random_id,
    )
    deadlines = AlertDeadlines(
        store, parts.reader, parts.journal, parts.book.alerts, worked, Above(parts.book), parts.now
    )
    expiry = ExpiryNotice(LiveGrants(parts, policies), log, parts.reader, scratch, parts.journal, parts.today)
    return [
        Task("grant expiry", Periodic(expiry.run, 3600)),
        Task("alerts", follower.round),
        Task("overdue alerts", Periodic(deadlines.run, 60)),
        Task(
            "ended suppressions",
            Periodic(SuppressionEnds(suppressions, parts.reader, parts.journal, parts.now).run, 60),
        ),
        Task("old alert windows", Periodic(follower.sweep, 3600)),
    ]


def suppression_service(parts: Parts, alerts: AlertService | None) -> SuppressionService | None:
    """Return the use cases of suppressions; ``None`` on a face without alerts."""
    if alerts is None:
        return None
    return SuppressionService(
        store=SqlSuppressions(),
        alerts=alerts,
        reader=parts.reader,
        journal=parts.journal,
        alerting=parts.book.alerts,
        now=parts.now,
        new_id=random_id,
    )


def alerts_of(process: Process) -> AlertService:
    """Return the alerts of a process; raises ``ConfigurationError`` on a face without them."""
    if process.services.alerts is None:
        raise ConfigurationError("This face has no alerts.", detail_zh="本端没有预警。")
    return process.services.alerts


def suppressions_of(process: Process) -> SuppressionService:
    """Return the suppressions of a process; raises ``ConfigurationError`` on a face without them."""
    if process.services.suppressions is None:
        raise ConfigurationError("This face has no alerts.", detail_zh="本端没有预警。")
    return process.services.suppressions


def officer(process: Process, account: str) -> Principal:
    """Return who looks on the host under ``account``: the host itself is the second factor.

    A sealed account has no roles. Raises ``AccountNotFoundError``.
    """
    held = process.services.directory.get(AccountId(account))
    principal = held.principal(civil_date(process.services.now()), assurance=2)
    return principal if held.sealed_at is None else replace(principal, roles=frozenset())
