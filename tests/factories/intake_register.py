"""A real register on SQLite for the tests of the import: migrated once, then copied."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
from sqlalchemy import Engine, func, select, update

from core_registry.db.engine import make_engine, reading, writing
from core_registry.db.migrate import upgrade
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.state import SqlOutbox
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import imports, school_memberships, sharing_students, students
from core_registry.db.units import load_departments, save_schools
from core_registry.domain.records import Student, StudentId
from core_registry.domain.states import StudentState
from core_registry.intake.records import ImportId, ImportRequest, ImportSummary
from core_registry.intake.service import ImportService
from core_registry.office import ReadNote
from core_registry.sharing import OutboxEvent
from gateway.anonymize.masks import ColumnMasks
from tests.factories.intake_forms import NOW, SCHOOLS, book
from tests.factories.registrydb_rows import KEYS, StarRedactor

_NOTE = ReadNote("tester", "test", "record", NOW)


@dataclass(frozen=True)
class Register:
    """A registry database with schools, and what an import and an office do with it."""

    url: str
    engine: Engine
    store: SqlRegisterStore
    desk: SqlOfficeStore
    service: ImportService

    def run(self, path: Path, errors: Path | None = None, **how: object) -> ImportSummary:
        """Import a file in our template, whatever would shrink."""
        options: dict[str, object] = {"mapping": "template", "actor": "officer", "accept_shrink": True, **how}
        return self.service.run(ImportRequest(path, path.name, **options), errors_to=errors)  # type: ignore[arg-type]  # test keywords

    def students(self) -> dict[str, Student]:
        """Return the clear records by ``student_id``; each reading leaves its event."""
        with reading(self.engine) as connection:
            found = connection.execute(select(students.c.student_id).order_by(students.c.student_id)).scalars().all()
        records = [self.desk.record(StudentId(one), None, _NOTE) for one in found]
        return {str(record.id): record for record in records if record is not None}

    def only(self) -> Student:
        """Return the clear record of the only pupil."""
        (found,) = self.students().values()
        return found

    def count(self) -> int:
        """Return how many pupils there are."""
        with reading(self.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(students)).scalar_one())

    def landed(self) -> int:
        """Return how many imports wrote something."""
        with reading(self.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(imports)).scalar_one())

    def events(self, kind: str) -> list[OutboxEvent]:
        """Return the events of a kind that wait for the gateway."""
        return [event for event in SqlOutbox(self.engine).pending(0, 10_000) if event.kind == kind]

    def close_record(self, student: Student) -> None:
        """End a record, behind the back of the procedures."""
        ended = StudentState.DECEASED.value
        with writing(self.engine) as connection:
            connection.execute(
                update(students)
                .where(students.c.student_id == student.id)
                .values(state=ended, version=students.c.version + 1)
            )
            connection.execute(
                update(sharing_students)
                .where(sharing_students.c.subject_ref == student.subject_ref)
                .values(state=ended)
            )
            connection.execute(
                update(school_memberships)
                .where(school_memberships.c.student_id == student.id)
                .values(to_date=NOW.date())
            )

    def values(self, *names: str) -> pl.DataFrame:
        """Return columns of the table of students, in order of ``student_id``."""
        columns = [students.c[name] for name in names]
        with reading(self.engine) as connection:
            rows = connection.execute(select(*columns).order_by(students.c.student_id)).all()
        return pl.DataFrame([tuple(row) for row in rows], schema=list(names), orient="row")


def grade_stages() -> Mapping[str, str]:
    """Return the stage of each grade."""
    grades = book().code_lists["grades"]
    return {code: grades.attributes[code]["stage"] for code in grades.labels}


@contextmanager
def open_register(url: str) -> Iterator[Register]:
    """Open a migrated register; close it at the end."""
    engine = make_engine(url)
    categories = book().code_lists["school_category"].labels
    store = SqlRegisterStore(engine, KEYS, ColumnMasks.of(book().divisions), StarRedactor(), grade_stages())
    ids = (ImportId(f"import-{number}") for number in range(1, 1_000_000))
    service = ImportService(store, book(), lambda: NOW, lambda: next(ids))
    try:
        yield Register(url, engine, store, SqlOfficeStore(engine, KEYS, categories), service)
    finally:
        engine.dispose()


def prepare(url: str, schools: Sequence[Mapping[str, object]] | pl.DataFrame = SCHOOLS) -> None:
    """Migrate a database and load departments and schools."""
    upgrade(url)
    engine = make_engine(url)
    try:
        load_departments(engine, book().divisions, "140000")
        frame = schools if isinstance(schools, pl.DataFrame) else pl.DataFrame(list(schools))
        save_schools(engine, frame, NOW, book().code_lists["school_category"].labels)
    finally:
        engine.dispose()


@cache
def _prepared() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "register.db"
        prepare(f"sqlite:///{path}")
        return path.read_bytes()  # the last connection has folded the write-ahead log in


@contextmanager
def fresh_register(directory: Path) -> Iterator[Register]:
    """Return a register with the invented schools in a new file below ``directory``."""
    where = Path(tempfile.mkdtemp(prefix="register-", dir=directory))
    path = where / "register.db"
    path.write_bytes(_prepared())
    with open_register(f"sqlite:///{path}") as register:
        yield register
