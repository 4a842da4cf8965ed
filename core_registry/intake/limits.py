"""The guards before any parser: size of the upload, and what a workbook unpacks to, measured and not believed."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core_registry.errors import UnreadableFileError

MAX_PARTS = 2_000
"""Parts in one workbook: Excel writes some dozens."""
MAX_RATIO = 400
"""Unpacked to packed size of one part. Forms reach 10 to 60; deflate ends at 1032."""
RATIO_FROM = 16 << 20
"""Unpacked size in bytes from which the ratio counts."""
MAX_FORMULAS = 100_000

_CHUNK = 1 << 20
_FORMULA = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]{1,3})([0-9]{1,7})["'][^>]*><(?:\w+:)?f[\s/>]""")
_FORMULA_HINT = (b"<f", b":f")


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, rows counted without title and header."""

    max_upload_bytes: int
    max_unpacked_bytes: int
    max_rows: int


@dataclass(frozen=True, slots=True)
class PackedContent:
    """What was found while unpacking: the measured size, and cells with formulas by part (row, column from 0)."""

    unpacked_bytes: int
    formulas: dict[str, tuple[tuple[int, int], ...]]


def check_upload(path: Path, limits: Limits) -> int:
    """Return the size of the file in bytes. Raises ``UnreadableFileError`` when it is empty, too big or gone."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableFileError("the file cannot be opened", detail_zh="文件无法打开。") from error
    if size == 0:
        raise UnreadableFileError("the file is empty", detail_zh="文件是空的。")
    if size > limits.max_upload_bytes:
        allowed = limits.max_upload_bytes >> 20
        raise UnreadableFileError(
            f"the file is larger than {allowed} MiB; split it by school",
            detail_zh=f"文件超过 {allowed} MB 的上限，请按学校拆分后再导入。",
        )
    return size


def unpack(path: Path, limits: Limits) -> PackedContent:
    """Unpack every part of a zip once, keeping nothing, and return what was measured.

    Memory stays at one chunk. Raises ``UnreadableFileError`` for a zip bomb (declared or real size, ratio,
    number of parts), a damaged or encrypted zip, and a part whose declared size is a lie.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            _check_directory(parts, limits)
            total, formulas = 0, {}
            for part in parts:
                with archive.open(part) as stream:
                    cells = list(_formula_cells(stream)) if _is_sheet(part.filename) else _drain(stream)
                total += part.file_size
                if cells:
                    formulas[part.filename] = tuple(cells)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise UnreadableFileError(
            "the workbook is damaged or encrypted; open it in Excel or WPS and save it again as .xlsx",
            detail_zh="工作簿已损坏或已加密，请用 Excel 或 WPS 打开后另存为 .xlsx 再导入。",
        ) from error
    return PackedContent(total, formulas)


def _check_directory(parts: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(parts) > MAX_PARTS:
        raise _bomb(f"it has more than {MAX_PARTS} parts", f"其中的部件超过 {MAX_PARTS} 个")
    if len({part.filename for part in parts}) != len(parts):
        raise _bomb("two parts have one name", "其中有同名部件")
    if sum(part.file_size for part in parts) > limits.max_unpacked_bytes:
        allowed = limits.max_unpacked_bytes >> 20
        raise _bomb(f"it unpacks to more than {allowed} MiB", f"解压后超过 {allowed} MB")
    for part in parts:
        if part.file_size > RATIO_FROM and part.file_size > MAX_RATIO * part.compress_size:
            raise _bomb(f"a part is packed more than {MAX_RATIO} times", f"其中部件的压缩比超过 {MAX_RATIO} 倍")


def _bomb(what: str, what_zh: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"the workbook is refused before reading: {what}; copy the data rows into a new workbook",
        detail_zh=f"工作簿未予读取：{what_zh}。请把数据行复制到新的工作簿后再导入。",
    )


def _is_sheet(name: str) -> bool:
    return name.startswith("xl/worksheets/") and name.endswith(".xml")


def _drain(stream: IO[bytes]) -> list[tuple[int, int]]:
    """Read to the end: zipfile compares size and checksum there. Nothing is found."""
    while stream.read(_CHUNK):
        pass
    return []


def _formula_cells(stream: IO[bytes]) -> Iterator[tuple[int, int]]:
    found = 0
    tail = b""
    while chunk := stream.read(_CHUNK):
        text = tail + chunk
        cut = text.rfind(
            b"<", 0, max(text.rfind(b"<c "), text.rfind(b":c ")) + 1
        )  # keep the last cell for the next chunk
        cut = cut if cut > 0 else len(text)
        head, tail = text[:cut], text[cut:][-_CHUNK:]
        if found <= MAX_FORMULAS and any(hint in head for hint in _FORMULA_HINT):
            for match in _FORMULA.finditer(head):
                found += 1
                yield int(match[2]) - 1, _column(match[1])
    if found <= MAX_FORMULAS:
        for match in _FORMULA.finditer(tail):
            yield int(match[2]) - 1, _column(match[1])


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
