"""the keys of the log, once its key was changed

Revision ID: 8c06rotate
Revises: 8c07follow
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8c06rotate"
down_revision = "8c07follow"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it stays empty until the first change of the key. The guards come with every upgrade."""
    op.create_table(
        "log_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("overlap_until", sa.String(32), nullable=False),
        sa.Column("entry", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_log_keys")),
        sa.UniqueConstraint("vkey", name=op.f("uq_log_keys_vkey")),
    )


def downgrade() -> None:
    """Take it away again, with the guard of the checkpoints that reads it."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS guard_log_checkpoints_insert")
    else:
        op.execute("DROP TRIGGER IF EXISTS guard_log_checkpoints_insert ON log_checkpoints")
    op.drop_table("log_keys")
