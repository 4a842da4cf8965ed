"""The tables of inspection cases. Evidence and history are append-only; a closed case is never changed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from gateway.db import Guard, metadata, protect

_BIG = BigInteger().with_variant(Integer, "sqlite")

inspection_cases = Table(
    "inspection_cases",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("source", String(80), nullable=False),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("codes", String(80), nullable=False),
    Column("order_text", Text, nullable=False),
    Column("ordered_at", String(32)),
    Column("due", String(10)),
    Column("overdue", Boolean, nullable=False),
    Column("finding", String(16)),
    Column("closed_at", String(32)),
    Column("version", Integer, nullable=False),
    Index("ix_inspection_cases_opened", "opened_at", "id"),
    Index("ix_inspection_cases_subject", "subject_kind", "subject"),
)
inspection_evidence = Table(
    "inspection_evidence",
    metadata,
    Column("case_id", String(40), nullable=False),
    Column("seq", _BIG, nullable=False),
    Column("added_at", String(32), nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    PrimaryKeyConstraint("case_id", "seq"),
)
inspection_events = Table(
    "inspection_events",
    metadata,
    Column("case_id", String(40), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("account", String(64)),
    Column("act", String(16), nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("case_id", "sequence"),
)
inspection_holds = Table(
    "inspection_holds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case_id", String(40), nullable=False, index=True),
    Column("set_at", String(32), nullable=False),
    Column("set_by", String(64), nullable=False),
    Column("until", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", String(32)),
)
inspection_held_entries = Table(
    "inspection_held_entries",
    metadata,
    Column("hold_id", String(40), nullable=False),
    Column("seq", _BIG, nullable=False, index=True),
    PrimaryKeyConstraint("hold_id", "seq"),
)
protect(inspection_evidence, Guard())
protect(inspection_events, Guard())
protect(inspection_held_entries, Guard())
# a hold ends earlier than it said, never later
protect(
    inspection_holds,
    Guard(
        update_if="NEW.id = OLD.id AND NEW.until = OLD.until AND OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL"
    ),
)
protect(
    inspection_cases,
    Guard(update_if="NEW.id = OLD.id AND NEW.subject = OLD.subject AND OLD.state <> 'closed'"),
)
