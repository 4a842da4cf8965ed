"""Annex 1: the collection form of the national system (revision of 2022), numbers 1 to 37 (A9-2, section 8).

The text prints an asterisk at nos. 10, 11 and 35 that its note does not explain; it is a damaged star (Q-2).
"""

from __future__ import annotations

from core_registry.domain.rules import enforces
from core_registry.prints.records import AnnexOne
from core_registry.prints.tree import (
    Cell,
    Document,
    Gap,
    Row,
    Sheet,
    Table,
    Text,
    Title,
    Tone,
    Words,
    day,
    value,
    words,
)

TITLE = "全国中小学生学籍信息管理系统学生基本信息采集表"
Entry = tuple[int, str, str]
"""Number, printed name (★ required), member of the record."""

PUPIL: tuple[Entry, ...] = (
    (1, "姓名★", "name"),
    (2, "曾用名", "former_name"),
    (3, "性别★", "sex"),
    (4, "国籍/地区★", "nationality"),
    (5, "港澳台侨外★", "overseas_status"),
    (6, "民族★", "ethnicity"),
    (7, "身份证件类型★", "id_type"),
    (8, "身份证件号★", "id_number"),
    (9, "出生日期★", "birth_date"),
    (10, "现居住详细地址★", "residence_address"),
    (11, "户口所在地具体地址★", "household_address"),
    (12, "年级★", "grade"),
    (13, "班级★", "class_name"),
    (14, "政治面貌", "political_status"),
    (15, "是否寄宿生★", "boarding"),
    (16, "是否残疾人★", "disabled"),
    (17, "是否农村留守儿童★", "left_behind"),
)
MEMBER: tuple[tuple[str, str], ...] = (
    ("姓名★", "name"),
    ("关系★", "relation"),
    ("是否监护人★", "guardian"),
    ("民族", "ethnicity"),
    ("身份证件类型★", "id_type"),
    ("身份证件号★", "id_number"),
    ("工作单位", "employer"),
    ("户口所在地具体地址★", "household_address"),
    ("联系电话★", "phone"),
)
SPECIAL: tuple[Entry, ...] = ((36, "残疾类型", "disability_type"), (37, "特教学生就读类型", "special_ed_placement"))
_FIRST, _SECOND = 18, 27
_COLUMNS = (2, 4, 6, 2, 4, 6)


def entries() -> tuple[Entry, ...]:
    """Return all 37 fields by number; a member's field is named ``first_member.name`` and so on."""
    members = tuple(
        (start + place, label, f"{member}.{name}")
        for start, member in ((_FIRST, "first_member"), (_SECOND, "second_member"))
        for place, (label, name) in enumerate(MEMBER)
    )
    return (*PUPIL, *members, *SPECIAL)


@enforces("A9-2", how="print")
def annex_one(form: AnnexOne) -> Document:
    """Return the layout of Annex 1."""
    head = tuple(Cell((words(text, "center", "small"),), Tone.HEADING) for text in ("编号", "项目名称", "基础数据") * 2)
    everything = {number: (number, label, name) for number, label, name in entries()}
    rows = [
        Row(head, 7),
        _heading("学生个人信息"),
        *_rows(form, everything, range(1, 10), range(10, 18)),
        _heading("学生家庭成员或监护人信息一"),
        *_rows(form, everything, range(18, 23), range(23, 27)),
        _heading("学生家庭成员或监护人信息二"),
        *_rows(form, everything, range(27, 32), range(32, 36)),
        _heading("特殊教育学生信息（第16项选“是”的填报）"),
        *_rows(form, everything, range(36, 37), range(37, 38)),
    ]
    signatures = Table(
        (8, 8, 8),
        (
            Row(
                (
                    Cell((words("学生家长签字："),)),
                    Cell((words("班主任签字："),)),
                    Cell((Text((Words("填表日期："), *day("filled_on", form.filled_on))),)),
                ),
                12,
            ),
        ),
    )
    parts = (
        Title(TITLE, "（2022年修订版）"),
        Table(_COLUMNS, tuple(rows)),
        signatures,
        Gap(1),
        words("注：带★为必采信息项", size="small"),
    )
    return Document(1, TITLE, Sheet(parts))


def _heading(text: str) -> Row:
    return Row((Cell((words(text, "center"),), Tone.HEADING, span=6),), 7)


def _rows(form: AnnexOne, everything: dict[int, Entry], left: range, right: range) -> list[Row]:
    rows = []
    for place in range(max(len(left), len(right))):
        cells: list[Cell] = []
        for numbers in (left, right):
            entry = everything[numbers[place]] if place < len(numbers) else None
            cells.extend(_entry(form, entry))
        rows.append(Row(tuple(cells), 8))
    return rows


def _entry(form: AnnexOne, entry: Entry | None) -> tuple[Cell, Cell, Cell]:
    if entry is None:
        return Cell((), Tone.LABEL), Cell((), Tone.LABEL), Cell(())
    number, label, name = entry
    found: object = form
    for step in name.split("."):
        found = getattr(found, step)
    return (
        Cell((words(str(number), "center", "small"),), Tone.LABEL),
        Cell((words(label),), Tone.LABEL),
        Cell((value(name, str(found)),)),
    )
