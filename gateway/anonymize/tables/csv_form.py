"""The form of a CSV file, found by looking at it: compression, encoding, delimiter, quotes, and the header."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa

from gateway.anonymize.tables.errors import TableFileError
from gateway.anonymize.tables.nearness import plain

Compression = Literal["gzip", "zstd"]
Encoding = Literal["utf-8", "gb18030", "utf-16"]
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 1 << 18
_SAMPLE_RECORDS = 500
_PIECE = 1 << 20
_LONGEST = 1 << 26
"""Characters of one cell; the csv module's own bound is smaller."""
_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FOREIGN = {
    b"PK\x03\x04": ("a workbook or archive", "工作簿或压缩包"),
    b"\xd0\xcf\x11\xe0": ("an old workbook", "旧式工作簿"),
    b"%PDF": ("a PDF", "PDF"),
}


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a CSV file is written. ``header`` are the names of its columns, in order."""

    compression: Compression | None
    encoding: Encoding
    bom: bool
    delimiter: str
    quote: str
    header: tuple[str, ...]
    quotes: int
    """How many quotes the file holds."""


def compression_of(path: Path) -> Compression | None:
    """Return how the file is compressed, by its first bytes. Raises ``TableFileError`` for what is no table."""
    with path.open("rb") as file:
        head = file.read(8)
    for magic, (kind, kind_zh) in _FOREIGN.items():
        if head.startswith(magic):
            raise TableFileError(
                f"{path.name} is {kind}, neither CSV nor Parquet; save it as CSV (UTF-8).",
                detail_zh=f"{path.name} 是{kind_zh}，不是 CSV 或 Parquet；请另存为 CSV（UTF-8）。",
            )
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: Path, compression: Compression | None) -> IO[bytes]:
    """Return the stream of the file's plain content."""
    stream = pa.input_stream(str(path), compression=compression, buffer_size=_PIECE)
    return cast("IO[bytes]", stream)


def look(path: Path, *, expected: Collection[str] = (), delimiter: str | None = None) -> CsvForm:
    """Return the form of the CSV file ``path``; ``expected`` are columns that it should have, as the plan names them.

    Raises ``TableFileError`` when it is empty, of no known encoding, or its header names a column twice or not at all.
    """
    compression = compression_of(path)
    encoding, bom, sample, whole = _encoding(path, compression)
    if "\0" in sample:
        raise TableFileError(
            f"{path.name} holds zero bytes: it is no text file; save it as CSV (UTF-8).",
            detail_zh=f"{path.name} 含空字节，不是文本文件；请另存为 CSV（UTF-8）。",
        )
    if not sample.strip():
        raise TableFileError(f"{path.name} is empty.", detail_zh=f"{path.name} 为空。")
    found, quote = _delimiter(sample, whole=whole, expected=expected, given=delimiter)
    header = _records(sample, found, quote, whole=whole)[0]
    _check_header(path, header)
    return CsvForm(compression, encoding, bom, found, quote, tuple(header), _count(path, compression, quote))


def _encoding(path: Path, compression: Compression | None) -> tuple[Encoding, bool, str, bool]:
    """Return encoding, whether there is a byte order mark, the first characters, and whether these are all."""
    with opened(path, compression) as stream:
        head = stream.read(_SAMPLE)
        more = bool(stream.read(1))
    candidates: tuple[Encoding, ...] = ("utf-8", "gb18030")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ("utf-16",)
    elif head.startswith(codecs.BOM_UTF8):
        candidates = ("utf-8",)
    line = 1
    for encoding in candidates:
        wrong = _undecodable(path, compression, encoding)
        if wrong is None:
            text = codecs.getincrementaldecoder(encoding)().decode(head, final=not more)
            return encoding, text.startswith("\ufeff"), text.removeprefix("\ufeff"), not more
        line = wrong
    raise TableFileError(
        f"{path.name}, line {line}, is neither UTF-8 nor GB18030; save the file as UTF-8.",
        detail_zh=f"{path.name} 第 {line} 行既不是 UTF-8 也不是 GB18030 编码；请另存为 UTF-8。",
    )


def _undecodable(path: Path, compression: Compression | None, encoding: str) -> int | None:
    """Return the first line that is not of ``encoding``, ``None`` when all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with opened(path, compression) as stream:
        for piece in _pieces(stream):
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            line += piece.count(b"\n") if encoding != "utf-8" else 0
            if not piece:
                return None
    return None


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the content piece by piece, an empty piece last."""
    while piece := stream.read(_PIECE):
        yield piece
    yield b""


def _count(path: Path, compression: Compression | None, quote: str) -> int:
    mark = quote.encode()
    with opened(path, compression) as stream:
        return sum(piece.count(mark) for piece in _pieces(stream))


def _records(sample: str, delimiter: str, quote: str, *, whole: bool) -> list[list[str]]:
    """Return the first complete records of ``sample``, blank lines aside."""
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote)
    found: list[list[str]] = []
    try:
        for record in reader:
            if record:
                found.append(record)
            if len(found) > _SAMPLE_RECORDS:
                break
    except csv.Error:
        return found or [[""]]
    if not whole and len(found) > 1:
        found.pop()
    return found or [[""]]


def _delimiter(sample: str, *, whole: bool, expected: Collection[str], given: str | None) -> tuple[str, str]:
    """Return delimiter and quote: the one whose header has most expected columns, then the most regular records."""
    ranked = []
    for place, delimiter in enumerate((given,) if given else DELIMITERS):
        for quote in ('"', "'"):
            records = _records(sample, delimiter, quote, whole=whole)
            width = len(records[0])
            regular = sum(len(record) == width for record in records) / len(records)
            if quote == "'" and not _quoted(sample, delimiter):
                continue
            known = len(set(expected).intersection(records[0]))
            ranked.append(((known, width > 1, regular, width, quote == "'", -place), delimiter, quote))
    _, best, quote = max(ranked)
    return best, quote


def _quoted(sample: str, delimiter: str) -> bool:
    """Say whether every cell of the first line stands in single quotes."""
    cells = sample.splitlines()[0].split(delimiter)
    return all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells)


def _check_header(path: Path, header: list[str]) -> None:
    for place, name in enumerate(header, start=1):
        if not plain(name):
            raise TableFileError(
                f"Column {place} of {path.name} has no name; name it in the first line, or take it out "
                "(row numbers that another program added are no data).",
                detail_zh=f"{path.name} 第 {place} 列没有列名；请在首行命名，或删去该列（如其他程序添加的行号）。",
            )
    seen: dict[str, int] = {}
    for place, name in enumerate(header, start=1):
        first = seen.setdefault(plain(name), place)
        if first != place:
            raise TableFileError(
                f"{path.name} has two columns '{plain(name)}' (columns {first} and {place}); rename one.",
                detail_zh=f"{path.name} 有两列名为“{plain(name)}”（第 {first}、{place} 列）；请改名。",
            )
