"""A workbook to rows of text, in a process of its own with limits on memory and time, and without a file.

The list travels to the child on its standard input and back on its standard output: it is never on a disk in clear
(I7). A workbook of some kilobytes can name cells so far apart that a reader fills gigabytes; what kills the child
is a clear error of the parent. Formulas are found where the format tells them (``.xlsx``).
"""

from __future__ import annotations

import datetime
import io
import json
import os
import re
import resource
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MEMORY = 2 << 30
SECONDS = 60
MAX_CELLS = 8_000_000
MAX_UNPACKED = 256 << 20
MAX_PARTS = 500
EXACT = 10**15
"""Excel keeps 15 significant digits; a larger number may have lost its end."""
_FORMULA = re.compile(
    rb"""<(?:\w+:)?c\s[^>]{0,200}?\br=["']([A-Z]{1,3})([0-9]{1,7})["'][^>]{0,200}>\s{0,9}<(?:\w+:)?f[\s/>]"""
)
_MAX_FORMULAS = 20

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first visible sheet: ``rows`` as text, row ``i`` is row ``i + 1`` of the sheet.

    ``inexact`` are cells (row, column from 0) of numbers that lost digits, ``formulas`` cells that are computed.
    """

    rows: list[list[str]] = field(repr=False)
    inexact: frozenset[tuple[int, int]] = frozenset()
    formulas: tuple[tuple[int, int], ...] = ()


class UnreadableSheetError(Exception):
    """Why a workbook cannot be taken, in both languages; no cell's content."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.english = english
        self.chinese = chinese


def read_workbook(content: bytes) -> Sheet:
    """Return the first visible sheet of an ``.xlsx`` or ``.xls`` workbook. Raises ``UnreadableSheetError``."""
    root = str(Path(__file__).resolve().parents[3])  # the child finds this package wherever it was found here
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    environment = {**os.environ, "PYTHONPATH": path}
    try:
        child = subprocess.run(  # noqa: S603  # our own module, no shell, the list travels on standard input
            [sys.executable, "-P", "-m", __name__],
            input=content,
            capture_output=True,
            env=environment,
            timeout=2 * SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_much() from None  # the error would hold what the child wrote
    if child.returncode != 0:
        raise _too_much()
    told = json.loads(child.stdout)
    if "problem" in told:
        raise UnreadableSheetError(told["problem"], told["problem_zh"])
    return Sheet(
        told["rows"],
        frozenset((row, column) for row, column in told["inexact"]),
        tuple((row, column) for row, column in told["formulas"]),
    )


def _too_much() -> UnreadableSheetError:
    return UnreadableSheetError(
        "the workbook needs more memory or time than a list of its size: copy the rows into a new workbook",
        "读取该工作簿所需的内存或时间超出正常范围，请把数据行复制到新的工作簿后再上传",
    )


def decode(content: bytes) -> dict[str, object]:
    """Return the rows of the first visible sheet as values of JSON. Raises ``UnreadableSheetError``."""
    import python_calamine as calamine  # noqa: PLC0415  # in the child, after the limits are set

    formulas = list(_formulas(content)) if content.startswith(b"PK\x03\x04") else []
    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            visible = [
                found.name
                for found in workbook.sheets_metadata
                if found.typ == calamine.SheetTypeEnum.WorkSheet and found.visible == calamine.SheetVisibleEnum.Visible
            ]
            if not visible:
                raise UnreadableSheetError("the workbook has no visible sheet", "工作簿中没有可见的工作表")
            sheet = workbook.get_sheet_by_name(visible[0])
            if (sheet.total_height + 1) * (sheet.total_width + 1) > MAX_CELLS:
                raise UnreadableSheetError(
                    "the sheet spans too many cells; remove those outside the list",
                    "工作表范围过大，请删除名单以外的单元格",
                )
            cells = sheet.to_python(skip_empty_area=False)
    except calamine.PasswordError as error:
        raise UnreadableSheetError(
            "the workbook is protected by a password; save it without one", "工作簿设有密码，请取消密码后另存"
        ) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise UnreadableSheetError(
            "this is no readable .xlsx or .xls workbook; open it in Excel or WPS and save it again as .xlsx",
            "文件不是可读取的 .xlsx 或 .xls 工作簿，请用 Excel 或 WPS 打开后另存为 .xlsx",
        ) from error
    inexact = [(r, c) for r, row in enumerate(cells) for c, cell in enumerate(row) if _is_inexact(cell)]
    return {"rows": [_written_row(row) for row in cells], "inexact": inexact, "formulas": formulas}


def _formulas(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield cells with a formula, at most some; refuse what unpacks to more than a list needs."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise UnreadableSheetError(
                    "the workbook unpacks to more than a list needs: copy the rows into a new workbook",
                    "工作簿解压后过大，请把数据行复制到新的工作簿后再上传",
                )
            found = 0
            for part in parts:
                if not (part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")):
                    continue
                for match in _FORMULA.finditer(archive.read(part)):
                    found += 1
                    if found > _MAX_FORMULAS:
                        return
                    yield int(match[2]) - 1, _column(match[1])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise UnreadableSheetError(
            "the workbook is damaged or encrypted; open it in Excel or WPS and save it again as .xlsx",
            "工作簿已损坏或已加密，请用 Excel 或 WPS 打开后另存为 .xlsx",
        ) from error


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _is_inexact(cell: Cell) -> bool:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return not (cell == cell // 1 and abs(cell) < EXACT)


def _written_row(row: Sequence[Cell]) -> list[str]:
    return [_written(cell) for cell in row]


def _written(cell: Cell) -> str:
    """Return a cell as a person would write it; whole numbers without a point."""
    match cell:
        case str():
            return cell
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell)


def main() -> None:
    """Read a workbook from standard input, answer on standard output. Runs in the child only."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the list
    try:
        told = decode(sys.stdin.buffer.read())
    except UnreadableSheetError as problem:
        told = {"problem": problem.english, "problem_zh": problem.chinese}
    sys.stdout.buffer.write(json.dumps(told, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
