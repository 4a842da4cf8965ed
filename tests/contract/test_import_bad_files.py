"""The gallery of bad input: each gets a clear error with row and cell, good rows land, nothing is half-written."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from core_registry.errors import UnreadableFileError
from core_registry.intake import sheets
from core_registry.intake.limits import Limits, unpack
from core_registry.intake.reader import read_form
from core_registry.intake.records import ImportSummary
from tests.factories.intake_forms import (
    PRIMARY,
    Formula,
    book,
    pupil,
    table,
    write_csv,
    write_xls,
    write_xlsx,
)
from tests.factories.intake_register import Register, fresh_register

TEMPLATE = "template"


def imported(path: Path, register: Register | None = None) -> ImportSummary:
    if register is not None:
        return register.run(path)
    with fresh_register(path.parent) as fresh:
        return fresh.run(path)


def errors(summary: ImportSummary) -> set[tuple[int, str | None, str]]:
    return {(one.row, one.field, one.code) for one in summary.findings if one.severity == "error"}


def place(code: str) -> int:
    return list(book().import_mappings[TEMPLATE].headers).index(code)


def cells_with(cells: Sequence[Sequence[object]], row: int, code: str, value: object) -> list[list[object]]:
    changed = [list(one) for one in cells]
    changed[row][place(code)] = value
    return changed


def refused(path: Path) -> UnreadableFileError:
    with fresh_register(path.parent) as register:
        with pytest.raises(UnreadableFileError) as caught:
            imported(path, register)
        assert register.count() == 0
    assert caught.value.detail
    assert caught.value.detail_zh
    return caught.value


def test_wrong_template_names_missing_and_found_headers_and_where_it_looked(tmp_path: Path) -> None:
    cells = table([pupil(1)])
    cells[1] = [header if header not in ("姓名", "班级") else f"x{header}" for header in cells[1]]
    error = refused(write_xlsx(tmp_path / "f.xlsx", cells))
    assert "缺少表头：姓名、班级" in error.detail_zh
    assert "已找到：学校标识码" in error.detail_zh
    assert "第 2 行" in error.detail_zh
    assert "row 2" in error.detail


def test_a_file_without_any_header_shows_none_of_its_cells(tmp_path: Path) -> None:
    error = refused(write_csv(tmp_path / "f.csv", [list(pupil(1).values())]))
    assert "测试" not in error.detail_zh
    assert "无" in error.detail_zh


def test_headers_are_found_with_stars_width_line_breaks_and_other_title_rows(tmp_path: Path) -> None:
    cells = table([pupil(1)])
    cells[1] = [f"★{header}\n" if header != "国籍/地区" else "国籍／地区" for header in cells[1]]
    assert imported(write_xlsx(tmp_path / "f.xlsx", [["题"], [], *cells])).new == 1


def test_a_header_that_stands_twice_is_refused(tmp_path: Path) -> None:
    cells = [[*row, "姓名" if at == 1 else ""] for at, row in enumerate(table([pupil(1)]))]
    assert "重复：姓名" in refused(write_xlsx(tmp_path / "f.xlsx", cells)).detail_zh


def test_merged_cells_are_errors_of_their_rows_only(tmp_path: Path) -> None:
    cells = table([pupil(index) for index in range(4)])
    column = place("class_name")
    for row in (3, 4):
        cells[row][column] = ""
    summary = imported(write_xlsx(tmp_path / "f.xlsx", cells, merged=[(3, column, 4, column)]))
    assert {(4, "class_name", "merged-cell"), (5, "class_name", "merged-cell")} <= errors(summary)
    assert (summary.new, summary.rejected) == (2, 2)


@pytest.mark.parametrize("value", [140105201703150019.0, 1.40105e17, "1.40105E+17", "1.40105e17", "140105201703150000"])
def test_identity_numbers_that_excel_turned_into_numbers(tmp_path: Path, value: object) -> None:
    cells = cells_with(table([pupil(1), pupil(2)]), 2, "id_number", value)
    summary = imported(write_xlsx(tmp_path / "f.xlsx", cells))
    assert (3, "id_number", "number-lost-digits") in errors(summary)
    assert (summary.new, summary.rejected) == (1, 1)
    assert "文本" in next(one.message for one in summary.findings if one.code == "number-lost-digits")


def test_full_width_digits_lower_case_and_blanks_are_normalized(tmp_path: Path) -> None:
    plain = pupil(1)["id_number"]
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in plain).lower()
    row = pupil(
        1, id_number=f" {wide[:6]} {wide[6:]}", member1_phone="１３９ 0000 0001", birth_date="２０１６－０９－０１"
    )
    with fresh_register(tmp_path) as register:
        summary = imported(write_csv(tmp_path / "f.csv", table([row])), register)
        assert summary.new == 1, summary.findings
        stored = register.only()
    assert stored.id_number == plain
    assert stored.members[0].phone == "13900000001"
    assert stored.birth_date == date(2016, 9, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_text_files_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    with fresh_register(tmp_path) as register:
        assert imported(write_csv(tmp_path / "f.csv", table([pupil(1)]), encoding), register).new == 1
        assert register.only().name == "测试乙"


def test_a_torn_text_row_is_an_error_of_that_row(tmp_path: Path) -> None:
    cells = table([pupil(1), pupil(2)])
    cells[2] = [*cells[2], "多出来的"]
    summary = imported(write_csv(tmp_path / "f.csv", cells))
    assert errors(summary) == {(3, None, "ragged-row")}
    assert summary.new == 1


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02", b"\xff\xfe\xff", b'"never closed', b"", b"<html><table></table></html>", b"%PDF-1.7"]
)
def test_files_that_are_no_form_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.xlsx"
    path.write_bytes(content)
    refused(path)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    refused(tmp_path / "gone.xlsx")


def test_excel_97_is_read_with_its_row_numbers(tmp_path: Path) -> None:
    summary = imported(write_xls(tmp_path / "f.xls", table([pupil(1), pupil(2, sex="女")])))
    assert (summary.new, summary.rejected) == (1, 1)
    assert errors(summary) == {(4, "sex", "sex-id")}


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)"])
def test_formula_texts_are_refused_by_cell(tmp_path: Path, text: str) -> None:
    cells = cells_with(table([pupil(1), pupil(2)]), 2, "member1_employer", text)
    summary = imported(write_xlsx(tmp_path / "f.xlsx", cells))
    assert errors(summary) == {(3, "member1_employer", "formula-text")}
    assert summary.new == 1


def test_real_formulas_are_never_evaluated_and_named_by_cell(tmp_path: Path) -> None:
    cells = cells_with(table([pupil(1), pupil(2)]), 3, "class_name", Formula('="1"&"班"'))
    summary = imported(write_xlsx(tmp_path / "f.xlsx", cells))
    assert (4, "class_name", "formula-cell") in errors(summary)
    assert (summary.new, summary.rejected) == (1, 1)


def test_dates_and_numbers_that_excel_keeps_exactly_are_taken(tmp_path: Path) -> None:
    cells = cells_with(table([pupil(1)]), 2, "birth_date", date(2016, 9, 1))
    for code, value in (("grade", 14), ("member1_phone", 13900000001), ("ethnicity", 1), ("boarding", False)):
        cells = cells_with(cells, 2, code, value)
    cells = cells_with(cells, 2, "school_code", int(PRIMARY))
    with fresh_register(tmp_path) as register:
        summary = imported(write_xlsx(tmp_path / "f.xlsx", cells), register)
        assert summary.new == 1, summary.findings
        stored = register.only()
    assert (stored.birth_date, stored.grade, stored.ethnicity) == (date(2016, 9, 1), "14", "01")
    assert (stored.boarding, stored.school_code) == (False, PRIMARY)


def test_cells_of_a_wrong_type_are_errors(tmp_path: Path) -> None:
    cells = cells_with(table([pupil(1)]), 2, "name", date(2016, 9, 1))
    cells = cells_with(cells, 2, "class_name", 1.5)
    summary = imported(write_xlsx(tmp_path / "f.xlsx", cells))
    assert {(3, "name", "not-text"), (3, "class_name", "not-text")} <= errors(summary)


def test_blank_rows_are_skipped_and_row_numbers_stay(tmp_path: Path) -> None:
    cells = table([pupil(1), pupil(2, sex="女")])
    spread = [*cells[:3], [""] * len(cells[0]), [" "] * len(cells[0]), cells[3], [" "], []]
    for path in (write_xlsx(tmp_path / "f.xlsx", spread), write_csv(tmp_path / "f.csv", spread)):
        summary = imported(path)
        assert summary.rows == 2
        assert errors(summary) == {(6, "sex", "sex-id")}


def test_a_hundred_megabytes_of_blank_rows_cost_seconds(tmp_path: Path) -> None:
    small = write_xlsx(tmp_path / "small.xlsx", table([pupil(1)]))
    rows = b"".join(
        b'<row r="%d" spans="1:41"><c r="A%d" s="1"/><c r="B%d" s="1"/></row>' % (n, n, n) for n in range(4, 1_048_576)
    )
    big = _repacked(
        small, tmp_path / "big.xlsx", lambda sheet: sheet.replace(b"</sheetData>", rows * 2 + b"</sheetData>")
    )
    text = tmp_path / "big.csv"
    text.write_bytes(write_csv(tmp_path / "s.csv", table([pupil(1)])).read_bytes() + b",,,,,,,,,\r\n" * 2_000_000)
    for path in (big, text):
        start = time.monotonic()
        assert imported(path).new == 1
        assert time.monotonic() - start < 30


def test_cells_far_apart_do_not_fill_the_memory(tmp_path: Path) -> None:
    small = write_xlsx(tmp_path / "small.xlsx", table([pupil(1)]))
    far = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
    path = _repacked(small, tmp_path / "far.xlsx", lambda sheet: sheet.replace(b"</sheetData>", far))
    start = time.monotonic()
    assert "memory" in refused(path).detail
    assert time.monotonic() - start < 30


def test_a_wide_sheet_is_refused_before_its_cells_are_made(tmp_path: Path) -> None:
    from core_registry.intake.decoding import UndecodableError, decode

    path = write_xlsx(tmp_path / "f.xlsx", table([pupil(1)]))
    with pytest.raises(UndecodableError, match="spans 3 rows"):
        decode(path, None, max_cells=50)


def test_zip_bombs_are_refused_before_reading(tmp_path: Path) -> None:
    limits = Limits(100 << 20, 64 << 20, 1000)
    huge = tmp_path / "huge.xlsx"
    with zipfile.ZipFile(huge, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in range(5):
            archive.writestr(f"xl/part{part}.xml", b"\0" * (15 << 20))
    with pytest.raises(UnreadableFileError, match="more than 64 MiB"):
        unpack(huge, limits)
    dense = tmp_path / "dense.xlsx"
    with zipfile.ZipFile(dense, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * (20 << 20))
    with pytest.raises(UnreadableFileError, match="packed more than"):
        unpack(dense, limits)
    many = tmp_path / "many.xlsx"
    with zipfile.ZipFile(many, "w") as archive:
        for part in range(2_001):
            archive.writestr(f"{part}", b"")
    with pytest.raises(UnreadableFileError, match="parts"):
        unpack(many, limits)


def test_a_lie_about_the_unpacked_size_is_found_while_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "lie.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"a" * 100_000)
    content = path.read_bytes()
    path.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(UnreadableFileError, match="damaged"):
        unpack(path, Limits(1 << 20, 1 << 20, 10))


def test_too_many_bytes_or_rows_are_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", table([pupil(index) for index in range(3)]))
    mapping = book().import_mappings[TEMPLATE]
    parameters = book().parameters
    for small, words in (
        (replace(parameters, max_upload_bytes=10), "larger than"),
        (replace(parameters, max_rows=2), "has 3 rows"),
    ):
        with pytest.raises(UnreadableFileError, match=words):
            read_form(path, mapping, replace(book(), parameters=small))


def test_no_data_row_is_an_error(tmp_path: Path) -> None:
    assert "没有数据行" in refused(write_xlsx(tmp_path / "f.xlsx", table([]))).detail_zh


def test_the_reader_leaves_no_file_and_dies_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", table([pupil(1)]))
    monkeypatch.setattr(sheets, "BASE_SECONDS", 0)
    with pytest.raises(UnreadableFileError, match="memory or time"):
        sheets.read_workbook(path, None, unpacked_bytes=1)
    assert [one.name for one in tmp_path.iterdir()] == ["f.xlsx"]


def _repacked(source: Path, target: Path, change: object) -> Path:
    assert callable(change)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == "xl/worksheets/sheet1.xml" else content)
    return target
