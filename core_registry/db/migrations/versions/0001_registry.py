"""The registry's first schema, its guards and the commit counter."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# table -> (event, columns or None, what the guard says)
GUARDS = [
    ("outbox", "UPDATE", (), "the outbox is append-only"),
    ("outbox", "DELETE", (), "the outbox is append-only"),
    ("imports", "UPDATE", (), "imports are append-only"),
    ("imports", "DELETE", (), "imports are append-only"),
    ("students", "DELETE", (), "a record is never deleted"),
    ("students", "UPDATE", ("student_id", "subject_ref", "created_at"), "a reference never changes"),
    ("sharing_students", "UPDATE", ("subject_ref",), "a reference never changes"),
    ("schools", "DELETE", (), "a school is closed, not deleted"),
    ("data_keys", "DELETE", (), "a data key is never deleted"),
    ("data_keys", "UPDATE", ("table_name", "version", "made_at"), "a data key is only wrapped anew"),
    ("register_state", "DELETE", (), "the commit counter stays"),
]


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("table_name", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master_id", sa.String(length=16), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "version", name=op.f("pk_data_keys")),
    )
    op.create_table(
        "departments",
        sa.Column("code", sa.String(length=6), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("parent", sa.String(length=6), nullable=True),
        sa.Column("zone", sa.Boolean(), nullable=False),
        sa.CheckConstraint("level IN ('province', 'city', 'county')", name=op.f("ck_departments_level")),
        sa.ForeignKeyConstraint(["parent"], ["departments.code"], name=op.f("fk_departments_parent_departments")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_departments")),
    )
    op.create_table(
        "guardians",
        sa.Column("guardian_id", sa.String(length=32), nullable=False),
        sa.Column("id_key", sa.String(length=32), nullable=True),
        sa.Column("name_key", sa.String(length=32), nullable=True),
        sa.Column("phone_key", sa.String(length=32), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("ethnicity", sa.String(length=2), nullable=True),
        sa.Column("id_type", sa.String(length=2), nullable=True),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("guardian_id", name=op.f("pk_guardians")),
        sa.UniqueConstraint("id_key", name=op.f("uq_guardians_id_key")),
    )
    op.create_index(op.f("ix_guardians_name_key"), "guardians", ["name_key"], unique=False)
    op.create_index(op.f("ix_guardians_phone_key"), "guardians", ["phone_key"], unique=False)
    op.create_table(
        "imports",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("commit_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_imports")),
        sa.UniqueConstraint("import_id", name=op.f("uq_imports_import_id")),
    )
    op.create_index(op.f("ix_imports_file_sha256"), "imports", ["file_sha256"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("subjects", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "register_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("commits", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_register_state_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_state")),
    )
    op.create_table(
        "sharing_students",
        sa.Column("subject_ref", sa.Text(), nullable=False),
        sa.Column("name_masked", sa.Text(), nullable=True),
        sa.Column("id_number_masked", sa.Text(), nullable=True),
        sa.Column("phone_masked", sa.Text(), nullable=True),
        sa.Column("address_masked", sa.Text(), nullable=True),
        sa.Column("guardian_name_masked", sa.Text(), nullable=True),
        sa.Column("guardian_relation", sa.Text(), nullable=True),
        sa.Column("address_division", sa.Text(), nullable=True),
        sa.Column("household_division", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("nationality", sa.Text(), nullable=True),
        sa.Column("overseas_status", sa.Text(), nullable=True),
        sa.Column("ethnicity", sa.Text(), nullable=True),
        sa.Column("id_type", sa.Text(), nullable=True),
        sa.Column("political_status", sa.Text(), nullable=True),
        sa.Column("boarding", sa.Boolean(), nullable=True),
        sa.Column("disability", sa.Boolean(), nullable=True),
        sa.Column("disability_type", sa.Text(), nullable=True),
        sa.Column("special_ed_placement", sa.Text(), nullable=True),
        sa.Column("left_behind", sa.Boolean(), nullable=True),
        sa.Column("school_code", sa.Text(), nullable=False),
        sa.Column("school_name", sa.Text(), nullable=True),
        sa.Column("school_type", sa.Text(), nullable=True),
        sa.Column("school_division", sa.Text(), nullable=True),
        sa.Column("managing_authority", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("class_name", sa.Text(), nullable=True),
        sa.Column("entry_month", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("awards_text", sa.Text(), nullable=True),
        sa.Column("remarks_text", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject_ref", name=op.f("pk_sharing_students")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_sharing_students_managing_authority", "sharing_students", ["managing_authority", "state"], unique=False
    )
    op.create_index("ix_sharing_students_school_code", "sharing_students", ["school_code", "grade"], unique=False)
    op.create_table(
        "schools",
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=2), nullable=False),
        sa.Column("division", sa.String(length=6), nullable=False),
        sa.Column("managing_authority", sa.String(length=6), nullable=False),
        sa.Column("supervising_dept", sa.String(length=6), nullable=False),
        sa.Column("registry_superior", sa.String(length=6), nullable=False),
        sa.Column("stages", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["managing_authority"], ["departments.code"], name=op.f("fk_schools_managing_authority_departments")
        ),
        sa.ForeignKeyConstraint(
            ["registry_superior"], ["departments.code"], name=op.f("fk_schools_registry_superior_departments")
        ),
        sa.ForeignKeyConstraint(
            ["supervising_dept"], ["departments.code"], name=op.f("fk_schools_supervising_dept_departments")
        ),
        sa.PrimaryKeyConstraint("school_code", name=op.f("pk_schools")),
    )
    op.create_table(
        "students",
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("subject_ref", sa.String(length=32), nullable=False),
        sa.Column("id_key", sa.String(length=32), nullable=True),
        sa.Column("name_key", sa.String(length=32), nullable=False),
        sa.Column("number_key", sa.String(length=32), nullable=False),
        sa.Column("number_kind", sa.String(length=1), nullable=False),
        sa.Column("suspect_key", sa.String(length=32), nullable=True),
        sa.Column("content_key", sa.String(length=64), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("entry_month", sa.String(length=7), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(length=1), nullable=True),
        sa.Column("nationality", sa.String(length=3), nullable=True),
        sa.Column("overseas_status", sa.String(length=2), nullable=True),
        sa.Column("ethnicity", sa.String(length=2), nullable=True),
        sa.Column("id_type", sa.String(length=2), nullable=True),
        sa.Column("grade", sa.String(length=2), nullable=True),
        sa.Column("class_name", sa.Text(), nullable=True),
        sa.Column("political_status", sa.String(length=2), nullable=True),
        sa.Column("boarding", sa.Boolean(), nullable=True),
        sa.Column("disability", sa.Boolean(), nullable=True),
        sa.Column("disability_type", sa.Text(), nullable=True),
        sa.Column("special_ed_placement", sa.Text(), nullable=True),
        sa.Column("left_behind", sa.Boolean(), nullable=True),
        sa.Column("residence_division", sa.String(length=6), nullable=True),
        sa.Column("household_division", sa.String(length=6), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["school_code"], ["schools.school_code"], name=op.f("fk_students_school_code_schools")),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_students")),
        sa.UniqueConstraint("id_key", name=op.f("uq_students_id_key")),
        sa.UniqueConstraint("number_key", name=op.f("uq_students_number_key")),
        sa.UniqueConstraint("subject_ref", name=op.f("uq_students_subject_ref")),
    )
    op.create_index("ix_students_class", "students", ["school_code", "grade", "class_name"], unique=False)
    op.create_index(op.f("ix_students_name_key"), "students", ["name_key"], unique=False)
    op.create_index(op.f("ix_students_suspect_key"), "students", ["suspect_key"], unique=False)
    op.create_table(
        "guardian_links",
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("guardian_id", sa.String(length=32), nullable=False),
        sa.Column("relation", sa.String(length=2), nullable=True),
        sa.Column("is_guardian", sa.Boolean(), nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.CheckConstraint("position IN (1, 2)", name=op.f("ck_guardian_links_position")),
        sa.ForeignKeyConstraint(
            ["guardian_id"], ["guardians.guardian_id"], name=op.f("fk_guardian_links_guardian_id_guardians")
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_guardian_links_student_id_students")
        ),
        sa.PrimaryKeyConstraint("student_id", "position", name=op.f("pk_guardian_links")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_guardian_links_guardian_id"), "guardian_links", ["guardian_id"], unique=False)
    op.create_table(
        "school_memberships",
        sa.Column(
            "membership_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("student_id", sa.String(length=32), nullable=False),
        sa.Column("school_code", sa.String(length=10), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("to_date", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_code"], ["schools.school_code"], name=op.f("fk_school_memberships_school_code_schools")
        ),
        sa.ForeignKeyConstraint(
            ["student_id"], ["students.student_id"], name=op.f("fk_school_memberships_student_id_students")
        ),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_school_memberships")),
    )
    op.create_index(op.f("ix_school_memberships_student_id"), "school_memberships", ["student_id"], unique=False)
    op.execute("INSERT INTO register_state (id, commits) VALUES (1, 0)")
    sqlite = op.get_bind().dialect.name == "sqlite"
    for number, (table, event, columns, message) in enumerate(GUARDS):
        name = f"guard_{number}_{table}"
        of = f" OF {', '.join(columns)}" if columns else ""
        if sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event}{of} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {event}{of} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    counter = "NEW.commits <= OLD.commits OR NEW.id <> OLD.id"
    message = "the commit counter only grows"
    if sqlite:
        op.execute(
            f"CREATE TRIGGER guard_counter BEFORE UPDATE ON register_state WHEN {counter} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION guard_counter() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER guard_counter BEFORE UPDATE ON register_state FOR EACH ROW WHEN ({counter}) "
        "EXECUTE FUNCTION guard_counter()"
    )
    # TRUNCATE passes row triggers
    for table in sorted({guard[0] for guard in GUARDS if guard[1] == "DELETE"}):
        op.execute(
            f"CREATE TRIGGER guard_truncate_{table} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION guard_0_outbox()"
        )
