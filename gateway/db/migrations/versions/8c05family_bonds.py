"""families and sign-ins: what was done about a bond that was opened or has ended, and who was told of a sign-in's end

Revision ID: 8c05family
Revises: 8c03retain
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8c05family"
down_revision = "8c03retain"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_family_bonds_unregistered": (["opened_at"], "registered_at IS NULL AND ended_at IS NULL AND kind = 'guardian'"),
    "ix_family_bonds_unsettled": (["ended_at"], "settled_at IS NULL AND ended_at IS NOT NULL"),
    "ix_family_bonds_review": (["review_on"], "ended_at IS NULL AND kind = 'guardian'"),
}


def upgrade() -> None:
    """Bonds from before are all still to be looked at: no column is filled."""
    op.add_column("family_bonds", sa.Column("registered_at", sa.String(20), nullable=True))
    op.add_column("family_bonds", sa.Column("settled_at", sa.String(20), nullable=True))
    op.add_column("family_bonds", sa.Column("review_on", sa.String(10), nullable=True))
    for name, (columns, where) in _INDEXES.items():
        part = sa.text(where)
        op.create_index(name, "family_bonds", columns, sqlite_where=part, postgresql_where=part)
    op.add_column("account_clients", sa.Column("backchannel_logout_uri", sa.String(500), nullable=True))
    for column in (
        sa.Column("by_party", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("logout_tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("logout_next", sa.String(20), nullable=True),
        sa.Column("logout_done", sa.String(8), nullable=True),
    ):
        op.add_column("identity_sign_ins", column)


def downgrade() -> None:
    """Take it away again."""
    for column in ("logout_done", "logout_next", "logout_tries", "by_party"):
        op.drop_column("identity_sign_ins", column)
    op.drop_column("account_clients", "backchannel_logout_uri")
    for name in _INDEXES:
        op.drop_index(name, "family_bonds")
    for column in ("review_on", "settled_at", "registered_at"):
        op.drop_column("family_bonds", column)
