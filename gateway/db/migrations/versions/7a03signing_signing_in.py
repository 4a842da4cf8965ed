"""signing in

Revision ID: 7a03signing
Revises: 7a02present
"""

from __future__ import annotations

revision = "7a03signing"
down_revision = "7a02present"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
