"""families: bonds, activations, passkeys, challenges

Revision ID: 7b02family
Revises: 7a05keyring
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7b02family"
down_revision = "7a05keyring"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "family_bonds",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("opened_at", sa.String(20), nullable=False),
        sa.Column("opened_by", sa.String(40), nullable=False),
        sa.Column("ended_at", sa.String(20), nullable=True),
        sa.Column("ended_by", sa.String(40), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_family_bonds_account_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_bonds")),
    )
    op.create_index(op.f("ix_family_bonds_subject_ref"), "family_bonds", ["subject_ref"], unique=False)
    live, own = sa.text("ended_at IS NULL"), sa.text("ended_at IS NULL AND kind = 'self'")
    op.create_index(
        "uq_family_bonds_live",
        "family_bonds",
        ["account", "subject_ref"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index(
        "uq_family_bonds_own", "family_bonds", ["subject_ref"], unique=True, sqlite_where=own, postgresql_where=own
    )
    op.create_table(
        "family_activations",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("reference_hash", sa.String(64), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("account", sa.String(40), nullable=True),
        sa.Column("unit", sa.String(10), nullable=True),
        sa.Column("made_by", sa.String(40), nullable=False),
        sa.Column("made_at", sa.String(20), nullable=False),
        sa.Column("expires_at", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.String(20), nullable=True),
        sa.Column("used_by", sa.String(40), nullable=True),
        sa.Column("revoked_at", sa.String(20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_activations")),
        sa.UniqueConstraint("reference_hash", name=op.f("uq_family_activations_reference_hash")),
    )
    op.create_index(op.f("ix_family_activations_unit"), "family_activations", ["unit"], unique=False)
    op.create_index(op.f("ix_family_activations_expires_at"), "family_activations", ["expires_at"], unique=False)
    op.create_table(
        "family_passkeys",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("last_used_at", sa.String(20), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_family_passkeys_account_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_passkeys")),
    )
    op.create_index(op.f("ix_family_passkeys_account"), "family_passkeys", ["account"], unique=False)
    op.create_table(
        "family_challenges",
        sa.Column("id_hash", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(40), nullable=True),
        sa.Column("expires_at", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_family_challenges")),
    )
    op.create_index(op.f("ix_family_challenges_expires_at"), "family_challenges", ["expires_at"], unique=False)
    op.create_table(
        "family_cards",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("reference_hash", sa.String(64), nullable=False),
        sa.Column("bond", sa.String(40), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("subject_ref", sa.String(64), nullable=False),
        sa.Column("made_at", sa.String(20), nullable=False),
        sa.Column("expires_at", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["bond"], ["family_bonds.id"], name=op.f("fk_family_cards_bond_family_bonds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_cards")),
        sa.UniqueConstraint("reference_hash", name=op.f("uq_family_cards_reference_hash")),
    )
    op.create_index(op.f("ix_family_cards_bond"), "family_cards", ["bond"], unique=False)
    op.create_index(op.f("ix_family_cards_expires_at"), "family_cards", ["expires_at"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    for table in ("family_cards", "family_challenges", "family_passkeys", "family_activations", "family_bonds"):
        op.drop_table(table)
