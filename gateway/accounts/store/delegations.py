"""The repository of delegations."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Column, ForeignKey, Index, RowMapping, String, Table, Text, insert, or_, select, update

from gateway.accounts.delegation_records import Delegation, DelegationId, Ended
from gateway.accounts.store.rows import instant_text, maybe_instant
from gateway.accounts.store.tables import accounts
from gateway.db import connection_of, metadata
from gateway.ids import AccountId, UnitCode
from gateway.instants import instant_of
from gateway.journal import Tx

delegations = Table(
    "delegations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("delegator", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("deputy", String(40), ForeignKey("accounts.id"), nullable=False),
    Column("unit", String(10), nullable=False),
    Column("valid_from", String(10), nullable=False),
    Column("valid_to", String(10), nullable=False),
    Column("made_at", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_at", String(32)),
    Column("ended_by", String(40)),
    Column("ended_why", String(16)),
)
Index("ix_delegations_delegator", delegations.c.delegator)
Index("ix_delegations_deputy", delegations.c.deputy)


class SqlDelegations:
    """The ``DelegationStore`` on SQL."""

    def lock(self, tx: Tx, *who: AccountId) -> None:
        """Keep other transactions from lending to or by these accounts until this one is over."""
        connection_of(tx).execute(
            select(accounts.c.id).where(accounts.c.id.in_(who)).order_by(accounts.c.id).with_for_update()
        ).all()

    def add(self, tx: Tx, delegation: Delegation) -> None:
        """Insert a delegation."""
        connection_of(tx).execute(
            insert(delegations).values(
                id=delegation.id,
                delegator=delegation.delegator,
                deputy=delegation.deputy,
                unit=delegation.unit,
                valid_from=delegation.valid_from.isoformat(),
                valid_to=delegation.valid_to.isoformat(),
                made_at=instant_text(delegation.made_at),
                reason=delegation.reason,
            )
        )

    def get(self, tx: Tx, delegation: DelegationId) -> Delegation | None:
        """Return a delegation."""
        query = select(delegations).where(delegations.c.id == delegation)
        row = connection_of(tx).execute(query).mappings().one_or_none()
        return _delegation(row) if row else None

    def live(self, tx: Tx, *who: AccountId) -> tuple[Delegation, ...]:
        """Return the delegations that were not ended, by or to one of ``who``, of all when none is named."""
        query = select(delegations).where(delegations.c.ended_at.is_(None)).order_by(delegations.c.id)
        if who:
            query = query.where(or_(delegations.c.delegator.in_(who), delegations.c.deputy.in_(who)))
        return tuple(_delegation(row) for row in connection_of(tx).execute(query).mappings())

    def listed(self, tx: Tx, *, limit: int) -> tuple[Delegation, ...]:
        """Return delegations, newest first."""
        query = select(delegations).order_by(delegations.c.made_at.desc(), delegations.c.id).limit(limit)
        return tuple(_delegation(row) for row in connection_of(tx).execute(query).mappings())

    def of_deputy(self, tx: Tx, deputy: AccountId, today: date) -> Delegation | None:
        """Return the delegation to ``deputy`` whose dates hold on ``today`` and that was not ended."""
        day = today.isoformat()
        query = select(delegations).where(
            delegations.c.deputy == deputy,
            delegations.c.ended_at.is_(None),
            delegations.c.valid_from <= day,
            delegations.c.valid_to >= day,
        )
        row = connection_of(tx).execute(query.order_by(delegations.c.id).limit(1)).mappings().one_or_none()
        return _delegation(row) if row else None

    def end(self, tx: Tx, delegation: DelegationId, at: datetime, by: AccountId | None, why: Ended) -> bool:
        """End a delegation; ``False`` when it is over already."""
        done = connection_of(tx).execute(
            update(delegations)
            .where(delegations.c.id == delegation, delegations.c.ended_at.is_(None))
            .values(ended_at=instant_text(at), ended_by=by, ended_why=why.value)
        )
        return done.rowcount == 1


def _delegation(row: RowMapping) -> Delegation:
    return Delegation(
        id=DelegationId(row["id"]),
        delegator=AccountId(row["delegator"]),
        deputy=AccountId(row["deputy"]),
        unit=UnitCode(row["unit"]),
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(row["valid_to"]),
        made_at=instant_of(row["made_at"]),
        reason=row["reason"],
        ended_at=maybe_instant(row["ended_at"]),
        ended_by=AccountId(row["ended_by"]) if row["ended_by"] else None,
        ended_why=Ended(row["ended_why"]) if row["ended_why"] else None,
    )
