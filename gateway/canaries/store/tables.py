"""The table of decoys: none is ever deleted, and what was refused or withdrawn stays so."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, String, Table

from gateway.db import Guard, metadata, protect

canaries = Table(
    "canaries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("proposed_at", String(32), nullable=False),
    Column("proposed_by", String(64), nullable=False),
    Column("proposed_as", String(32), nullable=False),
    Column("box", LargeBinary, nullable=False),
    Column("decided_at", String(32)),
    Column("decided_by", String(64)),
    Column("withdrawn_at", String(32)),
    Column("withdrawn_by", String(64)),
    Column("version", Integer, nullable=False),
)
protect(
    canaries,
    Guard(
        update_if=(
            "NEW.id = OLD.id AND NEW.proposed_by = OLD.proposed_by AND NEW.proposed_as = OLD.proposed_as "
            "AND (NEW.state = OLD.state OR OLD.state = 'proposed' "
            "OR (OLD.state = 'confirmed' AND NEW.state = 'withdrawn'))"
        )
    ),
)
