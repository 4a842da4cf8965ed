"""the life of applications and grants

Revision ID: 4a06workflow
Revises: 4a05grounds
"""

from __future__ import annotations

revision = "4a06workflow"
down_revision = "4a05grounds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
