"""Reading a recipient's list: headers, rows, and everything that is wrong with it, by row and column.

A list is taken whole or not at all, and nothing of a refused one is kept. Columns that are not needed are not read.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from core_registry.sharing import id_number_problem, normal_id_number
from gateway.releases.errors import BadListError
from gateway.releases.matches.records import MAX_LIST_BYTES, MAX_LIST_ROWS, Listed, ListProblem, Upload
from gateway.releases.matches.sheets import Sheet, UnreadableSheetError, read_workbook

HEADERS: Final[Mapping[str, frozenset[str]]] = {
    "name": frozenset({"姓名", "学生姓名", "name"}),
    "id_number": frozenset(
        {"身份证件号", "身份证件号码", "身份证号", "身份证号码", "证件号", "证件号码", "公民身份号码", "id_number"}
    ),
    "student_number": frozenset({"学籍号", "student_number"}),
    "phone": frozenset({"监护人电话", "监护人手机号", "联系电话", "手机号", "手机号码", "phone"}),
}
"""What a column may be called; the first two are needed, the others narrow the match where a cell is filled."""
SEARCHED_ROWS = 10
"""The header may stand below title lines."""
SHOWN = 100
"""Problems that are told of one list."""
MAX_NAME = 60
MAX_NUMBER = 40
_FORMULA_STARTS = ("=", "+", "@", "\t")
_BLANKS = re.compile(r"[\s\u3000:：*★()（）]+")
_OTHER_DOCUMENT = re.compile(r"(?=.*[A-Z])[A-Z0-9()/-]{5,20}|[0-9]{7,10}")
"""Passports, permits of Hong Kong, Macao and Taiwan, permits of residence: letters and digits, or few digits."""
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "empty": ("the identity number is missing", "缺少身份证件号"),
    "first-generation": (
        "15 digits are not used any more; give the 18",
        "15 位身份证号已停用，请填 18 位",
    ),
    "shape": ("this is no identity number: 18 digits, the last may be X", "身份证件号应为 18 位，末位可为 X"),
    "birth-date": ("the identity number holds no date", "身份证件号中的出生日期有误"),
    "checksum": ("the check digit of the identity number is wrong", "身份证件号校验码有误"),
}


def read_list(upload: Upload) -> tuple[Listed, ...]:
    """Return the people of a list, in its order. Raises ``BadListError`` with every problem, by row and column."""
    if upload.people is not None:
        columns = {"name": "name", "id_number": "id_number", "student_number": "student_number", "phone": "phone"}
        return _checked(upload.people, columns)
    if not upload.content:
        raise bad_list([ListProblem(0, "", "the file is empty", "文件是空的")])
    if len(upload.content) > MAX_LIST_BYTES:
        raise bad_list([ListProblem(0, "", "the file is larger than 16 MiB", "文件超过 16 MB")])
    sheet = _sheet(upload.content)
    if sheet.formulas:
        raise bad_list(
            [
                ListProblem(row + 1, letters(column), "a formula: paste the values instead", "含有公式，请粘贴为数值")
                for row, column in sheet.formulas
            ]
        )
    header, places = _header(sheet)
    columns = {name: letters(place) for name, place in places.items()}
    return _checked(_people(sheet, header, places), columns)


def encode(people: Sequence[Listed]) -> bytes:
    """Return a list as bytes to be sealed."""
    rows = [[one.row, one.name, one.id_number, one.student_number, one.phone] for one in people]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


def decode(content: bytes) -> tuple[Listed, ...]:
    """Return the list of ``encode``."""
    rows = cast("list[tuple[int, str, str, str | None, str | None]]", json.loads(content))
    return tuple(Listed(*row) for row in rows)


def bad_list(problems: Sequence[ListProblem]) -> BadListError:
    """Return the error that tells the first problems of a list."""
    shown = tuple(problems[:SHOWN])
    return BadListError(
        f"The list was not taken: {len(problems)} problems. Correct them and send it again; nothing was kept.",
        detail_zh=f"名单未接收：共 {len(problems)} 处问题，请更正后重新上传；未保存任何内容。",
        problems=shown,
        extra={"problems": len(problems)},
    )


def letters(column: int) -> str:
    """Return the letters of a column counted from 0, as Excel shows them."""
    text, rest = "", column + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        text = chr(ord("A") + digit) + text
    return text


def _sheet(content: bytes) -> Sheet:
    try:
        if content.startswith((_ZIP, _OLE)):
            return read_workbook(content)
        return _delimited(content)
    except UnreadableSheetError as error:
        raise bad_list([ListProblem(0, "", error.english, error.chinese)]) from None


def _delimited(content: bytes) -> Sheet:
    text = _text(content)
    separator = max(",\t;", key=text.split("\n", 1)[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error:
        raise UnreadableSheetError(
            "the text file is no CSV: a quotation mark is not closed, or a field is too long",
            "文本文件不是规范的 CSV：引号未成对，或某一字段过长",
        ) from None
    formulas = [(r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell.strip().startswith("=")]
    return Sheet(rows, frozenset(), tuple(formulas[:SHOWN]))


def _text(content: bytes) -> str:
    encodings = next(((encoding,) for bom, encoding in _BOMS if content.startswith(bom)), ("utf-8", "gb18030"))
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise UnreadableSheetError(
        "the file is neither a workbook nor a text file in UTF-8 or GB18030; save it as .xlsx",
        "文件既不是工作簿，也不是 UTF-8 或 GB18030 编码的文本文件，请另存为 .xlsx",
    )


def _header(sheet: Sheet) -> tuple[int, dict[str, int]]:
    """Return the row of the header, from 0, and where each known column stands."""
    for number, row in enumerate(sheet.rows[:SEARCHED_ROWS]):
        places: dict[str, int] = {}
        twice: list[ListProblem] = []
        for place, cell in enumerate(row):
            name = next((name for name, known in HEADERS.items() if _plain(cell) in known), None)
            if name in places:
                twice.append(ListProblem(number + 1, letters(place), "this column stands twice", "该列重复出现"))
            elif name is not None:
                places[name] = place
        if {"name", "id_number"} <= set(places):
            if twice:
                raise bad_list(twice)
            return number, places
    raise bad_list(
        [
            ListProblem(
                1,
                "",
                "no header row with the columns 姓名 (name) and 身份证件号 (id_number) among the first 10 rows",
                "前 10 行中没有同时含“姓名”和“身份证件号”的表头",
            )
        ]
    )


def _plain(cell: str) -> str:
    return _BLANKS.sub("", unicodedata.normalize("NFKC", cell)).lower()


def _people(sheet: Sheet, header: int, places: Mapping[str, int]) -> list[Listed]:
    problems: list[ListProblem] = []
    people: list[Listed] = []
    for number, row in enumerate(sheet.rows[header + 1 :], header + 1):
        cells = {name: row[place].strip() if place < len(row) else "" for name, place in places.items()}
        if not any(cells.values()):
            continue
        problems += [
            ListProblem(
                number + 1,
                letters(place),
                "a number that lost digits: format the column as text and enter it again",
                "数字已丢失精度，请把该列设为文本格式后重新填写",
            )
            for place in places.values()
            if (number, place) in sheet.inexact
        ]
        people.append(
            Listed(
                number + 1,
                cells["name"],
                cells["id_number"],
                cells.get("student_number") or None,
                cells.get("phone") or None,
            )
        )
    if problems:
        raise bad_list(problems)
    return people


def _checked(people: Iterable[Listed], columns: Mapping[str, str]) -> tuple[Listed, ...]:
    problems: list[ListProblem] = []
    seen: dict[str, int] = {}
    rows: set[int] = set()
    taken: list[Listed] = []
    for one in people:
        number = normal_id_number(one.id_number)
        problems += _problems(one, number, columns)
        if one.row in rows:
            problems.append(ListProblem(one.row, "", "this row number stands twice", "行号重复"))
        first = seen.setdefault(number, one.row)
        if first != one.row:
            problems.append(
                ListProblem(
                    one.row, columns["id_number"], f"the same person as in row {first}", f"与第 {first} 行是同一人"
                )
            )
        rows.add(one.row)
        taken.append(Listed(one.row, one.name.strip(), number, one.student_number, one.phone))
        if len(taken) > MAX_LIST_ROWS:
            raise bad_list([ListProblem(one.row, "", f"more than {MAX_LIST_ROWS} rows", f"超过 {MAX_LIST_ROWS} 行")])
    if not taken and not problems:
        problems.append(ListProblem(0, "", "the list names nobody", "名单中没有人员"))
    if problems:
        raise bad_list(problems)
    return tuple(taken)


def _problems(one: Listed, number: str, columns: Mapping[str, str]) -> list[ListProblem]:
    found: list[ListProblem] = []
    name = one.name.strip()
    if not name:
        found.append(ListProblem(one.row, columns["name"], "the name is missing", "缺少姓名"))
    elif len(name) > MAX_NAME or any(character.isdecimal() for character in name):
        found.append(ListProblem(one.row, columns["name"], "this is no name", "姓名有误"))
    values = {"name": one.name, "id_number": one.id_number, "student_number": one.student_number, "phone": one.phone}
    for column, value in values.items():
        if value and value.startswith(_FORMULA_STARTS) and not (column == "phone" and value.startswith("+")):
            found.append(ListProblem(one.row, columns[column], "a formula: paste the values", "含有公式，请粘贴为数值"))
        elif value and len(value) > MAX_NUMBER and column != "name":
            found.append(ListProblem(one.row, columns[column], "too long", "内容过长"))
    reason = id_number_problem(number)
    if reason is not None and not (reason == "shape" and _OTHER_DOCUMENT.fullmatch(number)):
        detail, detail_zh = _REASONS[reason]
        found.append(ListProblem(one.row, columns["id_number"], detail, detail_zh))
    return found
