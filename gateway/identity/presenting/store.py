"""The table of requests for presentations. What identifies anybody lies sealed in it; times are UTC text."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    delete,
    insert,
    select,
    update,
)

from gateway.db import connection_of, metadata
from gateway.identity.presenting.records import PresentationId, PresentationRow, ResponseMode, State
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.instants import instant_of, seconds_text
from gateway.journal import Tx

presentations = Table(
    "identity_presentations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("recipient", String(18), nullable=False),
    Column("grant_id", String(40), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("claims", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("secrets", LargeBinary, nullable=False),
    Column("state", String(12), nullable=False),
    Column("fetches", Integer, nullable=False),
    Column("made_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False, index=True),
    Column("reason", String(64)),
    Column("answered_at", String(20)),
    Column("read_at", String(20)),
    Column("answer", LargeBinary),
)
_OPEN = (State.WAITING.value, State.FETCHED.value)


class SqlPresentations:
    """The rows; the protocol is ``ports.PresentationStore``."""

    def add(self, tx: Tx, row: PresentationRow) -> None:
        """Keep a new request."""
        connection_of(tx).execute(
            insert(presentations).values(
                id=row.id,
                account=row.account,
                recipient=row.recipient,
                grant_id=row.grant,
                purpose=row.purpose,
                claims=json.dumps(row.claims),
                mode=row.mode.value,
                secrets=row.secrets,
                state=row.state.value,
                fetches=row.fetches,
                made_at=seconds_text(row.made_at),
                expires_at=seconds_text(row.expires_at),
            )
        )

    def get(self, tx: Tx, presentation: PresentationId) -> PresentationRow | None:
        """Return a request."""
        query = select(presentations).where(presentations.c.id == presentation)
        found = connection_of(tx).execute(query).mappings().one_or_none()
        if found is None:
            return None
        return PresentationRow(
            id=PresentationId(found["id"]),
            account=AccountId(found["account"]),
            recipient=RecipientId(found["recipient"]),
            grant=GrantId(found["grant_id"]),
            purpose=found["purpose"],
            claims=tuple(json.loads(found["claims"])),
            mode=ResponseMode(found["mode"]),
            secrets=bytes(found["secrets"]),
            state=State(found["state"]),
            fetches=found["fetches"],
            made_at=instant_of(found["made_at"]),
            expires_at=instant_of(found["expires_at"]),
            reason=found["reason"],
            answered_at=None if found["answered_at"] is None else instant_of(found["answered_at"]),
            read_at=None if found["read_at"] is None else instant_of(found["read_at"]),
            answer=None if found["answer"] is None else bytes(found["answer"]),
        )

    def fetch(self, tx: Tx, presentation: PresentationId, at: datetime, limit: int) -> bool:
        """Count a fetch of an open request, atomically; ``False`` when there is none left or it is over."""
        done = connection_of(tx).execute(
            update(presentations)
            .where(self._is_open(presentation, at), presentations.c.fetches < limit)
            .values(fetches=presentations.c.fetches + 1, state=State.FETCHED.value)
        )
        return done.rowcount == 1

    def begin(self, tx: Tx, presentation: PresentationId, at: datetime) -> bool:
        """Take an open request for its one answer, atomically; ``False`` when another was first or it is over."""
        done = connection_of(tx).execute(
            update(presentations).where(self._is_open(presentation, at)).values(state=State.ANSWERING.value)
        )
        return done.rowcount == 1

    def finish(
        self,
        tx: Tx,
        presentation: PresentationId,
        state: State,
        *,
        reason: str | None,
        answer: bytes | None,
        at: datetime,
    ) -> None:
        """Write how a request ended."""
        connection_of(tx).execute(
            update(presentations)
            .where(presentations.c.id == presentation)
            .values(state=state.value, reason=reason, answer=answer, answered_at=seconds_text(at))
        )

    def take(self, tx: Tx, presentation: PresentationId, at: datetime) -> bool:
        """Mark the answer read and remove it, once; ``False`` when it was read before."""
        done = connection_of(tx).execute(
            update(presentations)
            .where(presentations.c.id == presentation, presentations.c.answer.is_not(None))
            .values(answer=None, read_at=seconds_text(at))
        )
        return done.rowcount == 1

    def sweep(self, tx: Tx, *, answers_before: datetime, rows_before: datetime) -> int:
        """Remove answers that nobody read, and rows that are over; return how many rows are gone."""
        connection = connection_of(tx)
        connection.execute(
            update(presentations)
            .where(presentations.c.answer.is_not(None), presentations.c.answered_at <= seconds_text(answers_before))
            .values(answer=None)
        )
        gone = connection.execute(delete(presentations).where(presentations.c.expires_at <= seconds_text(rows_before)))
        return gone.rowcount

    @staticmethod
    def _is_open(presentation: PresentationId, at: datetime) -> ColumnElement[bool]:
        return and_(
            presentations.c.id == presentation,
            presentations.c.state.in_(_OPEN),
            presentations.c.expires_at > seconds_text(at),
        )
