"""keys of pseudonyms

Revision ID: 5a01pseudony
Revises: 4a08alerts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5a01pseudony"
down_revision = "4a08alerts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "pseudonym_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=18), nullable=False),
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("extract_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("grant_id", sa.String(length=40), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("wrapped_salt", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("destroyed_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pseudonym_keys")),
        sa.UniqueConstraint(
            "recipient", "application_id", "extract_id", "version", name=op.f("uq_pseudonym_keys_recipient")
        ),
    )
    with op.batch_alter_table("pseudonym_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pseudonym_keys_destroyed_at"), ["destroyed_at"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("pseudonym_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pseudonym_keys_destroyed_at"))
    op.drop_table("pseudonym_keys")
