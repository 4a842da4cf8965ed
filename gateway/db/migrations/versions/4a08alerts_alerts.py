"""alerts

Revision ID: 4a08alerts
Revises: 4a07assessme
"""

from __future__ import annotations

revision = "4a08alerts"
down_revision = "4a07assessme"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
