"""Grants and their uses as rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

import sqlalchemy as sa

from gateway.db import connection_of, metadata
from gateway.errors import ConflictError
from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId
from gateway.journal import Tx
from gateway.policies.codec import decode_scope, decode_time, encode_scope, encode_time
from gateway.policies.records import Grant, GrantState, GroundId
from gateway.policies.scope import civil_date

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
    sa.Column("approver_for", sa.String(64)),
    sa.Column("approver_unit", sa.String(16), nullable=False, server_default=""),
    sa.Column("approver_post", sa.String(120), nullable=False, server_default=""),
    sa.Column("terms_version", sa.String(40), nullable=False, server_default=""),
    sa.Column("terms_sha256", sa.String(64), nullable=False, server_default=""),
    sa.Column("state_since", sa.String(32)),
    sa.Column("state_by", sa.String(64)),
    sa.Column("state_reason", sa.Text, nullable=False, server_default=""),
    # the last due date of a deletion that the trail has been told is past, and when the grant was closed
    sa.Column("overdue_told", sa.String(10)),
    sa.Column("closed_told", sa.String(32)),
    sa.CheckConstraint("uses_left >= 0 AND uses_left <= uses", name="uses_left"),
)


class SqlGrants:
    """Grants, their stored state and their uses."""

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
        done = connection_of(tx).execute(
            grants.update()
            .where(grants.c.id == grant_id, grants.c.state.in_(sorted(old.value for old in among)))
            .values(state=state.value, state_since=encode_time(at), state_by=by, state_reason=reason)
        )
        return done.rowcount == 1

    def unclosed(self, tx: Tx, *, after: GrantId | None = None, limit: int = 200) -> list[Grant]:
        """Return grants of whose end the trail has not been told, by id, those behind ``after``."""
        query = sa.select(grants).where(grants.c.closed_told.is_(None))
        if after is not None:
            query = query.where(grants.c.id > after)
        return [_grant(row) for row in connection_of(tx).execute(query.order_by(grants.c.id).limit(limit))]

    def tell_closed(self, tx: Tx, grant_id: GrantId, at: datetime) -> bool:
        """Mark a grant as closed in the trail; return whether it was not yet."""
        done = connection_of(tx).execute(
            grants.update()
            .where(grants.c.id == grant_id, grants.c.closed_told.is_(None))
            .values(closed_told=encode_time(at))
        )
        return done.rowcount == 1

    def tell_deletion(self, tx: Tx, grant_id: GrantId, due: date) -> bool:
        """Mark the deletions due on ``due`` as told overdue; return whether that day, or a later one, was not yet."""
        told = grants.c.overdue_told
        done = connection_of(tx).execute(
            grants.update()
            .where(grants.c.id == grant_id, sa.or_(told.is_(None), told < due.isoformat()))
            .values(overdue_told=due.isoformat())
        )
        return done.rowcount == 1

    def told_deletion(self, tx: Tx, grant_id: GrantId) -> date | None:
        """Return the last due date that ``tell_deletion`` marked."""
        told = connection_of(tx).scalar(sa.select(grants.c.overdue_told).where(grants.c.id == grant_id))
        return None if told is None else date.fromisoformat(told)

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

    def reserve_uses(self, tx: Tx, grant_id: GrantId, count: int, now: datetime) -> bool:
        """Take ``count`` uses, all or none, under the conditions of ``reserve_use``; return whether there were enough.

        A count below one takes nothing and is false.
        """
        today = civil_date(now).isoformat()
        done = connection_of(tx).execute(
            grants.update()
            .where(
                grants.c.id == grant_id,
                grants.c.state == GrantState.ACTIVE.value,
                grants.c.valid_from <= today,
                grants.c.valid_to >= today,
                grants.c.uses_left >= max(count, 1),
            )
            .values(uses_left=grants.c.uses_left - max(count, 0))
        )
        return done.rowcount == 1 and count > 0

    def release_use(self, tx: Tx, grant_id: GrantId) -> bool:
        """Give back a reserved use of which no byte was delivered; return whether one was missing."""
        done = connection_of(tx).execute(
            grants.update()
            .where(grants.c.id == grant_id, grants.c.uses_left < grants.c.uses)
            .values(uses_left=grants.c.uses_left + 1)
        )
        return done.rowcount == 1


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
        "approver_for": grant.approver_for,
        "approver_unit": grant.approver_unit,
        "approver_post": grant.approver_post,
        "terms_version": grant.terms_version,
        "terms_sha256": grant.terms_sha256,
        "state_since": None if grant.state_since is None else encode_time(grant.state_since),
        "state_by": grant.state_by,
        "state_reason": grant.state_reason,
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
        applicant=_person(row.applicant),
        approver_for=_person(row.approver_for),
        approver_unit=row.approver_unit,
        approver_post=row.approver_post,
        terms_version=row.terms_version,
        terms_sha256=row.terms_sha256,
        state_since=None if row.state_since is None else decode_time(row.state_since),
        state_by=_person(row.state_by),
        state_reason=row.state_reason,
    )


def _person(value: str | None) -> AccountId | None:
    return None if value is None else AccountId(value)
