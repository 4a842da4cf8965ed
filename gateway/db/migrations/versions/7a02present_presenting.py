"""presentations

Revision ID: 7a02present
Revises: 7a01issuing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7a02present"
down_revision = "7a01issuing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "identity_presentations",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(18), nullable=False),
        sa.Column("grant_id", sa.String(40), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("fetches", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.String(20), nullable=False),
        sa.Column("expires_at", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(64), nullable=True),
        sa.Column("answered_at", sa.String(20), nullable=True),
        sa.Column("read_at", sa.String(20), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_presentations")),
    )
    op.create_index(
        op.f("ix_identity_presentations_expires_at"), "identity_presentations", ["expires_at"], unique=False
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_index(op.f("ix_identity_presentations_expires_at"), table_name="identity_presentations")
    op.drop_table("identity_presentations")
