"""dry runs

Revision ID: 4a04dryruns
Revises: 4a03checks
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a04dryruns"
down_revision = "4a03checks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "dry_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=32), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_sha256", sa.String(length=64), nullable=False),
        sa.Column("rulebook_sha256", sa.String(length=64), nullable=False),
        sa.Column("ground_id", sa.String(length=64), nullable=True),
        sa.Column("plan_sha256", sa.String(length=64), nullable=False),
        sa.Column("snapshot", sa.String(length=40), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("holdings", sa.Text(), nullable=False),
        sa.Column("sample", sa.LargeBinary(), nullable=False),
        sa.Column("failure", sa.String(length=60), nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.String(length=32), nullable=True),
        sa.Column("grant_id", sa.String(length=64), nullable=True),
        sa.Column("worker", sa.String(length=60), nullable=True),
        sa.Column("leased_to", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["application"], ["applications.id"], name=op.f("fk_dry_runs_application_applications")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dry_runs")),
    )
    with op.batch_alter_table("dry_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dry_runs_application"), ["application"], unique=False)
        batch_op.create_index(batch_op.f("ix_dry_runs_grant_id"), ["grant_id"], unique=False)
        batch_op.create_index("ix_dry_runs_state_requested", ["state", "requested_at"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("dry_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_dry_runs_state_requested")
        batch_op.drop_index(batch_op.f("ix_dry_runs_grant_id"))
        batch_op.drop_index(batch_op.f("ix_dry_runs_application"))
    op.drop_table("dry_runs")
