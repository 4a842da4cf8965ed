"""Who is it that an inspector looks for? By the keyed index; implements ``core_registry.sharing.PupilFinder``.

Numbers and names reach no query and no log: their keys do. What comes back is the masked line of the sharing view.
"""

from __future__ import annotations

from datetime import date

import polars as pl
from sqlalchemy import ColumnElement, Engine, select

from core_registry.db.engine import reading
from core_registry.db.keyed_index import IndexKind, KeyedIndex
from core_registry.db.tables import sharing_students, students
from core_registry.sharing import NumberKind, PupilLine

_LINE = (
    sharing_students.c.subject_ref,
    sharing_students.c.name_masked,
    sharing_students.c.school_name,
    sharing_students.c.grade,
    sharing_students.c.class_name,
)


class SqlPupilFinder:
    """Looks up keys of numbers and names."""

    def __init__(self, engine: Engine, index_key: bytes) -> None:
        self._engine = engine
        self._index = KeyedIndex(index_key)

    def by_number(self, kind: NumberKind, number: str) -> PupilLine | None:
        """Return the pupil who has this number now."""
        column = students.c.id_key if kind == "id_number" else students.c.number_key
        return self._only(column == self._key(kind, number))

    def by_name(self, name: str, school: str | None, born: date | None, limit: int) -> list[PupilLine]:
        """Return the pupils of this name at a school or born on a day, or both, by school and class."""
        if school is None and born is None:
            raise ValueError("a name is looked for at a school, or with a day of birth")
        conditions = [students.c.name_key == self._key("name", name)]
        if school is not None:
            conditions.append(students.c.school_code == school)
        if born is not None:
            conditions.append(students.c.birth_date == born)
        return self._lines(*conditions, limit=limit)

    def by_reference(self, subject_ref: str) -> PupilLine | None:
        """Return the pupil with this reference."""
        return self._only(students.c.subject_ref == subject_ref)

    def _key(self, kind: IndexKind, value: str) -> str:
        """Return the key of a value; a blank one has none and equals no key."""
        return str(self._index.keyed(kind, pl.Series("value", [value], dtype=pl.String)).to_list()[0] or "")

    def _only(self, condition: ColumnElement[bool]) -> PupilLine | None:
        return next(iter(self._lines(condition, limit=1)), None)

    def _lines(self, *conditions: ColumnElement[bool], limit: int) -> list[PupilLine]:
        query = (
            select(*_LINE)
            .join(students, students.c.subject_ref == sharing_students.c.subject_ref)
            .where(*conditions)
            .order_by(students.c.school_code, students.c.grade, students.c.class_name, students.c.subject_ref)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [PupilLine(row[0], *(str(value or "") for value in row[1:])) for row in rows]
