"""increments and parts of extracts: clients whose extracts are always encrypted

Changes, parts, pages and envelopes keep nothing of their own: what is asked for stands in the request of the extract,
what was made in its manifest, and what the recipient holds in the ledger.

Revision ID: 5a04increme
Revises: 5a03statisti
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5a04increme"
down_revision = "5a03statisti"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps. Clients that are there already go on as before."""
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("encrypt_always", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.alter_column("encrypt_always", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("account_clients", schema=None) as batch_op:
        batch_op.drop_column("encrypt_always")
