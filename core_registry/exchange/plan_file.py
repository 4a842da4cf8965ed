"""The file of an admission list (A13-2): read by the same reader as every form, with a layout of two columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core_registry.intake.reader import read_form
from core_registry.oversight.records import PlanRow
from rulebook.records import ImportMapping, Rulebook

LAYOUT = ImportMapping(
    name="admission-plan",
    label="招生录取名单",
    verified=True,
    sheet=None,
    title_rows=0,
    headers={"id_number": "身份证件号", "name": "姓名"},
    values={},
)
"""Document number and name are needed together: a number alone finds nobody."""


def plan_reader(book: Rulebook) -> Callable[[Path], list[PlanRow]]:
    """Return the reader of admission lists (.xlsx, .xls, .csv); it raises ``UnreadableFileError``."""

    def read(path: Path) -> list[PlanRow]:
        frame = read_form(path, LAYOUT, book, school_given=True).frame
        return [
            PlanRow(int(row), id_number or "", name or "")
            for row, id_number, name in frame.select("row", "id_number", "name").iter_rows()
        ]

    return read
