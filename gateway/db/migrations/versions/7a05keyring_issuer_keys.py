"""issuer keys

Revision ID: 7a05keyring
Revises: 7a02present
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7a05keyring"
down_revision = "7a02present"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps. Of credentials that are there already the key is not known; they live for days."""
    op.create_table(
        "identity_issuer_keys",
        sa.Column("kid", sa.String(64), primary_key=True),
        sa.Column("x", sa.String(43), nullable=False),
        sa.Column("y", sa.String(43), nullable=False),
        sa.Column("published_at", sa.String(20), nullable=False),
        sa.Column("signs_from", sa.String(20), nullable=False),
        sa.Column("keep_until", sa.String(20), nullable=True),
        sa.Column("compromised_at", sa.String(20), nullable=True),
    )
    with op.batch_alter_table("identity_credentials", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kid", sa.String(64), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("identity_credentials", schema=None) as batch_op:
        batch_op.drop_column("kid")
    op.drop_table("identity_issuer_keys")
