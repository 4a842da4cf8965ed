"""impact assessments and notices to guardians

Revision ID: 4a07assessme
Revises: 4a06workflow
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a07assessme"
down_revision = "4a06workflow"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessments",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["applications.id"], name=op.f("fk_assessments_application_applications")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_assessments")),
        sa.UniqueConstraint("id", name=op.f("uq_assessments_id")),
    )
    with op.batch_alter_table("assessments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assessments_application"), ["application"], unique=False)
    op.create_table(
        "guardian_notices",
        sa.Column("grant_id", sa.String(length=64), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_guardian_notices_grant_id_grants")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_guardian_notices")),
    )


def downgrade() -> None:
    op.drop_table("guardian_notices")
    with op.batch_alter_table("assessments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_assessments_application"))
    op.drop_table("assessments")
