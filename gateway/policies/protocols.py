"""What the use cases of this room need from a store; ``store.SqlPolicyStore`` fills it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId
from gateway.journal import Tx
from gateway.policies.records import Application, ApplicationState, Grant, GrantState, Ground, GroundId


class GrantStore(Protocol):
    """What a release needs, inside its own transaction: the grant and its uses."""

    def grant(self, tx: Tx, grant_id: GrantId) -> Grant | None:
        """Return a grant as its row says, not verified, ``None`` when there is none."""

    def reserve_use(self, tx: Tx, grant_id: GrantId, now: datetime) -> bool:
        """Take one use of an active grant within its period, atomically; return whether there was one."""

    def release_use(self, tx: Tx, grant_id: GrantId) -> bool:
        """Give back a reserved use of which no byte was delivered; return whether one was missing."""


class PolicyStore(GrantStore, Protocol):
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
        limit: int = 200,
    ) -> list[Application]:
        """Return applications without history, newest first."""

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

    def set_grant_state(self, tx: Tx, grant_id: GrantId, state: GrantState, *, among: Collection[GrantState]) -> bool:
        """Set the stored state of a grant that is in one of ``among``; return whether it was."""
