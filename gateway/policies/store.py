"""Applications, their events, grounds and grants as rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from gateway.db import connection_of, metadata
from gateway.errors import ConflictError
from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId, UnitCode
from gateway.journal import Tx
from gateway.policies.codec import decode_ground, decode_scope, decode_time, encode_ground, encode_scope, encode_time
from gateway.policies.records import (
    Application,
    ApplicationState,
    Grant,
    GrantState,
    Ground,
    GroundId,
    HistoryEvent,
)
from gateway.policies.scope import civil_date

applications = sa.Table(
    "applications",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("applicant", sa.String(64), nullable=False),
    sa.Column("recipient", sa.String(32), nullable=False, index=True),
    sa.Column("recipient_name", sa.String(200), nullable=False),
    sa.Column("responsible", sa.String(200), nullable=False),
    sa.Column("unit", sa.String(16), nullable=False),
    sa.Column("territory", sa.String(16), nullable=False, index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("protection", sa.Text, nullable=False),
    sa.Column("terms_accepted", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("ground_id", sa.String(64)),
    sa.Column("ground_recorder", sa.String(64)),
    sa.Column("ground_confirmer", sa.String(64)),
    sa.Column("approver", sa.String(64)),
    sa.Column("decision_reason", sa.Text, nullable=False),
    sa.Column("grant_id", sa.String(64)),
    sa.Column("version", sa.Integer, nullable=False),
)

application_events = sa.Table(
    "application_events",
    metadata,
    sa.Column("application", sa.String(64), sa.ForeignKey("applications.id"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("act", sa.String(64), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
)

grounds = sa.Table(
    "grounds",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("application", sa.String(64), sa.ForeignKey("applications.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.String(32), nullable=False),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    # one application, one grant: two officers deciding at once cannot make two
    sa.Column("application", sa.String(64), sa.ForeignKey("applications.id"), nullable=False, unique=True),
    sa.Column("applicant", sa.String(64)),
    sa.Column("recipient", sa.String(32), nullable=False, index=True),
    sa.Column("recipient_name", sa.String(200), nullable=False),
    sa.Column("responsible", sa.String(200), nullable=False),
    sa.Column("territory", sa.String(16), nullable=False, index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("valid_from", sa.String(10), nullable=False),
    sa.Column("valid_to", sa.String(10), nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sa.Column("ground_id", sa.String(64), sa.ForeignKey("grounds.id"), nullable=False),
    sa.Column("ground_kind", sa.String(16), nullable=False),
    sa.Column("ground_label", sa.String(400), nullable=False),
    sa.Column("basis_recorder", sa.String(64), nullable=False),
    sa.Column("basis_confirmer", sa.String(64), nullable=False),
    sa.Column("approver", sa.String(64), nullable=False),
    sa.Column("approved_at", sa.String(32), nullable=False),
    sa.Column("policy_set", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("jws", sa.Text, nullable=False),
    sa.CheckConstraint("uses_left >= 0 AND uses_left <= uses", name="uses_left"),
)


class SqlPolicyStore:
    """The store of this room, on SQLite and PostgreSQL. Every method takes the transaction first."""

    def insert_application(self, tx: Tx, application: Application) -> None:
        """Insert an application with its history; raises ``ConflictError`` when the id is taken."""
        try:
            connection_of(tx).execute(applications.insert().values(**_application_row(application)))
        except sa.exc.IntegrityError as error:
            raise ConflictError("An application with this id exists.") from error
        self._insert_events(tx, application, after=0)

    def update_application(self, tx: Tx, application: Application, expected_version: int) -> bool:
        """Write an application whose row is still at ``expected_version``; return whether it was.

        Events that the row's history does not have yet are appended; none is ever changed.
        """
        row = _application_row(application)
        del row["id"]
        done = connection_of(tx).execute(
            applications.update()
            .where(applications.c.id == application.id, applications.c.version == expected_version)
            .values(**row)
        )
        if done.rowcount != 1:
            return False
        known = connection_of(tx).scalar(
            sa.select(sa.func.count())
            .select_from(application_events)
            .where(application_events.c.application == application.id)
        )
        self._insert_events(tx, application, after=known or 0)
        return True

    def application(self, tx: Tx, application_id: ApplicationId) -> Application | None:
        """Return an application with ground and history, ``None`` when there is none."""
        row = connection_of(tx).execute(_select_applications().where(applications.c.id == application_id)).one_or_none()
        if row is None:
            return None
        events = connection_of(tx).execute(
            sa.select(application_events)
            .where(application_events.c.application == application_id)
            .order_by(application_events.c.sequence)
        )
        history = tuple(
            HistoryEvent(decode_time(event.at), AccountId(event.account), event.act, event.comment) for event in events
        )
        return _application(row, history)

    def applications(
        self,
        tx: Tx,
        *,
        recipient: RecipientId | None = None,
        territories: Collection[str] | None = None,
        states: Collection[ApplicationState] | None = None,
        limit: int = 200,
    ) -> list[Application]:
        """Return applications without history, newest first. Each filter that is not ``None`` is one more condition."""
        query = _select_applications()
        if recipient is not None:
            query = query.where(applications.c.recipient == recipient)
        if territories is not None:
            query = query.where(applications.c.territory.in_(sorted(territories)))
        if states is not None:
            query = query.where(applications.c.state.in_(sorted(state.value for state in states)))
        query = query.order_by(applications.c.created_at.desc(), applications.c.id).limit(limit)
        return [_application(row, ()) for row in connection_of(tx).execute(query)]

    def insert_ground(
        self, tx: Tx, ground_id: GroundId, application_id: ApplicationId, ground: Ground, by: AccountId, at: datetime
    ) -> None:
        """Insert a ground; grounds are never changed."""
        connection_of(tx).execute(
            grounds.insert().values(
                id=ground_id,
                application=application_id,
                kind=ground.kind,
                body=encode_ground(ground),
                recorded_by=by,
                recorded_at=encode_time(at),
            )
        )

    def insert_grant(self, tx: Tx, grant: Grant) -> None:
        """Insert a signed grant; raises ``ConflictError`` when its application has one already."""
        try:
            connection_of(tx).execute(grants.insert().values(**_grant_row(grant)))
        except sa.exc.IntegrityError as error:
            raise ConflictError("The application has been decided already.", detail_zh="该申请已作出决定。") from error

    def grant(self, tx: Tx, grant_id: GrantId) -> Grant | None:
        """Return a grant as its row says, not verified, ``None`` when there is none."""
        row = connection_of(tx).execute(sa.select(grants).where(grants.c.id == grant_id)).one_or_none()
        return None if row is None else _grant(row)

    def grants(
        self,
        tx: Tx,
        *,
        recipient: RecipientId | None = None,
        territories: Collection[str] | None = None,
        limit: int = 200,
    ) -> list[Grant]:
        """Return grants as their rows say, newest first."""
        query = sa.select(grants)
        if recipient is not None:
            query = query.where(grants.c.recipient == recipient)
        if territories is not None:
            query = query.where(grants.c.territory.in_(sorted(territories)))
        query = query.order_by(grants.c.approved_at.desc(), grants.c.id).limit(limit)
        return [_grant(row) for row in connection_of(tx).execute(query)]

    def set_grant_state(self, tx: Tx, grant_id: GrantId, state: GrantState, *, among: Collection[GrantState]) -> bool:
        """Set the stored state of a grant that is in one of ``among``; return whether it was."""
        done = connection_of(tx).execute(
            grants.update()
            .where(grants.c.id == grant_id, grants.c.state.in_(sorted(old.value for old in among)))
            .values(state=state.value)
        )
        return done.rowcount == 1

    def reserve_use(self, tx: Tx, grant_id: GrantId, now: datetime) -> bool:
        """Take one use of an active grant within its period, in one statement; return whether there was one.

        Ten workers at once get no more than are left: the condition and the change are one UPDATE.
        """
        today = civil_date(now).isoformat()
        done = connection_of(tx).execute(
            grants.update()
            .where(
                grants.c.id == grant_id,
                grants.c.state == GrantState.ACTIVE.value,
                grants.c.valid_from <= today,
                grants.c.valid_to >= today,
                grants.c.uses_left > 0,
            )
            .values(uses_left=grants.c.uses_left - 1)
        )
        return done.rowcount == 1

    def release_use(self, tx: Tx, grant_id: GrantId) -> bool:
        """Give back a reserved use of which no byte was delivered; return whether one was missing."""
        done = connection_of(tx).execute(
            grants.update()
            .where(grants.c.id == grant_id, grants.c.uses_left < grants.c.uses)
            .values(uses_left=grants.c.uses_left + 1)
        )
        return done.rowcount == 1

    def _insert_events(self, tx: Tx, application: Application, *, after: int) -> None:
        rows = [
            {
                "application": application.id,
                "sequence": sequence,
                "at": encode_time(event.at),
                "account": event.account,
                "act": event.act,
                "comment": event.comment,
            }
            for sequence, event in enumerate(application.history, start=1)
            if sequence > after
        ]
        if rows:
            connection_of(tx).execute(application_events.insert(), rows)


def _select_applications() -> sa.Select[tuple[object, ...]]:
    return sa.select(applications, grounds.c.body.label("ground_body")).select_from(
        applications.outerjoin(grounds, grounds.c.id == applications.c.ground_id)
    )


def _application_row(application: Application) -> dict[str, object]:
    return {
        "id": application.id,
        "state": application.state.value,
        "applicant": application.applicant,
        "recipient": application.recipient,
        "recipient_name": application.recipient_name,
        "responsible": application.responsible,
        "unit": application.unit,
        "territory": application.scope.population.territory,
        "scope": encode_scope(application.scope),
        "reason": application.reason,
        "protection": application.protection,
        "terms_accepted": application.terms_accepted,
        "created_at": encode_time(application.created_at),
        "ground_id": application.ground_id,
        "ground_recorder": application.ground_recorder,
        "ground_confirmer": application.ground_confirmer,
        "approver": application.approver,
        "decision_reason": application.decision_reason,
        "grant_id": application.grant_id,
        "version": application.version,
    }


def _application(row: sa.Row[tuple[object, ...]], history: tuple[HistoryEvent, ...]) -> Application:
    return Application(
        id=ApplicationId(row.id),
        state=ApplicationState(row.state),
        applicant=AccountId(row.applicant),
        recipient=RecipientId(row.recipient),
        recipient_name=row.recipient_name,
        responsible=row.responsible,
        unit=UnitCode(row.unit),
        scope=decode_scope(row.scope),
        reason=row.reason,
        protection=row.protection,
        terms_accepted=bool(row.terms_accepted),
        created_at=decode_time(row.created_at),
        ground_id=None if row.ground_id is None else GroundId(row.ground_id),
        ground=None if row.ground_body is None else decode_ground(row.ground_body),
        ground_recorder=None if row.ground_recorder is None else AccountId(row.ground_recorder),
        ground_confirmer=None if row.ground_confirmer is None else AccountId(row.ground_confirmer),
        approver=None if row.approver is None else AccountId(row.approver),
        decision_reason=row.decision_reason,
        grant_id=None if row.grant_id is None else GrantId(row.grant_id),
        history=history,
        version=row.version,
    )


def _grant_row(grant: Grant) -> dict[str, object]:
    return {
        "id": grant.id,
        "application": grant.application,
        "applicant": grant.applicant,
        "recipient": grant.recipient,
        "recipient_name": grant.recipient_name,
        "responsible": grant.responsible,
        "territory": grant.scope.population.territory,
        "scope": encode_scope(grant.scope),
        "valid_from": grant.scope.valid_from.isoformat(),
        "valid_to": grant.scope.valid_to.isoformat(),
        "uses": grant.scope.uses,
        "uses_left": grant.uses_left,
        "ground_id": grant.ground_id,
        "ground_kind": grant.ground_kind,
        "ground_label": grant.ground_label,
        "basis_recorder": grant.basis_recorder,
        "basis_confirmer": grant.basis_confirmer,
        "approver": grant.approver,
        "approved_at": encode_time(grant.approved_at),
        "policy_set": grant.policy_set,
        "state": grant.state.value,
        "jws": grant.jws,
    }


def _grant(row: sa.Row[tuple[object, ...]]) -> Grant:
    return Grant(
        id=GrantId(row.id),
        application=ApplicationId(row.application),
        recipient=RecipientId(row.recipient),
        recipient_name=row.recipient_name,
        responsible=row.responsible,
        scope=decode_scope(row.scope),
        ground_id=GroundId(row.ground_id),
        ground_kind=row.ground_kind,
        ground_label=row.ground_label,
        basis_recorder=AccountId(row.basis_recorder),
        basis_confirmer=AccountId(row.basis_confirmer),
        approver=AccountId(row.approver),
        approved_at=decode_time(row.approved_at),
        policy_set=row.policy_set,
        state=GrantState(row.state),
        uses_left=row.uses_left,
        jws=row.jws,
        applicant=None if row.applicant is None else AccountId(row.applicant),
    )
