"""Links of guardians' accounts to pupils, as another system tells of them that verified them itself (A3-5, A7-3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, delete, select

from core_registry.cases.guardians import PupilPlace
from core_registry.db.case_tables import guardian_accounts
from core_registry.db.engine import reading, writing
from core_registry.db.posts_store import guardian_verified, write_link
from core_registry.db.state import queue
from core_registry.db.tables import students
from core_registry.domain.rules import enforces

LINK = "registry.guardian"


@enforces("A3-5", "A7-3", how="record")
@dataclass(frozen=True, slots=True)
class SqlGuardianLinks:
    """Links by the pupil's reference of the sharing view. Doing either twice changes nothing and tells nothing more."""

    engine: Engine

    def link(self, account: str, subject_ref: str, *, verified_by: str, on: date, now: datetime) -> bool:
        """Keep that the school verified a guardian's relation to a pupil; ``False`` when there is no such pupil."""
        with writing(self.engine) as connection:
            student = connection.execute(
                select(students.c.student_id).where(students.c.subject_ref == subject_ref)
            ).scalar_one_or_none()
            if student is None:
                return False
            if not guardian_verified(connection, account, student):
                write_link(connection, account, student, on, verified_by, now)
                queue(connection, LINK, now, verified_by, {"verified": True}, (subject_ref,))
        return True

    def place(self, account: str, subject_ref: str) -> PupilPlace | None:
        """Return where a child's record lies, ``None`` without a verified link, or for a record without a school."""
        query = (
            select(students.c.student_id, students.c.school_code)
            .join(guardian_accounts, guardian_accounts.c.student_id == students.c.student_id)
            .where(
                students.c.subject_ref == subject_ref,
                guardian_accounts.c.account == account,
                guardian_accounts.c.verified_on.is_not(None),
            )
        )
        with reading(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None or row.school_code is None else PupilPlace(row.student_id, row.school_code)

    def unlink(self, account: str, subject_ref: str, *, by: str, now: datetime) -> bool:
        """Take a link away; ``False`` when there was none."""
        pupil = select(students.c.student_id).where(students.c.subject_ref == subject_ref).scalar_subquery()
        mine = (guardian_accounts.c.account == account, guardian_accounts.c.student_id == pupil)
        with reading(self.engine) as connection:
            if connection.execute(select(guardian_accounts.c.account).where(*mine)).first() is None:
                return False
        with writing(self.engine) as connection:
            gone = connection.execute(delete(guardian_accounts).where(*mine)).rowcount
            if gone:
                queue(connection, LINK, now, by, {"verified": False}, (subject_ref,))
        return gone > 0
