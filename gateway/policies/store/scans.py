"""Scans of approvals as rows: sealed, added and never changed (``A50-7``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import sqlalchemy as sa

from gateway.data_keys.matters import Cursor, Matter
from gateway.data_keys.records import Place
from gateway.data_keys.service import DataKeys
from gateway.db import Guard, connection_of, metadata, protect
from gateway.db.data_keys import destroyed_key
from gateway.errors import ConflictError
from gateway.ids import AccountId, ApplicationId
from gateway.journal import Tx
from gateway.policies.codec import decode_time, encode_time
from gateway.policies.scans import Scan
from gateway.policies.store.applications import applications
from gateway.policies.store.grants import grants

approval_scans = protect(
    sa.Table(
        "approval_scans",
        metadata,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("application", sa.String(64), sa.ForeignKey("applications.id"), nullable=False, index=True),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("handed_in_by", sa.String(64), nullable=False),
        sa.Column("handed_in_at", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("application", "sha256"),
    ),
    Guard(delete_if=f"EXISTS ({destroyed_key('approval_scans', 'OLD.id')})"),
)
APPROVAL_SCANS: Final = "approval_scans"
"""The class of scans among the data keys; the matter is the scan."""
_SHOWN = [column for column in approval_scans.c if column.name != "sealed"]


class SqlScans:
    """The store of scans. With ``keys`` each is sealed once more, under a key of its own that can be destroyed."""

    def __init__(self, keys: DataKeys | None = None) -> None:
        self._keys = keys

    def scans(self, tx: Tx, application_id: ApplicationId) -> Sequence[Scan]:
        """Return the scans of an application without their content, oldest first."""
        query = (
            sa.select(*_SHOWN)
            .where(approval_scans.c.application == application_id)
            .order_by(approval_scans.c.handed_in_at, approval_scans.c.id)
        )
        return [_scan(row) for row in connection_of(tx).execute(query)]

    def insert_scan(self, tx: Tx, scan: Scan, sealed: bytes) -> None:
        """Insert a scan; raises ``ConflictError`` when the application holds one with this hash."""
        if self._keys is not None:
            sealed = self._keys.seal(tx, _place(scan.id), sealed)
        try:
            connection_of(tx).execute(
                approval_scans.insert().values(
                    id=scan.id,
                    application=scan.application,
                    media_type=scan.media_type,
                    size=scan.size,
                    sha256=scan.sha256,
                    handed_in_by=scan.handed_in_by,
                    handed_in_at=encode_time(scan.handed_in_at),
                    sealed=sealed,
                )
            )
        except sa.exc.IntegrityError as error:
            raise ConflictError("This scan is held already.", detail_zh="该扫描件已收存。") from error

    def sealed_scan(self, tx: Tx, application_id: ApplicationId, scan_id: str) -> tuple[Scan, bytes] | None:
        """Return a scan and its sealed content, ``None`` when the application has no such one."""
        row = (
            connection_of(tx)
            .execute(
                sa.select(approval_scans).where(
                    approval_scans.c.id == scan_id, approval_scans.c.application == application_id
                )
            )
            .one_or_none()
        )
        if row is None:
            return None
        sealed = bytes(row.sealed)
        if self._keys is not None and self._keys.find(tx, APPROVAL_SCANS, scan_id) is not None:
            sealed = self._keys.open(tx, _place(scan_id), sealed)  # one from before has no key of its own
        return _scan(row), sealed


class ScanShelf:
    """Implements ``gateway.data_keys.matters.Shelf``: a scan's retention counts from the end of its grant."""

    keyed = True

    def ended(self, tx: Tx, last: date, after: Cursor | None, limit: int) -> list[Matter]:
        """Return scans whose grant ended, or that were handed in for none, by day and id."""
        told = sa.func.coalesce(grants.c.valid_to, sa.func.substr(approval_scans.c.handed_in_at, 1, 10))
        day = told.label("day")
        query = (
            sa.select(
                approval_scans.c.id, approval_scans.c.handed_in_at, applications.c.unit, grants.c.id.label("grant"), day
            )
            .join(applications, applications.c.id == approval_scans.c.application)
            .outerjoin(grants, grants.c.application == applications.c.id)
            .where(told <= last.isoformat())
        )
        if after is not None:
            query = query.where(
                sa.tuple_(told, approval_scans.c.id) > sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
            )
        rows = connection_of(tx).execute(query.order_by(told, approval_scans.c.id).limit(limit)).all()
        return [
            Matter(
                APPROVAL_SCANS,
                row.id,
                min(date.fromisoformat(row.handed_in_at[:10]), date.fromisoformat(row.day)),
                date.fromisoformat(row.day),
                grant=row.grant or "",
                unit=row.unit,
            )
            for row in rows
        ]

    def amount(self, tx: Tx) -> int:
        """Return how many scans there are."""
        return int(connection_of(tx).execute(sa.select(sa.func.count()).select_from(approval_scans)).scalar_one())

    def remove(self, tx: Tx, matter: Matter) -> bool:
        """Remove a scan; the log keeps its SHA-256."""
        done = connection_of(tx).execute(sa.delete(approval_scans).where(approval_scans.c.id == matter.id))
        return bool(done.rowcount == 1)


def _place(scan: str) -> Place:
    return Place(APPROVAL_SCANS, scan, "scan")


def _scan(row: sa.Row[tuple[object, ...]]) -> Scan:
    return Scan(
        id=row.id,
        application=ApplicationId(row.application),
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        handed_in_by=AccountId(row.handed_in_by),
        handed_in_at=decode_time(row.handed_in_at),
    )
