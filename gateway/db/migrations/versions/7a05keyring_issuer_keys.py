"""issuer keys

Revision ID: 7a05keyring
Revises: 7a04familie
"""

from __future__ import annotations

revision = "7a05keyring"
down_revision = "7a04familie"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
