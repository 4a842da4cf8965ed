"""Reading applications and grants, and the answer to "what may I do" - all through the decision point."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from gateway.errors import NotFoundError
from gateway.ids import ApplicationId, GrantId, RecipientId
from gateway.journal import Reader, Tx
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint, Resource
from gateway.policies.grants import GrantSeal
from gateway.policies.grounds import reach
from gateway.policies.protocols import PolicyStore
from gateway.policies.records import Application, ApplicationState, Grant, GrantState, Level
from gateway.policies.resources import (
    application_resource,
    audit_log_resource,
    grant_resource,
    identity_resource,
    registry_resource,
    system_resource,
)
from gateway.policies.scope import current_state, territory_within
from gateway.principals import Principal
from rulebook.records import Rulebook

ACTS: Final[dict[ApplicationState, tuple[Action, ...]]] = {
    ApplicationState.DRAFT: (Action.SUBMIT,),
    ApplicationState.RETURNED: (Action.SUBMIT,),
    ApplicationState.SUBMITTED: (Action.RECORD_GROUND, Action.RETURN_APPLICATION),
    ApplicationState.BASIS_RECORDED: (Action.CONFIRM_GROUND, Action.RETURN_APPLICATION),
    ApplicationState.CONFIRMED: (Action.DECIDE_APPLICATION, Action.RETURN_APPLICATION),
}
"""What the next step can be, by state; in the other states nobody has anything to do."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An application that waits for the principal, and the acts that the principal may do now."""

    application: Application
    acts: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that a principal may do: on which resource, by which policy, until when, how often still."""

    action: Action
    resource: str
    id: str
    policy: str
    until: date | None = None
    uses_left: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """One line of the public register of shares: no person is named."""

    grant: GrantId
    recipient: RecipientId
    recipient_name: str
    purpose: str
    level: Level
    fields: tuple[str, ...]
    territory: str
    ground: str
    approved_on: datetime
    valid_from: date
    valid_to: date
    uses: int
    uses_left: int
    state: GrantState


class ApplicationQueries:
    """Reads for people and for releases. Holds no state of its own."""

    def __init__(
        self,
        *,
        store: PolicyStore,
        reader: Reader,
        decisions: DecisionPoint,
        book: Rulebook,
        seal: GrantSeal,
        separation: str,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._reader = reader
        self._decisions = decisions
        self._book = book
        self._seal = seal
        self._separation = separation
        self._now = now

    def get(self, principal: Principal, application_id: ApplicationId) -> Application:
        """Return an application with its history.

        Raises ``NotFoundError`` when there is none or the principal may not read it: one answer for both.
        """
        application = self._application(application_id)
        if not self._decide(principal, Action.READ_APPLICATION, application_resource(application)).allowed:
            raise _no_application()
        return application

    def list(
        self, principal: Principal, *, states: Collection[ApplicationState] | None = None, limit: int = 200
    ) -> tuple[Application, ...]:
        """Return the applications that the principal may read, newest first, without history."""
        found = self._reader.read(lambda tx: self._visible_applications(tx, principal, states, limit))
        return tuple(
            application
            for application in found
            if self._decide(principal, Action.READ_APPLICATION, application_resource(application)).allowed
        )

    def work_list(self, principal: Principal, *, limit: int = 200) -> tuple[WorkItem, ...]:
        """Return what waits for the principal: applications in which the next step is theirs to take."""
        items = []
        for application in self.list(principal, states=frozenset(ACTS), limit=limit):
            acts = self.acts(principal, application)
            if set(acts) - {Action.RETURN_APPLICATION}:
                items.append(WorkItem(application, acts))
        return tuple(items)

    def acts(self, principal: Principal, application: Application) -> tuple[Action, ...]:
        """Return the acts that the principal may do on ``application`` in its present state."""
        return tuple(
            act
            for act in self._possible_acts(application)
            if self._decide(principal, act, application_resource(application)).allowed
        )

    def grant(self, grant_id: GrantId) -> Grant:
        """Return a grant, verified, with its state at this moment; for releases and identity.

        Raises ``NotFoundError``, or ``GrantInvalidError`` when its row was altered.
        """
        return self._reader.read(lambda tx: self.grant_in(tx, grant_id))

    def grant_in(self, tx: Tx, grant_id: GrantId) -> Grant:
        """Return a grant as ``grant`` does, read in the caller's transaction."""
        row = self._store.grant(tx, grant_id)
        if row is None:
            raise NotFoundError("There is no such grant.", detail_zh="没有该授权。")
        return self._present(row)

    def grant_for(self, principal: Principal, grant_id: GrantId) -> Grant:
        """Return a grant that the principal may read; ``NotFoundError`` when there is none or they may not."""
        grant = self.grant(grant_id)
        if not self._decide(principal, Action.READ_APPLICATION, grant_resource(grant)).allowed:
            raise NotFoundError("There is no such grant.", detail_zh="没有该授权。")
        return grant

    def grants(self, principal: Principal, *, limit: int = 200) -> tuple[Grant, ...]:
        """Return the grants that the principal may read, verified, newest first."""
        rows = self._reader.read(
            lambda tx: self._store.grants(
                tx, recipient=self._own_recipient(principal), territories=self._reach(principal), limit=limit
            )
        )
        present = [self._present(row) for row in rows]
        return tuple(
            grant
            for grant in present
            if self._decide(principal, Action.READ_APPLICATION, grant_resource(grant)).allowed
        )

    def authorize(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        """Return the decision that allows ``action``; raise ``ForbiddenError`` with policy and texts if none does.

        ``territory`` is the division or school of the resource; an application and a grant carry their own.
        For other rooms' acts (registry, audit, identity, system): they audit a refusal themselves.
        """
        return self._decisions.require(principal, action, resource, self._circumstances(principal, resource, territory))

    def permissions(self, principal: Principal) -> tuple[Permission, ...]:
        """Return what the principal may do now: in general, on applications in progress, and on live grants."""
        found = [*self._general_permissions(principal)]
        for item in self.work_list(principal):
            found += [
                Permission(act, "Application", item.application.id, self._policy(principal, act, item.application))
                for act in item.acts
            ]
        for grant in self.grants(principal):
            if grant.state not in {GrantState.ACTIVE, GrantState.USED_UP}:
                continue
            for act in (Action.WITHDRAW_GRANT, Action.EXECUTE_RELEASE, Action.DELIVER_RELEASE):
                if act is Action.EXECUTE_RELEASE and grant.state is GrantState.USED_UP:
                    continue
                decision = self._decide(principal, act, grant_resource(grant))
                if decision.allowed:
                    found.append(
                        Permission(act, "Grant", grant.id, decision.policy, grant.scope.valid_to, grant.uses_left)
                    )
        return tuple(found)

    def public_register(self, *, limit: int = 1000) -> tuple[RegisterEntry, ...]:
        """Return the public register of shares, from the same rows as the grants, newest first.

        Raises ``GrantInvalidError`` when a row was altered: a register that may be wrong is not shown.
        """
        rows = self._reader.read(lambda tx: self._store.grants(tx, limit=limit))
        return tuple(
            RegisterEntry(
                grant=grant.id,
                recipient=grant.recipient,
                recipient_name=grant.recipient_name,
                purpose=grant.scope.purpose,
                level=grant.scope.level,
                fields=grant.scope.fields,
                territory=grant.scope.population.territory,
                ground=grant.ground_label,
                approved_on=grant.approved_at,
                valid_from=grant.scope.valid_from,
                valid_to=grant.scope.valid_to,
                uses=grant.scope.uses,
                uses_left=grant.uses_left,
                state=grant.state,
            )
            for grant in map(self._present, rows)
        )

    def _general_permissions(self, principal: Principal) -> Iterator[Permission]:
        questions: list[tuple[Action, Resource, str]] = [
            (Action.READ_AUDIT, audit_log_resource(), ""),
            (Action.EXPORT_AUDIT, audit_log_resource(), ""),
            (Action.MANAGE_KEYS, system_resource(), ""),
            (Action.CONFIGURE, system_resource(), ""),
        ]
        if principal.recipient is not None:
            own = {"applicant": principal.account, "recipient": principal.recipient}
            draft = Resource("Application", "new", {**own, "unit": "", "territory": "", "state": "draft"})
            questions += [
                (Action.APPLY, draft, ""),
                (Action.VERIFY_IDENTITY, identity_resource(recipient=principal.recipient), ""),
            ]
        if principal.unit is not None:
            unit = principal.unit
            questions += [
                (Action.READ_REGISTRY, registry_resource(unit), unit),
                (Action.IMPORT_REGISTRY, registry_resource(unit), unit),
                (Action.ISSUE_IDENTITY, identity_resource(unit=unit), unit),
                (Action.MANAGE_ACCOUNTS, system_resource(unit), unit),
            ]
        for action, resource, territory in questions:
            decision = self._decide(principal, action, resource, territory=territory)
            if decision.allowed:
                yield Permission(action, resource.type, resource.id, decision.policy)

    def _possible_acts(self, application: Application) -> tuple[Action, ...]:
        acts = ACTS.get(application.state, ())
        if application.state is ApplicationState.BASIS_RECORDED and self._separation == "two":
            return (*acts, Action.DECIDE_APPLICATION)  # the approver may confirm in the same act (design 5)
        return acts

    def _policy(self, principal: Principal, action: Action, application: Application) -> str:
        return self._decide(principal, action, application_resource(application)).policy

    def _application(self, application_id: ApplicationId) -> Application:
        application = self._reader.read(lambda tx: self._store.application(tx, application_id))
        if application is None:
            raise _no_application()
        return application

    def _visible_applications(
        self, tx: Tx, principal: Principal, states: Collection[ApplicationState] | None, limit: int
    ) -> Sequence[Application]:
        return self._store.applications(
            tx,
            recipient=self._own_recipient(principal),
            territories=self._reach(principal),
            states=states,
            limit=limit,
        )

    def _own_recipient(self, principal: Principal) -> RecipientId | None:
        return principal.recipient if principal.unit is None else None

    def _reach(self, principal: Principal) -> frozenset[str] | None:
        """Return the divisions to look in: an optimisation of the query; the decision point decides row by row."""
        if principal.recipient is not None:
            return None  # by recipient, or row by row for someone who works for a unit too
        if principal.unit is None:
            return frozenset()
        if self._decisions.decide(
            principal,
            Action.READ_AUDIT,
            audit_log_resource(),
            Circumstances(separation=self._separation, territory_within=False),
        ).allowed:
            return None  # an inspector sees every territory
        return reach(principal.unit, self._book.divisions)

    def _present(self, row: Grant) -> Grant:
        grant = self._seal.verify(row)
        return replace(grant, state=current_state(grant, self._now()))

    def _decide(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        return self._decisions.decide(principal, action, resource, self._circumstances(principal, resource, territory))

    def _circumstances(self, principal: Principal, resource: Resource, territory: str = "") -> Circumstances:
        place = resource.attributes.get("territory") or territory or resource.attributes.get("unit", "")
        within = territory_within(self._book.divisions, principal.unit, place)
        return Circumstances(separation=self._separation, territory_within=within)


def _no_application() -> NotFoundError:
    return NotFoundError("There is no such application.", detail_zh="没有该申请。")
