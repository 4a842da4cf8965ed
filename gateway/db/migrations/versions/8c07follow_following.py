"""The search index follows the log.

Until now each entry brought its rows of the index: what the log holds is in it.

Revision ID: 8c07follow
Revises: 8b01inspect
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8c07follow"
down_revision = "8b01inspect"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Set the cursor behind the last entry."""
    op.execute(
        sa.text("INSERT INTO audit_cursors (name, position) SELECT 'search-index', size FROM log_head WHERE id = 1")
    )


def downgrade() -> None:
    """Take the cursor away; ``xueji audit index --rebuild`` writes the rows that were left out."""
    op.execute(sa.text("DELETE FROM audit_cursors WHERE name = 'search-index'"))
