"""The tables of inspection cases. Evidence and history are append-only; a closed case is never changed.

Texts are sealed (``sealing``). The columns in clear are those of rows from before; the worker seals what they hold, the
one change that the guards let pass.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
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
    Column("title_sealed", LargeBinary),
    Column("order_sealed", LargeBinary),
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
    Column("note_sealed", LargeBinary),
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
    Column("text_sealed", LargeBinary),
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
    Column("reason_sealed", LargeBinary),
)
inspection_held_entries = Table(
    "inspection_held_entries",
    metadata,
    Column("hold_id", String(40), nullable=False),
    Column("seq", _BIG, nullable=False, index=True),
    PrimaryKeyConstraint("hold_id", "seq"),
)


def _sealing(text: str, sealed: str, *others: str) -> str:
    """Return the condition of the one change to a row from before: its text goes under seal, all else stays."""
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in others)
    return f"(OLD.{sealed} IS NULL AND NEW.{sealed} IS NOT NULL AND NEW.{text} = '' AND {same})"


protect(
    inspection_evidence,
    Guard(update_if=_sealing("note", "note_sealed", "case_id", "seq", "added_at", "added_by", "receipt")),
)
protect(
    inspection_events,
    Guard(update_if=_sealing("text", "text_sealed", "case_id", "sequence", "at", "account", "act")),
)
protect(inspection_held_entries, Guard())
# a hold ends earlier than it said, never later
protect(
    inspection_holds,
    Guard(
        update_if="(NEW.id = OLD.id AND NEW.until = OLD.until AND OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL)"
        f" OR {_sealing('reason', 'reason_sealed', 'id', 'case_id', 'set_at', 'set_by', 'until', 'lifted_at')}"
    ),
)
protect(
    inspection_cases,
    Guard(
        update_if="NEW.id = OLD.id AND NEW.subject = OLD.subject AND (OLD.state <> 'closed' OR "
        f"{_sealing('title', 'title_sealed', 'state', 'finding', 'closed_at', 'codes', 'version')})"
    ),
)
