"""the search index of the log: policies, rules and problems, and an order in every index

Revision ID: 8a02searchin
Revises: 8a01witness
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "8a02searchin"
down_revision = "8a01witness"
branch_labels = None
depends_on = None

_LINKS = (
    "application",
    "grant",
    "extract",
    "ground",
    "basis_recorder",
    "basis_confirmer",
    "approver",
    "executor",
    "recipient",
    "responsible",
)
_WERE = ("actor", "at", "kind", *(f"link_{key}" for key in _LINKS), "unit")
_ALWAYS = ("kind", "reached", "outcome")
_OFTEN_NOT = ("actor", "unit", "policy", "rule", "problem", *(f"link_{key}" for key in _LINKS))
_AT_ONCE = 10_000


def upgrade() -> None:
    """Add the columns, fill them from the entries, and let every index hold the order of the log."""
    for name in _WERE:
        op.drop_index(f"ix_log_index_{name}", table_name="log_index")
    op.add_column("log_index", sa.Column("reached", sa.String(32), nullable=False, server_default=""))
    for name in ("policy", "rule", "problem"):
        op.add_column("log_index", sa.Column(name, sa.Text(), nullable=True))
    _fill(op.get_bind())
    for name in _ALWAYS:
        op.create_index(f"ix_log_index_{name}", "log_index", [name, "seq"])
    for name in _OFTEN_NOT:
        told = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_log_index_{name}", "log_index", [name, "seq"], sqlite_where=told, postgresql_where=told)
    behind = sa.text("at < reached")
    op.create_index("ix_log_index_behind", "log_index", ["seq"], sqlite_where=behind, postgresql_where=behind)


def _fill(connection: sa.Connection) -> None:
    """Take the new columns from the entries; a damaged one is left to ``xueji verify-log``."""
    entries = sa.table("log_entries", sa.column("seq"), sa.column("body"))
    index = sa.table("log_index", *(sa.column(name) for name in ("seq", "at", "reached", "policy", "rule", "problem")))
    change = index.update().where(index.c.seq == sa.bindparam("row"))
    after, reached = -1, ""
    query = (
        sa.select(entries.c.seq, entries.c.body, index.c.at)
        .join(index, index.c.seq == entries.c.seq)
        .order_by(entries.c.seq)
        .limit(_AT_ONCE)
    )
    while rows := connection.execute(query.where(entries.c.seq > after)).all():
        changes = []
        for seq, body, at in rows:
            reached, after = max(reached, at), seq
            changes.append({"row": seq, "reached": reached, **_columns(body)})
        connection.execute(change, changes)


def _columns(body: bytes) -> dict[str, str | None]:
    try:
        content = json.loads(bytes(body))
        facts = content.get("facts")
        found = (content.get("policy"), facts.get("rule"), facts.get("problem"))
    except (ValueError, TypeError, AttributeError):
        found = (None, None, None)
    texts = (one if isinstance(one, str) else None for one in found)
    return dict(zip(("policy", "rule", "problem"), texts, strict=True))


def downgrade() -> None:
    """Take them away again."""
    for name in ("behind", *_ALWAYS, *_OFTEN_NOT):
        op.drop_index(f"ix_log_index_{name}", table_name="log_index")
    for name in ("problem", "rule", "policy", "reached"):
        op.drop_column("log_index", name)
    for name in _WERE:
        op.create_index(f"ix_log_index_{name}", "log_index", [name])
