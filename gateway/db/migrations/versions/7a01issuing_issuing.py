"""issuing of credentials

Revision ID: 7a01issuing
Revises: 5a04increme
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7a01issuing"
down_revision = "5a04increme"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps. Offers from before have no transaction code: nobody can redeem them any more."""
    with op.batch_alter_table("identity_offers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("configuration", sa.String(20), nullable=False, server_default="student"))
        batch_op.add_column(sa.Column("tx_hash", sa.String(64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "identity_accesses",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("offer", sa.String(40), nullable=False),
        sa.Column("configuration", sa.String(20), nullable=False),
        sa.Column("by_identifier", sa.Boolean(), nullable=False),
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("jkt", sa.String(64), nullable=True),
        sa.Column("issued_at", sa.String(20), nullable=False),
        sa.Column("expires_at", sa.String(20), nullable=False),
        sa.Column("kept_until", sa.String(20), nullable=False),
        sa.Column("used_at", sa.String(20), nullable=True),
        sa.Column("notification_hash", sa.String(64), nullable=True),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("event", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_identity_accesses")),
    )
    op.create_index(op.f("ix_identity_accesses_kept_until"), "identity_accesses", ["kept_until"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    op.drop_index(op.f("ix_identity_accesses_kept_until"), table_name="identity_accesses")
    op.drop_table("identity_accesses")
    with op.batch_alter_table("identity_offers", schema=None) as batch_op:
        batch_op.drop_column("tries")
        batch_op.drop_column("tx_hash")
        batch_op.drop_column("configuration")
