"""Tables with a column of free text: CSV, Parquet and workbooks, read, and written anew with that column redacted."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

import polars as pl

from gateway.anonymize.tables.errors import TableFileError
from gateway.anonymize.tables.nearness import did_you_mean
from gateway.anonymize.tables.reading import as_text, read_table
from gateway.anonymize.tables.writing import check_place, drafts, publish, suffix_of, write_frame

WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
TABLES = (".csv", ".tsv", ".csv.gz", ".csv.zst", ".parquet")
_MOST_ROWS = 1_048_576
_DATE, _TIME, _SPAN = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "[hh]:mm:ss"


class Sheet(Protocol):
    """A table in memory."""

    @property
    def header(self) -> Sequence[str]:
        """The names of the columns."""

    def column(self, name: str) -> list[str | None]:
        """Return a column as text, ``None`` for an empty cell. Raises ``TableFileError`` when there is none."""

    def write(self, out: Path, columns: Mapping[str, Sequence[str | None]]) -> None:
        """Write the table with ``columns`` put in place of those of the same name."""


def is_table(path: Path) -> bool:
    """Return whether a file is a table by its name, and no text."""
    return path.name.lower().endswith((*WORKBOOKS, *TABLES))


def read_sheet(path: Path, sheet: str | None = None) -> Sheet:
    """Return the table in ``path``; ``sheet`` names the sheet of a workbook (default: the first visible one).

    Raises ``TableFileError`` with what to change.
    """
    if path.name.lower().endswith(WORKBOOKS):
        return _read_workbook(path, sheet)
    if sheet is not None:
        raise TableFileError("Only workbooks have sheets.", detail_zh="只有工作簿才有工作表。")
    source = read_table(path)
    return _FrameSheet(source.frame, source.delimiter or ",")


def write_bytes(out: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises ``TableFileError`` when it cannot be written."""
    check_place(out)
    with drafts(out) as (draft,):
        try:
            draft.path.write_bytes(content)
        except OSError as error:
            raise TableFileError(
                f"{out} cannot be written: {error.strerror}.", detail_zh=f"{out} 无法写出：{error.strerror}。"
            ) from error
        publish((draft,))


def _missing(name: str, known: Sequence[str]) -> TableFileError:
    hint, hint_zh = did_you_mean(name, list(known))
    return TableFileError(f"There is no column '{name}'.{hint}", detail_zh=f"没有名为“{name}”的列。{hint_zh}")


@dataclass(frozen=True)
class _FrameSheet:
    frame: pl.DataFrame = field(repr=False)
    delimiter: str

    @property
    def header(self) -> Sequence[str]:
        return self.frame.columns

    def column(self, name: str) -> list[str | None]:
        if name not in self.frame.columns:
            raise _missing(name, self.frame.columns)
        return as_text(self.frame[name]).to_list()

    def write(self, out: Path, columns: Mapping[str, Sequence[str | None]]) -> None:
        suffix = suffix_of(out)
        check_place(out)
        made = self.frame.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in columns.items())
        with drafts(out) as (draft,):
            write_frame(made, draft, suffix, self.delimiter)
            publish((draft,))


@dataclass(frozen=True)
class _BookSheet:
    name: str
    header: Sequence[str]
    above: int
    """Rows before the header."""
    rows: list[list[object]] = field(repr=False)

    def column(self, name: str) -> list[str | None]:
        where = self._where(name)
        return [None if cell in {None, ""} else _text(cell) for cell in (row[where] for row in self.rows)]

    def _where(self, name: str) -> int:
        found = [number for number, title in enumerate(self.header) if title == name]
        if not found:
            raise _missing(name, self.header)
        if len(found) > 1:
            raise TableFileError(f"The column '{name}' stands twice.", detail_zh=f"列“{name}”出现了两次。")
        return found[0]

    def write(self, out: Path, columns: Mapping[str, Sequence[str | None]]) -> None:
        import xlsxwriter  # noqa: PLC0415  only to write

        if out.suffix.lower() != ".xlsx":
            raise TableFileError(
                "A workbook is written as .xlsx; name the output so.",
                detail_zh="工作簿只能写为 .xlsx，请改输出文件名。",
            )
        buffer = io.BytesIO()
        book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        page = book.add_worksheet(self.name[:31])
        formats = {form: book.add_format({"num_format": form}) for form in (_DATE, _TIME, _SPAN, "@")}
        bold = book.add_format({"bold": True, "num_format": "@"})
        for place, title in enumerate(self.header):
            page.write_string(0, place, title, bold)
        page.freeze_panes(1, 0)
        replaced = {self._where(name): values for name, values in columns.items()}
        for number, row in enumerate(self.rows):
            for place, cell in enumerate(row):
                value = replaced[place][number] if place in replaced else cell
                _write_cell(page, formats, number + 1, place, value)
        book.close()
        write_bytes(out, buffer.getvalue())


def _write_cell(page: _Page, formats: Mapping[str, object], row: int, column: int, value: object) -> None:
    """Write a value as what it is; a text stays text, whatever it looks like."""
    match value:
        case None | "":
            return
        case bool():
            page.write_boolean(row, column, value)
        case int() | float():
            page.write_number(row, column, value)
        case datetime():
            page.write_datetime(row, column, value.replace(tzinfo=None), formats[_TIME])
        case date():
            page.write_datetime(row, column, value, formats[_DATE])
        case time() | timedelta():
            page.write_datetime(row, column, value, formats[_SPAN])
        case _:
            page.write_string(row, column, str(value), formats["@"])


class _Page(Protocol):
    """What is used of a sheet of xlsxwriter, which ships no types."""

    def write_boolean(self, row: int, column: int, value: bool) -> object: ...
    def write_number(self, row: int, column: int, value: float) -> object: ...
    def write_datetime(self, row: int, column: int, value: object, form: object) -> object: ...
    def write_string(self, row: int, column: int, value: str, form: object) -> object: ...


def _text(cell: object) -> str:
    """Return a cell as text: whole numbers without ``.0``, as they are shown."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _read_workbook(path: Path, sheet: str | None) -> _BookSheet:
    import python_calamine as calamine  # noqa: PLC0415  only for workbooks

    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes())) as book:
            names = [
                one.name
                for one in book.sheets_metadata
                if one.typ == calamine.SheetTypeEnum.WorkSheet
                and (one.name == sheet or (sheet is None and one.visible == calamine.SheetVisibleEnum.Visible))
            ]
            if not names:
                known = "、".join(book.sheet_names)
                raise TableFileError(
                    f"There is no such sheet; there are: {known}.", detail_zh=f"没有这个工作表，现有：{known}。"
                )
            rows = book.get_sheet_by_name(names[0]).to_python(skip_empty_area=True)
    except calamine.PasswordError as error:
        raise TableFileError(
            f"{path.name} is protected by a password; save it without one.",
            detail_zh=f"{path.name} 设有密码，请取消密码后另存。",
        ) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no readable workbook"
        raise TableFileError(
            f"{path.name} cannot be read: {reason}.", detail_zh=f"{path.name} 无法读取，请另存为 .xlsx 后重试。"
        ) from error
    above = next((number for number, row in enumerate(rows) if any(cell != "" for cell in row)), len(rows))
    if above >= len(rows) - 1:
        raise TableFileError(f"{path.name} has no rows below a header.", detail_zh=f"{path.name} 的表头下没有数据。")
    return _BookSheet(names[0], [str(cell) for cell in rows[above]], above, [list(row) for row in rows[above + 1 :]])
