"""A recipient's list: what is taken, and what is told by row and column of what is not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from gateway.releases.errors import BadListError
from gateway.releases.matches import sheets
from gateway.releases.matches.lists import decode, encode, letters, read_list
from gateway.releases.matches.records import MAX_LIST_BYTES, Listed, Upload
from tests.factories.matches import workbook

GOOD = "140105201503010047"
"""A well-formed number: its check character is computed below."""
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def number(serial: int, born: str = "20150301") -> str:
    """Return a well-formed resident number."""
    body = f"140105{born}{serial:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


ROWS: list[Sequence[object]] = [[1, "张三丰", number(1), 100], [2, "王小明", number(2).lower(), 200.5]]


def problems(upload: Upload) -> list[tuple[int, str]]:
    """Return where a list is wrong."""
    with pytest.raises(BadListError) as refused:
        read_list(upload)
    error = refused.value
    assert error.detail_zh
    assert all(one.detail and one.detail_zh for one in error.problems)
    for one in error.problems:  # no cell is quoted (I7)
        assert "张" not in one.detail + one.detail_zh
        assert "1401052015" not in one.detail + one.detail_zh
    return [(one.row, one.column) for one in error.problems]


@pytest.mark.parametrize("titles", [0, 3])
def test_a_workbook_of_excel_is_read_by_the_row_numbers_that_excel_shows(titles: int) -> None:
    taken = read_list(Upload(workbook(ROWS, titles=titles)))
    assert [(one.row, one.name, one.id_number) for one in taken] == [
        (titles + 2, "张三丰", number(1)),
        (titles + 3, "王小明", number(2)),
    ]
    assert taken[0].student_number is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_text_file_is_read_in_the_encodings_that_people_have(encoding: str, separator: str) -> None:
    lines = [
        ["姓名", "身份证件号", "监护人电话"],
        ["张三丰", number(1), "13800138000"],
        ["", "", ""],
        ["王小明", number(2), ""],
    ]
    text = "\r\n".join(separator.join(line) for line in lines)
    taken = read_list(Upload(text.encode(encoding)))
    assert [(one.row, one.name, one.phone) for one in taken] == [(2, "张三丰", "13800138000"), (4, "王小明", None)]


@pytest.mark.parametrize(
    "header",
    [
        ["姓 名", "身份证号码"],
        ["学生姓名*", "证件号码："],
        ["Name", "ID_Number"],
        ["姓名（必填）", "公民身份号码"],
        ["name", "证件号"],
    ],
)
def test_headers_are_known_in_the_words_that_people_use(header: list[str]) -> None:
    if "必填" in header[0]:
        assert problems(Upload(workbook([["张三丰", number(1)]], header))) == [(1, "")]
        return
    assert len(read_list(Upload(workbook([["张三丰", number(1)]], header)))) == 1


def test_other_columns_are_not_kept() -> None:
    (one, _) = read_list(Upload(workbook(ROWS)))
    assert encode([one]) == f'[[2,"张三丰","{number(1)}",null,null]]'.encode()


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", [(0, "")]),
        (b"\x00\x01\x02\xff\xfe", [(0, "")]),
        (b"PK\x03\x04 not a zip", [(0, "")]),
        (b"\xd0\xcf\x11\xe0 not a workbook", [(0, "")]),
        ('姓名,身份证号\n"张三丰,1'.encode(), [(0, "")]),
        ("姓名,电话\n张三丰,13800138000".encode(), [(1, "")]),
        ("姓名,身份证号".encode(), [(0, "")]),
        (f"姓名,身份证号,姓名\n张三丰,{number(1)},李四".encode(), [(1, "C")]),
        (b"x" * (MAX_LIST_BYTES + 1), [(0, "")]),
    ],
    ids=[
        "empty",
        "binary",
        "broken xlsx",
        "broken xls",
        "open quote",
        "no header",
        "nobody",
        "column twice",
        "too large",
    ],
)
def test_a_file_that_is_no_list_is_refused(content: bytes, where: list[tuple[int, str]]) -> None:
    assert problems(Upload(content)) == where


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ([1, "", number(1)], "B"),
        ([1, "张三丰2", number(1)], "B"),
        ([1, "张" * 61, number(1)], "B"),
        ([1, "张三丰", ""], "C"),
        ([1, "张三丰", number(1)[:-1]], "C"),
        ([1, "张三丰", number(1)[:-1] + ("0" if number(1)[-1] != "0" else "1")], "C"),
        ([1, "张三丰", number(1, "20151301")], "C"),
        ([1, "张三丰", "140105150301004"], "C"),
        ([1, "张三丰", 140105201503010047], "C"),
        ([1, "张三丰", "=A2"], "C"),
        ([1, "=B9", number(1)], "B"),
        ([1, "张三丰", "'" + number(1)], "C"),
    ],
    ids=["no name", "digits", "long", "no number", "short", "checksum", "date", "old", "lost digits", "formula",
         "formula name", "quoted"],
)  # fmt: skip
def test_a_bad_row_is_told_by_row_and_column(row: Sequence[object], column: str) -> None:
    rows = [[9, "王小明", number(7)], row]
    assert (3, column) in problems(Upload(workbook(rows, ("序号", "姓名", "身份证号"))))


def test_a_person_twice_is_told_with_the_first_row() -> None:
    with pytest.raises(BadListError) as refused:
        read_list(
            Upload(workbook([[1, "张三丰", number(1)], [2, "张三封", number(1).lower()]], ("序号", "姓名", "身份证号")))
        )
    (one,) = refused.value.problems
    assert (one.row, one.column) == (3, "C")
    assert "2" in one.detail


@pytest.mark.parametrize("document", ["H12345678", "E12345678", "81000019900307", "C00000000000"])
def test_other_documents_of_letters_and_digits_are_taken(document: str) -> None:
    upload = Upload(workbook([[1, "张三丰", document]], ("序号", "姓名", "身份证号")))
    if document.isdigit():
        assert problems(upload) == [(2, "C")]
    else:
        assert read_list(upload)[0].id_number == document


def test_people_by_json_are_held_to_the_same_rules() -> None:
    good = (Listed(7, "张三丰", number(1)), Listed(3, "王小明", number(2), "G" + number(2), "13800138000"))
    assert read_list(Upload(people=good)) == good
    assert problems(Upload(people=(Listed(7, "张三丰", number(1)), Listed(7, "王小明", number(2))))) == [(7, "")]
    assert problems(Upload(people=(Listed(7, "张三丰", "123"),))) == [(7, "id_number")]
    assert problems(Upload(people=())) == [(0, "")]


def test_a_hidden_first_sheet_is_not_the_list_and_a_formula_anywhere_is_told() -> None:
    content = io.BytesIO()
    book = Workbook()
    book.active.title = "旧"
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("名单")
    sheet.append(["姓名", "身份证号"])
    sheet.append(["张三丰", number(1)])
    book.save(content)
    assert len(read_list(Upload(content.getvalue()))) == 1
    sheet["D2"] = "=SUM(1,2)"
    content = io.BytesIO()
    book.save(content)
    assert problems(Upload(content.getvalue())) == [(2, "D")]


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO(workbook(ROWS))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b"0" * (sheets.MAX_UNPACKED + 1))
    assert len(content.getvalue()) < 1 << 20
    assert problems(Upload(content.getvalue())) == [(0, "")]


def test_cells_far_apart_end_in_a_clear_error() -> None:
    content = io.BytesIO()
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["B1"], sheet["XFD1048576"] = "姓名", "身份证号", "x"
    book.save(content)
    assert problems(Upload(content.getvalue())) == [(0, "")]


def test_the_child_that_reads_workbooks_gets_no_file_and_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    assert len(read_list(Upload(workbook(ROWS)))) == 2


@given(st.integers(0, 16_383))
def test_letters_are_those_of_excel(column: int) -> None:
    text = letters(column)
    assert text.isalpha()
    value = 0
    for one in text:
        value = value * 26 + ord(one) - 64
    assert value - 1 == column


@given(
    st.lists(
        st.builds(
            Listed,
            st.integers(1, 10**6),
            st.text(max_size=10),
            st.text(max_size=20),
            st.none() | st.text(max_size=20),
            st.none() | st.text(max_size=20),
        ),
        max_size=5,
    )
)
def test_a_list_survives_being_sealed_and_opened(people: list[Listed]) -> None:
    assert decode(encode(people)) == tuple(people)


def test_nobody_of_a_list_has_a_repr() -> None:
    one = Listed(1, "张三丰", GOOD, "G" + GOOD, "13800138000")
    for shown in (repr(one), repr(Upload(people=(one,))), repr(Upload(b"secret"))):
        assert "张三丰" not in shown
        assert GOOD not in shown
        assert "secret" not in shown
