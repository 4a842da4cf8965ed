"""Reading applications and grants, all through the decision point: one by one, as lists, as work to be done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from gateway.articles import keeps
from gateway.errors import NotFoundError
from gateway.ids import ApplicationId, GrantId, RecipientId
from gateway.journal import Reader, Tx
from gateway.policies.deadlines import Deadlines
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint, Resource
from gateway.policies.errors import RecipientBarredError
from gateway.policies.grants import GrantSeal
from gateway.policies.grounds import reach
from gateway.policies.phases import Handed, owed, phase_of
from gateway.policies.phases import overdue as late_deletions
from gateway.policies.protocols import Deliveries, PolicyStore, RecipientStanding
from gateway.policies.records import Application, ApplicationState, Grant, GrantPhase, GrantState
from gateway.policies.resources import application_resource, audit_log_resource, grant_resource
from gateway.policies.scope import civil_date, current_state, territory_within
from gateway.principals import Principal
from rulebook.records import Rulebook

_ALL: Final = 100_000
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
    due: date | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class GrantLifeView:
    """Where a grant stands, and which extracts of it the recipient has yet to certify as deleted."""

    phase: GrantPhase
    owed: tuple[Handed, ...] = ()

    @property
    def delete_by(self) -> date | None:
        """The day on which the next deletion certificate is due."""
        return self.owed[0].delete_by if self.owed else None


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
        deadlines: Deadlines,
        deliveries: Deliveries,
        standing: RecipientStanding,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._reader = reader
        self._decisions = decisions
        self._book = book
        self._seal = seal
        self._separation = separation
        self._deadlines = deadlines
        self._deliveries = deliveries
        self._standing = standing
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
        self,
        principal: Principal,
        *,
        states: Collection[ApplicationState] | None = None,
        overdue: bool = False,
        limit: int = 200,
    ) -> tuple[Application, ...]:
        """Return the applications that the principal may read, newest first, without history.

        ``overdue`` keeps those whose present step should have been done by now, the longest waiting first.
        """
        before = self._deadlines.waiting_since(self._today()) if overdue else None
        found = self._reader.read(lambda tx: self._visible_applications(tx, principal, states, limit, before))
        return tuple(
            application
            for application in found
            if (not overdue or self._deadlines.overdue(application, self._today()))
            and self._decide(principal, Action.READ_APPLICATION, application_resource(application)).allowed
        )

    def work_list(self, principal: Principal, *, limit: int = 200) -> tuple[WorkItem, ...]:
        """Return what waits for the principal, the longest waiting first: the next step is theirs to take."""
        waiting = dict.fromkeys(ACTS, self._now() + timedelta(days=1))
        found = self._reader.read(lambda tx: self._visible_applications(tx, principal, None, limit, waiting))
        items = []
        for application in found:
            acts = self.acts(principal, application)
            if set(acts) - {Action.RETURN_APPLICATION}:
                due = self._deadlines.due(application)
                items.append(WorkItem(application, acts, due, overdue=due is not None and due < self._today()))
        return tuple(sorted(items, key=lambda item: item.due or date.max))

    def due(self, application: Application) -> tuple[date | None, bool]:
        """Return the last day of the present step of an application, and whether that day is past."""
        return self._deadlines.due(application), self._deadlines.overdue(application, self._today())

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
        return self._present(row, tx)

    def grant_for(self, principal: Principal, grant_id: GrantId) -> Grant:
        """Return a grant that the principal may read; ``NotFoundError`` when there is none or they may not."""
        grant = self.grant(grant_id)
        if not self._decide(principal, Action.READ_APPLICATION, grant_resource(grant)).allowed:
            raise NotFoundError("There is no such grant.", detail_zh="没有该授权。")
        return grant

    def grants(self, principal: Principal, *, limit: int = 200) -> tuple[Grant, ...]:
        """Return the grants that the principal may read, verified, newest first."""
        own, within = self._own_recipient(principal), self._reach(principal)
        present = self._reader.read(
            lambda tx: [
                self._present(row, tx) for row in self._store.grants(tx, recipient=own, territories=within, limit=limit)
            ]
        )
        return tuple(
            grant
            for grant in present
            if self._decide(principal, Action.READ_APPLICATION, grant_resource(grant)).allowed
        )

    def lives(self, grants: Collection[Grant]) -> Mapping[GrantId, GrantLifeView]:
        """Return where each of ``grants``, read by this service, stands in its whole life."""
        handed = self._reader.read(lambda tx: self._deliveries.handed(tx, [grant.id for grant in grants]))
        return {
            grant.id: GrantLifeView(
                phase_of(grant, handed.get(grant.id, ()), self._today()), owed(handed.get(grant.id, ()))
            )
            for grant in grants
        }

    @keeps("A50-12")
    def barred(self, recipient: RecipientId) -> RecipientBarredError | None:
        """Return why nothing further may be granted to a recipient, ``None`` when nothing stands against it.

        That is: it is not in force as a recipient, or a deletion that it owes is overdue (``A50-12``).
        """
        return self._reader.read(lambda tx: self._not_in_force(tx, recipient) or self._owing(tx, recipient))

    def authorize(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        """Return the decision that allows ``action``; raise ``ForbiddenError`` with policy and texts if none does.

        ``territory`` is the division or school of the resource; an application and a grant carry their own.
        For other rooms' acts (registry, audit, identity, system), which audit a refusal themselves or ask ``enter``.
        """
        return self._decisions.require(principal, action, resource, self._circumstances(principal, resource, territory))

    def _possible_acts(self, application: Application) -> tuple[Action, ...]:
        acts = ACTS.get(application.state, ())
        if application.state is ApplicationState.BASIS_RECORDED and self._separation == "two":
            return (*acts, Action.DECIDE_APPLICATION)  # the approver may confirm in the same act (design 5)
        return acts

    def _application(self, application_id: ApplicationId) -> Application:
        application = self._reader.read(lambda tx: self._store.application(tx, application_id))
        if application is None:
            raise _no_application()
        return application

    def _require_in_force(self, recipient: RecipientId) -> None:
        error = self._reader.read(lambda tx: self._not_in_force(tx, recipient))
        if error is not None:
            raise error

    def _require_unbarred(self, recipient: RecipientId) -> None:
        error = self.barred(recipient)
        if error is not None:
            raise error

    def _not_in_force(self, tx: Tx, recipient: RecipientId) -> RecipientBarredError | None:
        problem = self._standing(tx, recipient, self._today())
        if problem is None:
            return None
        return RecipientBarredError(
            problem.detail,
            detail_zh=problem.detail_zh,
            rule=problem.rule,
            missing=problem.missing or ("recipient_in_force",),
            extra=problem.extra,
        )

    def _owing(self, tx: Tx, recipient: RecipientId) -> RecipientBarredError | None:
        ids = [grant.id for grant in self._store.grants(tx, recipient=recipient, limit=_ALL)]
        handed = self._deliveries.handed(tx, ids)
        late = sorted(one for one in ids if late_deletions(handed.get(one, ()), self._today()))
        if not late:
            return None
        named = ", ".join(late)
        return RecipientBarredError(
            f"The recipient is overdue with deletion certificates under {named}: nothing further is granted until they "
            "are handed in.",
            detail_zh=f"该数据使用方在下列授权下逾期未提交销毁证明，补交前不再批准：{named}。",
            missing=("deletion_certificate",),
            extra={"grants": named},
        )

    def _visible_applications(
        self,
        tx: Tx,
        principal: Principal,
        states: Collection[ApplicationState] | None,
        limit: int,
        before: Mapping[ApplicationState, datetime] | None = None,
    ) -> Sequence[Application]:
        return self._store.applications(
            tx,
            recipient=self._own_recipient(principal),
            territories=self._reach(principal),
            states=states,
            before=before,
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

    def _present(self, row: Grant, tx: Tx | None = None) -> Grant:
        """Return a verified row with its state at this moment.

        With ``tx`` the standing of the recipient counts too: a grant of one that is not in force is suspended.
        """
        grant = self._seal.verify(row)
        state = current_state(grant, self._now())
        if state in {GrantState.ACTIVE, GrantState.USED_UP} and tx is not None:
            barred = self._not_in_force(tx, grant.recipient)
            if barred is not None:
                return replace(grant, state=GrantState.SUSPENDED, state_reason=barred.detail_zh or barred.detail)
        return replace(grant, state=state)

    def _today(self) -> date:
        return civil_date(self._now())

    def _decide(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        return self._decisions.decide(principal, action, resource, self._circumstances(principal, resource, territory))

    def _circumstances(self, principal: Principal, resource: Resource, territory: str = "") -> Circumstances:
        place = resource.attributes.get("territory") or territory or resource.attributes.get("unit", "")
        within = territory_within(self._book.divisions, principal.unit, place)
        return Circumstances(separation=self._separation, territory_within=within)


def _no_application() -> NotFoundError:
    return NotFoundError("There is no such application.", detail_zh="没有该申请。")
