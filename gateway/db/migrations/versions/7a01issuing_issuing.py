"""issuing of credentials

Revision ID: 7a01issuing
Revises: 5a04increme
"""

from __future__ import annotations

revision = "7a01issuing"
down_revision = "5a04increme"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
