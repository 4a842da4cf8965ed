"""The office's store: masked lists, clear records, changes of state (``core_registry.office.OfficeStore``).

A read of a person is a writing transaction: its event commits with it, and only then is anything returned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Row, Select, select

from core_registry.db.engine import reading, writing
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.sealing import DataKeys, RegistryKeys, unseal
from core_registry.db.shared_texts import Rolls
from core_registry.db.state import Fact, queue
from core_registry.db.tables import (
    guardian_links,
    guardians,
    sharing_students,
    students,
)
from core_registry.db.units import read_departments, read_schools, save_schools
from core_registry.domain.records import Member, Placement, Student, StudentId, SubjectRef
from core_registry.domain.states import StudentState
from core_registry.office import ReadNote, StudentLine

_LINE = (
    students.c.student_id,
    students.c.subject_ref,
    sharing_students.c.name_masked,
    sharing_students.c.id_number_masked,
    students.c.school_code,
    sharing_students.c.school_name,
    students.c.grade,
    students.c.class_name,
    students.c.state,
)


class SqlOfficeStore:
    """``categories`` maps the first two digits of school codes that may hold records to their label (A2-1)."""

    def __init__(self, engine: Engine, keys: RegistryKeys, categories: Mapping[str, str]) -> None:
        self._engine = engine
        self._keys = DataKeys(engine, keys)
        self._index = KeyedIndex(keys.index)
        self._categories = dict(categories)

    def departments(self) -> pl.DataFrame:
        """Return the departments: code, name, level, parent, zone."""
        return read_departments(self._engine)

    def schools(self) -> pl.DataFrame:
        """Return the schools with all their columns, ``stages`` as list."""
        with reading(self._engine) as connection:
            return read_schools(connection)

    def save_schools(self, frame: pl.DataFrame, at: datetime) -> int:
        """Write schools; see ``core_registry.db.units.save_schools``."""
        return save_schools(self._engine, frame, at, self._categories)

    def by_id_number(self, id_number: str, schools: frozenset[str] | None, note: ReadNote) -> list[StudentLine]:
        """Return the students with this identity number, by the keyed index."""
        key = self._index.key("id_number", id_number)
        return self._lines(_scoped(_line_query().where(students.c.id_key == key), schools), note)

    def by_class(
        self, school: str, grade: str | None, class_name: str | None, after: str, limit: int, note: ReadNote
    ) -> list[StudentLine]:
        """Return students of a school by ``student_id``, at most ``limit`` after ``after``."""
        query = _line_query().where(students.c.school_code == school, students.c.student_id > after)
        if grade is not None:
            query = query.where(students.c.grade == grade)
        if class_name is not None:
            query = query.where(students.c.class_name == class_name)
        return self._lines(query.order_by(students.c.student_id).limit(limit), note)

    def record(self, student_id: StudentId, schools: frozenset[str] | None, note: ReadNote) -> Student | None:
        """Return the clear record; raises ``SealedValueError`` when it does not open (nothing is recorded then)."""
        with writing(self._engine) as connection:
            row = connection.execute(_scoped(select(students).where(students.c.student_id == student_id), schools))
            found = row.one_or_none()
            student = None if found is None else self._student(connection, found)
            _note(connection, note, () if found is None else (found.subject_ref,))
        return student

    def opened(self, connection: Connection, student_id: str) -> Student | None:
        """Return the clear record within a transaction of the caller's, which records the reading itself."""
        row = connection.execute(select(students).where(students.c.student_id == student_id)).one_or_none()
        return None if row is None else self._student(connection, row)

    def subject_ref(self, student_id: StudentId, schools: frozenset[str] | None) -> SubjectRef | None:
        """Return the permanent reference."""
        with reading(self._engine) as connection:
            query = _scoped(select(students.c.subject_ref).where(students.c.student_id == student_id), schools)
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else SubjectRef(found)

    def roll_names(self, school: str) -> tuple[str, ...]:
        """Return the names on the roll of a school."""
        with reading(self._engine) as connection:
            return tuple(Rolls(self._keys, connection)(school))

    def _lines(self, query: Select[Any], note: ReadNote) -> list[StudentLine]:
        with writing(self._engine) as connection:
            rows = connection.execute(query).all()
            _note(connection, note, tuple(row.subject_ref for row in rows))
        return [
            StudentLine(
                StudentId(row.student_id),
                row.name_masked,
                row.id_number_masked,
                row.school_code,
                row.school_name,
                row.grade,
                row.class_name,
                StudentState(row.state),
            )
            for row in rows
        ]

    def _student(self, connection: Connection, row: Row[Any]) -> Student:
        clear = self._opened(connection, "students", row.student_id, row.key_version, row.sealed)
        members = connection.execute(
            select(guardian_links, guardians)
            .join(guardians, guardians.c.guardian_id == guardian_links.c.guardian_id)
            .where(guardian_links.c.student_id == row.student_id)
            .order_by(guardian_links.c.position)
        ).all()
        placement = None
        if row.disability:
            placement = Placement(row.disability_type or "", row.special_ed_placement or "")
        return Student(
            id=StudentId(row.student_id),
            subject_ref=SubjectRef(row.subject_ref),
            student_number=clear["student_number"] or "",
            school_code=row.school_code,
            entry_month=row.entry_month or "",
            state=StudentState(row.state),
            name=clear["name"] or "",
            former_name=clear["former_name"],
            sex=row.sex,
            nationality=row.nationality,
            overseas_status=row.overseas_status,
            ethnicity=row.ethnicity,
            id_type=row.id_type,
            id_number=clear["id_number"],
            birth_date=row.birth_date,
            residence_address=clear["residence_address"] or "",
            household_address=clear["household_address"] or "",
            grade=row.grade,
            class_name=row.class_name,
            political_status=row.political_status,
            boarding=bool(row.boarding),
            left_behind=bool(row.left_behind),
            placement=placement,
            members=tuple(self._member(connection, member) for member in members),
        )

    def _member(self, connection: Connection, row: Row[Any]) -> Member:
        clear = self._opened(connection, "guardians", row.guardian_id, row.key_version, row.sealed)
        return Member(
            name=clear["name"] or "",
            relation=row.relation,
            guardian=bool(row.is_guardian),
            ethnicity=row.ethnicity,
            id_type=row.id_type,
            id_number=clear["id_number"],
            employer=clear["employer"],
            household_address=clear["household_address"] or "",
            phone=clear["phone"],
        )

    def _opened(
        self, connection: Connection, table: str, row_id: str, version: int, sealed: bytes
    ) -> dict[str, str | None]:
        key = self._keys.of(connection, table, version)
        found: dict[str, str | None] = json.loads(unseal(key, (table, "sealed", version), row_id, sealed))
        return found


def _line_query() -> Select[Any]:
    return select(*_LINE).join(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)


def _scoped(query: Select[Any], schools: frozenset[str] | None) -> Select[Any]:
    return query if schools is None else query.where(students.c.school_code.in_(sorted(schools)))


def _note(connection: Connection, note: ReadNote, subjects: tuple[str, ...]) -> None:
    facts: dict[str, Fact] = {"act": note.act, "reason": note.reason, "found": len(subjects)}
    queue(connection, "registry.read", note.at, note.actor, facts, subjects)
