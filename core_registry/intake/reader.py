"""A file as a form: limits, decoding, header row, and the cells that cannot be taken at all."""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from core_registry.errors import UnreadableFileError
from core_registry.intake import findings
from core_registry.intake.delimited import read_delimited
from core_registry.intake.limits import Limits, check_upload, unpack
from core_registry.intake.packages import part_of_sheet
from core_registry.intake.sheets import read_workbook
from rulebook.records import Field, ImportMapping, Rulebook

REGISTRY_FACTS = frozenset({"student_number", "school_code", "school_name", "entry_month"})
TEXT_FACTS = ("awards", "remarks")
"""Free text of the registry: a form may have a column for it, and says nothing of it where it has none."""
"""Columns that a form may leave out."""
SEARCHED_ROWS = 20
"""The header may stand in any of the first rows, since people add and remove title lines."""
REASON_HEADER = "错误原因 / Reasons"
"""Header of the column that an error workbook has beside the form's own."""
_NAMED = 5
"""Headers named of a layout of which a file has none."""
KIND = "kind."
"""Prefix of the column that says how the cells of a field were stored (``sheets.Kind``)."""

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Form:
    """The data rows of a file, as written.

    ``frame``: ``row`` (row number of the sheet, from 1), a text column for each field found, and ``kind.<field>``
    where not all its cells are text. ``findings`` are what reading alone shows.
    """

    mapping: ImportMapping
    header_row: int
    frame: pl.DataFrame = field(repr=False)
    findings: pl.DataFrame = field(repr=False)
    columns: Mapping[str, str]
    """Field code -> letters of its column in the file."""
    supplement: bool
    """Whether this is a corrected error workbook: a part of a roll by its nature."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The codes of the fields that have a column."""
        return tuple(name for name in self.frame.columns if name != "row" and not name.startswith(KIND))


def limits_of(book: Rulebook) -> Limits:
    """Return the limits that the rule book sets."""
    parameters = book.parameters
    return Limits(parameters.max_upload_bytes, parameters.max_unpacked_bytes, parameters.max_rows)


def read_form(path: Path, mapping: ImportMapping, book: Rulebook, *, school_given: bool = False) -> Form:
    """Return the rows of a form in the layout ``mapping``.

    The kind of file is told by its first bytes, never by its name. ``school_given`` allows a file without the
    column of schools. Raises ``UnreadableFileError`` for a file beyond the limits, damaged, in another layout
    (it names the headers missing and found, and the row looked at), or without a data row.
    """
    limits = limits_of(book)
    size = check_upload(path, limits)
    with path.open("rb") as stream:
        start = stream.read(8)
    formulas: Sequence[tuple[int, int]] = ()
    if start.startswith(_ZIP):
        packed = unpack(path, limits)
        sheet = read_workbook(path, mapping.sheet, unpacked_bytes=packed.unpacked_bytes)
        if packed.formulas:
            formulas = packed.formulas.get(part_of_sheet(path, sheet.name), ())
    elif start.startswith(_OLE):
        sheet = read_workbook(path, mapping.sheet, unpacked_bytes=size)
    else:
        columns, numbers = read_delimited(path)
        grid = Grid(columns, pl.Series("row", numbers, dtype=pl.UInt32), ragged=True)
        return _form(grid, mapping, book, limits, school_given)
    rows = pl.int_range(1, sheet.frame.height + 1, dtype=pl.UInt32, eager=True).alias("row")
    spans = tuple(span for span in sheet.merged if span[:2] != span[2:])
    return _form(Grid(sheet.frame, rows, spans, formulas), mapping, book, limits, school_given)


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells of a file and what is odd about some of them, by row and column from 0."""

    cells: pl.DataFrame = field(repr=False)
    numbers: pl.Series = field(repr=False)
    """The row number of each row, from 1."""
    merged: Sequence[tuple[int, int, int, int]] = ()
    formulas: Sequence[tuple[int, int]] = ()
    ragged: bool = False
    """Whether a cell beyond the header shows that the row was torn apart (text files)."""


def _form(grid: Grid, mapping: ImportMapping, book: Rulebook, limits: Limits, school_given: bool) -> Form:
    cells, numbers = grid.cells, grid.numbers
    texts = [name for name in cells.columns if name.startswith("c")]
    at, columns = _find_header(cells.select(texts), numbers, mapping, book, school_given)
    header_row = int(numbers[at])
    wanted = {f"c{index}": code for code, index in columns.items()}
    kinds = {f"k{index}": KIND + code for code, index in columns.items() if f"k{index}" in cells.columns}
    body = cells.select([*wanted, *kinds]).rename({**wanted, **kinds}).with_columns(numbers)[at + 1 :]
    body = _without_blank_rows(body, list(columns))
    if not len(body):
        raise UnreadableFileError(
            f"no data row below the header in row {header_row}",
            detail_zh=f"第 {header_row} 行表头之下没有数据行。",
        )
    if len(body) > limits.max_rows:
        raise UnreadableFileError(
            f"the form has {len(body)} rows, more than the {limits.max_rows} allowed; split it by school",
            detail_zh=f"表中有 {len(body)} 行，超过 {limits.max_rows} 行的上限，请按学校拆分。",
        )
    by_index = {index: code for code, index in columns.items()}
    last = _last_header(cells, texts, at)
    extra = [name for name in texts if int(name[1:]) > last] if grid.ragged else []
    found = findings.join(
        [
            _merged(grid.merged, body["row"], by_index),
            _formulas(grid.formulas, body["row"], by_index),
            _ragged(cells, numbers, body["row"], extra),
        ]
    )
    order = [code for code in mapping.headers if code in columns]
    letters = {code: column_letters(index) for code, index in columns.items()}
    supplement = header_key(REASON_HEADER) in (header_key(text) for text in cells.select(texts).row(at) if text)
    return Form(mapping, header_row, body.select("row", *order, *kinds.values()), found, letters, supplement)


def column_letters(index: int) -> str:
    """Return the letters that Excel shows for a column counted from 0: ``A``, ``Z``, ``AA``."""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _without_blank_rows(body: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return the rows with anything in them; only rows whose first column is blank are looked at in full."""
    first = body[columns[0]]
    doubtful = first.is_null() | (first.str.strip_chars() == "")
    if not doubtful.any():
        return body
    blank = pl.all_horizontal(pl.col(code).is_null() | (pl.col(code).str.strip_chars() == "") for code in columns)
    empty = body.filter(doubtful).filter(blank)["row"]
    return body.filter(~pl.col("row").is_in(empty.implode())) if len(empty) else body


def header_key(text: str) -> str:
    """Return a header without what people add to it: width, blanks, line breaks, stars, colons."""
    bare = "".join(unicodedata.normalize("NFKC", text).split())
    return bare.strip("*★:").replace("(*)", "")


def _find_header(
    cells: pl.DataFrame, numbers: pl.Series, mapping: ImportMapping, book: Rulebook, school_given: bool
) -> tuple[int, dict[str, int]]:
    """Return the index of the header row and the column index of each field."""
    optional = REGISTRY_FACTS.union(TEXT_FACTS) - (frozenset() if school_given else {"school_code"})
    needed = [code for code in mapping.headers if code not in optional]
    keys = _header_keys(mapping, book.fields)
    expected = numbers.search_sorted(mapping.title_rows + 1)
    order = [expected, *(index for index in range(min(SEARCHED_ROWS, cells.height)) if index != expected)]
    best: tuple[int, dict[str, int], list[str]] | None = None
    for index in order:
        if index >= cells.height:
            continue
        names = [header_key(text) if text else "" for text in cells.row(index)]
        columns, twice = _assign(names, keys)
        missing = [code for code in needed if code not in columns]
        if not missing and not twice:
            return index, columns
        if twice and not missing:
            shown = "、".join(mapping.headers[code] for code in twice)
            raise UnreadableFileError(
                f"row {numbers[index]}: a header stands twice: {shown}",
                detail_zh=f"第 {numbers[index]} 行表头重复：{shown}。",
            )
        if best is None or len(columns) > len(best[1]):
            best = (index, columns, missing)
    looked = f"row {mapping.title_rows + 1}, then the first {SEARCHED_ROWS} rows"
    looked_zh = f"第 {mapping.title_rows + 1} 行，其次前 {SEARCHED_ROWS} 行"
    lacking = "、".join(mapping.headers[code] for code in (best[2] if best and best[1] else needed[:_NAMED]))
    if not (best and best[1]) and len(needed) > _NAMED:
        lacking += "……"
    # A row without any header of ours may be a row of pupils, so its cells are never shown.
    seen = "、".join(mapping.headers[code] for code in best[1]) if best and best[1] else ""
    raise UnreadableFileError(
        f"not the layout '{mapping.name}': headers missing: {lacking}; found: {seen or 'none'}; looked in {looked}",
        detail_zh=f"不是“{mapping.label}”的布局。缺少表头：{lacking}。已找到：{seen or '无'}。查找位置：{looked_zh}。",
    )


def _header_keys(mapping: ImportMapping, fields: Mapping[str, Field]) -> dict[str, str]:
    """Return header key -> field code; the mapping's own headers win, other names count where they are unambiguous."""
    keys = {header_key(header): code for code, header in mapping.headers.items()}
    others: dict[str, set[str]] = {}
    for code in mapping.headers:
        if code in fields:
            for name in (fields[code].label, *fields[code].headers):
                others.setdefault(header_key(name), set()).add(code)
    for name, codes in others.items():
        if name not in keys and len(codes) == 1:
            keys[name] = next(iter(codes))
    return keys


def _assign(names: Sequence[str], keys: Mapping[str, str]) -> tuple[dict[str, int], list[str]]:
    columns: dict[str, int] = {}
    twice: list[str] = []
    for index, name in enumerate(names):
        code = keys.get(name)
        if code is None:
            continue
        if code in columns:
            twice.append(code)
        else:
            columns[code] = index
    return columns, twice


def _last_header(cells: pl.DataFrame, texts: Sequence[str], at: int) -> int:
    filled = [int(name[1:]) for name in texts if cells[name][at] is not None]
    return max(filled, default=-1)


def _merged(spans: Sequence[tuple[int, int, int, int]], rows: pl.Series, by_index: Mapping[int, str]) -> pl.DataFrame:
    """Return a finding for each row of a merged area, at the first of its columns that is one of ours."""
    columns = sorted(by_index)
    by_field: dict[str, list[tuple[int, int]]] = {}
    for first, left, last, right in spans:
        place = bisect.bisect_left(columns, left)
        if place < len(columns) and columns[place] <= right:
            by_field.setdefault(by_index[columns[place]], []).append((first, last))
    if not by_field:
        return findings.none()
    numbers = rows.to_numpy()
    height = int(numbers.max()) + 1
    found = []
    for code, areas in by_field.items():
        edges = np.clip(np.array(areas, dtype=np.int64), 0, height)  # rows from 0; as many areas as a file likes
        steps = np.zeros(height + 2, dtype=np.int64)
        np.add.at(steps, edges[:, 0], 1)
        np.add.at(steps, edges[:, 1] + 1, -1)
        inside = np.cumsum(steps)[numbers.astype(np.int64) - 1] > 0
        found.append(findings.at(rows.filter(pl.Series(inside)), code, "merged-cell"))
    return findings.join(found)


def _formulas(cells: Sequence[tuple[int, int]], rows: pl.Series, by_index: Mapping[int, str]) -> pl.DataFrame:
    present = set(rows.to_list()) if cells else set()
    by_field: dict[str, list[int]] = {}
    for row, column in cells:
        if column in by_index and row + 1 in present:
            by_field.setdefault(by_index[column], []).append(row + 1)
    parts = [findings.at(pl.Series(found, dtype=pl.UInt32), code, "formula-cell") for code, found in by_field.items()]
    return findings.join(parts)


def _ragged(cells: pl.DataFrame, numbers: pl.Series, rows: pl.Series, extra: Sequence[str]) -> pl.DataFrame:
    if not extra:
        return findings.none()
    beyond = cells.select(pl.any_horizontal(pl.col(name).str.strip_chars().fill_null("") != "" for name in extra))
    found = numbers.filter(beyond.to_series())
    return findings.at(found.filter(found.is_in(rows.implode())), None, "ragged-row")
