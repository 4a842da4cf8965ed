"""The version under which the texts of the sharing view were redacted; those of older installs stand withheld."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sharing_students", sa.Column("text_redaction", sa.String(length=64), nullable=True))
    # what earlier versions wrote instead of a text
    op.execute(
        "UPDATE sharing_students SET text_redaction = 'withheld' "
        "WHERE awards_text IS NOT NULL OR remarks_text IS NOT NULL"
    )
    there = sa.text("text_redaction IS NOT NULL")
    op.create_index(
        "ix_sharing_students_texts",
        "sharing_students",
        ["school_code", "subject_ref"],
        unique=False,
        sqlite_where=there,
        postgresql_where=there,
    )
