"""The gallery of bad input (issue: a clear error with row and cell; good rows land), as files for every door."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from core_registry.intake.reader import column_letters
from tests.factories.intake_forms import Formula, Row, book, identity_number, pupil, table, write_csv, write_xlsx

HEADERS = list(book().import_mappings["template"].headers)
BLANK_MEGABYTES = 100


def todays_pupil(index: int, **changes: str) -> Row:
    """A correct row of a fourth-grader of the present school year, whatever the year."""
    today = datetime.now(UTC).date()
    year = today.year if today.month >= 8 else today.year - 1
    born = date(year - 10, 9, 1 + index // 300)
    usual = {
        "birth_date": f"{born:%Y%m%d}",
        "id_number": identity_number(index % 300, born=born),
        "entry_month": f"{year - 3}09",
    }
    return pupil(index, **{**usual, **changes})


@dataclass(frozen=True)
class Exhibit:
    """One file and what becomes of it.

    ``refused``: words of the answer when the file is not taken at all; else ``good`` rows land and ``wrong`` are
    the errors: row, column letters, finding code. ``before`` are rows that are registered already.
    """

    name: str
    rows: tuple[Row, ...]
    write: Callable[[Path, Sequence[Row]], Path]
    good: int = 0
    wrong: frozenset[tuple[int, str, str]] = frozenset()
    refused: str = ""
    before: tuple[Row, ...] = ()

    def secrets(self) -> set[str]:
        """Return what of the rows no message, log line or temporary file may hold."""
        personal = ("name", "id_number", "residence_address", "member1_id_number", "member1_phone")
        return {
            row[code] for row in (*self.rows, *self.before) for code in personal if len(row[code]) > 2
        }  # a text worth looking for


def letters(code: str) -> str:
    """Return the column of a field in our template."""
    return column_letters(HEADERS.index(code))


def _workbook(path: Path, rows: Sequence[Row]) -> Path:
    return write_xlsx(path.with_suffix(".xlsx"), table(rows))


def _with(row: int, code: str, value: object) -> Callable[[Path, Sequence[Row]], Path]:
    def write(path: Path, rows: Sequence[Row]) -> Path:
        cells: list[list[object]] = [list(one) for one in table(rows)]
        cells[row - 1][HEADERS.index(code)] = value
        return write_xlsx(path.with_suffix(".xlsx"), cells)

    return write


def _text(encoding: str) -> Callable[[Path, Sequence[Row]], Path]:
    return lambda path, rows: write_csv(path.with_suffix(".csv"), table(rows), encoding)


def _other_headers(path: Path, rows: Sequence[Row]) -> Path:
    cells = table(rows)
    cells[1] = [f"x{header}" if header in ("姓名", "班级") else header for header in cells[1]]
    return write_xlsx(path.with_suffix(".xlsx"), cells)


def _merged(path: Path, rows: Sequence[Row]) -> Path:
    column = HEADERS.index("class_name")
    cells = table(rows)
    cells[3][column] = cells[4][column] = ""
    return write_xlsx(path.with_suffix(".xlsx"), cells, merged=[(3, column, 4, column)])


def _blank_rows(path: Path, rows: Sequence[Row]) -> Path:
    small = _workbook(path.with_name("small"), rows)
    one = b'<row r="%d" spans="1:41"><c r="A%d" s="1"/><c r="B%d" s="1"/></row>'
    blank = b"".join(one % (n, n, n) for n in range(len(rows) + 3, 1_048_576))
    blank = (blank * (1 + (BLANK_MEGABYTES << 20) // len(blank)))[: BLANK_MEGABYTES << 20]
    blank = blank[: blank.rindex(b"<row")]
    target = path.with_suffix(".xlsx")
    with zipfile.ZipFile(small) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b"</sheetData>", blank + b"</sheetData>")
            new.writestr(name, content)
    small.unlink()
    return target


def _bomb(path: Path, _rows: Sequence[Row]) -> Path:
    target = path.with_suffix(".xlsx")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * (64 << 20))
    return target


def _wide(number: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in number)


def gallery() -> list[Exhibit]:
    """Return every exhibit, each with pupils of its own."""

    def rows(at: int, count: int = 2) -> tuple[Row, ...]:
        return tuple(todays_pupil(100 * at + index) for index in range(count))

    lost = frozenset({(3, letters("id_number"), "number-lost-digits")})
    wide = rows(5, 1)[0]
    bad_sex = rows(8)[1] | {"sex": "女"}
    evil = todays_pupil(1001, member1_employer="=cmd|' /C calc'!A0")
    clerk = todays_pupil(1200)
    other_name = clerk | {"name": "测试他人"}
    twice = rows(11)
    return [
        Exhibit("another template", rows(1), _other_headers, refused="缺少表头：姓名、班级"),
        Exhibit("merged cells", rows(2, 4), _merged, 2,
                frozenset({*((row, letters("class_name"), "merged-cell") for row in (4, 5)),
                           (5, letters("class_name"), "required-missing")})),
        Exhibit("a number as float", rows(3), _with(3, "id_number", 140105201703150019.0), 1, lost),
        Exhibit("scientific notation", rows(4), _with(3, "id_number", "1.40105E+17"), 1, lost),
        Exhibit("full-width digits", (wide | {"id_number": _wide(wide["id_number"])},), _text("utf-8"), 1),
        Exhibit("UTF-8 with BOM", rows(6), _text("utf-8-sig"), 2),
        Exhibit("GBK", rows(7), _text("gbk"), 2),
        Exhibit("one wrong cell in GBK", (rows(8)[0], bad_sex), _text("gbk"), 1,
                frozenset({(4, letters("sex"), "sex-id")})),
        Exhibit("100 MB of blank rows", rows(9, 1), _blank_rows, 1),
        Exhibit("a text like a formula", (todays_pupil(1000), evil), _workbook, 1,
                frozenset({(4, letters("member1_employer"), "formula-text")})),
        Exhibit("a formula", rows(13), _with(4, "class_name", Formula('="1"&"班"')), 1,
                frozenset({(4, letters("class_name"), "formula-cell")})),
        Exhibit("a zip bomb", rows(14), _bomb, refused="压缩比"),
        Exhibit("duplicate rows", (*twice, twice[1]), _workbook, 2, frozenset({(5, "", "duplicate-row")})),
        Exhibit("a number of another name", (other_name, todays_pupil(1201)), _workbook, 1,
                frozenset({(3, letters("id_number"), "id-of-another")}), before=(clerk,)),
    ]  # fmt: skip
