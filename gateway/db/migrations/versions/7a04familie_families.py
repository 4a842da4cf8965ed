"""families

Revision ID: 7a04familie
Revises: 7a03signing
"""

from __future__ import annotations

revision = "7a04familie"
down_revision = "7a03signing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
