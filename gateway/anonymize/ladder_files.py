"""Hierarchy files of other programs: a line for each value, the value first, then its labels upwards, ``;`` between.

No header. An error names the line and the value, for such a file is the caller's own and holds no pupil.
"""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from gateway.anonymize.errors import HierarchyError
from gateway.anonymize.ladders import Ladder

SEPARATOR = ";"
_OTHERS = ("\t", ",", "|")
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_LONGEST = 10_000_000
"""Characters of one cell; the csv module's own bound is smaller."""
_COMPARED = 2_000


def ladder_from_csv(source: Path | str | bytes, name: str, *, separator: str | None = None) -> Ladder:
    """Return the ladder of a hierarchy file: a path, its text, or its bytes. Levels are named ``0``, ``1``, ….

    UTF-8 with or without a byte order mark, UTF-16 with one, or GB18030; any line ends; empty lines do not count;
    cells may stand in double quotes. An empty first cell is the missing value. ``separator`` is ``;`` unless the file
    has none and is regular with tabs, commas or bars.

    Raises ``HierarchyError``, which names the line and the value, when the file cannot be read, a line has more or
    fewer labels than the first, a label is empty, a value stands twice, or a label has two different ones above it.
    """
    text = _text(source, name)
    between = separator or _separator(text)
    columns = _quick(text, between)
    if columns is None:
        columns = _careful(text, between, name)
    levels = [str(level) for level in range(len(columns))]
    return Ladder.of_columns(name, levels, columns)


def suggestions(unknown: pl.Series, ladder: Ladder, *, most: int = 3) -> list[tuple[str, str | None]]:
    """Return the first ``most`` of ``unknown`` (see ``Ladder.missing``), each with the value of the file it may mean.

    Blanks around, case and full-width forms are tried first, then likeness. ``None`` when nothing is near.
    """
    known = [leaf for leaf in ladder.leaves.column.head(_COMPARED).to_list() if leaf is not None]
    folded = {_fold(leaf): leaf for leaf in reversed(known)}
    found: list[tuple[str, str | None]] = []
    for value in unknown.head(most).to_list():
        if value is None:
            found.append(("", None))
            continue
        near = folded.get(_fold(value))
        if near is None:
            likely = difflib.get_close_matches(value, known, n=1, cutoff=0.6)
            near = likely[0] if likely else None
        found.append((value, near))
    return found


def _fold(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _text(source: Path | str | bytes, name: str) -> str:
    if isinstance(source, Path):
        source = _bytes(source)
    if isinstance(source, bytes):
        source = _decoded(source, name)
    if "\0" in source:
        line = source[: source.index("\0")].count("\n") + 1
        raise _wrong(name, line, "holds a zero byte; save it as plain text", "含空字节，请另存为纯文本")
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise HierarchyError(
            f"The hierarchy '{name}' is empty; give one line for each value.",
            detail_zh=f"层级 {name} 为空，请为每个取值写一行。",
        )
    return text


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HierarchyError(
            f"The hierarchy file '{path.name}' cannot be read ({error.strerror}); correct its name in the plan.",
            detail_zh=f"层级文件 {path.name} 无法读取，请更正方案中的文件名。",
        ) from error


def _decoded(content: bytes, name: str) -> str:
    encodings = [encoding for mark, encoding in _ENCODINGS if content.startswith(mark)] or ["utf-8", "gb18030"]
    line = 1
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
    raise _wrong(name, line, "is neither UTF-8 nor GB18030; save the file as UTF-8", "编码有误，请另存为 UTF-8")


def _separator(text: str) -> str:
    """Return ``;``, or what every line has equally often when no line has one."""
    if SEPARATOR in text:
        return SEPARATOR
    lines = [line for line in text.split("\n") if line][:_COMPARED]
    for other in _OTHERS:
        counts = {line.count(other) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return other
    return SEPARATOR


def _quick(text: str, separator: str) -> list[pl.Series] | None:
    """Return the columns of a regular file, ``None`` when anything is unusual: then the careful way names it."""
    if '"' in text or "\n\n" in text or text.startswith("\n"):
        return None
    try:
        frame = pl.read_csv(
            text.encode(), has_header=False, separator=separator, quote_char=None, infer_schema=False, null_values=None
        )
    except pl.exceptions.PolarsError:
        return None
    columns = frame.get_columns()
    if any(column.null_count() or (column == "").any() for column in columns):
        return None
    leaves = columns[0]
    regular = leaves.n_unique() == len(leaves) and all(
        frame.select(below, above).n_unique() == frame[below].n_unique()
        for below, above in itertools.pairwise(frame.columns)
    )
    return columns if regular else None


def _careful(text: str, separator: str, name: str) -> list[pl.Series]:
    """Return the columns line by line; raise the error that names what is wrong."""
    rows: list[list[str]] = []
    first_seen: dict[str, int] = {}
    above: dict[tuple[int, str], tuple[str, int]] = {}
    for line, cells in _lines(text, separator, name):
        if not cells:
            continue
        if rows and len(cells) != len(rows[0]):
            raise _wrong(
                name,
                line,
                f"(value '{cells[0]}') has {len(cells)} entries, the first line has {len(rows[0])}; "
                "give every value a label on each level",
                f"（取值 {cells[0]}）有 {len(cells)} 项，首行有 {len(rows[0])} 项",
            )
        if cells[0] in first_seen:
            raise _wrong(
                name,
                line,
                f"repeats the value '{cells[0]}' of line {first_seen[cells[0]]}; keep one of them",
                f"与第 {first_seen[cells[0]]} 行取值 {cells[0]} 重复，请只留一行",
            )
        first_seen[cells[0]] = line
        _check_labels(cells, above, name, line)
        rows.append(cells)
    columns = [pl.Series([row[level] for row in rows], dtype=pl.String) for level in range(len(rows[0]))]
    columns[0] = columns[0].replace("", None)
    return columns


def _lines(text: str, separator: str, name: str) -> list[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found = []
    try:
        for cells in reader:
            found.append((reader.line_num, cells))
    except csv.Error as error:
        raise _wrong(name, reader.line_num, f"is no CSV ({error}); check its quotes", "引号有误") from error
    return found


def _check_labels(cells: Sequence[str], above: dict[tuple[int, str], tuple[str, int]], name: str, line: int) -> None:
    if "" in cells[1:]:
        level = cells.index("", 1)
        raise _wrong(
            name,
            line,
            f"(value '{cells[0]}') has an empty label on level {level}; fill it in",
            f"（取值 {cells[0]}）第 {level} 级为空，请补全",
        )
    for level, label in enumerate(cells[1:], start=1):
        if level + 1 == len(cells):
            return
        parent, told = above.setdefault((level, label), (cells[level + 1], line))
        if parent != cells[level + 1]:
            raise _wrong(
                name,
                line,
                f"(value '{cells[0]}') puts '{label}' under '{cells[level + 1]}', line {told} under '{parent}'; "
                "a label has one label above it, so rename one or correct the line",
                f"（取值 {cells[0]}）将 {label} 归入 {cells[level + 1]}，第 {told} 行归入 {parent}；上级须唯一",
            )


def _wrong(name: str, line: int, problem: str, problem_zh: str) -> HierarchyError:
    return HierarchyError(
        f"Line {line} of the hierarchy '{name}' {problem}.",
        detail_zh=f"层级 {name} 第 {line} 行{problem_zh}。",
        extra={"hierarchy": name, "line": line},
    )
