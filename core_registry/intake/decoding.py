"""A sheet of calamine as text columns. Formulas are never evaluated: calamine hands out the stored results."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import python_calamine as calamine

from core_registry.intake.sheets import Kind, Sheet

EXACT = 10**15
"""Excel keeps 15 significant digits; a larger whole number may have lost its end."""

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta

_KINDS: dict[type, Kind] = {
    str: Kind.TEXT,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.BOOL,
    datetime.date: Kind.DATE,
    datetime.datetime: Kind.DATE,
}


class UndecodableError(Exception):
    """Why a workbook cannot be taken, in both languages; no cell's content."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.english = english
        self.chinese = chinese


def decode(path: Path, sheet: str | None, max_cells: int) -> Sheet:
    """Return the named sheet, else the first visible worksheet, without blank rows at the end.

    Raises ``UndecodableError``.
    """
    try:
        with path.open("rb") as stream, calamine.CalamineWorkbook.from_filelike(stream) as workbook:
            name = _choose(workbook, sheet)
            found = workbook.get_sheet_by_name(name)
            height, width = found.total_height + 1, found.total_width + 1
            if height * width > max_cells:
                raise UndecodableError(
                    f"the sheet spans {height} rows and {width} columns; remove cells far outside the form",
                    f"工作表范围达 {height} 行 {width} 列，请删除表格以外的单元格。",
                )
            rows = found.to_python(skip_empty_area=False)
            merged = tuple((r1, c1, r2, c2) for (r1, c1), (r2, c2) in found.merged_cell_ranges or ())
            names = tuple(workbook.sheet_names)
    except calamine.PasswordError as error:
        raise UndecodableError(
            "the workbook is protected by a password; save it without one",
            "工作簿设有密码，请取消密码后另存再导入。",
        ) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise UndecodableError(
            "this is no readable .xlsx or .xls workbook; open it in Excel or WPS and save it again as .xlsx",
            "文件不是可读取的 .xlsx 或 .xls 工作簿，请用 Excel 或 WPS 打开后另存为 .xlsx 再导入。",
        ) from error
    while rows and not any(not isinstance(cell, str) or cell.strip() for cell in rows[-1]):
        rows.pop()
    return Sheet(name, names, to_columns(rows), merged)


def _choose(workbook: calamine.CalamineWorkbook, sheet: str | None) -> str:
    if sheet is not None:
        if sheet not in workbook.sheet_names:
            raise UndecodableError(f"the workbook has no sheet '{sheet}'", f"工作簿中没有名为“{sheet}”的工作表。")
        return sheet
    for found in workbook.sheets_metadata:
        if found.typ == calamine.SheetTypeEnum.WorkSheet and found.visible == calamine.SheetVisibleEnum.Visible:
            return found.name
    raise UndecodableError("the workbook has no visible sheet", "工作簿中没有可见的工作表。")


def to_columns(rows: Sequence[Sequence[Cell]]) -> pl.DataFrame:
    """Return rows of one width as ``c0``, … of text (blank cells null) and ``k0``, … where not all cells are text."""
    columns: list[pl.Series] = []
    for index, cells in enumerate(zip(*rows, strict=True)):
        types = set(map(type, cells))
        if types == {str}:
            columns.append(_text(f"c{index}", list(cells)))  # a list is taken faster than a tuple
        else:
            columns.append(_text(f"c{index}", [_written(cell) for cell in cells]))
            columns.append(pl.Series(f"k{index}", [_kind(cell) for cell in cells], dtype=pl.UInt8))
    return pl.DataFrame(columns)


def _text(name: str, cells: Sequence[object]) -> pl.Series:
    column = pl.Series(name, cells, dtype=pl.String)
    return column.set(column == "", None)


def _kind(cell: Cell) -> int:
    kind = _KINDS.get(type(cell), Kind.OTHER)
    if kind is Kind.NUMBER and isinstance(cell, int | float) and not (cell == cell // 1 and abs(cell) < EXACT):
        return Kind.INEXACT
    return kind


def _written(cell: Cell) -> str:
    """Return a cell as a person would write it; whole numbers without a point, dates as YYYYMMDD."""
    match cell:
        case str():
            return cell
        case bool():
            return "1" if cell else "0"
        case datetime.datetime() | datetime.date():
            return f"{cell:%Y%m%d}"
        case float() if cell.is_integer() and abs(cell) < EXACT:
            return str(int(cell))
        case _:
            return str(cell)
