"""statistics and their budgets

Revision ID: 5a03statisti
Revises: 5a02ledger
"""

from __future__ import annotations

revision = "5a03statisti"
down_revision = "5a02ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
