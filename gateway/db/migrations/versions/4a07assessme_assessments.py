"""impact assessments

Revision ID: 4a07assessme
Revises: 4a06workflow
"""

from __future__ import annotations

revision = "4a07assessme"
down_revision = "4a06workflow"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
