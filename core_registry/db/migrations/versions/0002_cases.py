"""Cases, archives, evidence, clocks, certificates and posts; the version of a record and the one open membership.

A check makes states impossible that the compulsory stage does not have (A34-1, A38-2), and a record on deferral (A9-8).
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate_counters",
        sa.Column("issuer", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "kind", "year", name=op.f("pk_certificate_counters")),
    )
    op.create_table(
        "national_strangers",
        sa.Column("reference_key", sa.String(length=32), nullable=False),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("reference_key", name=op.f("pk_national_strangers")),
    )
    op.create_table(
        "posts",
        sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("post", sa.String(length=10), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("on_establishment", sa.Boolean(), nullable=False),
        sa.Column("trained_on", sa.Date(), nullable=True),
        sa.Column("filed_on", sa.Date(), nullable=True),
        sa.Column("filed_with", sa.String(length=10), nullable=True),
        sa.Column("handed_over_to", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.CheckConstraint("post IN ('registrar', 'head')", name=op.f("ck_posts_post")),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_posts")),
    )
    op.create_index("ix_posts_account", "posts", ["account", "unit"], unique=False)
    op.create_index("ix_posts_unit", "posts", ["unit", "post", "since"], unique=False)
    op.create_table(
        "school_acts",
        sa.Column("act_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("to_unit", sa.String(length=10), nullable=True),
        sa.Column("event_on", sa.Date(), nullable=False),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("pupils", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_school_acts")),
    )
    op.create_table(
        "sealed_cases",
        sa.Column("case_id", sa.String(length=48), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lookup", sa.String(length=32), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_sealed_cases")),
        sa.UniqueConstraint("lookup", name=op.f("uq_sealed_cases_lookup")),
    )
    op.create_table(
        "school_details",
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("system", sa.String(length=3), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("admission_area", sa.Text(), nullable=False),
        sa.Column("central_school", sa.String(length=10), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("system IN ('6-3', '5-4')", name=op.f("ck_school_details_system")),
        sa.ForeignKeyConstraint(
            ["central_school"], ["schools.school_code"], name=op.f("fk_school_details_central_school_schools")
        ),
        sa.ForeignKeyConstraint(
            ["school_code"], ["schools.school_code"], name=op.f("fk_school_details_school_code_schools")
        ),
        sa.PrimaryKeyConstraint("school_code", name=op.f("pk_school_details")),
    )
    op.create_table(
        "verifications",
        sa.Column("verification_id", sa.String(length=48), nullable=False),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("semester", sa.Integer(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("signed_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.Column("totals", sa.Text(), nullable=False),
        sa.Column("checked_by", sa.Text(), nullable=True),
        sa.Column("checked_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_code"], ["schools.school_code"], name=op.f("fk_verifications_school_code_schools")
        ),
        sa.PrimaryKeyConstraint("verification_id", name=op.f("pk_verifications")),
    )
    op.create_index(
        "ix_verifications_school", "verifications", ["school_code", "school_year", "semester"], unique=False
    )
    op.create_table(
        "admission_plans",
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("school_year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_code"], ["schools.school_code"], name=op.f("fk_admission_plans_school_code_schools")
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_admission_plans_student_id_students")
        ),
        sa.PrimaryKeyConstraint("school_code", "school_year", "student_id", name=op.f("pk_admission_plans")),
    )
    op.create_index(op.f("ix_admission_plans_student_id"), "admission_plans", ["student_id"], unique=False)
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(length=48), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=True),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("home_school", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event_on", sa.Date(), nullable=False),
        sa.Column("applied_on", sa.Date(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.String(length=27), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("submission_key", sa.String(length=80), nullable=True),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'completed', 'refused', 'withdrawn')", name=op.f("ck_cases_status")),
        sa.ForeignKeyConstraint(["school_code"], ["schools.school_code"], name=op.f("fk_cases_school_code_schools")),
        sa.ForeignKeyConstraint(["student_id"], ["students.student_id"], name=op.f("fk_cases_student_id_students")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
        sa.UniqueConstraint("opened_by", "submission_key", name="uq_cases_submission"),
        sa.UniqueConstraint("sequence", name=op.f("uq_cases_sequence")),
    )
    op.create_index("ix_cases_home", "cases", ["home_school", "sequence"], unique=False)
    op.create_index("ix_cases_school", "cases", ["school_code", "sequence"], unique=False)
    op.create_index(op.f("ix_cases_student_id"), "cases", ["student_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("evidence_id", sa.String(length=48), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=True),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("issuer_kind", sa.String(length=20), nullable=False),
        sa.Column("issuer_level", sa.String(length=10), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("handed_in_by", sa.Text(), nullable=False),
        sa.Column("handed_in_at", sa.String(length=27), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["student_id"], ["students.student_id"], name=op.f("fk_evidence_student_id_students")),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_student_id"), "evidence", ["student_id"], unique=False)
    op.create_table(
        "guardian_accounts",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("verified_on", sa.Date(), nullable=True),
        sa.Column("verified_by", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_guardian_accounts_student_id_students")
        ),
        sa.PrimaryKeyConstraint("account", "student_id", name=op.f("pk_guardian_accounts")),
    )
    op.create_table(
        "holders",
        sa.Column(
            "holder_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["student_id"], ["students.student_id"], name=op.f("fk_holders_student_id_students")),
        sa.PrimaryKeyConstraint("holder_id", name=op.f("pk_holders")),
    )
    op.create_index(op.f("ix_holders_student_id"), "holders", ["student_id"], unique=False)
    op.create_index(
        "uq_holders_open",
        "holders",
        ["student_id"],
        unique=True,
        sqlite_where=sa.text("to_date IS NULL"),
        postgresql_where=sa.text("to_date IS NULL"),
    )
    op.create_table(
        "matters",
        sa.Column("matter_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("rule", sa.String(length=8), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=True),
        sa.Column("school_code", sa.String(length=10), nullable=True),
        sa.Column("owner", sa.String(length=10), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.String(length=27), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("escalated_to", sa.String(length=10), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_matters_state")),
        sa.ForeignKeyConstraint(["student_id"], ["students.student_id"], name=op.f("fk_matters_student_id_students")),
        sa.PrimaryKeyConstraint("matter_id", name=op.f("pk_matters")),
    )
    op.create_index(op.f("ix_matters_student_id"), "matters", ["student_id"], unique=False)
    op.create_index("ix_matters_work", "matters", ["owner", "state", "due_on"], unique=False)
    op.create_table(
        "national_links",
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("reference_key", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("differs", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("state IN ('in-step', 'differs', 'only-here')", name=op.f("ck_national_links_state")),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_national_links_student_id_students")
        ),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_national_links")),
        sa.UniqueConstraint("reference_key", name=op.f("uq_national_links_reference_key")),
    )
    op.create_table(
        "verification_results",
        sa.Column("verification_id", sa.String(length=48), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_verification_results_student_id_students")
        ),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verifications.verification_id"],
            name=op.f("fk_verification_results_verification_id_verifications"),
        ),
        sa.PrimaryKeyConstraint("verification_id", "student_id", name=op.f("pk_verification_results")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "archive_entries",
        sa.Column("entry_id", sa.String(length=48), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("event_on", sa.Date(), nullable=False),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("case_id", sa.String(length=48), nullable=True),
        sa.Column("supersedes", sa.String(length=48), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_archive_entries_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_archive_entries_student_id_students")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_archive_entries")),
    )
    op.create_index("ix_archive_entries_student", "archive_entries", ["student_id", "kind"], unique=False)
    op.create_table(
        "case_evidence",
        sa.Column("case_id", sa.String(length=48), nullable=False),
        sa.Column("evidence_id", sa.String(length=48), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_case_evidence_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.evidence_id"], name=op.f("fk_case_evidence_evidence_id_evidence")
        ),
        sa.PrimaryKeyConstraint("case_id", "evidence_id", name=op.f("pk_case_evidence")),
    )
    op.create_index(op.f("ix_case_evidence_evidence_id"), "case_evidence", ["evidence_id"], unique=False)
    op.create_table(
        "case_steps",
        sa.Column("case_id", sa.String(length=48), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("party", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("act_zh", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=8), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("reached_on", sa.Date(), nullable=True),
        sa.Column("counted_from", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("done_at", sa.String(length=27), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("registrar", sa.Text(), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=True),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=True),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("alerted_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_case_steps_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "position", name=op.f("pk_case_steps")),
    )
    op.create_index("ix_case_steps_part", "case_steps", ["unit", "case_id"], unique=False)
    op.create_index("ix_case_steps_work", "case_steps", ["waiting", "unit", "due_on"], unique=False)
    op.create_table(
        "certificates",
        sa.Column("issuer", sa.String(length=10), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=48), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("stamped_by", sa.Text(), nullable=True),
        sa.Column("void_on", sa.Date(), nullable=True),
        sa.Column("void_by", sa.Text(), nullable=True),
        sa.Column("original", sa.String(length=60), nullable=False),
        sa.Column("name_key", sa.String(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_certificates_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_certificates_student_id_students")
        ),
        sa.PrimaryKeyConstraint("issuer", "number", name=op.f("pk_certificates")),
    )
    op.create_index("ix_certificates_number", "certificates", ["number"], unique=False)
    op.create_index(op.f("ix_certificates_student_id"), "certificates", ["student_id"], unique=False)
    op.create_table(
        "clocks",
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=8), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=True),
        sa.Column("case_id", sa.String(length=48), nullable=True),
        sa.Column("event_on", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(length=12), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("met_on", sa.Date(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("alerted_at", sa.String(length=27), nullable=True),
        sa.CheckConstraint("state IN ('running', 'overdue', 'met', 'late', 'cancelled')", name=op.f("ck_clocks_state")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_clocks_case_id_cases")),
        sa.ForeignKeyConstraint(["student_id"], ["students.student_id"], name=op.f("fk_clocks_student_id_students")),
        sa.PrimaryKeyConstraint("clock_id", name=op.f("pk_clocks")),
    )
    op.create_index("ix_clocks_due", "clocks", ["state", "due_on"], unique=False)
    op.create_index(op.f("ix_clocks_student_id"), "clocks", ["student_id"], unique=False)
    op.create_index("ix_clocks_work", "clocks", ["unit", "state", "due_on"], unique=False)
    op.create_table(
        "exceptions",
        sa.Column("exception_id", sa.String(length=48), nullable=False),
        sa.Column("rule", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("evidence_id", sa.String(length=48), nullable=False),
        sa.Column("used_by", sa.String(length=48), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"], ["evidence.evidence_id"], name=op.f("fk_exceptions_evidence_id_evidence")
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_exceptions_student_id_students")
        ),
        sa.ForeignKeyConstraint(["used_by"], ["cases.case_id"], name=op.f("fk_exceptions_used_by_cases")),
        sa.PrimaryKeyConstraint("exception_id", name=op.f("pk_exceptions")),
    )
    op.create_index(op.f("ix_exceptions_student_id"), "exceptions", ["student_id"], unique=False)
    op.create_table(
        "transitions",
        sa.Column(
            "transition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("before_state", sa.String(length=24), nullable=True),
        sa.Column("after_state", sa.String(length=24), nullable=False),
        sa.Column("event_on", sa.Date(), nullable=False),
        sa.Column("entered_at", sa.String(length=27), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("case_id", sa.String(length=48), nullable=True),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("registrar", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_transitions_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_transitions_student_id_students")
        ),
        sa.PrimaryKeyConstraint("transition_id", name=op.f("pk_transitions")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_transitions_student_id"), "transitions", ["student_id"], unique=False)
    op.create_index(
        "uq_school_memberships_open",
        "school_memberships",
        ["student_id"],
        unique=True,
        sqlite_where=sa.text("to_date IS NULL"),
        postgresql_where=sa.text("to_date IS NULL"),
    )
    # A new column is where SQLite takes a check of a table that exists: of the whole row, and cheaper than a trigger.
    op.execute(
        "ALTER TABLE students ADD COLUMN version INTEGER DEFAULT 0 NOT NULL "
        "CONSTRAINT guard_students_deferred CHECK (state <> 'deferred') "
        "CONSTRAINT guard_students_compulsory CHECK (NOT (grade < '30' AND "
        "state IN ('withdrawn', 'completed', 'incomplete', 'admission-cancelled')))"
    )
