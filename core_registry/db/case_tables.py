"""The tables of cases, archives, evidence, clocks, certificates and posts: on the registry's MetaData.

Texts that may speak of a person lie in sealed columns (ADR 0003). What happened is append-only: transitions and archive
entries are never edited (S-5); guards in the migration keep it so. ``on`` days are of the event, ``entered_at`` of
the entry.
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
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core_registry.db.tables import metadata
from core_registry.domain.rules import declared

_TIME = String(27)
_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
_ID = String(48)
_STUDENT = String(32)

school_details = Table(
    "school_details",
    metadata,
    Column("school_code", String(10), ForeignKey("schools.school_code"), primary_key=True),
    Column("system", String(3), nullable=False),
    Column("private", Boolean, nullable=False),
    Column("admission_area", Text, nullable=False),
    Column("central_school", String(10), ForeignKey("schools.school_code")),
    Column("closed_on", Date),
    Column("updated_at", _TIME, nullable=False),
    CheckConstraint("system IN ('6-3', '5-4')", name="system"),
)
"""What the procedures need of a school beyond the register (A3-4, A20-2, A20-4, A21-1); without a row: defaults."""

cases = Table(
    "cases",
    metadata,
    Column("case_id", _ID, primary_key=True),
    Column("sequence", BigInteger, nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), index=True),
    Column("school_code", String(10), ForeignKey("schools.school_code"), nullable=False),
    Column("home_school", String(10), nullable=False),
    Column("status", String(12), nullable=False),
    Column("version", Integer, nullable=False),
    Column("event_on", Date, nullable=False),
    Column("applied_on", Date, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Column("closed_on", Date),
    Column("submission_key", String(80)),
    Column("results", Text, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("opened_by", "submission_key", name="uq_cases_submission"),
    CheckConstraint("status IN ('open', 'completed', 'refused', 'withdrawn')", name="status"),
    Index("ix_cases_school", "school_code", "sequence"),
    Index("ix_cases_home", "home_school", "sequence"),
)
"""One row a request. ``sealed``: its values and the closing note. ``sequence`` is the commit counter at its opening."""

sealed_cases = Table(
    "sealed_cases",
    metadata,
    Column("case_id", _ID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("lookup", String(32), unique=True),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Open cases of private procedures, wholly under seal: no list, history or export reads them, and the end deletes the
row (A24-3). ``lookup`` is a keyed hash of account and submission key."""

case_steps = Table(
    "case_steps",
    metadata,
    Column("case_id", _ID, ForeignKey("cases.case_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40), nullable=False),
    Column("party", String(32), nullable=False),
    Column("act", String(12), nullable=False),
    Column("act_zh", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("rule", String(8), nullable=False),
    Column("unit", String(10), nullable=False),
    Column("days", Integer),
    Column("reached_on", Date),
    Column("counted_from", Date),
    Column("due_on", Date),
    Column("provisional", Boolean, nullable=False),
    Column("done_on", Date),
    Column("done_at", _TIME),
    Column("done_by", Text),
    Column("decision", String(8)),
    Column("late", Boolean, nullable=False),
    Column("head", Text),
    Column("registrar", Text),
    Column("key_version", Integer),
    Column("sealed_note", LargeBinary),
    Column("waiting", Boolean, nullable=False),
    Column("assignee", Text),
    Column("alerted_at", _TIME),
    Index("ix_case_steps_work", "waiting", "unit", "due_on"),
    Index("ix_case_steps_part", "unit", "case_id"),
)
"""The acts of a case. ``waiting``: reached, not decided, case open. ``head``, ``registrar``: accounts that held these
posts of the unit on that day (A3-3)."""

evidence = Table(
    "evidence",
    metadata,
    Column("evidence_id", _ID, primary_key=True),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), index=True),
    Column("unit", String(10), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("issuer_kind", String(20), nullable=False),
    Column("issuer_level", String(10), nullable=False),
    Column("issued_on", Date),
    Column("media_type", String(60), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("handed_in_by", Text, nullable=False),
    Column("handed_in_at", _TIME, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Files, sealed; the hash is of the clear file."""

case_evidence = Table(
    "case_evidence",
    metadata,
    Column("case_id", _ID, ForeignKey("cases.case_id"), primary_key=True),
    Column("evidence_id", _ID, ForeignKey("evidence.evidence_id"), primary_key=True, index=True),
)
"""Which evidence stands behind which case."""

transitions = Table(
    "transitions",
    metadata,
    Column("transition_id", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), nullable=False, index=True),
    Column("before_state", String(24)),
    Column("after_state", String(24), nullable=False),
    Column("event_on", Date, nullable=False),
    Column("entered_at", _TIME, nullable=False),
    Column("ground", Text, nullable=False),
    Column("case_id", _ID, ForeignKey("cases.case_id")),
    Column("school_code", String(10), nullable=False),
    Column("actor", Text, nullable=False),
    Column("unit", String(10), nullable=False),
    Column("head", Text),
    Column("registrar", Text),
    Column("evidence", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Every change of state with event, entry, person, ground, evidence and approval (S-4)."""

archive_entries = Table(
    "archive_entries",
    metadata,
    Column("entry_id", _ID, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("event_on", Date, nullable=False),
    Column("entered_at", _TIME, nullable=False),
    Column("data", Text, nullable=False),
    Column("case_id", _ID, ForeignKey("cases.case_id")),
    Column("supersedes", _ID),
    Column("actor", Text, nullable=False),
    Column("unit", String(10), nullable=False),
    Column("key_version", Integer),
    Column("sealed", LargeBinary),
    Index("ix_archive_entries_student", "student_id", "kind"),
)
"""The electronic archive: append-only entries; ``data`` holds codes, days and numbers, ``sealed`` the texts."""

clocks = Table(
    "clocks",
    metadata,
    Column("clock_id", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("name", String(40), nullable=False),
    Column("rule", String(8), nullable=False),
    Column("unit", String(10), nullable=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), index=True),
    Column("case_id", _ID, ForeignKey("cases.case_id")),
    Column("event_on", Date, nullable=False),
    Column("number", Integer, nullable=False),
    Column("measure", String(12), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("state", String(10), nullable=False),
    Column("met_on", Date),
    Column("assignee", Text),
    Column("alerted_at", _TIME),
    CheckConstraint("state IN ('running', 'overdue', 'met', 'late', 'cancelled')", name="state"),
    Index("ix_clocks_work", "unit", "state", "due_on"),
    Index("ix_clocks_due", "state", "due_on"),
)
"""Deadlines beside those of case steps: archive within two months, end of a suspension, objection periods …"""

matters = Table(
    "matters",
    metadata,
    Column("matter_id", _ID, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("code", String(8), nullable=False),
    Column("rule", String(8), nullable=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), index=True),
    Column("school_code", String(10)),
    Column("owner", String(10), nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("due_on", Date),
    Column("state", String(8), nullable=False),
    Column("escalated_to", String(10)),
    Column("closed_on", Date),
    Column("closed_by", Text),
    Column("assignee", Text),
    Column("version", Integer, nullable=False),
    Column("key_version", Integer),
    Column("sealed", LargeBinary),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
    Index("ix_matters_work", "owner", "state", "due_on"),
)
"""What is followed up: 控辍保学, 人籍分离, 空挂, fraud, findings of Art. 51 with orders to correct.
``sealed``: order, result."""

exceptions = Table(
    "exceptions",
    metadata,
    Column("exception_id", _ID, primary_key=True),
    Column("rule", String(8), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), nullable=False, index=True),
    Column("unit", String(10), nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("evidence_id", _ID, ForeignKey("evidence.evidence_id"), nullable=False),
    Column("used_by", _ID, ForeignKey("cases.case_id")),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Exceptions from PRINCIPLE rules: counted, each used once. ``sealed``: the reason."""

certificates = Table(
    "certificates",
    metadata,
    Column("issuer", String(10), primary_key=True),
    Column("number", String(60), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), nullable=False, index=True),
    Column("case_id", _ID, ForeignKey("cases.case_id")),
    Column("issued_on", Date, nullable=False),
    Column("effective_on", Date),
    Column("stamped_by", Text),
    Column("void_on", Date),
    Column("void_by", Text),
    Column("original", String(60), nullable=False),
    Column("name_key", String(32), nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_certificates_number", "number"),
)
"""Certificates: a number is unique per issuer and never reused, a void one stays listed (A43-3). ``sealed``: stub."""

certificate_counters = Table(
    "certificate_counters",
    metadata,
    Column("issuer", String(10), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
)
"""The last serial of each issuer, kind and year."""

posts = Table(
    "posts",
    metadata,
    Column("post_id", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("account", Text, nullable=False),
    Column("unit", String(10), nullable=False),
    Column("post", String(10), nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date),
    Column("on_establishment", Boolean, nullable=False),
    Column("trained_on", Date),
    Column("filed_on", Date),
    Column("filed_with", String(10)),
    Column("handed_over_to", Text),
    Column("entered_at", _TIME, nullable=False),
    Column("entered_by", Text, nullable=False),
    CheckConstraint("post IN ('registrar', 'head')", name="post"),
    Index("ix_posts_unit", "unit", "post", "since"),
    Index("ix_posts_account", "account", "unit"),
)
"""Principals and registrars with their days (A3-3), filing and training (A48-1 to A48-4)."""

verifications = Table(
    "verifications",
    metadata,
    Column("verification_id", _ID, primary_key=True),
    Column("school_code", String(10), ForeignKey("schools.school_code"), nullable=False),
    Column("school_year", Integer, nullable=False),
    Column("semester", Integer, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("signed_by", Text, nullable=False),
    Column("entered_at", _TIME, nullable=False),
    Column("totals", Text, nullable=False),
    Column("checked_by", Text),
    Column("checked_on", Date),
    Index("ix_verifications_school", "school_code", "school_year", "semester"),
)
"""Term verification of a school (A49-1); ``counts``: late enough in the term; ``checked``: by the county (A3-6)."""

verification_results = Table(
    "verification_results",
    metadata,
    Column("verification_id", _ID, ForeignKey("verifications.verification_id"), primary_key=True),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), primary_key=True),
    Column("result", String(20), nullable=False),
    sqlite_with_rowid=False,
)
"""The result of each pupil."""

school_acts = Table(
    "school_acts",
    metadata,
    Column("act_id", _ID, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("school_code", String(10), nullable=False),
    Column("to_unit", String(10)),
    Column("event_on", Date, nullable=False),
    Column("entered_at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("unit", String(10), nullable=False),
    Column("pupils", Integer, nullable=False),
    Column("data", Text, nullable=False),
)
"""Acts on a whole school: merger, closure, class placement, promotion of all grades, with their count."""

national_links = Table(
    "national_links",
    metadata,
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), primary_key=True),
    Column("reference_key", String(32), unique=True),
    Column("state", String(12), nullable=False),
    Column("differs", Text, nullable=False),
    Column("checked_at", _TIME, nullable=False),
    CheckConstraint("state IN ('in-step', 'differs', 'only-here')", name="state"),
)
"""Reconciliation with the national system (A5-2); ``differs`` names fields, never values."""

national_strangers = Table(
    "national_strangers",
    metadata,
    Column("reference_key", String(32), primary_key=True),
    Column("school_code", String(10), nullable=False),
    Column("checked_at", _TIME, nullable=False),
)
"""Records of the national system that are not here (``only there``)."""

admission_plans = Table(
    "admission_plans",
    metadata,
    Column("school_code", String(10), ForeignKey("schools.school_code"), primary_key=True),
    Column("school_year", Integer, primary_key=True, autoincrement=False),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), primary_key=True, index=True),
    Column("entered_at", _TIME, nullable=False),
    Column("entered_by", Text, nullable=False),
)
"""Who stands on the admission plan of a school (A13-2)."""

guardian_accounts = Table(
    "guardian_accounts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), primary_key=True),
    Column("verified_on", Date),
    Column("verified_by", Text),
    Column("entered_at", _TIME, nullable=False),
)
"""Which guardian's account is linked to which pupil; without ``verified_on`` it is no link (A3-5, A7-3)."""

holders = Table(
    "holders",
    metadata,
    Column("holder_id", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("student_id", _STUDENT, ForeignKey("students.student_id"), nullable=False, index=True),
    Column("unit", String(10), nullable=False),
    Column("from_date", Date, nullable=False),
    Column("to_date", Date),
    Index(
        "uq_holders_open",
        "student_id",
        unique=True,
        sqlite_where=text("to_date IS NULL"),
        postgresql_where=text("to_date IS NULL"),
    ),
)
"""Departments that hold a record while no school does: abroad (A26-1), after a closure (A8-2)."""

_GUARDS = "core_registry.db.migrations.versions.0003_case_guards"
for _rule, _where in (
    ("S-1", "core_registry.db.tables:uq_students_id_key"),
    ("A6-1", "core_registry.db.tables:uq_students_id_key"),
    ("A6-2", "core_registry.db.tables:uq_school_memberships_open"),
    ("S-2", f"{_GUARDS}:guard_students_number"),
    ("A6-3", f"{_GUARDS}:guard_students_number"),
    ("S-3", f"{_GUARDS}:guard_students_move"),
    ("S-4", f"{_GUARDS}:guard_transitions_update"),
    ("S-5", f"{_GUARDS}:guard_students_final"),
    ("A34-1", "core_registry.db.migrations.versions.0002_cases:guard_students_compulsory"),
    ("A38-2", "core_registry.db.migrations.versions.0002_cases:guard_students_compulsory"),
    ("A9-8", "core_registry.db.migrations.versions.0002_cases:guard_students_deferred"),
    ("A43-3", f"{_GUARDS}:guard_certificates_number"),
):
    declared(_rule, _where, "database")
