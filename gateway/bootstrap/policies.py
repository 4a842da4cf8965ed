"""The decision point of a process, and the journal that names its set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.accounts.store import SqlAccounts
from gateway.db import DatabaseReader, make_engine
from gateway.errors import NotFoundError
from gateway.ids import AccountId, ApplicationId, GrantId
from gateway.jobs import Periodic, Task
from gateway.journal import GroupJournal
from gateway.keyring import Face
from gateway.policies.decision import DecisionPoint, Resource
from gateway.policies.live import LOOK_SECONDS, AttributingJournal, LiveDecisionPoint
from gateway.policies.resources import application_resource, grant_resource
from gateway.policies.scope import civil_date, current_state
from gateway.policies.store import SqlPolicyStore
from gateway.principals import Principal
from gateway.settings import Settings
from rulebook.policies import FOLDER


def live_policies(settings: Settings, face: Face, journal: GroupJournal) -> tuple[LiveDecisionPoint, GroupJournal]:
    """Return the decision point that follows ``config/policies``, and ``journal`` with its set in every entry.

    Raises ``ConfigurationError`` that says what to change when the set does not hold.
    """
    decisions = LiveDecisionPoint(settings.config / FOLDER, journal, face=face.value)
    return decisions, AttributingJournal(journal, decisions)


def policy_case(
    settings: Settings, account: AccountId, *, application: str | None = None, grant: str | None = None
) -> tuple[Principal, Resource]:
    """Return an account and an application or grant of the database, as the decision point would see them.

    For ``xueji policy explain`` on the host. Raises ``NotFoundError``.
    """
    engine = make_engine(settings.gateway_url)
    now = datetime.now(UTC)
    try:
        reader, store = DatabaseReader(engine), SqlPolicyStore()
        held = reader.read(lambda tx: SqlAccounts().get(tx, account))
        if held is None:
            raise NotFoundError("There is no such account.", detail_zh="没有该账号。")
        resource: Resource | None = None
        if application is not None:
            made = reader.read(lambda tx: store.application(tx, ApplicationId(application)))
            resource = None if made is None else application_resource(made)
        elif grant is not None:
            row = reader.read(lambda tx: store.grant(tx, GrantId(grant)))
            resource = None if row is None else grant_resource(replace(row, state=current_state(row, now)))
        if resource is None:
            raise NotFoundError("There is no such application or grant.", detail_zh="没有该申请或授权。")
        return held.principal(civil_date(now), assurance=2), resource
    finally:
        engine.dispose()


def policy_tasks(decisions: DecisionPoint) -> list[Task]:
    """Return the worker's look at the policy files: a broken one is reported also when nobody asks anything."""
    if not isinstance(decisions, LiveDecisionPoint):
        return []
    return [Task("policy files", Periodic(decisions.refresh, LOOK_SECONDS))]
