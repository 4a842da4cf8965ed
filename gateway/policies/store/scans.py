"""Scans of approvals as rows: sealed, added and never changed (``A50-7``)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from gateway.db import Guard, connection_of, metadata, protect
from gateway.errors import ConflictError
from gateway.ids import AccountId, ApplicationId
from gateway.journal import Tx
from gateway.policies.codec import decode_time, encode_time
from gateway.policies.scans import Scan

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
    Guard(),
)
_SHOWN = [column for column in approval_scans.c if column.name != "sealed"]


class SqlScans:
    """The store of scans."""

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
        return None if row is None else (_scan(row), bytes(row.sealed))


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
