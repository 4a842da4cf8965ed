"""Rows of the ledger: one line for each release, and a number for each group that orders its releases under k.

Whether a release counts is not kept but read from its extract: it counts while its file may be fetched, and for good
once a byte of it was. One that ended unused gave its use back and was held by nobody.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.db import connection_of, metadata
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.policies.records import Level
from gateway.releases.ledger.records import GroupId, LedgerRelease
from gateway.releases.records import ExtractState

ledger = Table(
    "release_ledger",
    metadata,
    Column("extract_id", String(40), ForeignKey("extracts.id"), primary_key=True),
    Column("group_id", String(80), nullable=False, index=True),
    Column("recipient", String(18), nullable=False, index=True),
    Column("grant_id", String(40), nullable=False, index=True),
    Column("application_id", String(40), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("profile", String(64), nullable=False),
    Column("level", String(14), nullable=False),
    Column("school_year", Integer, nullable=False),
    Column("chain", String(64), nullable=False),
    Column("levels", Text, nullable=False),
    Column("k", Integer),
    Column("demands", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("withheld", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", String(40), nullable=False),
    Column("snapshot", String(40), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("keep_until", String(10), nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
)

groups = Table(
    "release_ledger_groups",
    metadata,
    Column("group_id", String(80), primary_key=True),
    Column("version", Integer, nullable=False),
)

extracts = table("extracts", column("id", String), column("state", String), column("first_delivery_at", String))
"""As much of another store's table as says whether a release counts: read here, and never written."""
_COUNTS = or_(extracts.c.state == ExtractState.READY, extracts.c.first_delivery_at.is_not(None))


class SqlLedger:
    """Repository of the ledger. It never commits."""

    def add(self, tx: Tx, release: LedgerRelease) -> None:
        """Insert the line of a release."""
        connection_of(tx).execute(insert(ledger).values(**_values(release)))

    def of_group(self, tx: Tx, group: GroupId, recipients: Collection[RecipientId], today: date) -> list[LedgerRelease]:
        """Return the releases that count on ``today`` against a group or one of ``recipients``, oldest first."""
        mine = or_(ledger.c.group_id == group, ledger.c.recipient.in_(sorted(recipients)))
        return self._counted(tx, mine & (ledger.c.keep_until >= today.isoformat()))

    def of_grant(self, tx: Tx, grant: GrantId) -> list[LedgerRelease]:
        """Return the releases under a grant that count, oldest first."""
        return self._counted(tx, ledger.c.grant_id == grant)

    def in_year(self, tx: Tx, recipient: RecipientId, purpose: str, school_year: int) -> int:
        """Return how many releases of a school year count, of one recipient for one purpose."""
        query = (
            select(func.count())
            .select_from(ledger.join(extracts, extracts.c.id == ledger.c.extract_id))
            .where(
                ledger.c.recipient == recipient,
                ledger.c.purpose == purpose,
                ledger.c.school_year == school_year,
                _COUNTS,
            )
        )
        return int(connection_of(tx).execute(query).scalar_one())

    def version(self, tx: Tx, group: GroupId) -> int:
        """Return the number of a group: 0 before its first release under k."""
        query = select(groups.c.version).where(groups.c.group_id == group)
        return connection_of(tx).execute(query).scalar_one_or_none() or 0

    def advance(self, tx: Tx, group: GroupId, version: int) -> bool:
        """Count the number of a group up from ``version``; false when another release did so before."""
        connection = connection_of(tx)
        if version == 0:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            first = dialect.insert(groups).values(group_id=group, version=1).on_conflict_do_nothing()
            return connection.execute(first.returning(groups.c.version)).one_or_none() is not None
        there = (groups.c.group_id == group) & (groups.c.version == version)
        return bool(connection.execute(update(groups).where(there).values(version=version + 1)).rowcount == 1)

    def lines(self, tx: Tx, among: Collection[ExtractId]) -> list[LedgerRelease]:
        """Return the lines of ``among``, whether they count or not."""
        query = select(ledger).where(ledger.c.extract_id.in_(sorted(among)))
        return [_release(row) for row in connection_of(tx).execute(query)]

    def unfinished(self, tx: Tx, among: Collection[ExtractId]) -> set[ExtractId]:
        """Return those of ``among`` whose extract waits or is being prepared: their rows may be under way."""
        open_states = (ExtractState.QUEUED, ExtractState.PREPARING)
        query = select(extracts.c.id).where(extracts.c.id.in_(sorted(among)), extracts.c.state.in_(open_states))
        return {ExtractId(found) for found in connection_of(tx).execute(query).scalars()}

    def ended(self, tx: Tx, today: date, limit: int) -> list[LedgerRelease]:
        """Return releases that count no more: they ended unused, or were kept long enough."""
        over = or_(ledger.c.keep_until < today.isoformat(), ~_COUNTS)
        joined = ledger.join(extracts, extracts.c.id == ledger.c.extract_id)
        query = select(ledger).select_from(joined).where(over).order_by(ledger.c.extract_id).limit(limit)
        return [_release(row) for row in connection_of(tx).execute(query)]

    def remove(self, tx: Tx, extract: ExtractId, today: date) -> bool:
        """Remove the line of a release, and with it the key of its rows; false when it counts (again)."""
        counted = select(extracts.c.id).where(extracts.c.id == ledger.c.extract_id, _COUNTS).exists()
        over = or_(ledger.c.keep_until < today.isoformat(), ~counted)
        result = connection_of(tx).execute(delete(ledger).where(ledger.c.extract_id == extract, over))
        return bool(result.rowcount == 1)

    def _counted(self, tx: Tx, which: ColumnElement[bool]) -> list[LedgerRelease]:
        query = (
            select(ledger)
            .join(extracts, extracts.c.id == ledger.c.extract_id)
            .where(which, _COUNTS)
            .order_by(ledger.c.created_at, ledger.c.extract_id)
        )
        return [_release(row) for row in connection_of(tx).execute(query)]


def _values(release: LedgerRelease) -> dict[str, Any]:
    return {
        "extract_id": release.extract,
        "group_id": release.group,
        "recipient": release.recipient,
        "grant_id": release.grant,
        "application_id": release.application,
        "purpose": release.purpose,
        "profile": release.profile,
        "level": release.level,
        "school_year": release.school_year,
        "chain": release.chain,
        "levels": json.dumps(dict(release.levels), sort_keys=True, ensure_ascii=False),
        "k": release.k,
        "demands": json.dumps(dict(release.demands), sort_keys=True),
        "rows": release.rows,
        "withheld": release.withheld,
        "sha256": release.sha256,
        "size": release.size,
        "digest": release.digest,
        "snapshot": release.snapshot,
        "created_at": micros_text(release.created_at),
        "keep_until": release.keep_until.isoformat(),
        "wrapped_key": release.wrapped_key,
    }


def _release(row: Row[Any]) -> LedgerRelease:
    return LedgerRelease(
        extract=ExtractId(row.extract_id),
        group=GroupId(row.group_id),
        recipient=RecipientId(row.recipient),
        grant=GrantId(row.grant_id),
        application=row.application_id,
        purpose=row.purpose,
        profile=row.profile,
        level=Level(row.level),
        school_year=row.school_year,
        chain=row.chain,
        levels=json.loads(row.levels),
        k=row.k,
        demands=json.loads(row.demands),
        rows=row.rows,
        withheld=row.withheld,
        sha256=row.sha256,
        size=row.size,
        digest=row.digest,
        snapshot=row.snapshot,
        created_at=instant_of(row.created_at),
        keep_until=date.fromisoformat(row.keep_until),
        wrapped_key=bytes(row.wrapped_key),
    )
