"""what waits for the witnesses of the log

Revision ID: 8a01witness
Revises: 7b01signin
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8a01witness"
down_revision = "7b01signin"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the one row's table; the worker writes the row in its first round."""
    op.create_table(
        "log_witness",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cosigned_size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("waiting_since", sa.String(32), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("contradicted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("log_witness")
