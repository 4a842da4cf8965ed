"""Guards that make forbidden records impossible to write down, whoever writes, this program included.

No state follows another that section 4 does not have (S-3), nothing of what happened is edited (S-4, S-5), and a
student number stays (S-2, A6-3).
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Section 4 as it stood when this was written; a test holds it to core_registry.domain.states.
MOVES = {
    "abroad": ("active", "deceased"),
    "active": (
        "abroad", "admission-cancelled", "completed", "deceased", "graduated", "incomplete", "suspended",
        "transfer-pending", "withdrawn",
    ),
    "admission-cancelled": ("deceased",),
    "completed": ("deceased",),
    "graduated": ("deceased", "pre-registered"),
    "incomplete": ("deceased",),
    "late-entry": ("active", "admission-cancelled", "deceased"),
    "pre-registered": ("active", "admission-cancelled", "deceased", "late-entry"),
    "suspended": ("active", "deceased", "withdrawn"),
    "transfer-pending": ("active", "deceased", "transferred-out"),
    "transferred-out": ("active", "deceased"),
    "withdrawn": ("deceased", "incomplete"),
}  # fmt: skip
_FINAL = (
    "(OLD.state IN ('withdrawn', 'completed', 'incomplete', 'admission-cancelled', 'deceased') "
    "OR OLD.state = 'graduated' AND OLD.grade = '33')"
)
_FORM = (
    "sealed", "id_key", "name_key", "number_key", "birth_date", "sex", "id_type", "nationality", "ethnicity",
    "entry_month", "grade", "class_name",
)  # fmt: skip

# Refused altogether: name, table, event, columns (none: any), what the guard says.
FROZEN = [
    ("guard_transitions_update", "transitions", "UPDATE", (), "what happened is never edited"),
    ("guard_transitions_delete", "transitions", "DELETE", (), "what happened is never deleted"),
    ("guard_archive_entries_update", "archive_entries", "UPDATE", (), "an archive entry is superseded, not edited"),
    ("guard_archive_entries_delete", "archive_entries", "DELETE", (), "the archive is append-only"),
    ("guard_evidence_update", "evidence", "UPDATE", (), "evidence is never edited"),
    ("guard_evidence_delete", "evidence", "DELETE", (), "evidence is never deleted"),
    ("guard_case_evidence_update", "case_evidence", "UPDATE", (), "the evidence of a case stays"),
    ("guard_case_evidence_delete", "case_evidence", "DELETE", (), "the evidence of a case stays"),
    ("guard_verification_results_update", "verification_results", "UPDATE", (), "a verification is never edited"),
    ("guard_verification_results_delete", "verification_results", "DELETE", (), "a verification is never deleted"),
    ("guard_verifications_delete", "verifications", "DELETE", (), "a verification is never deleted"),
    ("guard_cases_delete", "cases", "DELETE", (), "a case is never deleted"),
    ("guard_cases_fixed", "cases", "UPDATE",
     ("case_id", "sequence", "kind", "opened_by", "opened_at", "submission_key"), "the opening of a case stays"),
    ("guard_case_steps_delete", "case_steps", "DELETE", (), "a step of a case is never deleted"),
    ("guard_certificates_number", "certificates", "UPDATE",
     ("issuer", "number", "kind", "student_id", "issued_on", "original", "sealed"), "a certificate is never rewritten"),
    ("guard_certificates_delete", "certificates", "DELETE", (), "a certificate is voided, not deleted"),
    ("guard_exceptions_fixed", "exceptions", "UPDATE",
     ("exception_id", "rule", "kind", "student_id", "unit", "granted_by", "at", "evidence_id", "sealed"),
     "an exception is never rewritten"),
    ("guard_exceptions_delete", "exceptions", "DELETE", (), "an exception is never deleted"),
    ("guard_posts_delete", "posts", "DELETE", (), "a post is ended, not deleted"),
    ("guard_matters_delete", "matters", "DELETE", (), "a matter is closed, not deleted"),
    ("guard_school_acts_update", "school_acts", "UPDATE", (), "an act on a school is never edited"),
    ("guard_school_acts_delete", "school_acts", "DELETE", (), "an act on a school is never deleted"),
]  # fmt: skip

# Refused under a condition: name, table, event, columns, condition on the rows, further condition by query, message.
CONDITIONAL = [
    ("guard_students_move", "students", "UPDATE", ("state",),
     "NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ("
     + ", ".join(f"'{before}>{after}'" for before, afters in MOVES.items() for after in afters) + ")",
     "", "section 4 has no such change of state"),
    ("guard_students_number", "students", "UPDATE", ("number_key",),
     "NEW.number_key <> OLD.number_key AND OLD.number_kind <> 'L'", "", "a student number never changes"),
    ("guard_students_number_kind", "students", "UPDATE", ("number_kind",),
     "NEW.number_kind <> OLD.number_kind AND OLD.number_kind <> 'L'", "", "a student number never changes"),
    ("guard_students_final", "students", "UPDATE", _FORM, _FINAL,
     "NOT EXISTS (SELECT 1 FROM archive_entries e JOIN register_state r ON r.commits = e.sequence "
     "WHERE e.student_id = NEW.student_id AND e.kind IN ('correction', 'number'))",
     "a final record changes by a correction only"),
    ("guard_students_version", "students", "UPDATE", ("school_code", "version"),
     f"NEW.version < OLD.version OR {_FINAL} AND NEW.school_code <> OLD.school_code AND NEW.version = OLD.version",
     "", "the version of a record only grows, and a final record moves by a recorded act only"),
    ("guard_cases_closed", "cases", "UPDATE", (), "OLD.status <> 'open'", "", "a closed case stays as it ended"),
    ("guard_cases_student", "cases", "UPDATE", ("student_id",),
     "OLD.student_id IS NOT NULL AND (NEW.student_id IS NULL OR NEW.student_id <> OLD.student_id)",
     "", "a case stays with its pupil"),
    ("guard_case_steps_done", "case_steps", "UPDATE", ("decision", "done_on", "done_at", "done_by", "sealed_note"),
     "OLD.decision IS NOT NULL", "", "a decision is never edited"),
    ("guard_certificates_void", "certificates", "UPDATE", ("void_on", "void_by", "effective_on", "stamped_by"),
     "OLD.void_on IS NOT NULL", "", "a void certificate stays void"),
    ("guard_exceptions_once", "exceptions", "UPDATE", ("used_by",), "OLD.used_by IS NOT NULL",
     "", "an exception is used once"),
    ("guard_certificate_counters", "certificate_counters", "UPDATE", (), "NEW.last <= OLD.last",
     "", "a certificate number is never given twice"),
]  # fmt: skip


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, event, columns, message in FROZEN:
        _guard(name, table, event, columns, "", "", message)
    for guard in CONDITIONAL:
        _guard(*guard)
    if sqlite:
        return
    # TRUNCATE passes row triggers
    for table in sorted({guard[1] for guard in FROZEN if guard[2] == "DELETE"}):
        op.execute(
            f"CREATE TRIGGER guard_truncate_{table} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION guard_transitions_delete()"
        )


def _guard(name: str, table: str, event: str, columns: tuple[str, ...], rows: str, query: str, message: str) -> None:
    of = f" OF {', '.join(columns)}" if columns else ""
    if op.get_bind().dialect.name == "sqlite":
        condition = " AND ".join(part for part in (f"({rows})" if rows else "", query) if part)
        when = f" WHEN {condition}" if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event}{of} ON {table}{when} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    refuse = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';"
    body = f"IF {query} THEN {refuse} END IF; RETURN NEW;" if query else refuse
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    when = f" WHEN ({rows})" if rows else ""
    op.execute(f"CREATE TRIGGER {name} BEFORE {event}{of} ON {table} FOR EACH ROW{when} EXECUTE FUNCTION {name}()")
