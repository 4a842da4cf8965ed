"""ledger of releases

Revision ID: 5a02ledger
Revises: 5a01pseudony
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5a02ledger"
down_revision = "5a01pseudony"
branch_labels = None
depends_on = None

_INDEXED = ("group_id", "recipient", "grant_id", "keep_until")


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "release_ledger",
        sa.Column("extract_id", sa.String(length=40), nullable=False),
        sa.Column("group_id", sa.String(length=80), nullable=False),
        sa.Column("recipient", sa.String(length=18), nullable=False),
        sa.Column("grant_id", sa.String(length=40), nullable=False),
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=14), nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("levels", sa.Text(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=True),
        sa.Column("demands", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("withheld", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=40), nullable=False),
        sa.Column("snapshot", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("keep_until", sa.String(length=10), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["extract_id"], ["extracts.id"], name=op.f("fk_release_ledger_extract_id_extracts")),
        sa.PrimaryKeyConstraint("extract_id", name=op.f("pk_release_ledger")),
    )
    with op.batch_alter_table("release_ledger", schema=None) as batch_op:
        for column in _INDEXED:
            batch_op.create_index(batch_op.f(f"ix_release_ledger_{column}"), [column], unique=False)
    op.create_table(
        "release_ledger_groups",
        sa.Column("group_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_release_ledger_groups")),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("release_ledger_groups")
    with op.batch_alter_table("release_ledger", schema=None) as batch_op:
        for column in reversed(_INDEXED):
            batch_op.drop_index(batch_op.f(f"ix_release_ledger_{column}"))
    op.drop_table("release_ledger")
