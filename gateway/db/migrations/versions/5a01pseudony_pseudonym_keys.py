"""keys of pseudonyms

Revision ID: 5a01pseudony
Revises: 4a08alerts
"""

from __future__ import annotations

revision = "5a01pseudony"
down_revision = "4a08alerts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
