"""Applications, their events, comments and grounds as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from gateway.db import Guard, connection_of, metadata, protect
from gateway.errors import ConflictError
from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId, UnitCode
from gateway.journal import Tx
from gateway.policies.codec import (
    decode_changes,
    decode_ground,
    decode_scope,
    decode_time,
    encode_changes,
    encode_ground,
    encode_scope,
    encode_time,
)
from gateway.policies.records import (
    Application,
    ApplicationState,
    Comment,
    Ground,
    GroundId,
    HistoryEvent,
)

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
    sa.Column("terms_version", sa.String(40), nullable=False, server_default=""),
    sa.Column("round", sa.Integer, nullable=False, server_default="0"),
    sa.Column("since", sa.String(32), index=True),
    sa.Column("recorder_for", sa.String(64)),
    sa.Column("confirmer_for", sa.String(64)),
    sa.Column("approver_for", sa.String(64)),
    # the step (by its ``since``) of which the trail has been told that it is overdue
    sa.Column("overdue_told", sa.String(32)),
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
    sa.Column("post", sa.String(120), nullable=False, server_default=""),
    sa.Column("on_behalf", sa.String(64)),
    sa.Column("changes", sa.Text),
)

# apart from the events: a remark changes no version, so it never stands in the way of an act
application_comments = sa.Table(
    "application_comments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("application", sa.String(64), sa.ForeignKey("applications.id"), nullable=False, index=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("post", sa.String(120), nullable=False),
    sa.Column("side", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("on_behalf", sa.String(64)),
)

protect(application_events, Guard())
protect(application_comments, Guard())

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


class SqlApplications:
    """Applications, grounds and grants. Every method takes the transaction first."""

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
        return _application(row, tuple(_event(event) for event in events))

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
        """Return applications without history, newest first. Each filter that is not ``None`` is one more condition.

        ``before`` keeps those that came into one of its states before the instant given for it; the longest
        waiting come first then.
        """
        query = _select_applications()
        if recipient is not None:
            query = query.where(applications.c.recipient == recipient)
        if territories is not None:
            query = query.where(applications.c.territory.in_(sorted(territories)))
        if states is not None:
            query = query.where(applications.c.state.in_(sorted(state.value for state in states)))
        order = [applications.c.created_at.desc(), applications.c.id]
        if before is not None:
            since = sa.func.coalesce(applications.c.since, applications.c.created_at)
            waiting = [
                sa.and_(applications.c.state == state.value, since < encode_time(at)) for state, at in before.items()
            ]
            query = query.where(sa.or_(sa.false(), *waiting))
            order = [since, applications.c.id]
        query = query.order_by(*order).limit(limit)
        return [_application(row, ()) for row in connection_of(tx).execute(query)]

    def tell_overdue(self, tx: Tx, application: Application) -> bool:
        """Mark the present step of an application as told; return whether it was there and not told before."""
        since = encode_time(application.since or application.created_at)
        told = applications.c.overdue_told
        done = connection_of(tx).execute(
            applications.update()
            .where(
                applications.c.id == application.id,
                applications.c.version == application.version,
                sa.or_(told.is_(None), told != since),
            )
            .values(overdue_told=since)
        )
        return done.rowcount == 1

    def untold(self, tx: Tx, found: Collection[ApplicationId]) -> frozenset[ApplicationId]:
        """Return those of ``found`` of whose present step the trail has not been told that it is overdue."""
        since = sa.func.coalesce(applications.c.since, applications.c.created_at)
        told = applications.c.overdue_told
        rows = connection_of(tx).scalars(
            sa.select(applications.c.id).where(
                applications.c.id.in_(sorted(found)), sa.or_(told.is_(None), told != since)
            )
        )
        return frozenset(ApplicationId(row) for row in rows)

    def insert_comment(self, tx: Tx, application_id: ApplicationId, comment: Comment) -> None:
        """Add a comment; none is ever changed."""
        connection_of(tx).execute(
            application_comments.insert().values(
                application=application_id,
                at=encode_time(comment.at),
                account=comment.account,
                post=comment.post,
                side=comment.side,
                text=comment.text,
                on_behalf=comment.on_behalf,
            )
        )

    def comments(self, tx: Tx, application_id: ApplicationId) -> tuple[Comment, ...]:
        """Return the comments of an application, the oldest first."""
        rows = connection_of(tx).execute(
            sa.select(application_comments)
            .where(application_comments.c.application == application_id)
            .order_by(application_comments.c.id)
        )
        return tuple(
            Comment(decode_time(row.at), AccountId(row.account), row.post, row.side, row.text, _person(row.on_behalf))
            for row in rows
        )

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

    def _insert_events(self, tx: Tx, application: Application, *, after: int) -> None:
        rows = [
            {
                "application": application.id,
                "sequence": sequence,
                "at": encode_time(event.at),
                "account": event.account,
                "act": event.act,
                "comment": event.comment,
                "post": event.post,
                "on_behalf": event.on_behalf,
                "changes": encode_changes(event.changes) if event.changes else None,
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
        "terms_version": application.terms_version,
        "round": application.round,
        "since": None if application.since is None else encode_time(application.since),
        "recorder_for": application.recorder_for,
        "confirmer_for": application.confirmer_for,
        "approver_for": application.approver_for,
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
        ground_recorder=_person(row.ground_recorder),
        ground_confirmer=_person(row.ground_confirmer),
        approver=_person(row.approver),
        decision_reason=row.decision_reason,
        grant_id=None if row.grant_id is None else GrantId(row.grant_id),
        history=history,
        version=row.version,
        terms_version=row.terms_version,
        round=row.round,
        since=None if row.since is None else decode_time(row.since),
        recorder_for=_person(row.recorder_for),
        confirmer_for=_person(row.confirmer_for),
        approver_for=_person(row.approver_for),
    )


def _event(row: sa.Row[tuple[object, ...]]) -> HistoryEvent:
    return HistoryEvent(
        at=decode_time(row.at),
        account=AccountId(row.account),
        act=row.act,
        comment=row.comment,
        post=row.post,
        on_behalf=_person(row.on_behalf),
        changes=() if row.changes is None else decode_changes(row.changes),
    )


def _person(value: str | None) -> AccountId | None:
    return None if value is None else AccountId(value)
