"""presentations

Revision ID: 7a02present
Revises: 7a01issuing
"""

from __future__ import annotations

revision = "7a02present"
down_revision = "7a01issuing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
