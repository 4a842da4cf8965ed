"""increments and parts of extracts

Revision ID: 5a04increme
Revises: 5a03statisti
"""

from __future__ import annotations

revision = "5a04increme"
down_revision = "5a03statisti"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
