"""signing in

Revision ID: 7b01signin
Revises: 7b02family
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7b01signin"
down_revision = "7b02family"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps. Clients that are there already have no address for sign-ins."""
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("redirect_uris", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("post_logout_redirect_uris", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("sector_identifier", sa.String(255), nullable=True))
    op.create_table(
        "identity_sign_ins",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("recipient", sa.String(18), nullable=False),
        sa.Column("sector", sa.String(280), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("made_at", sa.String(20), nullable=False),
        sa.Column("expires_at", sa.String(20), nullable=False),
        sa.Column("kept_until", sa.String(20), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("opened_at", sa.String(20), nullable=True),
        sa.Column("browser_hash", sa.String(64), nullable=True),
        sa.Column("subject_ref", sa.String(64), nullable=True),
        sa.Column("account", sa.String(40), nullable=True),
        sa.Column("signed_in_at", sa.String(20), nullable=True),
        sa.Column("code_hash", sa.String(64), nullable=True),
        sa.Column("token_hash", sa.String(64), nullable=True),
        sa.Column("jkt", sa.String(43), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_sign_ins")),
        sa.UniqueConstraint("request_hash", name=op.f("uq_identity_sign_ins_request_hash")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_identity_sign_ins_code_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_identity_sign_ins_token_hash")),
    )
    op.create_index(op.f("ix_identity_sign_ins_kept_until"), "identity_sign_ins", ["kept_until"], unique=False)
    op.create_index("ix_identity_sign_ins_subject_ref", "identity_sign_ins", ["subject_ref"], unique=False)
    op.create_table(
        "identity_consents",
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("recipient", sa.String(18), nullable=False),
        sa.Column("sector", sa.String(280), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("purpose_hash", sa.String(64), nullable=False),
        sa.Column("by", sa.String(40), nullable=False),
        sa.Column("given_at", sa.String(20), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("purpose_zh", sa.String(200), nullable=False),
        sa.Column("purpose_en", sa.String(200), nullable=False),
        sa.Column("valid_to", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("subject_ref", "client", name=op.f("pk_identity_consents")),
    )
    op.create_table(
        "identity_pairwise",
        sa.Column("sector", sa.String(280), nullable=False),
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("sub", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sector", "subject_ref", name=op.f("pk_identity_pairwise")),
        sa.UniqueConstraint("sub", name=op.f("uq_identity_pairwise_sub")),
    )
    op.create_index("ix_identity_pairwise_subject_ref", "identity_pairwise", ["subject_ref"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    op.drop_index("ix_identity_pairwise_subject_ref", table_name="identity_pairwise")
    op.drop_table("identity_pairwise")
    op.drop_table("identity_consents")
    op.drop_index("ix_identity_sign_ins_subject_ref", table_name="identity_sign_ins")
    op.drop_index(op.f("ix_identity_sign_ins_kept_until"), table_name="identity_sign_ins")
    op.drop_table("identity_sign_ins")
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.drop_column("sector_identifier")
        batch_op.drop_column("post_logout_redirect_uris")
        batch_op.drop_column("redirect_uris")
