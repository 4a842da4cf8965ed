"""dry runs

Revision ID: 4a04dryruns
Revises: 4a03checks
"""

from __future__ import annotations

revision = "4a04dryruns"
down_revision = "4a03checks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
