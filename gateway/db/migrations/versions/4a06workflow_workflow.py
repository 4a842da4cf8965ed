"""the life of applications and grants

Revision ID: 4a06workflow
Revises: 4a05grounds
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4a06workflow"
down_revision = "4a05grounds"
branch_labels = None
depends_on = None

_APPLICATIONS = (
    ("terms_version", sa.String(length=40), ""),
    ("round", sa.Integer(), "0"),
    ("since", sa.String(length=32), None),
    ("recorder_for", sa.String(length=64), None),
    ("confirmer_for", sa.String(length=64), None),
    ("approver_for", sa.String(length=64), None),
    ("overdue_told", sa.String(length=32), None),
)
_EVENTS = (
    ("post", sa.String(length=120), ""),
    ("on_behalf", sa.String(length=64), None),
    ("changes", sa.Text(), None),
)
_GRANTS = (
    ("approver_for", sa.String(length=64), None),
    ("approver_unit", sa.String(length=16), ""),
    ("approver_post", sa.String(length=120), ""),
    ("terms_version", sa.String(length=40), ""),
    ("terms_sha256", sa.String(length=64), ""),
    ("state_since", sa.String(length=32), None),
    ("state_by", sa.String(length=64), None),
    ("state_reason", sa.Text(), ""),
    ("overdue_told", sa.String(length=10), None),
    ("closed_told", sa.String(length=32), None),
)
_ADDED = {"applications": _APPLICATIONS, "application_events": _EVENTS, "grants": _GRANTS}


def upgrade() -> None:
    """Make what this part keeps; a step that is under way counts from its last event."""
    for table, columns in _ADDED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, kind, default in columns:
                batch_op.add_column(sa.Column(name, kind, nullable=default is None, server_default=default))
    with op.batch_alter_table("applications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_applications_since"), ["since"], unique=False)
    op.execute(
        "UPDATE applications SET since = (SELECT MAX(at) FROM application_events WHERE application = applications.id)"
    )
    op.execute(
        "UPDATE applications SET round = (SELECT COUNT(*) FROM application_events "
        "WHERE application = applications.id AND act = 'submitted')"
    )
    op.create_table(
        "application_comments",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("post", sa.String(length=120), nullable=False),
        sa.Column("side", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("on_behalf", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["application"], ["applications.id"], name=op.f("fk_application_comments_application_applications")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_comments")),
    )
    with op.batch_alter_table("application_comments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_application_comments_application"), ["application"], unique=False)


def downgrade() -> None:
    """Take it away again."""
    with op.batch_alter_table("application_comments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_application_comments_application"))
    op.drop_table("application_comments")
    with op.batch_alter_table("applications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_applications_since"))
    for table, columns in _ADDED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, _kind, _default in columns:
                batch_op.drop_column(name)
