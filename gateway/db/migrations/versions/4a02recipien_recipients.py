"""recipients, their clients and delegations

Revision ID: 4a02recipien
Revises: 4a01tokens
"""

from __future__ import annotations

revision = "4a02recipien"
down_revision = "4a01tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
