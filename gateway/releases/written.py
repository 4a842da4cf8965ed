"""What a written file holds, for the leak scan: what its reader shows, and what it does not (design 6.8).

Beside the rows there are places that no reader of the format shows: the footer, the statistics and unused dictionary
entries of Parquet; sheet names, comments, properties and unused shared strings of a workbook; names and comments in
an archive. All of them are read here as texts. Last, the bytes themselves are sieved for bare numbers, so that what
stands between the places (a key that stands twice in a JSON object, a gap in a file) is seen, too.
"""

from __future__ import annotations

import bz2
import gzip
import html
import io
import lzma
import re
import string
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from python_calamine import CalamineError, CalamineWorkbook

from gateway.policies.records import Format
from gateway.releases.errors import ContentDamagedError
from gateway.releases.writers import READ_ROWS, read_back

PIECE = 8 << 20
_DEEPEST = 3
"""Containers within containers; nobody needs more, and what is deeper is not looked into, so it does not leave."""
_SIEVED = 11
"""Digits in a row that the bytes are sieved for: what has fewer is no identity number and no mobile number."""
_STEP = 5
"""Of eleven bytes in a row two at least are a multiple of five, one right after the other."""
_FEW = 1_000
"""So many places are looked at one by one: bytes that were compressed have hardly any."""
_AROUND = 32
_TAG = re.compile(r"<[^<>]*>")
_ATTRIBUTE = re.compile(r"=\s*(?:\"([^\"]*)\"|'([^']*)')")
_CODE = re.compile(r"&(?:[A-Za-z]|\"[^\"]*\")")
"""Letters after & in the header of a sheet set its place and type; they would stand before a number like a word."""
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_BROKEN = (
    pl.exceptions.PolarsError,
    pa.ArrowException,
    ValueError,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    CalamineError,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a written file: some rows with their columns, or texts from a place that has none."""

    place: str
    """``rows``, ``sheets``, ``names``, ``metadata``, ``statistics``, ``dictionary``, ``parts`` or ``bytes``."""
    frame: pl.DataFrame | None = field(default=None, repr=False)
    texts: Sequence[str] = field(default=(), repr=False)


def pieces(kind: Format, source: io.RawIOBase) -> Iterator[Piece]:
    """Yield everything in a file of format ``kind``, plain or compressed (gzip, zstd, bzip2, xz, zip), once.

    ``source`` is read from its beginning and must be seekable. Raises ``ContentDamagedError`` when something in it
    cannot be read as what it should be: what was not looked at does not leave.
    """
    try:
        yield from _opened(kind, source, 0)
        source.seek(0)
        if kind is Format.CSV and container_of(source.read(8) or b"") is None:
            return  # its reader shows every byte but commas, quotes and ends of lines
        source.seek(0)
        sieve = Sieve()
        while block := source.read(PIECE):
            yield from sieve.pieces(block)
    except _BROKEN as error:
        raise ContentDamagedError(
            "The written file cannot be read back; nothing is released.", detail_zh="写出的文件无法回读，已停止提供。"
        ) from error


def container_of(head: bytes) -> str | None:
    """Return how a file that begins with ``head`` is compressed, ``None`` when it is not."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


class Sieve:
    """Finds bare numbers in bytes that pass by, also over the edges of the pieces."""

    def __init__(self) -> None:
        self._tail = b""

    def pieces(self, block: bytes) -> Iterator[Piece]:
        """Yield the surroundings of each long number in ``block`` as one piece, when there is any."""
        content = self._tail + block
        texts = [content[start:end].decode("utf-8", "replace") for start, end in _long_numbers(content)]
        self._tail = content[-2 * _AROUND :]
        if texts:
            yield Piece("bytes", texts=list(dict.fromkeys(texts)))


def _long_numbers(content: bytes) -> Iterable[tuple[int, int]]:
    """Return where eleven or more ASCII digits stand in a row and in no word, with what is around them.

    Before them may stand the letter of a student number, after them an X.
    """
    codes = np.frombuffer(content, dtype=np.uint8)
    first, last = _runs((codes >= ord("0")) & (codes <= ord("9")))
    if not first.size:
        return []
    before = _WORD[np.where(first > 0, codes[first - 1], 0)] & ~_STUDENT[np.where(first > 0, codes[first - 1], 0)]
    end = np.minimum(last, codes.size - 1)
    after = _WORD[np.where(last < codes.size, codes[end], 0)] & ~_CHECK[np.where(last < codes.size, codes[end], 0)]
    alone = ~(before | after)
    return [(max(0, int(a) - _AROUND), int(b) + _AROUND) for a, b in zip(first[alone], last[alone], strict=True)]


def _runs(digit: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where eleven digits or more in a row begin, and where they end (exclusive).

    Two of every fifth byte are digits then, and all between them: elsewhere nothing is looked at.
    """
    fifth = digit[::_STEP]
    hits = np.flatnonzero(fifth[:-1] & fifth[1:]) * _STEP
    for beside in range(1, _STEP):
        hits = hits[digit[hits + beside]]
    if hits.size > _FEW:
        edges = np.flatnonzero(np.diff(digit, prepend=False, append=False))
        first, last = edges[::2], edges[1::2]
    else:
        found: dict[int, int] = {}
        for hit in hits.tolist():
            start, end = hit, hit
            while start and digit[start - 1]:
                start -= 1
            while end < digit.size and digit[end]:
                end += 1
            found[start] = end
        first, last = np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.int64)
    long = last - first >= _SIEVED
    return first[long], last[long]


def _flags(letters: str) -> NDArray[np.bool_]:
    flags = np.zeros(256, dtype=np.bool_)
    flags[list(letters.encode("ascii"))] = True
    return flags


_WORD, _STUDENT, _CHECK = _flags(string.ascii_letters), _flags("GJgj"), _flags("Xx")


class _Passing(io.RawIOBase):
    """A decompressed stream on its way to its reader; what passes is sieved."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self._sieve = Sieve()
        self.seen: list[Piece] = []

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._inner.read(size)
        self.seen.extend(self._sieve.pieces(block))
        return block


def _opened(kind: Format, source: io.RawIOBase, depth: int) -> Iterator[Piece]:
    source.seek(0)
    container = container_of(source.read(8) or b"")
    source.seek(0)
    if container is None or (container == "zip" and kind is Format.XLSX):
        yield from _plain(kind, source)
        return
    if depth == _DEEPEST:
        raise ValueError("containers within containers")
    if container == "zip":
        yield from _archive(kind, source, depth)
        return
    if container == "gzip":
        yield Piece("names", texts=_gzip_names(source.read(1 << 16) or b""))
        source.seek(0)
    yield from _inside(kind, _decompressed(container, source), depth)


def _inside(kind: Format, stream: BinaryIO, depth: int) -> Iterator[Piece]:
    """Yield what a decompressed stream holds. Formats that are read from their end are held in memory."""
    head = stream.read(8)
    joined = _Passing(cast("BinaryIO", _Chained(head, stream)))
    if container_of(head) is not None or kind in {Format.PARQUET, Format.XLSX}:
        yield from _opened(kind, cast("io.RawIOBase", io.BytesIO(joined.read())), depth + 1)
    else:
        yield from _plain(kind, joined)
        joined.read()
    yield from joined.seen


class _Chained(io.RawIOBase):
    """Bytes that were read already, and then the rest of the stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + (self._rest.read() if size < 0 else self._rest.read(size))


class _Borrowed(io.RawIOBase):
    """A source whose reader may close what it was given; the source stays open."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer will do
        view = memoryview(buffer).cast("B")
        block = self._source.read(len(view)) or b""
        view[: len(block)] = block
        return len(block)


def _decompressed(container: str, source: io.RawIOBase) -> BinaryIO:
    buffered = io.BufferedReader(_Borrowed(source))
    match container:
        case "gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
        case "bzip2":
            return cast("BinaryIO", bz2.BZ2File(buffered))
        case "xz":
            return cast("BinaryIO", lzma.LZMAFile(buffered))
        case _:
            return cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(buffered, mode="r"), container))


def _gzip_names(head: bytes) -> list[str]:
    """Return the file name and the comment in a header of gzip (RFC 1952 section 2.3)."""
    flags, place = head[3], 10
    if flags & 4:
        place += 2 + int.from_bytes(head[place : place + 2], "little")
    texts = [head[10:place].decode("latin-1")]
    for bit in (8, 16):
        if flags & bit:
            text, _, _ = head[place:].partition(b"\x00")
            place += len(text) + 1
            texts.append(text.decode("utf-8", "replace"))
    return [text for text in texts if text]


def _archive(kind: Format, source: io.RawIOBase, depth: int) -> Iterator[Piece]:
    with zipfile.ZipFile(cast("BinaryIO", source)) as archive:
        texts = [archive.comment.decode("utf-8", "replace")]
        for member in archive.infolist():
            texts += [member.filename, *(part.decode("utf-8", "replace") for part in (member.comment, member.extra))]
        yield Piece("names", texts=[text for text in texts if text])
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as stream:
                    yield from _inside(_kind_of(member.filename) or kind, cast("BinaryIO", stream), depth)


def _kind_of(name: str) -> Format | None:
    return next((kind for kind in Format if f".{kind.value}" in name.lower()), None)


def _plain(kind: Format, source: io.RawIOBase) -> Iterator[Piece]:
    match kind:
        case Format.PARQUET:
            yield from _parquet(source)
        case Format.XLSX:
            yield from _workbook(source)
        case Format.CSV | Format.NDJSON:
            named = False
            for frame in read_back(kind, source):
                if not named:
                    named = True
                    yield Piece("names", texts=frame.columns)
                yield Piece("rows", frame)


def _parquet(source: io.RawIOBase) -> Iterator[Piece]:
    file = pa.PythonFile(source, mode="r")
    footer = pq.read_metadata(file)
    schema = footer.schema.to_arrow_schema()
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    yield Piece("names", texts=[column.path for column in footer.schema])
    kept = {**(footer.metadata or {}), **(schema.metadata or {})}
    texts = [part.decode("utf-8", "replace") for pair in kept.items() for part in pair]
    yield Piece("metadata", texts=[*texts, footer.created_by or ""])
    yield Piece("statistics", texts=_statistics(groups))
    dictionaries = [
        column.name
        for place, column in enumerate(schema)
        if pa.types.is_string(column.type) and any(group.column(place).has_dictionary_page for group in groups)
    ]
    # dictionaries stay what they are: a value of theirs is read, and scanned, once, also one that no row has
    parquet = pq.ParquetFile(file, read_dictionary=dictionaries)
    for batch in parquet.iter_batches(batch_size=READ_ROWS):
        for name in dictionaries:
            column = batch.column(name)
            if isinstance(column, pa.DictionaryArray):
                yield Piece("dictionary", texts=[value for value in column.dictionary.to_pylist() if value])
        yield Piece("rows", cast("pl.DataFrame", pl.from_arrow(batch)))


def _statistics(groups: Sequence[pq.RowGroupMetaData]) -> list[str]:
    found: dict[str, None] = {}
    for group in groups:
        for place in range(group.num_columns):
            statistics = group.column(place).statistics
            if statistics is not None and statistics.has_min_max:
                found |= dict.fromkeys(str(value) for value in (statistics.min, statistics.max))
    return list(found)


def _workbook(source: io.RawIOBase) -> Iterator[Piece]:
    content = source.read() or b""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield Piece("names", texts=[archive.comment.decode("utf-8", "replace"), *archive.namelist()])
        for member in archive.infolist():
            yield from _part(archive.read(member))
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    yield Piece("names", texts=book.sheet_names)
    for place in range(len(book.sheet_names)):
        rows = book.get_sheet_by_index(place).to_python()
        if rows:
            header, *body = rows
            names = [str(name) for name in header] if place == 0 else [f"column {n}" for n in range(len(header))]
            cells = [[str(cell) or None for cell in row] for row in (body if place == 0 else rows)]
            frame = pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
            yield Piece("rows" if place == 0 else "sheets", frame)


def _part(content: bytes) -> Iterator[Piece]:
    """Yield every text and every attribute of a part of a workbook, whatever it is for."""
    yield from Sieve().pieces(content)
    if not content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return
    text = content.decode("utf-8", "replace")
    values = [first or second for tag in _TAG.findall(text) for first, second in _ATTRIBUTE.findall(tag)]
    texts = (html.unescape(value).strip() for value in (*_TAG.split(text), *values))
    found = dict.fromkeys(value for value in texts if value)
    found |= dict.fromkeys(_CODE.sub(" ", value) for value in found if "&" in value)
    yield Piece("parts", texts=list(found))
