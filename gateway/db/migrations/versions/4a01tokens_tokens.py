"""access tokens and proofs

Revision ID: 4a01tokens
Revises: 0dc3c7d70182
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a01tokens"
down_revision = "0dc3c7d70182"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep used DPoP proofs, and what a client does with keys; clients of before go on with bearer tokens."""
    op.create_table(
        "account_proofs",
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("jti_sha256", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("jkt", "jti_sha256", name=op.f("pk_account_proofs")),
    )
    with op.batch_alter_table("account_proofs", schema=None) as batch_op:
        batch_op.create_index("ix_account_proofs_expires_at", ["expires_at"], unique=False)

    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("jwks_uri", sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column("dpop_required", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.alter_column("dpop_required", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.drop_column("dpop_required")
        batch_op.drop_column("jwks_uri")
    with op.batch_alter_table("account_proofs", schema=None) as batch_op:
        batch_op.drop_index("ix_account_proofs_expires_at")
    op.drop_table("account_proofs")
