"""Invented forms of Annex 1 in every kind of file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import xlsxwriter

from core_registry.domain.identity_number import check_character
from rulebook.loader import load
from rulebook.records import Rulebook

PRIMARY = "2114000001"
JUNIOR = "3114000002"
CLOSED = "2114000003"
SCHOOLS: Sequence[dict[str, object]] = [
    {
        "school_code": code,
        "name": name,
        "division": "140105",
        "managing_authority": "140105",
        "stages": stages,
        "closed": closed,
    }
    for code, name, stages, closed in (
        (PRIMARY, "虚构小学", ["primary"], False),
        (JUNIOR, "虚构初中", ["junior"], False),
        (CLOSED, "虚构撤销小学", ["primary"], True),
    )
]
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
Row = dict[str, str]


@cache
def book() -> Rulebook:
    """The rule book of the repository."""
    return load(Path(__file__).parents[2] / "config")


def identity_number(
    serial: int, *, born: date = date(2017, 3, 15), division: str = "140105", female: bool = False
) -> str:
    """A valid number; ``serial`` up to 499 makes it unique for one birth date and sex."""
    order = (serial * 2 + (0 if female else 1)) % 1000
    body = f"{division}{born:%Y%m%d}{order:03d}"
    return body + check_character(body)


def pupil(index: int, **changes: str) -> Row:
    """A correct row, written as people write it: labels, not codes. Distinct for an index below 100,000."""
    days = timedelta(days=index // 300)
    born, serial = date(2016, 9, 1) + days, index % 300
    row = {
        "school_code": PRIMARY,
        "student_number": "",
        "entry_month": "202309",
        "name": "测试" + "".join("甲乙丙丁戊己庚辛壬癸"[int(digit)] for digit in str(index)),
        "former_name": "",
        "sex": "男",
        "nationality": "中国",
        "overseas_status": "否",
        "ethnicity": "汉族",
        "id_type": "居民身份证",
        "id_number": identity_number(serial, born=born),
        "birth_date": f"{born:%Y%m%d}",
        "residence_address": f"山西省太原市小店区虚构街道{index}号",
        "household_address": "山西省阳泉市城区虚构路1号",
        "grade": "小学四年级",
        "class_name": "1班",
        "political_status": "",
        "boarding": "否",
        "disability": "否",
        "left_behind": "否",
        "member1_name": "测试家长",
        "member1_relation": "母亲",
        "member1_guardian": "是",
        "member1_ethnicity": "汉族",
        "member1_id_type": "居民身份证",
        "member1_id_number": identity_number(serial, born=date(1985, 1, 1) + days, female=True),
        "member1_employer": "虚构公司",
        "member1_household_address": "山西省太原市小店区虚构街道2号",
        "member1_phone": f"139{index:08d}",
        **{
            f"member2_{part}": ""
            for part in (
                "name",
                "relation",
                "guardian",
                "ethnicity",
                "id_type",
                "id_number",
                "employer",
                "household_address",
                "phone",
            )
        },
        "disability_type": "",
        "special_ed_placement": "",
        "awards": "",
        "remarks": "",
    }
    unknown = changes.keys() - row.keys()
    if unknown:
        raise KeyError(f"no such field: {sorted(unknown)}")
    return {**row, **changes}


def with_second_member(row: Row, **changes: str) -> Row:
    """The row with a complete father."""
    father = {
        "member2_name": "测试父亲",
        "member2_relation": "父亲",
        "member2_guardian": "是",
        "member2_id_type": "居民身份证",
        "member2_id_number": identity_number(7, born=date(1984, 6, 6)),
        "member2_household_address": "山西省太原市小店区虚构街道2号",
        "member2_phone": "0351-7654321",
    }
    return {**row, **father, **changes}


def table(rows: Sequence[Mapping[str, str]], layout: str = "template") -> list[list[str]]:
    """Title rows, headers and rows as lists of text."""
    mapping = book().import_mappings[layout]
    title = [["标题"] + [""] * (len(mapping.headers) - 1) for _ in range(mapping.title_rows)]
    return [*title, list(mapping.headers.values()), *([row[code] for code in mapping.headers] for row in rows)]


def write_xlsx(
    path: Path, cells: Sequence[Sequence[object]], *, merged: Sequence[tuple[int, int, int, int]] = ()
) -> Path:
    """Write cells as they are: text as text, numbers as numbers, dates as dates, a ``Formula`` as a formula."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("表")
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for at, row in enumerate(cells):
            for column, cell in enumerate(row):
                if isinstance(cell, Formula):
                    sheet.write_formula(at, column, cell)
                elif isinstance(cell, bool):
                    sheet.write_boolean(at, column, cell)
                elif isinstance(cell, int | float):
                    sheet.write_number(at, column, cell)
                elif isinstance(cell, date):
                    sheet.write_datetime(at, column, cell, day)
                elif cell:
                    sheet.write_string(at, column, str(cell))
        for span in merged:
            sheet.merge_range(*span, "合并")
    return path


class Formula(str):
    """A text that goes into the workbook as a formula."""

    __slots__ = ()


def write_csv(path: Path, cells: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    """Write cells as CSV in an encoding."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(cells)
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def write_xls(path: Path, cells: Sequence[Sequence[str]]) -> Path:
    """Write cells as text into a workbook of Excel 97."""
    import xlwt

    workbook = xlwt.Workbook(encoding="utf-8")
    sheet = workbook.add_sheet("表")
    for at, row in enumerate(cells):
        for column, cell in enumerate(row):
            if cell:
                sheet.write(at, column, cell)
    workbook.save(str(path))
    return path
