"""The repository of recipients and of what was done to them."""

from __future__ import annotations

import json
from datetime import date

from sqlalchemy import Column, ForeignKey, Index, Integer, RowMapping, Select, String, Table, Text, func, insert, select
from sqlalchemy import update as change

from gateway.accounts.recipient_records import Recipient, RecipientAct, Suspension
from gateway.accounts.store.rows import insert_new, instant_text, json_text, maybe_instant
from gateway.accounts.store.tables import accounts
from gateway.db import connection_of, metadata
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.instants import instant_of
from gateway.journal import Tx

recipients = Table(
    "recipients",
    metadata,
    Column("code", String(18), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("former_name", String(200), nullable=False),
    Column("post", String(200), nullable=False),
    Column("responsible", String(200), nullable=False),
    Column("unit", String(10), nullable=False),
    Column("registered_at", String(32), nullable=False),
    Column("attested_on", String(10), nullable=False),
    Column("attested_until", String(10), nullable=False),
    Column("suspended", Text, nullable=False),
    Column("resumed_at", String(32)),
    Column("warned_for", String(10)),
    Column("version", Integer, nullable=False),
)

recipient_acts = Table(
    "recipient_acts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("recipient", String(18), ForeignKey("recipients.code"), nullable=False),
    Column("act", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("by", String(40)),
    Column("words", Text, nullable=False),
)
Index("ix_recipient_acts_recipient", recipient_acts.c.recipient)
Index("ix_accounts_recipient", accounts.c.recipient)


class SqlRecipients:
    """The ``RecipientStore`` on SQL."""

    def add(self, tx: Tx, recipient: Recipient) -> bool:
        """Insert; ``False`` when the code is registered already."""
        return insert_new(tx, recipients, code=recipient.code, **_values(recipient), version=recipient.version)

    def get(self, tx: Tx, code: RecipientId) -> Recipient | None:
        """Return a recipient with its last use."""
        row = connection_of(tx).execute(_query().where(recipients.c.code == code)).mappings().one_or_none()
        return _recipient(row) if row else None

    def listed(self, tx: Tx) -> tuple[Recipient, ...]:
        """Return all, by code."""
        query = _query().order_by(recipients.c.code)
        return tuple(_recipient(row) for row in connection_of(tx).execute(query).mappings())

    def save(self, tx: Tx, recipient: Recipient) -> bool:
        """Write a recipient whose row is still at its version; ``False`` when somebody came first."""
        done = connection_of(tx).execute(
            change(recipients)
            .where(recipients.c.code == recipient.code, recipients.c.version == recipient.version)
            .values(**_values(recipient), version=recipient.version + 1)
        )
        return done.rowcount == 1

    def note(self, tx: Tx, act: RecipientAct) -> None:
        """Keep the words of an act."""
        connection_of(tx).execute(
            insert(recipient_acts).values(
                recipient=act.recipient, act=act.act, at=instant_text(act.at), by=act.by, words=act.words
            )
        )

    def notes(self, tx: Tx, code: RecipientId) -> tuple[RecipientAct, ...]:
        """Return what was done to a recipient, oldest first."""
        query = select(recipient_acts).where(recipient_acts.c.recipient == code).order_by(recipient_acts.c.id)
        return tuple(
            RecipientAct(
                RecipientId(row["recipient"]),
                row["act"],
                instant_of(row["at"]),
                AccountId(row["by"]) if row["by"] else None,
                row["words"],
            )
            for row in connection_of(tx).execute(query).mappings()
        )


def _query() -> Select[tuple[object, ...]]:
    last = (
        select(func.max(accounts.c.last_used_at))
        .where(accounts.c.recipient == recipients.c.code)
        .correlate(recipients)
        .scalar_subquery()
    )
    return select(*recipients.c, last.label("used_at"))


def _values(recipient: Recipient) -> dict[str, str | None]:
    return {
        "name": recipient.name,
        "former_name": recipient.former_name,
        "post": recipient.post,
        "responsible": recipient.responsible,
        "unit": recipient.unit,
        "registered_at": instant_text(recipient.registered_at),
        "attested_on": recipient.attested_on.isoformat(),
        "attested_until": recipient.attested_until.isoformat(),
        "suspended": json_text(sorted(recipient.suspended)),
        "resumed_at": instant_text(recipient.resumed_at),
        "warned_for": recipient.warned_for.isoformat() if recipient.warned_for else None,
    }


def _recipient(row: RowMapping) -> Recipient:
    return Recipient(
        code=RecipientId(row["code"]),
        name=row["name"],
        post=row["post"],
        responsible=row["responsible"],
        unit=UnitCode(row["unit"]),
        registered_at=instant_of(row["registered_at"]),
        attested_on=date.fromisoformat(row["attested_on"]),
        attested_until=date.fromisoformat(row["attested_until"]),
        former_name=row["former_name"],
        suspended=frozenset(Suspension(one) for one in json.loads(row["suspended"])),
        resumed_at=maybe_instant(row["resumed_at"]),
        warned_for=date.fromisoformat(row["warned_for"]) if row["warned_for"] else None,
        used_at=maybe_instant(row["used_at"]),
        version=row["version"],
    )
