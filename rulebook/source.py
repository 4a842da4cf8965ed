"""Strict reading of the files under config/: every error knows its file and line."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from rulebook.positions import Path as KeyPath
from rulebook.positions import key_lines
from rulebook.records import RulebookError

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Sources:
    """The bytes of every file under a directory, each to be read by somebody.

    ``names`` are relative POSIX paths in sorted order. Reading is remembered: what nobody read is an unknown file.
    """

    def __init__(self, directory: Path) -> None:
        """Read all files. Raises ``RulebookError`` when the directory is missing or a file cannot be read."""
        if not directory.is_dir():
            raise RulebookError(directory.name, None, "no such directory; point to the rule book / 找不到规则目录")
        self._contents: dict[str, bytes] = {}
        self._unread: set[str] = set()
        for path in sorted(directory.rglob("*")):
            if path.is_dir():
                continue
            name = path.relative_to(directory).as_posix()
            try:
                self._contents[name] = path.read_bytes()
            except OSError as error:
                raise RulebookError(name, None, f"cannot be read ({error.strerror}) / 文件无法读取") from error
        self._unread = set(self._contents)

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> Sources:
        """Return sources of files that somebody else read, by relative name."""
        made = cls.__new__(cls)
        made._contents = dict(contents)
        made._unread = set(contents)
        return made

    @property
    def contents(self) -> Mapping[str, bytes]:
        """Every file by relative name, in sorted order."""
        return {name: self._contents[name] for name in sorted(self._contents)}

    def matching(self, folder: str, suffix: str) -> tuple[str, ...]:
        """Return the names of the files directly in ``folder`` that end in ``suffix``, sorted."""
        pattern = re.compile(re.escape(folder) + r"/[^/]+" + re.escape(suffix))
        return tuple(sorted(name for name in self._contents if pattern.fullmatch(name)))

    def set_aside(self, folder: str, suffix: str) -> None:
        """Let files directly in ``folder`` that end in ``suffix`` be: they belong here and are read elsewhere."""
        self._unread.difference_update(self.matching(folder, suffix))

    def text(self, name: str) -> str:
        """Return a file as text. Raises ``RulebookError`` when it is missing, empty or not UTF-8."""
        content = self._contents.get(name)
        if content is None:
            raise RulebookError(name, None, "the file is missing; restore it / 缺少此文件，请恢复")
        self._unread.discard(name)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise RulebookError(name, line, "not UTF-8; save the file as UTF-8 / 请将文件另存为 UTF-8 编码") from error
        if not text.strip():
            raise RulebookError(name, None, "the file is empty; restore it / 文件为空，请恢复")
        return text

    def toml(self, name: str) -> Table:
        """Return the root table of a TOML file. Raises ``RulebookError`` with the line of a syntax error."""
        text = self.text(name)
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+)", str(error))
            line = int(found.group(1)) if found else text.count("\n") + 1
            raise RulebookError(name, line, f"TOML syntax: {error} / TOML 语法错误") from error
        return Table(Document(name, text), (), data)

    def csv(self, name: str, required: tuple[str, ...], *, exact: bool = False) -> Iterator[CsvRow]:
        """Yield the rows of a CSV file; lines before the header that begin with ``#`` are comments.

        Raises ``RulebookError`` with the line when the header lacks a ``required`` column, repeats one, has one
        too many (``exact``), or when a row has another number of cells or spaces around a value.
        """
        text = self.text(name)
        skipped = 0
        lines = text.splitlines(keepends=True)
        while skipped < len(lines) and lines[skipped].startswith("#"):
            skipped += 1
        reader = csv.reader(io.StringIO("".join(lines[skipped:]), newline=""), strict=True)
        try:
            header = next(reader, [])
            _check_header(name, skipped + 1, header, required, exact=exact)
            count = 0
            for cells in reader:
                line = skipped + reader.line_num
                if len(cells) != len(header):
                    problem = f"{len(cells)} cells, the header has {len(header)} / 单元格数与表头不一致"
                    raise RulebookError(name, line, problem)
                for column, cell in zip(header, cells, strict=True):
                    if cell != cell.strip():
                        raise RulebookError(name, line, f"spaces around the value of '{column}' / 值前后有空格")
                count += 1
                yield CsvRow(name, line, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            raise RulebookError(name, skipped + reader.line_num, f"CSV syntax: {error} / CSV 格式错误") from error
        if not count:
            raise RulebookError(name, skipped + 1, "no rows below the header / 表头下没有数据")

    def finish(self) -> None:
        """Raise ``RulebookError`` for the first file that nobody read."""
        for name in sorted(self._unread):
            raise RulebookError(
                name, None, "not a file of the rule book; remove or rename it / 规则目录中有未知文件，请移走"
            )


def _check_header(name: str, line: int, header: list[str], required: tuple[str, ...], *, exact: bool) -> None:
    if missing := [column for column in required if column not in header]:
        raise RulebookError(name, line, f"column '{missing[0]}' is missing in the header / 表头缺少此列")
    if len(set(header)) != len(header):
        raise RulebookError(name, line, "a column is named twice in the header / 表头有重复列")
    if exact and (unknown := [column for column in header if column not in required]):
        raise RulebookError(name, line, f"unknown column '{unknown[0]}'; remove it / 未知的列")


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row of a CSV file with its line."""

    file: str
    line: int
    cells: Mapping[str, str]

    def fail(self, problem: str) -> NoReturn:
        """Raise a ``RulebookError`` at this row."""
        raise RulebookError(self.file, self.line, problem)

    def text(self, column: str) -> str:
        """Return a value that must not be empty."""
        value = self.cells[column]
        if not value:
            self.fail(f"'{column}' is empty; fill it in / 此列不能为空")
        return value

    def choice(self, column: str, choices: tuple[str, ...]) -> str:
        """Return a value that must be one of ``choices``."""
        value = self.cells[column]
        if value not in choices:
            self.fail(f"'{column}' must be one of {', '.join(choices)} / 取值不在允许范围内")
        return value

    def day(self, column: str) -> date:
        """Return a date written ``YYYY-MM-DD``."""
        try:
            return date.fromisoformat(self.cells[column])
        except ValueError:
            self.fail(f"'{column}' must be a date like 2026-09-01 / 日期格式应为 2026-09-01")


@dataclass(frozen=True)
class Document:
    """The text of a TOML file; lines of keys are found only when an error asks for them."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _lines(self) -> Mapping[KeyPath, int]:
        return key_lines(self.text)

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a key, or of the nearest thing around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None


class Table:
    """One table of a TOML file, read key by key; ``finish`` refuses what nobody asked for.

    Every reader raises ``RulebookError`` with the line of the key when it is missing or of another type.
    """

    def __init__(self, document: Document, path: KeyPath, data: Mapping[str, object]) -> None:
        self.document = document
        self.path = path
        self._data = data
        self._read: set[str] = set()

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.document.name

    def fail(self, key: str | tuple[str | int, ...] | None, problem: str) -> NoReturn:
        """Raise a ``RulebookError`` at ``key`` of this table (``None``: at the table)."""
        below = () if key is None else (key,) if isinstance(key, str) else key
        name = ".".join(str(part) for part in (*self.path, *below))
        raise RulebookError(
            self.file, self.document.line((*self.path, *below)), f"{name}: {problem}" if name else problem
        )

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._data

    def keys(self) -> tuple[str, ...]:
        """Return the keys, in the order of the file."""
        return tuple(self._data)

    def _value(self, key: str) -> object:
        self._read.add(key)
        if key not in self._data:
            self.fail(None, f"key '{key}' is missing; add it / 缺少键 {key}")
        return self._data[key]

    def text(self, key: str, *, max_length: int = 4_000) -> str:
        """Return text that is not empty."""
        value = self._value(key)
        if not isinstance(value, str):
            self.fail(key, "must be text in quotes / 应为带引号的文字")
        if not value.strip() or value != value.strip() or len(value) > max_length:
            self.fail(key, f"must be 1 to {max_length} characters without spaces around / 不能为空，前后不能有空格")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return text, or ``None`` when the key is absent."""
        return self.text(key) if self.has(key) else None

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return text that must be one of ``choices``."""
        value = self.text(key)
        if value not in choices:
            self.fail(key, f"must be one of {', '.join(choices)} / 取值不在允许范围内")
        return value

    def integer(self, key: str, *, least: int, most: int) -> int:
        """Return a whole number from ``least`` to ``most``."""
        value = self._value(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(key, "must be a whole number without quotes / 应为不带引号的整数")
        if not least <= value <= most:
            self.fail(key, f"must lie between {least} and {most} / 超出允许范围")
        return value

    def optional_integer(self, key: str, *, least: int, most: int) -> int | None:
        """Return a whole number, or ``None`` when the key is absent."""
        return self.integer(key, least=least, most=most) if self.has(key) else None

    def share(self, key: str) -> float:
        """Return a number from 0 to 1."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, "must be a number / 应为数字")
        if not 0 <= value <= 1:
            self.fail(key, "must lie between 0 and 1 / 应在 0 与 1 之间")
        return float(value)

    def optional_number(self, key: str, *, least: float, most: float) -> float | None:
        """Return a number from ``least`` to ``most``, or ``None`` when the key is absent."""
        if not self.has(key):
            return None
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, "must be a number without quotes / 应为不带引号的数字")
        if not least <= value <= most:  # false for nan, too
            self.fail(key, f"must lie between {least:g} and {most:g} / 超出允许范围")
        return float(value)

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self._value(key)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false / 应为 true 或 false")
        return value

    def day(self, key: str) -> date:
        """Return a date written without quotes."""
        value = self._value(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.fail(key, "must be a date without quotes, like 2026-09-01 / 应为不带引号的日期")
        return value

    def integers(self, key: str, *, least: int, most: int) -> tuple[int, ...]:
        """Return a list of whole numbers from ``least`` to ``most``, at least one."""
        value = self._value(key)
        if not isinstance(value, list) or not value:
            self.fail(key, "must be a list of whole numbers like [3, 3] / 应为整数列表")
        for index, item in enumerate(value):
            if not isinstance(item, int) or isinstance(item, bool) or not least <= item <= most:
                self.fail((key, index), f"must be a whole number from {least} to {most} / 应为范围内的整数")
        return tuple(value)

    def texts(self, key: str, *, empty: bool = False, repeated: bool = False) -> tuple[str, ...]:
        """Return a list of different texts; an empty one is refused unless ``empty`` (empty means no).

        With ``repeated`` one text may stand more than once.
        """
        value = self._value(key)
        if not isinstance(value, list):
            self.fail(key, 'must be a list like ["a", "b"] / 应为列表')
        if not value and not empty:
            self.fail(key, "the list is empty; name at least one / 列表不能为空")
        found: list[str] = []
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item.strip() or item != item.strip():
                self.fail((key, index), "must be text in quotes / 应为带引号的文字")
            if item in found and not repeated:
                self.fail((key, index), f"'{item}' stands twice; remove one / 重复的值")
            found.append(item)
        return tuple(found)

    def references(self, key: str, known: Mapping[str, object] | frozenset[str], what: str) -> frozenset[str]:
        """Return a list whose members must all be in ``known``; ``what`` says where that is defined."""
        names = self.texts(key)
        for index, name in enumerate(names):
            if name not in known:
                self.fail((key, index), f"'{name}' is not {what}; correct it or define it first / 引用不存在")
        return frozenset(names)

    def table(self, key: str) -> Table:
        """Return a table below this one."""
        value = self._value(key)
        if not isinstance(value, dict):
            self.fail(key, f"must be a table like [{key}] / 应为表")
        return Table(self.document, (*self.path, key), value)

    def tables(self, key: str) -> tuple[Table, ...]:
        """Return a list of tables, at least one."""
        value = self._value(key)
        if not isinstance(value, list) or not value:
            self.fail(key, "must be a list of tables, at least one / 应为至少含一项的表列表")
        found = []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                self.fail((key, index), "must be a table like { … } / 应为表")
            found.append(Table(self.document, (*self.path, key, index), item))
        return tuple(found)

    def entries(self) -> Iterator[tuple[str, Table]]:
        """Yield the tables of a file in which every key is a code. Raises on an empty file or a bad code."""
        if not self._data:
            self.fail(None, "no entry; an empty set is refused / 文件中没有条目")
        for key in self.keys():
            if not _CODE.fullmatch(key):
                self.fail(key, "a code has lower-case letters, digits, - and _ only / 代码只能用小写字母、数字、- 和 _")
            yield key, self.table(key)

    def finish(self) -> None:
        """Raise ``RulebookError`` for the first key that nobody read."""
        for key in self.keys():
            if key not in self._read:
                self.fail(key, "unknown key; remove it or correct its spelling / 未知的键，请删除或更正")
