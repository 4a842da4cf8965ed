"""The office on both databases: nothing of a person is shown before its event is committed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import select, update

from core_registry.db.engine import writing
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.state import SqlOutbox
from core_registry.db.tables import students
from core_registry.domain.records import StudentId
from core_registry.errors import RegisterRuleError, SealedValueError, StudentNotFoundError
from core_registry.intake.records import ImportRequest, ImportSummary, Progress
from core_registry.office import RegistryOffice
from core_registry.sharing import OutboxEvent
from tests.factories.registrydb_rows import (
    AT,
    CATEGORIES,
    EMPLOYER,
    KEYS,
    PRIMARY,
    SENIOR,
    STREET,
    Registry,
    id_number,
    land,
    make_registry,
    pupil,
    school_frame,
    silent,
)

OTHER = frozenset({SENIOR})
WHO = "st-county"
WHY = "A7-1 核对学籍"


class Recorded:
    """An import that notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ImportRequest, Path | IO[bytes] | None]] = []

    def preview(self, request: ImportRequest, progress: Progress = silent) -> ImportSummary:
        self.asked.append(("preview", request, None))
        return ImportSummary("0" * 64, "template", 1, 1, 0, 0, 0, 0, 0, 1, {}, ())

    def run(
        self, request: ImportRequest, progress: Progress = silent, errors_to: Path | IO[bytes] | None = None
    ) -> ImportSummary:
        self.asked.append(("run", request, errors_to))
        return ImportSummary("1" * 64, "template", 1, 1, 0, 0, 0, 0, 0, 1, {}, ())


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    made = make_registry(database_url)
    land(made, [pupil(1), pupil(2, class_name="3班"), pupil(3, school_code=SENIOR, grade="33")])
    yield made
    made.engine.dispose()


def write_form(path: Path) -> None:
    path.write_bytes(b"form")


def office_of(registry: Registry, imports: Recorded | None = None) -> RegistryOffice:
    store = SqlOfficeStore(registry.engine, KEYS, CATEGORIES)
    return RegistryOffice(store, imports or Recorded(), write_form, lambda: AT)


def find(registry: Registry, serial: int) -> StudentId:
    (line,) = office_of(registry).find_by_id_number(id_number(serial), actor=WHO, reason=WHY)
    return line.student_id


def events(registry: Registry) -> list[OutboxEvent]:
    return SqlOutbox(registry.engine).pending(0, 100)


def test_the_clear_record_holds_the_whole_form(registry: Registry) -> None:
    student = office_of(registry).student(find(registry, 1), WHO, WHY)
    form = pupil(1)
    assert (student.name, student.id_number, student.birth_date) == (form["name"], id_number(1), date(2015, 3, 9))
    assert (student.residence_address, student.entry_month) == (f"山西省太原市小店区{STREET}", "2021-09")
    assert student.student_number.startswith("L14010520150309")
    assert student.placement is None
    (parent,) = student.members
    assert (parent.name, parent.phone, parent.employer) == (form["member1_name"], "13903510001", EMPLOYER)
    assert parent.guardian is True
    assert id_number(1) not in repr(student)
    assert str(form["name"]) not in repr(student)


def test_a_reading_is_in_the_outbox_before_the_record_is_shown(registry: Registry) -> None:
    student_id = find(registry, 1)
    office = office_of(registry)
    student = office.student(student_id, WHO, WHY)
    last = events(registry)[-1]
    assert (last.kind, last.actor, last.subjects) == ("registry.read", WHO, (student.subject_ref,))
    assert dict(last.facts) == {"act": "record", "reason": WHY, "found": 1}


def test_a_record_is_not_shown_when_its_event_cannot_be_written(registry: Registry) -> None:
    student_id = find(registry, 1)
    with writing(registry.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE outbox RENAME TO outbox_gone")
    with pytest.raises(Exception, match="Nothing was changed"):
        office_of(registry).student(student_id, WHO, WHY)


def test_an_unknown_student_and_one_of_another_school_get_the_same_answer(registry: Registry) -> None:
    office = office_of(registry)
    student_id = find(registry, 1)
    answers = []
    for wanted, schools in ((student_id, OTHER), (StudentId("0" * 32), None)):
        with pytest.raises(StudentNotFoundError) as refused:
            office.student(wanted, WHO, WHY, schools=schools)
        answers.append(str(refused.value))
        assert events(registry)[-1].facts["found"] == 0
        with pytest.raises(StudentNotFoundError):
            office.subject_ref_of(wanted, schools=schools)
    assert answers[0] == answers[1]


def test_a_lookup_and_a_list_show_masks_and_name_whom_they_showed(registry: Registry) -> None:
    office = office_of(registry)
    (line,) = office.find_by_id_number(f" {id_number(1)} ", actor=WHO, reason=WHY)
    assert (line.name_masked, line.id_number_masked) == ("龘**", "1401" + "*" * 14)
    assert len(events(registry)[-1].subjects) == 1
    assert office.find_by_id_number(id_number(1), actor=WHO, reason=WHY, schools=OTHER) == []
    assert office.find_by_id_number("", actor=WHO, reason=WHY) == []
    lines = office.find_by_class(PRIMARY, actor=WHO, reason=WHY)
    assert [found.class_name for found in lines] == ["2班", "3班"]
    assert len(events(registry)[-1].subjects) == 2
    page = office.find_by_class(PRIMARY, actor=WHO, reason=WHY, after=lines[0].student_id, limit=1)
    assert page == lines[1:]
    assert office.find_by_class(PRIMARY, actor=WHO, reason=WHY, grade="14", class_name="3班") == lines[1:]
    assert office.find_by_class(PRIMARY, actor=WHO, reason=WHY, schools=OTHER) == []
    with pytest.raises(ValueError, match="lines"):
        office.find_by_class(PRIMARY, actor=WHO, reason=WHY, limit=501)


def test_a_reason_is_required_and_holds_no_personal_number(registry: Registry) -> None:
    student_id = find(registry, 1)
    before = len(events(registry))
    for reason in ("", "  ", "家长电话 13903510001 来电", "x" * 201):
        with pytest.raises(RegisterRuleError) as refused:
            office_of(registry).student(student_id, WHO, reason)
        assert refused.value.rule == "A50-4"
        assert "13903510001" not in str(refused.value)
    assert len(events(registry)) == before


def test_an_altered_record_does_not_open(registry: Registry) -> None:
    one, two = find(registry, 1), find(registry, 2)
    with writing(registry.engine) as connection:
        other = connection.execute(select(students.c.sealed).where(students.c.student_id == two)).scalar_one()
        connection.execute(update(students).where(students.c.student_id == one).values(sealed=other))
    with pytest.raises(SealedValueError):
        office_of(registry).student(one, WHO, WHY)


def test_imports_and_units_pass_through_the_office(registry: Registry, tmp_path: Path) -> None:
    imports = Recorded()
    office = office_of(registry, imports)
    request = ImportRequest(tmp_path / "f.xlsx", "f.xlsx", "template", WHO)
    assert office.import_preview(request).file_sha256 == "0" * 64
    assert office.import_run(request, errors_to=tmp_path / "e.xlsx").file_sha256 == "1" * 64
    assert imports.asked == [("preview", request, None), ("run", request, tmp_path / "e.xlsx")]
    office.template(tmp_path / "t.xlsx")
    assert (tmp_path / "t.xlsx").read_bytes() == b"form"
    assert office.import_schools(school_frame()) == 2
    assert office.schools()["school_code"].to_list() == [PRIMARY, SENIOR]
    assert office.schools()["registry_superior"].to_list() == ["140105", "140100"]
    assert office.units()["code"].to_list() == ["140000", "140100", "140105", "140106"]
