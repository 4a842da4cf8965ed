"""statistics and their budgets

Revision ID: 5a03statisti
Revises: 5a02ledger
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5a03statisti"
down_revision = "5a02ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "statistics_answers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=18), nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("question_sha256", sa.String(length=64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.String(length=64), nullable=False),
        sa.Column("executor", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("epsilon", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("mechanism", sa.String(length=12), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("ready_at", sa.String(length=32), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.String(length=40), nullable=False),
        sa.Column("failure", sa.String(length=60), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("leased_to", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistics_answers")),
        sa.UniqueConstraint(
            "recipient", "school_year", "question_sha256", "round", name="uq_statistics_answers_question"
        ),
    )
    with op.batch_alter_table("statistics_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_statistics_answers_grant_id"), ["grant_id"], unique=False)
        batch_op.create_index("ix_statistics_answers_state_asked", ["state", "asked_at"], unique=False)
    op.create_table(
        "statistics_budgets",
        sa.Column("recipient", sa.String(length=18), nullable=False),
        sa.Column("school_year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epsilon", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "school_year", name="pk_statistics_budgets"),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("statistics_budgets")
    with op.batch_alter_table("statistics_answers", schema=None) as batch_op:
        batch_op.drop_index("ix_statistics_answers_state_asked")
        batch_op.drop_index(batch_op.f("ix_statistics_answers_grant_id"))
    op.drop_table("statistics_answers")
