"""texts of legal bases, scans, disclosures

Revision ID: 4a05grounds
Revises: 4a04dryruns
"""

from __future__ import annotations

revision = "4a05grounds"
down_revision = "4a04dryruns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
