"""inspection cases, and the questions of families about accesses

Revision ID: 8b01inspect
Revises: 8a02searchin
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8b01inspect"
down_revision = "8a02searchin"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "inspection_cases",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.String(length=32), nullable=False),
        sa.Column("opened_by", sa.String(length=64), nullable=False),
        sa.Column("codes", sa.String(length=80), nullable=False),
        sa.Column("order_text", sa.Text(), nullable=False),
        sa.Column("ordered_at", sa.String(length=32), nullable=True),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("finding", sa.String(length=16), nullable=True),
        sa.Column("closed_at", sa.String(length=32), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_cases")),
    )
    op.create_index("ix_inspection_cases_opened", "inspection_cases", ["opened_at", "id"])
    op.create_index("ix_inspection_cases_subject", "inspection_cases", ["subject_kind", "subject"])
    op.create_table(
        "inspection_evidence",
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("added_at", sa.String(length=32), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_inspection_evidence")),
    )
    op.create_table(
        "inspection_events",
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "sequence", name=op.f("pk_inspection_events")),
    )
    op.create_table(
        "inspection_holds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("set_at", sa.String(length=32), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("until", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_holds")),
    )
    op.create_index(op.f("ix_inspection_holds_case_id"), "inspection_holds", ["case_id"])
    op.create_table(
        "inspection_held_entries",
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "seq", name=op.f("pk_inspection_held_entries")),
    )
    op.create_index(op.f("ix_inspection_held_entries_seq"), "inspection_held_entries", ["seq"])
    op.create_table(
        "access_questions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("subject_ref", sa.String(length=64), nullable=False),
        sa.Column("entry", _BIG, nullable=True),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", sa.String(length=32), nullable=True),
        sa.Column("answered_by", sa.String(length=64), nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_questions")),
    )
    op.create_index(op.f("ix_access_questions_answered_at"), "access_questions", ["answered_at"])
    op.create_index("ix_access_questions_family", "access_questions", ["account", "subject_ref"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("access_questions")
    for name in ("held_entries", "holds", "events", "evidence", "cases"):
        op.drop_table(f"inspection_{name}")
