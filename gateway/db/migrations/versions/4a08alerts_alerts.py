"""alerts

Revision ID: 4a08alerts
Revises: 4a07assessme
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a08alerts"
down_revision = "4a07assessme"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "alert_entries",
        sa.Column("alert", sa.String(length=40), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("alert", "seq", name=op.f("pk_alert_entries")),
    )
    op.create_table(
        "alert_events",
        sa.Column("alert", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert", "sequence", name=op.f("pk_alert_events")),
    )
    op.create_table(
        "alert_marks",
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=120), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("rule", "group_key", "seq", name=op.f("pk_alert_marks")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=120), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.String(length=32), nullable=False),
        sa.Column("due", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_seq", _BIG, nullable=False),
        sa.Column("last_at", sa.String(length=32), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("handler", sa.String(length=64), nullable=True),
        sa.Column("closed_at", sa.String(length=32), nullable=True),
        sa.Column("finding", sa.String(length=16), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index("ix_alerts_rule_group", ["rule", "group_key", "last_seq"], unique=False)
        batch_op.create_index("ix_alerts_urgency_due", ["urgency", "due", "id"], unique=False)
    # Alerts begin with what is recorded from now on: years of old entries would all be overdue at once.
    op.execute("INSERT INTO audit_cursors (name, position) SELECT 'alerts', size FROM log_head WHERE size > 0")


def downgrade() -> None:
    """Take it away again."""
    op.execute("DELETE FROM audit_cursors WHERE name = 'alerts'")
    for name in ("alerts", "alert_marks", "alert_events", "alert_entries"):
        op.drop_table(name)
