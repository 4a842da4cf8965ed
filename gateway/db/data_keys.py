"""The tables of data keys. Stores of other rooms join them, and guard by them rows that end with their key."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, String, Table, UniqueConstraint

from gateway.db.guards import Guard, protect
from gateway.db.metadata import metadata

data_keys = protect(
    Table(
        "data_keys",
        metadata,
        Column("id", String(40), primary_key=True),
        Column("data_class", String(32), nullable=False),
        Column("matter", String(64), nullable=False),
        Column("created_at", String(32), nullable=False),
        Column("wrapping", String(16), nullable=False),
        Column("wrapped", LargeBinary),
        Column("destroyed_at", String(32), index=True),
        UniqueConstraint("data_class", "matter", name="uq_data_keys_matter"),
    ),
    Guard(
        update_if="NEW.id = OLD.id AND NEW.data_class = OLD.data_class AND NEW.matter = OLD.matter "
        "AND NEW.created_at = OLD.created_at AND OLD.destroyed_at IS NULL "
        "AND (NEW.destroyed_at IS NULL) = (NEW.wrapped IS NOT NULL)"
    ),
)
wrappings = Table(
    "data_key_wrapping",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(16), nullable=False),
    Column("renewed_at", String(32), nullable=False),
)


def destroyed_key(data_class: str, matter: str) -> str:
    """Return the query that finds the destroyed key of a matter, an expression: for guards of rows that end with it."""
    return (
        f"SELECT 1 FROM data_keys WHERE data_class = '{data_class}' AND matter = {matter} "  # noqa: S608  names of ours
        "AND destroyed_at IS NOT NULL"
    )
