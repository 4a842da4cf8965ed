"""recipients, their clients and delegations

Revision ID: 4a02recipien
Revises: 4a01tokens
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a02recipien"
down_revision = "4a01tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""
    op.create_table(
        "recipients",
        sa.Column("code", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("former_name", sa.String(length=200), nullable=False),
        sa.Column("post", sa.String(length=200), nullable=False),
        sa.Column("responsible", sa.String(length=200), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("registered_at", sa.String(length=32), nullable=False),
        sa.Column("attested_on", sa.String(length=10), nullable=False),
        sa.Column("attested_until", sa.String(length=10), nullable=False),
        sa.Column("suspended", sa.Text(), nullable=False),
        sa.Column("resumed_at", sa.String(length=32), nullable=True),
        sa.Column("warned_for", sa.String(length=10), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_recipients")),
    )
    op.create_table(
        "recipient_acts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("recipient", sa.String(length=18), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient"], ["recipients.code"], name=op.f("fk_recipient_acts_recipient_recipients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipient_acts")),
    )
    with op.batch_alter_table("recipient_acts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recipient_acts_recipient"), ["recipient"], unique=False)

    op.create_table(
        "delegations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("delegator", sa.String(length=40), nullable=False),
        sa.Column("deputy", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("valid_to", sa.String(length=10), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.String(length=32), nullable=True),
        sa.Column("ended_by", sa.String(length=40), nullable=True),
        sa.Column("ended_why", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["delegator"], ["accounts.id"], name=op.f("fk_delegations_delegator_accounts")),
        sa.ForeignKeyConstraint(["deputy"], ["accounts.id"], name=op.f("fk_delegations_deputy_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    with op.batch_alter_table("delegations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delegations_delegator"), ["delegator"], unique=False)
        batch_op.create_index(batch_op.f("ix_delegations_deputy"), ["deputy"], unique=False)

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_recipient"), ["recipient"], unique=False)

    with op.batch_alter_table("account_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("acting", sa.String(length=40), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("account_sessions", schema=None) as batch_op:
        batch_op.drop_column("acting")

    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_recipient"))

    op.drop_table("delegations")
    op.drop_table("recipient_acts")
    op.drop_table("recipients")
