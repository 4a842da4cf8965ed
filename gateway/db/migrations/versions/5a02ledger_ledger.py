"""ledger of releases

Revision ID: 5a02ledger
Revises: 5a01pseudony
"""

from __future__ import annotations

revision = "5a02ledger"
down_revision = "5a01pseudony"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
