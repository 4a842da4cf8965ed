"""checks and matches

Revision ID: 4a03checks
Revises: 4a02recipien
"""

from __future__ import annotations

revision = "4a03checks"
down_revision = "4a02recipien"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
