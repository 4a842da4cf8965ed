"""access tokens and proofs

Revision ID: 4a01tokens
Revises: 0dc3c7d70182
"""

from __future__ import annotations

revision = "4a01tokens"
down_revision = "0dc3c7d70182"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what this part keeps."""


def downgrade() -> None:
    """Take it away again."""
