"""data keys, holds and sweeps; texts of cases under seal

Revision ID: 8c03retain
Revises: 8c06rotate
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8c03retain"
down_revision = "8c06rotate"
branch_labels = None
depends_on = None

_SEALED = (
    ("inspection_cases", "title_sealed"),
    ("inspection_cases", "order_sealed"),
    ("inspection_evidence", "note_sealed"),
    ("inspection_events", "text_sealed"),
    ("inspection_holds", "reason_sealed"),
)


def upgrade() -> None:
    """Make what this part keeps. Texts in clear are sealed by the worker: a migration holds no keys."""
    op.create_table(
        "data_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("data_class", sa.String(length=32), nullable=False),
        sa.Column("matter", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("wrapping", sa.String(length=16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("destroyed_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
        sa.UniqueConstraint("data_class", "matter", name="uq_data_keys_matter"),
    )
    op.create_index(op.f("ix_data_keys_destroyed_at"), "data_keys", ["destroyed_at"])
    op.create_table(
        "data_key_wrapping",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("renewed_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key_wrapping")),
    )
    op.create_table(
        "retention_holds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("data_class", sa.String(length=32), nullable=True),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("grant_id", sa.String(length=64), nullable=True),
        sa.Column("unit", sa.String(length=32), nullable=True),
        sa.Column("first_day", sa.String(length=10), nullable=True),
        sa.Column("last_day", sa.String(length=10), nullable=True),
        sa.Column("ground", sa.String(length=200), nullable=False),
        sa.Column("review_on", sa.String(length=10), nullable=False),
        sa.Column("review_told", sa.String(length=10), nullable=True),
        sa.Column("set_at", sa.String(length=32), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=True),
        sa.Column("lifted_at", sa.String(length=32), nullable=True),
        sa.Column("lifted_by", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_holds")),
    )
    op.create_table(
        "retention_hold_acts",
        sa.Column("hold", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hold", "sequence", name=op.f("pk_retention_hold_acts")),
    )
    op.create_table(
        "retention_sweeps",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("finished_at", sa.String(length=32), nullable=False),
        sa.Column("destroyed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_retention_sweeps")),
    )
    for table, name in _SEALED:
        op.add_column(table, sa.Column(name, sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take it away again; what is sealed by then is lost with its keys."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":  # guards that speak of what goes would stop every later change of tables
        query = sa.text(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND (sql LIKE '%data_key%' OR sql LIKE '%sealed%')"
        )
        for (trigger,) in connection.execute(query).all():
            op.execute(f"DROP TRIGGER {trigger}")
    for table, name in reversed(_SEALED):
        op.drop_column(table, name)
    for table in ("retention_sweeps", "retention_hold_acts", "retention_holds", "data_key_wrapping", "data_keys"):
        op.drop_table(table)
