"""Decoys as records."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Row, insert, select, update

from gateway.canaries.records import Canary, CanaryId, CanaryState
from gateway.canaries.store.tables import canaries
from gateway.db import connection_of
from gateway.ids import AccountId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.principals import Role


class SqlCanaries:
    """Implements ``gateway.canaries.ports.CanaryStore``."""

    def add(self, tx: Tx, canary: Canary) -> None:
        """Insert a decoy."""
        connection_of(tx).execute(insert(canaries).values(**_row(canary)))

    def update(self, tx: Tx, canary: Canary, before: int) -> bool:
        """Write a decoy that is still at version ``before``; say whether it was."""
        done = connection_of(tx).execute(
            update(canaries).where(canaries.c.id == canary.id, canaries.c.version == before).values(**_row(canary))
        )
        return done.rowcount == 1

    def get(self, tx: Tx, canary: CanaryId) -> Canary | None:
        """Return a decoy."""
        row = connection_of(tx).execute(select(canaries).where(canaries.c.id == canary)).one_or_none()
        return None if row is None else _canary(row)

    def all(self, tx: Tx) -> list[Canary]:
        """Return all decoys, newest first."""
        found = connection_of(tx).execute(select(canaries).order_by(canaries.c.proposed_at.desc(), canaries.c.id))
        return [_canary(row) for row in found]


def _row(canary: Canary) -> dict[str, object]:
    return {
        "id": canary.id,
        "state": canary.state.value,
        "proposed_at": micros_text(canary.proposed_at),
        "proposed_by": canary.proposed_by,
        "proposed_as": canary.proposed_as.value,
        "box": canary.box,
        "decided_at": _text(canary.decided_at),
        "decided_by": canary.decided_by,
        "withdrawn_at": _text(canary.withdrawn_at),
        "withdrawn_by": canary.withdrawn_by,
        "version": canary.version,
    }


def _canary(row: Row[tuple[object, ...]]) -> Canary:
    return Canary(
        id=CanaryId(row.id),
        state=CanaryState(row.state),
        proposed_at=instant_of(row.proposed_at),
        proposed_by=AccountId(row.proposed_by),
        proposed_as=Role(row.proposed_as),
        box=bytes(row.box),
        decided_at=_instant(row.decided_at),
        decided_by=None if row.decided_by is None else AccountId(row.decided_by),
        withdrawn_at=_instant(row.withdrawn_at),
        withdrawn_by=None if row.withdrawn_by is None else AccountId(row.withdrawn_by),
        version=row.version,
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else micros_text(at)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else instant_of(text)
