"""Decoy records: an invented former pupil, put among the former pupils of a school so that no row tells them apart.

Everything by which a copy of the database could date a record is that of a peer drawn at random: the instant in its id,
when it was made and changed, what the sharing view says. No row of ``imports`` counts it, and no event of the outbox
tells of it: either would name it to whoever reads the table. Who is answerable for a decoy stands in the audit log,
where it was proposed and confirmed.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, and_, exists, func, select

from core_registry.db.case_tables import archive_entries
from core_registry.db.engine import reading, writing
from core_registry.db.state import advance
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import schools, students
from core_registry.db.times import parse
from core_registry.domain.states import StudentState
from core_registry.errors import RegisterRuleError
from core_registry.intake.records import ImportMeta, Progress
from core_registry.sample.former import NUMBERLESS_FROM, Peer

_FINAL_GRADE: Final = "33"
"""Of senior high school: no next stage opens the record again."""
_TIME_DIGITS: Final = 12
"""Of an id: the milliseconds since 1970 in hexadecimal."""


def _former() -> ColumnElement[bool]:
    """Return the condition of former pupils who came by a form and of whom nothing was written since."""
    return and_(
        students.c.state == StudentState.GRADUATED.value,
        students.c.grade == _FINAL_GRADE,
        students.c.version == 0,
        students.c.birth_date >= NUMBERLESS_FROM,
        ~exists().where(archive_entries.c.student_id == students.c.student_id),
    )


class SqlDecoyRegister(SqlRegisterStore):
    """The register as ``ImportService`` sees it, of which ``apply`` leaves no trace of itself."""

    def crowds(self, authorities: Collection[str]) -> pl.DataFrame:
        """Return the open schools managed by one of ``authorities`` with their former pupils: school_code, division, n.

        Only those are counted among whom a decoy is not told apart: graduates of senior high school who came by a form
        of former pupils (``ImportRequest.former``).
        """
        query = (
            select(students.c.school_code, schools.c.division, func.count())
            .join(schools, schools.c.school_code == students.c.school_code)
            .where(_former(), schools.c.closed.is_(False), schools.c.managing_authority.in_(sorted(authorities)))
            .group_by(students.c.school_code, schools.c.division)
            .order_by(students.c.school_code)
        )
        with reading(self._engine) as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        return pl.DataFrame(rows, schema={"school_code": pl.String, "division": pl.String, "n": pl.Int64}, orient="row")

    def peer(self, school: str) -> Peer | None:
        """Return one of a school's former pupils, drawn at random: whose year and class a decoy is to share."""
        query = select(students.c.class_name, students.c.entry_month, students.c.birth_date).where(
            _former(), students.c.school_code == school
        )
        with reading(self._engine) as connection:
            found = connection.execute(query).all()
        return Peer(school, *secrets.choice(found)) if found else None

    def apply(self, rows: pl.DataFrame, meta: ImportMeta, progress: Progress) -> None:
        """Write one row among its school's former pupils of that year.

        Raises ``RegisterRuleError`` where there are none, and what the import of a form raises.
        """
        with writing(self._engine) as connection:
            self.lock(connection)
            school = rows["school_code"][0]
            month = rows["entry_month"][0]
            peers = connection.execute(
                select(students.c.student_id, students.c.created_at).where(
                    _former(),
                    students.c.school_code == school,
                    students.c.entry_month == month if month is not None else students.c.entry_month.is_(None),
                )
            ).all()
            if rows.height != 1 or not peers:
                raise RegisterRuleError(
                    "A decoy goes alone, and among former pupils of its school.",
                    detail_zh="诱饵学籍须逐条放入，且该校应有往届毕业生。",
                    rule="A50-16",
                )
            peer = secrets.choice(peers)
            self.write_rows(
                connection,
                rows,
                parse(peer.created_at),
                state=meta.state.value,
                made_at=datetime.fromtimestamp(int(peer.student_id[:_TIME_DIGITS], 16) / 1000, UTC),
                progress=progress,
            )
            advance(connection)
