"""What the use cases of this room need from a store; ``store.SqlPolicyStore`` fills it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from gateway.errors import GatewayError
from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId
from gateway.journal import Tx
from gateway.policies.assessments import Assessment
from gateway.policies.notices import Notice
from gateway.policies.phases import Handed
from gateway.policies.records import Application, ApplicationState, Comment, Grant, GrantState, Ground, GroundId


class GrantStore(Protocol):
    """What a release needs, inside its own transaction: the grant and its uses."""

    def grant(self, tx: Tx, grant_id: GrantId) -> Grant | None:
        """Return a grant as its row says, not verified, ``None`` when there is none."""

    def reserve_use(self, tx: Tx, grant_id: GrantId, now: datetime) -> bool:
        """Take one use of an active grant within its period, atomically; return whether there was one."""

    def release_use(self, tx: Tx, grant_id: GrantId) -> bool:
        """Give back a reserved use of which no byte was delivered; return whether one was missing."""


class AssessmentStore(Protocol):
    """Impact assessments of applications, and the notices of grants; both are added and never changed."""

    def add_assessment(self, tx: Tx, assessment: Assessment) -> None:
        """Insert an assessment; the newest of an application counts."""

    def assessment(self, tx: Tx, application_id: ApplicationId) -> Assessment | None:
        """Return the newest assessment of an application, ``None`` when there is none."""

    def add_notice(self, tx: Tx, grant_id: GrantId, notice: Notice) -> None:
        """Insert the notice of a grant."""

    def notice(self, tx: Tx, grant_id: GrantId) -> Notice | None:
        """Return the notice of a grant, ``None`` when there is none."""


class PolicyStore(GrantStore, AssessmentStore, Protocol):
    """Applications, grounds and grants."""

    def insert_application(self, tx: Tx, application: Application) -> None:
        """Insert an application with its history; raises ``ConflictError`` when the id is taken."""

    def update_application(self, tx: Tx, application: Application, expected_version: int) -> bool:
        """Write an application whose row is still at ``expected_version``; return whether it was."""

    def application(self, tx: Tx, application_id: ApplicationId) -> Application | None:
        """Return an application with ground and history, ``None`` when there is none."""

    def applications(
        self,
        tx: Tx,
        *,
        recipient: RecipientId | None = None,
        territories: Collection[str] | None = None,
        states: Collection[ApplicationState] | None = None,
        before: Mapping[ApplicationState, datetime] | None = None,
        limit: int = 200,
    ) -> list[Application]:
        """Return applications without history, newest first.

        ``before`` keeps those that came into one of its states before that instant, the longest waiting first.
        """

    def tell_overdue(self, tx: Tx, application: Application) -> bool:
        """Mark the present step of an application as told overdue; return whether it was not yet."""

    def untold(self, tx: Tx, found: Collection[ApplicationId]) -> frozenset[ApplicationId]:
        """Return those of ``found`` whose present step was not told overdue."""

    def insert_comment(self, tx: Tx, application_id: ApplicationId, comment: Comment) -> None:
        """Add a comment; none is ever changed."""

    def comments(self, tx: Tx, application_id: ApplicationId) -> tuple[Comment, ...]:
        """Return the comments of an application, the oldest first."""

    def insert_ground(
        self, tx: Tx, ground_id: GroundId, application_id: ApplicationId, ground: Ground, by: AccountId, at: datetime
    ) -> None:
        """Insert a ground; grounds are never changed."""

    def insert_grant(self, tx: Tx, grant: Grant) -> None:
        """Insert a signed grant; raises ``ConflictError`` when its application has one already."""

    def grants(
        self,
        tx: Tx,
        *,
        recipient: RecipientId | None = None,
        territories: Collection[str] | None = None,
        limit: int = 200,
    ) -> list[Grant]:
        """Return grants as their rows say, newest first."""

    def set_grant_state(
        self,
        tx: Tx,
        grant_id: GrantId,
        state: GrantState,
        *,
        among: Collection[GrantState],
        at: datetime,
        by: AccountId,
        reason: str,
    ) -> bool:
        """Set the stored state of a grant that is in one of ``among``; return whether it was."""

    def unclosed(self, tx: Tx, *, after: GrantId | None = None, limit: int = 200) -> list[Grant]:
        """Return grants of whose end the trail has not been told, by id, those behind ``after``."""

    def tell_closed(self, tx: Tx, grant_id: GrantId, at: datetime) -> bool:
        """Mark a grant as closed in the trail; return whether it was not yet."""

    def tell_deletion(self, tx: Tx, grant_id: GrantId, due: date) -> bool:
        """Mark the deletions due on ``due`` as told overdue; return whether they were not yet."""

    def told_deletion(self, tx: Tx, grant_id: GrantId) -> date | None:
        """Return the last due date that ``tell_deletion`` marked."""


class Deliveries(Protocol):
    """What was handed out under grants: the releases room knows, the composition root asks it."""

    def handed(self, tx: Tx, grants: Collection[GrantId]) -> Mapping[GrantId, Sequence[Handed]]:
        """Return the extracts of each of ``grants`` that has any."""


class NothingHanded:
    """Stands where no release can happen: nothing was ever handed out."""

    def handed(self, _tx: Tx, _grants: Collection[GrantId]) -> Mapping[GrantId, Sequence[Handed]]:
        """Return nothing."""
        return {}


RecipientStanding = Callable[[Tx, RecipientId, date], GatewayError | None]
"""Returns why a recipient may receive nothing on a civil date (not attested, renamed, dormant), else ``None``."""
