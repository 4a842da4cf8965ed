"""Preview, import, error workbook, shrink guard, template."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from core_registry.errors import RegistryUnavailableError, ShrinkGuardError, UnreadableFileError
from core_registry.intake.reader import read_form
from core_registry.intake.records import ImportId, ImportRequest, ImportSummary
from core_registry.intake.service import ImportService
from core_registry.intake.workbook import REASON_HEADER, write_template
from tests.factories.intake_fake import FakeRegisterStore
from tests.factories.intake_forms import NOW, PRIMARY, SCHOOLS, Row, book, pupil, table, write_csv, write_xlsx


class World:
    """One register and its import service."""

    def __init__(self, directory: Path) -> None:
        self.store = FakeRegisterStore(SCHOOLS)
        self.directory = directory
        self.errors = directory / "errors.xlsx"
        self.stages: list[tuple[str, int, int]] = []
        self.service = ImportService(self.store, book(), lambda: NOW, lambda: ImportId("import-1"))

    def request(self, rows: list[Row], *, accept: bool = False) -> ImportRequest:
        path = write_csv(self.directory / "f.csv", table(rows))
        return ImportRequest(path, "f.csv", "template", "officer", accept_shrink=accept)

    def run(self, rows: list[Row], *, accept: bool = False) -> ImportSummary:
        return self.service.run(self.request(rows, accept=accept), self._note, self.errors)

    def _note(self, stage: str, done: int, total: int) -> None:
        self.stages.append((stage, done, total))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_preview_says_what_run_does_and_writes_nothing(world: World) -> None:
    rows = [pupil(1), pupil(2, sex="女"), pupil(3)]
    preview = world.service.preview(world.request(rows))
    assert not world.store.students
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
    assert world.store.applied == 1
    as_workbook = write_xlsx(world.directory / "f.xlsx", table(list(reversed(rows))))
    other = world.service.run(replace(world.request(rows), path=as_workbook))
    assert (other.unchanged, other.repeated) == (5, False)
    assert world.store.applied == 1


def test_a_changed_cell_is_one_changed_row(world: World) -> None:
    rows = [pupil(index) for index in range(6)]
    world.run(rows)
    rows[3] = pupil(3, class_name="2班")
    summary = world.run(rows)
    assert (summary.changed, summary.unchanged) == (1, 5)
    assert sorted(str(one["class_name"]) for one in world.store.students.values()) == ["1班"] * 5 + ["2班"]


def test_shrink_guard_names_the_school_until_it_is_accepted(world: World) -> None:
    rows = [pupil(index) for index in range(10)]
    world.run(rows)
    share = book().parameters.shrink_share
    at_most = int(10 * share)
    assert world.run(rows[at_most:]).absent == at_most
    with pytest.raises(ShrinkGuardError) as caught:
        world.run([*rows[at_most + 1 :], pupil(20, sex="女")])
    assert PRIMARY in caught.value.detail
    assert PRIMARY in caught.value.detail_zh
    assert not world.errors.exists()
    assert world.service.preview(world.request(rows[at_most + 1 :])).shrink == (PRIMARY,)
    accepted = world.run(rows[at_most + 1 :], accept=True)
    assert accepted.absent == at_most + 1
    assert len(world.store.students) == 10


def test_a_rejected_row_is_not_an_absent_pupil(world: World) -> None:
    rows = [pupil(index) for index in range(4)]
    world.run(rows)
    summary = world.run([*rows[:3], pupil(3, class_name="")])
    assert (summary.absent, summary.rejected, summary.shrink) == (0, 1, ())


def test_a_failing_store_leaves_neither_rows_nor_workbook(world: World) -> None:
    world.store.fail_on_apply = RegistryUnavailableError("gone")
    with pytest.raises(RegistryUnavailableError):
        world.run([pupil(1), pupil(2, sex="女")])
    assert not world.store.students
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
    request = replace(world.request([]), path=world.errors, accept_shrink=True)
    summary = world.service.run(request)
    assert (summary.new, summary.rejected) == (2, 0), summary.findings
    assert len(world.store.students) == 3


def test_the_template_is_read_back_with_text_cells_version_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
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
    store = FakeRegisterStore(SCHOOLS)
    service = ImportService(store, book(), lambda: NOW, lambda: ImportId("import-1"))
    assert service.run(ImportRequest(path, path.name, "template", "officer")).new == 1


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
    assert next(iter(world.store.students.values()))["school_code"] == PRIMARY


def test_what_the_store_gets_is_normal_and_complete(world: World) -> None:
    world.run([pupil(1)])
    stored = next(iter(world.store.students.values()))
    assert stored["residence_division"] == "140105"
    assert stored["household_division"] == "140302"
    assert stored["entry_month"] == "2023-09"
    assert stored["boarding"] is False
    assert stored["member2_name"] is None
    assert stored["nationality"] == "CHN"
    keys = {str(stored[name]) for name in ("id_key", "suspect_key", "content_key", "name_key")}
    assert {len(key) for key in keys} == {64}
    assert len(keys) == 4


def test_nothing_shown_of_a_form_holds_a_pupil(world: World) -> None:
    request = world.request([pupil(1, sex="女")])
    form = read_form(request.path, book().import_mappings["template"], book())
    assert pupil(1)["id_number"] not in repr(form)
    assert pupil(1)["id_number"] not in repr(world.service.preview(request))
