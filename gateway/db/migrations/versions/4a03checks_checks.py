"""checks and matches

Revision ID: 4a03checks
Revises: 4a02recipien
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a03checks"
down_revision = "4a02recipien"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps. Questions live for a minute: their table is made anew, with sealed questions."""
    _drop_questions()
    op.create_table(
        "broker_questions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_questions")),
    )
    with op.batch_alter_table("broker_questions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_broker_questions_asked_at"), ["asked_at"], unique=False)
    op.create_table(
        "release_checks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("grant_id", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=18), nullable=False),
        sa.Column("executor", sa.String(length=40), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("leased_to", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_checks")),
    )
    with op.batch_alter_table("release_checks", schema=None) as batch_op:
        batch_op.create_index("ix_release_checks_state_leased_to", ["state", "leased_to"], unique=False)
    op.create_table(
        "release_guesses",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_release_guesses")),
    )
    with op.batch_alter_table("release_guesses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_release_guesses_day"), ["day"], unique=False)
    op.create_table(
        "match_lists",
        sa.Column("extract_id", sa.String(length=40), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("destroyed_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["extract_id"], ["extracts.id"], name=op.f("fk_match_lists_extract_id_extracts")),
        sa.PrimaryKeyConstraint("extract_id", name=op.f("pk_match_lists")),
    )
    with op.batch_alter_table("match_lists", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_match_lists_destroyed_at"), ["destroyed_at"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("match_lists", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_match_lists_destroyed_at"))
    op.drop_table("match_lists")
    with op.batch_alter_table("release_guesses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_release_guesses_day"))
    op.drop_table("release_guesses")
    with op.batch_alter_table("release_checks", schema=None) as batch_op:
        batch_op.drop_index("ix_release_checks_state_leased_to")
    op.drop_table("release_checks")
    _drop_questions()
    op.create_table(
        "broker_questions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject_ref", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_questions")),
    )
    with op.batch_alter_table("broker_questions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_broker_questions_asked_at"), ["asked_at"], unique=False)


def _drop_questions() -> None:
    with op.batch_alter_table("broker_questions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_broker_questions_asked_at"))
    op.drop_table("broker_questions")
