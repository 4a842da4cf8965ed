"""The tables of the registry, on a MetaData of its own.

Every direct identifier and free text of a row lies in one sealed column (ADR 0003); beside it stand keyed
hashes for look-ups and the quasi-identifiers in clear. ``sharing_students`` is the one table that what
releases data may read; it holds nothing that opens to a raw identifier (I2).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from core_registry.sharing import SHARING_COLUMNS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_KEY = String(32)
_CONTENT = String(64)
_TIME = String(27)
_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")

departments = Table(
    "departments",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", String(8), nullable=False),
    Column("parent", String(6), ForeignKey("departments.code")),
    Column("zone", Boolean, nullable=False),
    CheckConstraint("level IN ('province', 'city', 'county')", name="level"),
)
"""Education departments of province, cities and counties, from the division tree."""

schools = Table(
    "schools",
    metadata,
    Column("school_code", String(10), primary_key=True),
    Column("name", Text, nullable=False),
    Column("category", String(2), nullable=False),
    Column("division", String(6), nullable=False),
    Column("managing_authority", String(6), ForeignKey("departments.code"), nullable=False),
    Column("supervising_dept", String(6), ForeignKey("departments.code"), nullable=False),
    Column("registry_superior", String(6), ForeignKey("departments.code"), nullable=False),
    Column("stages", Text, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("updated_at", _TIME, nullable=False),
)
"""Schools; ``stages`` is joined by spaces. Exactly one supervising department and registry superior each (A3-1)."""

data_keys = Table(
    "data_keys",
    metadata,
    Column("table_name", String(40), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("master_id", String(16), nullable=False),
    Column("made_at", _TIME, nullable=False),
)
"""Data keys, wrapped by the registry-data master key; ``master_id`` is a fingerprint that says by which."""

imports = Table(
    "imports",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("import_id", String(64), nullable=False, unique=True),
    Column("file_sha256", String(64), nullable=False, index=True),
    Column("mapping", String(64), nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("summary", Text, nullable=False),
    Column("commit_number", BigInteger, nullable=False),
)
"""What was imported; ``commit_number`` is the commit counter right after."""

students = Table(
    "students",
    metadata,
    Column("student_id", String(32), primary_key=True),
    Column("subject_ref", String(32), nullable=False, unique=True),
    Column("id_key", _KEY, unique=True),
    Column("name_key", _KEY, nullable=False, index=True),
    Column("number_key", _KEY, nullable=False, unique=True),
    Column("number_kind", String(1), nullable=False),
    Column("suspect_key", _KEY, index=True),
    Column("content_key", _CONTENT, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("school_code", String(10), ForeignKey("schools.school_code"), nullable=False),
    Column("state", String(24), nullable=False),
    Column("entry_month", String(7)),
    Column("birth_date", Date),
    Column("sex", String(1)),
    Column("nationality", String(3)),
    Column("overseas_status", String(2)),
    Column("ethnicity", String(2)),
    Column("id_type", String(2)),
    Column("grade", String(2)),
    Column("class_name", Text),
    Column("political_status", String(2)),
    Column("boarding", Boolean),
    Column("disability", Boolean),
    Column("disability_type", Text),
    Column("special_ed_placement", Text),
    Column("left_behind", Boolean),
    Column("residence_division", String(6)),
    Column("household_division", String(6)),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    Column("version", Integer, nullable=False, server_default="0"),
    Index("ix_students_class", "school_code", "grade", "class_name"),
)
"""One row a pupil. ``sealed``: names, identity number, student number, addresses, free text. ``version`` grows with
every change of the record."""

guardians = Table(
    "guardians",
    metadata,
    Column("guardian_id", String(32), primary_key=True),
    Column("id_key", _KEY, unique=True),
    Column("name_key", _KEY, index=True),
    Column("phone_key", _KEY, index=True),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("ethnicity", String(2)),
    Column("id_type", String(2)),
    Column("updated_at", _TIME, nullable=False),
)
"""One row a person, shared by siblings. ``sealed``: name, identity number, phone, employer, address."""

guardian_links = Table(
    "guardian_links",
    metadata,
    Column("student_id", String(32), ForeignKey("students.student_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("guardian_id", String(32), ForeignKey("guardians.guardian_id"), nullable=False, index=True),
    Column("relation", String(2)),
    Column("is_guardian", Boolean),
    Column("shown", Boolean, nullable=False),
    CheckConstraint("position IN (1, 2)", name="position"),
    sqlite_with_rowid=False,
)
"""Which person is member one or two of which pupil; ``shown`` is the one of the sharing view."""

school_memberships = Table(
    "school_memberships",
    metadata,
    Column("membership_id", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("student_id", String(32), ForeignKey("students.student_id"), nullable=False, index=True),
    Column("school_code", String(10), ForeignKey("schools.school_code"), nullable=False),
    Column("from_date", Date, nullable=False),
    Column("to_date", Date),
    Index(
        "uq_school_memberships_open",
        "student_id",
        unique=True,
        sqlite_where=text("to_date IS NULL"),
        postgresql_where=text("to_date IS NULL"),
    ),
)
"""Which school held the record from when to when (A6-2); the open one has no ``to_date``."""

_SHARING_TYPES = {"text": Text, "date": Date, "bool": Boolean, "int": BigInteger}
_SHARING_PRESENT = frozenset({"subject_ref", "school_code", "managing_authority", "state", "updated_at"})

sharing_students = Table(
    "sharing_students",
    metadata,
    *(
        Column(name, _SHARING_TYPES[kind](), primary_key=name == "subject_ref", nullable=name not in _SHARING_PRESENT)
        for name, kind in SHARING_COLUMNS.items()
    ),
    Column("text_redaction", String(64)),
    Index("ix_sharing_students_managing_authority", "managing_authority", "state"),
    Index("ix_sharing_students_school_code", "school_code", "grade"),
    Index(
        "ix_sharing_students_texts",
        "school_code",
        "subject_ref",
        sqlite_where=text("text_redaction IS NOT NULL"),
        postgresql_where=text("text_redaction IS NOT NULL"),
    ),
    sqlite_with_rowid=False,  # rows lie in order of subject_ref, the order in which they are streamed
)
"""The sharing view, written in the transaction that writes the record. ``text_redaction`` is no column of the view: it
says under which version the texts of the row were redacted, null where there are none."""

register_state = Table(
    "register_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("commits", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
"""The commit counter: one more with every transaction that changed the register."""

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),
    Column("at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("subjects", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Facts on their way to the gateway; ``subjects`` are ``subject_ref`` joined by spaces."""
