"""Preview, import, error workbook, shrink guard, template."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import text

from core_registry.db.engine import writing
from core_registry.errors import RegisterChangedError, ShrinkGuardError, UnreadableFileError
from core_registry.intake.reader import REASON_HEADER, read_form
from core_registry.intake.records import ImportId, ImportRequest, ImportSummary
from core_registry.intake.workbook import write_template
from tests.factories.intake_forms import PRIMARY, Row, book, pupil, table, write_csv, write_xlsx
from tests.factories.intake_register import Register, fresh_register


class World:
    """One register and its import service."""

    def __init__(self, directory: Path, register: Register) -> None:
        self.register = register
        self.directory = directory / "work"
        self.directory.mkdir()
        directory = self.directory
        self.errors = directory / "errors.xlsx"
        self.stages: list[tuple[str, int, int]] = []
        self.service = register.service

    def request(self, rows: list[Row], *, accept: bool = False) -> ImportRequest:
        path = write_csv(self.directory / "f.csv", table(rows))
        return ImportRequest(path, "f.csv", "template", "officer", accept_shrink=accept)

    def run(self, rows: list[Row], *, accept: bool = False) -> ImportSummary:
        return self.service.run(self.request(rows, accept=accept), self._note, self.errors)

    def _note(self, stage: str, done: int, total: int) -> None:
        self.stages.append((stage, done, total))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with fresh_register(tmp_path) as register:
        yield World(tmp_path, register)


def test_preview_says_what_run_does_and_writes_nothing(world: World) -> None:
    rows = [pupil(1), pupil(2, sex="女"), pupil(3)]
    preview = world.service.preview(world.request(rows))
    assert world.register.count() == 0
    assert not world.errors.exists()
    done = world.run(rows)
    assert done == replace(preview, import_id=ImportId("import-1"))
    assert (done.rows, done.new, done.rejected, done.schools) == (3, 2, 1, 1)
    assert world.stages[0][0] == "read"
    assert world.stages[-1] == ("write", 2, 2)


def test_the_same_content_twice_changes_nothing(world: World) -> None:
    rows = [pupil(index) for index in range(5)]
    assert world.run(rows).new == 5
    again = world.run(rows)
    assert (again.new, again.changed, again.unchanged, again.repeated, again.import_id) == (0, 0, 5, True, None)
    assert world.register.landed() == 1
    as_workbook = write_xlsx(world.directory / "f.xlsx", table(list(reversed(rows))))
    other = world.service.run(replace(world.request(rows), path=as_workbook))
    assert (other.unchanged, other.repeated) == (5, False)
    assert world.register.landed() == 1


def test_a_changed_cell_is_one_changed_row(world: World) -> None:
    rows = [pupil(index) for index in range(6)]
    world.run(rows)
    rows[3] = pupil(3, class_name="2班")
    summary = world.run(rows)
    assert (summary.changed, summary.unchanged) == (1, 5)
    assert sorted(one.class_name for one in world.register.students().values()) == ["1班"] * 5 + ["2班"]


def test_shrink_guard_names_the_school_until_it_is_accepted(world: World) -> None:
    rows = [pupil(index) for index in range(10)]
    world.run(rows)
    share = book().parameters.shrink_share
    at_most = int(10 * share)
    assert world.run([*rows[at_most:], pupil(30)]).absent == at_most
    with pytest.raises(ShrinkGuardError) as caught:
        world.run([*rows[at_most + 2 :], pupil(20, sex="女"), pupil(21)])
    assert PRIMARY in caught.value.detail
    assert PRIMARY in caught.value.detail_zh
    assert not world.errors.exists()
    short = [*rows[at_most + 2 :], pupil(21)]
    assert world.service.preview(world.request(short)).shrink == (PRIMARY,)
    accepted = world.run(short, accept=True)
    assert (accepted.absent, accepted.new) == (at_most + 3, 1)
    assert world.register.count() == 12  # an absent pupil stays
    again = world.run(short)  # nothing would be written, so there is nothing to guard
    assert (again.repeated, again.shrink) == (True, (PRIMARY,))


def test_a_rejected_row_is_not_an_absent_pupil(world: World) -> None:
    rows = [pupil(index) for index in range(4)]
    world.run(rows)
    summary = world.run([*rows[:3], pupil(3, class_name="")])
    assert (summary.absent, summary.rejected, summary.shrink) == (0, 1, ())


def test_a_failing_store_leaves_neither_rows_nor_workbook(world: World) -> None:
    with writing(world.register.engine) as connection:  # the last row that an import writes cannot be written
        connection.execute(
            text("CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'broken'); END")
        )
    with pytest.raises(RegisterChangedError):
        world.run([pupil(1), pupil(2, sex="女")])
    assert world.register.count() == 0
    assert sorted(one.name for one in world.directory.iterdir()) == ["f.csv"]


def test_error_workbook_has_the_rows_own_values_reasons_and_marked_cells(world: World) -> None:
    evil = "=cmd|' /C calc'!A0"
    world.run([pupil(1), pupil(2, sex="女", member1_employer=evil), pupil(3, birth_date="2016-13-01")])
    sheet = openpyxl.load_workbook(world.errors).active
    header = [cell.value for cell in sheet[2]]
    assert header == [*book().import_mappings["template"].headers.values(), REASON_HEADER]
    assert sheet.max_row == 4
    by_header = dict(zip(header, sheet[3], strict=True))
    assert by_header["身份证件号"].value == pupil(2)["id_number"]
    assert by_header["成员一工作单位"].value == evil
    assert {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row if cell.value is not None} == {"s"}
    assert {cell.number_format for cell in sheet[3]} == {"@"}
    assert by_header["性别"].fill.fgColor.rgb == "FFFFC7CE"
    assert "与身份证件号不一致" in by_header["性别"].comment.text
    assert by_header["姓名"].comment is None
    assert "[A10-2]" in by_header[REASON_HEADER].value
    assert "原文件第 4 行" in by_header[REASON_HEADER].value
    assert stat.S_IMODE(world.errors.stat().st_mode) == 0o600


def test_a_corrected_error_workbook_can_be_imported(world: World) -> None:
    world.run([pupil(1), pupil(2, sex="女"), pupil(3, class_name="")])
    workbook = openpyxl.load_workbook(world.errors)
    sheet = workbook.active
    header = [cell.value for cell in sheet[2]]
    sheet.cell(3, header.index("性别") + 1).value = "男"
    sheet.cell(4, header.index("班级") + 1).value = "3班"
    workbook.save(world.errors)
    # It holds a part of the roll by its nature: that the rest is absent says nothing.
    summary = world.service.run(replace(world.request([]), path=world.errors))
    assert (summary.new, summary.rejected, summary.absent, summary.shrink) == (2, 0, 1, ()), summary.findings
    assert world.register.count() == 3


def test_the_template_is_read_back_with_text_cells_version_and_lists(world: World) -> None:
    path = world.directory / "template.xlsx"
    write_template(path, book())
    workbook = openpyxl.load_workbook(path)
    form = workbook.worksheets[0]
    assert book().sha256[:8] in form["A1"].value
    assert workbook.sheetnames[1:] == ["填写说明", "代码表"]
    assert form.column_dimensions["A"].width
    assert len(form.data_validations.dataValidation) == sum(
        book().fields[code].code_list is not None for code in book().import_mappings["template"].headers
    )
    with pytest.raises(UnreadableFileError, match="no data row below the header in row 2"):
        read_form(path, book().import_mappings["template"], book())
    for column, value in enumerate(pupil(1).values(), 1):
        header = list(book().import_mappings["template"].headers)[column - 1]
        form.cell(3, column).value = pupil(1)[header] or None
        assert value is not None
    workbook.save(path)
    assert world.service.run(ImportRequest(path, path.name, "template", "officer")).new == 1


def test_another_layout_is_read_with_its_own_headers_and_values(world: World) -> None:
    row = pupil(1, grade="四年级", left_behind="非留守儿童", disability="非残疾")
    path = write_csv(world.directory / "n.csv", table([row], "national"))
    summary = world.service.run(replace(world.request([row]), path=path, mapping="national"))
    assert (summary.new, summary.mapping) == (1, "national")
    with pytest.raises(UnreadableFileError, match="the layouts are: national、template"):
        world.service.preview(replace(world.request([row]), mapping="nothing"))


def test_a_file_without_the_column_of_schools_takes_the_school_of_the_request(world: World) -> None:
    cells = [row[1:] for row in table([pupil(1)])]
    path = write_csv(world.directory / "s.csv", cells)
    request = replace(world.request([]), path=path)
    with pytest.raises(UnreadableFileError, match="学校标识码"):
        world.service.run(request)
    assert world.service.run(replace(request, school=PRIMARY)).new == 1
    assert world.register.only().school_code == PRIMARY


def test_what_the_store_gets_is_normal_and_complete(world: World) -> None:
    world.run([pupil(1)])
    stored = world.register.only()
    assert (stored.entry_month, stored.boarding, stored.nationality) == ("2023-09", False, "CHN")
    assert len(stored.members) == 1
    divisions = world.register.values("residence_division", "household_division")
    assert divisions.rows() == [("140105", "140302")]
    keys = world.register.values("id_key", "suspect_key", "content_key", "name_key", "number_key").row(0)
    assert len(set(keys)) == 5
    assert {len(key) for key in keys} == {32}


def test_nothing_shown_of_a_form_holds_a_pupil(world: World) -> None:
    request = world.request([pupil(1, sex="女")])
    form = read_form(request.path, book().import_mappings["template"], book())
    assert pupil(1)["id_number"] not in repr(form)
    assert pupil(1)["id_number"] not in repr(world.service.preview(request))
