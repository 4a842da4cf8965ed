"""early warning: amounts, suppressions, escalation, the watch over the chain

Revision ID: 8c01alerts
Revises: 8c02canary
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8c01alerts"
down_revision = "8c02canary"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "alert_amounts",
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=120), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("variant", sa.String(length=120), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("amount", _BIG, nullable=False),
        sa.Column("told", _BIG, nullable=False),
        sa.Column("told_entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "group_key", "start", "variant", name=op.f("pk_alert_amounts")),
    )
    op.create_table(
        "alert_suppressions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=True),
        sa.Column("alert", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("until", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.String(length=32), nullable=True),
        sa.Column("confirmed_by", sa.String(length=64), nullable=True),
        sa.Column("ended_at", sa.String(length=32), nullable=True),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("last_seq", _BIG, nullable=True),
        sa.Column("last_at", sa.String(length=32), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_suppressions")),
    )
    op.create_index("ix_alert_suppressions_group", "alert_suppressions", ["rule", "group_key", "state"])
    op.create_index("ix_alert_suppressions_asked", "alert_suppressions", ["asked_at", "id"])
    op.create_table(
        "log_watch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.String(length=32), nullable=False),
        sa.Column("size", _BIG, nullable=False),
        sa.Column("levels", sa.Text(), nullable=False),
        sa.Column("passed_at", sa.String(length=32), nullable=False),
        sa.Column("passed_size", _BIG, nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("damage", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_watch")),
    )
    op.add_column("log_witness", sa.Column("damaged_since", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("alerts", sa.Column("escalations", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alerts", sa.Column("escalates_at", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("alerts", "escalates_at")
    op.drop_column("alerts", "escalations")
    op.drop_column("log_witness", "damaged_since")
    for name in ("log_watch", "alert_suppressions", "alert_amounts"):
        op.drop_table(name)
