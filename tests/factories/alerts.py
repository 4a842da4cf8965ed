"""Alerts on a real database and journal, with the rules of the rule book and a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine

from gateway.accounts.store import SqlBookkeeping
from gateway.audit.alerts import AlertService, Desk
from gateway.audit.alerts_deadlines import AlertDeadlines
from gateway.audit.alerts_follower import AlertFollower
from gateway.audit.alerts_records import Alert, AlertQuery
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.store import SqlAlertStore, SqlAmounts, SqlLogStore, SqlSuppressions
from gateway.audit.suppressions import SuppressionService
from gateway.db import DatabaseReader, make_engine
from gateway.ids import AccountId, UnitCode
from gateway.journal import EntryDraft, Receipt
from gateway.policies.decision import Action, Circumstances
from gateway.policies.resources import alert_resource
from gateway.policies.scope import territory_within
from gateway.policies.service import random_id
from gateway.principals import AccountKind, Principal, Role
from rulebook.alert_records import Alerting
from tests.factories.accounts import Clock
from tests.factories.journal import make_journal, trail
from tests.factories.policies import decision_point, rule_book

PROVINCE = UnitCode("140000")
CITY = UnitCode("140100")
COUNTY = UnitCode("140105")
SCHOOL = "2114010501"
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanxi


def officer(name: str, *roles: Role, unit: UnitCode = COUNTY) -> Principal:
    """Return a member of staff who proved a second factor."""
    return Principal(AccountId(f"st-{name}"), AccountKind.STAFF, frozenset(roles), unit=unit, post="测试", assurance=2)


SECURITY = officer("security", Role.SECURITY_ADMINISTRATOR)
DATA = officer("data", Role.DATA_OFFICER)
INSPECTOR = officer("inspector", Role.INSPECTOR, unit=PROVINCE)


class PolicyGate:
    """The gate on the real policies, without the service of applications."""

    def _ask(self, who: Principal, action: Action, unit: UnitCode, owner: Role, about: AccountId | None = None) -> str:
        within = territory_within(rule_book().divisions, who.unit, unit)
        resource = alert_resource(unit, owner, about)
        return decision_point().require(who, action, resource, Circumstances("three", within)).policy

    def read(self, principal: Principal, desk: Desk) -> None:
        """Ask for read_alerts."""
        self._ask(principal, Action.READ_ALERTS, *desk)

    def handle(self, principal: Principal, alert: Alert) -> str:
        """Ask for handle_alerts."""
        return self._ask(principal, Action.HANDLE_ALERTS, alert.unit, alert.owner, alert.about)


class KnownPlaces:
    """One school, one account, one grant and one application."""

    province = PROVINCE

    def department_of(self, unit: str) -> UnitCode | None:
        """Return the department of a unit."""
        return COUNTY if unit == SCHOOL else UnitCode(unit) if unit in rule_book().divisions.by_code else None

    def unit_of_account(self, account: str) -> str | None:
        """Return the unit of an account."""
        return {"st-7": SCHOOL, "st-8": str(CITY)}.get(account)

    def territory_of(self, *, grant: str | None, application: str | None) -> str | None:
        """Return the territory of a grant or the unit of an application."""
        return {"gr-city": str(CITY)}.get(grant or "") or {"ap-county": str(COUNTY)}.get(application or "")


def above(unit: UnitCode) -> UnitCode | None:
    """Return the department above one."""
    return {COUNTY: CITY, CITY: PROVINCE}.get(unit)


def worked(day: date) -> bool:
    """Return whether a day is a weekday."""
    return day.weekday() < 5


@dataclass
class AlertHouse:
    """A log, its follower and the desk of alerts."""

    engine: Engine
    journal: SequencerJournal
    clock: Clock
    follower: AlertFollower
    deadlines: AlertDeadlines
    alerts: AlertService
    suppressions: SuppressionService
    receipts: list[Receipt] = field(default_factory=list)

    def append(self, kind: str, actor: Principal | None = None, outcome: str = "done", **more: Any) -> int:  # noqa: ANN401  facts and links
        """Append an entry; return its index."""
        return self.journal.append(EntryDraft(kind, actor, outcome, **more)).index

    def failed(self, account: str | None = "st-7", reason: str = "password") -> int:
        """Append a failed sign-in."""
        return self.append("account.login_failed", None, "refused", facts={"account": account, "reason": reason})

    def breach(self, grant: str = "gr-city", dimension: str = "fields") -> int:
        """Append a release beyond the scope of its grant."""
        who = Principal(AccountId("cl-2"), AccountKind.CLIENT, frozenset({Role.EXECUTOR}), assurance=2)
        links = {"grant": grant, "application": "ap-county", "recipient": "91140100MA0GATEW7X"}
        facts: dict[str, Any] = {"dimension": dimension, "missing": [dimension], "rule": "A50-9"}
        return self.append("release.refused", who, "refused", facts=facts, links=links)

    def follow(self) -> None:
        """Follow the log to its end."""
        while self.follower.round():
            continue

    def all(self, **query: Any) -> list[Alert]:  # noqa: ANN401  members of the query
        """Return the alerts that fit, as an inspector sees them."""
        return list(self.alerts.list(INSPECTOR, AlertQuery(**query)).alerts)

    def entries(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the entries of the log whose kind begins with ``kind``."""
        return trail(self.engine, kind)

    def another_worker(self) -> AlertFollower:
        """Return a second follower on the same database."""
        return replace(self.follower)


@contextmanager
def alert_house(url: str, alerting: Alerting | None = None) -> Iterator[AlertHouse]:
    """Open a house on an empty database."""
    engine = make_engine(url)
    clock = Clock(MONDAY)
    journal = make_journal(engine, now=clock)
    try:
        yield _house(engine, journal, clock, alerting or rule_book().alerts)
    finally:
        journal.close()
        engine.dispose()


def _house(engine: Engine, journal: SequencerJournal, clock: Clock, alerting: Alerting) -> AlertHouse:
    reader, log, store = DatabaseReader(engine), SqlLogStore(engine), SqlAlertStore()
    follower = AlertFollower(
        store,
        SqlAmounts(),
        SqlSuppressions(),
        log,
        reader,
        journal,
        SqlBookkeeping(engine),
        alerting,
        worked,
        KnownPlaces(),
        clock,
        random_id,
    )
    deadlines = AlertDeadlines(store, reader, journal, alerting, worked, above, clock)
    divisions = rule_book().divisions
    service = AlertService(store, log, reader, journal, PolicyGate(), alerting, lambda c: c in divisions.by_code, clock)
    suppressions = SuppressionService(SqlSuppressions(), service, reader, journal, alerting, clock, random_id)
    return AlertHouse(engine, journal, clock, follower, deadlines, service, suppressions)
