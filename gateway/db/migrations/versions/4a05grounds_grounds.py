"""texts of legal bases, scans, disclosures

Revision ID: 4a05grounds
Revises: 4a04dryruns
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a05grounds"
down_revision = "4a04dryruns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "legal_texts",
        sa.Column("legal_basis", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=400), nullable=False),
        sa.Column("published_on", sa.String(length=10), nullable=False),
        sa.Column("attached_by", sa.String(length=64), nullable=False),
        sa.Column("attached_at", sa.String(length=32), nullable=False),
        sa.Column("confirmed_by", sa.String(length=64), nullable=True),
        sa.Column("confirmed_at", sa.String(length=32), nullable=True),
        sa.Column("retired_by", sa.String(length=64), nullable=True),
        sa.Column("retired_at", sa.String(length=32), nullable=True),
        sa.Column("retired_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("legal_basis", "number", name=op.f("pk_legal_texts")),
    )
    op.create_table(
        "approval_scans",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("handed_in_by", sa.String(length=64), nullable=False),
        sa.Column("handed_in_at", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["applications.id"], name=op.f("fk_approval_scans_application_applications")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_scans")),
        sa.UniqueConstraint("application", "sha256", name=op.f("uq_approval_scans_application")),
    )
    with op.batch_alter_table("approval_scans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approval_scans_application"), ["application"], unique=False)
    op.create_table(
        "disclosures",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("handed_over_on", sa.String(length=10), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("corrects", sa.String(length=64), nullable=True),
        sa.Column("registered_by", sa.String(length=64), nullable=False),
        sa.Column("registered_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["corrects"], ["disclosures.id"], name=op.f("fk_disclosures_corrects_disclosures")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
        sa.UniqueConstraint("corrects", name=op.f("uq_disclosures_corrects")),
    )
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disclosures_unit"), ["unit"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disclosures_unit"))
    op.drop_table("disclosures")
    with op.batch_alter_table("approval_scans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_scans_application"))
    op.drop_table("approval_scans")
    op.drop_table("legal_texts")
