"""What a written file holds, also where its reader does not look: everything planted is seen by the leak scan."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.comments import Comment

from core_registry.sharing import IdentifierKind
from gateway.anonymize.plan import Plan
from gateway.policies.records import Format
from gateway.releases import written as written_module
from gateway.releases.errors import ContentDamagedError, LeakSuspectedError
from gateway.releases.leakwatch import LeakWatch
from gateway.releases.writers import writer
from gateway.releases.written import Sieve, pieces
from tests.unit.anonymize.plans import PSEUDONYMOUS_FIELDS, RULEBOOK, names, profile
from tests.unit.anonymize.test_leakscan import ID

PLAN = Plan.of(profile("pseudonymous", PSEUDONYMOUS_FIELDS), names(PSEUDONYMOUS_FIELDS), RULEBOOK)
CLEAN = pl.DataFrame(
    {"pseudonym": [f"{n:032x}" for n in range(300)], "class": [f"{n % 5 + 1}班" for n in range(300)]},
    schema={"pseudonym": pl.String, "class": pl.String},
)
NAME = "王小明"


class Registry:
    """Knows one pupil."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def known(self, kind: IdentifierKind, values: Sequence[str]) -> list[bool]:
        self.asked += values
        return [value in {ID, NAME, f"G{ID}"} for value in values]


def watched(kind: Format, content: bytes) -> LeakWatch:
    watch = LeakWatch(PLAN)
    for piece in pieces(kind, io.BytesIO(content)):  # type: ignore[arg-type]  # a file in memory reads like a raw one
        watch.look_at(piece)
    return watch


def leaks(kind: Format, content: bytes) -> bool:
    try:
        watched(kind, content).judge(Registry())
    except LeakSuspectedError:
        return True
    return False


def written(kind: Format, frame: pl.DataFrame = CLEAN) -> bytes:
    sink = io.BytesIO()
    out = writer(kind, sink, frame.schema)
    out.write(frame)
    out.close()
    return sink.getvalue()


def zipped(content: bytes, name: str = "extract", comment: bytes = b"", extra: bytes = b"") -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name)
        member.extra = extra
        archive.writestr(member, content)
        archive.comment = comment
    return sink.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


PACKERS: list[Callable[[bytes], bytes]] = [
    lambda content: content,
    gzip.compress,
    zstd,
    bz2.compress,
    lzma.compress,
    zipped,
    lambda content: gzip.compress(zipped(content)),
]


@pytest.mark.parametrize("kind", list(Format))
def test_a_clean_file_of_every_format_is_looked_at_whole_and_passes(kind: Format) -> None:
    watch = watched(kind, written(kind))
    watch.judge(Registry())
    result = watch.result(kind, 1)
    assert (result.rows, result.cells, result.confirmed) == (300, 600, 0)
    assert result.asked <= (kind is Format.XLSX)  # 宋体, a typeface of the workbook's theme, could be a name
    assert {"rows", "names"} <= set(result.places)


@pytest.mark.parametrize("kind", [Format.CSV, Format.NDJSON])
@pytest.mark.parametrize("pack", PACKERS)
def test_what_stands_in_a_cell_is_seen_through_any_compression(kind: Format, pack: Callable[[bytes], bytes]) -> None:
    for value in (ID, NAME, f"G{ID}", f"{ID[:6]}\n{ID[6:]}"):
        frame = CLEAN.with_columns(
            pl.when(pl.int_range(pl.len()) == 177).then(pl.lit(value)).otherwise("class").alias("class")
        )
        assert leaks(kind, pack(written(kind, frame)))
    assert not leaks(kind, pack(written(kind)))


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_a_compressed_file_that_is_cut_off_does_not_pass(pack: Callable[[bytes], bytes]) -> None:
    content = pack(written(Format.CSV, pl.concat([CLEAN] * 20)))
    with pytest.raises(ContentDamagedError):
        watched(Format.CSV, content[: len(content) // 2])


def test_names_and_comments_of_archives_are_read() -> None:
    clean = written(Format.CSV)
    assert not leaks(Format.CSV, zipped(clean))
    assert leaks(Format.CSV, zipped(clean, name=f"{ID}.csv"))
    assert leaks(Format.CSV, zipped(clean, comment=NAME.encode()))
    assert leaks(Format.CSV, zipped(clean, extra=struct.pack("<HH", 0x9901, len(ID)) + ID.encode()))
    sink = io.BytesIO()
    with gzip.GzipFile(f"{ID}.csv", "wb", fileobj=sink) as stream:
        stream.write(clean)
    assert leaks(Format.CSV, sink.getvalue())


def test_containers_without_end_do_not_pass() -> None:
    content = written(Format.CSV)
    for _ in range(5):
        content = gzip.compress(content)
    with pytest.raises(ContentDamagedError):
        watched(Format.CSV, content)


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def test_the_footer_of_parquet_is_read() -> None:
    table = CLEAN.to_arrow().cast(pa.schema([(name, pa.string()) for name in CLEAN.columns]))
    assert not leaks(Format.PARQUET, parquet(table))
    assert leaks(Format.PARQUET, parquet(table.replace_schema_metadata({"note": NAME})))
    assert leaks(Format.PARQUET, parquet(table.replace_schema_metadata({ID: "x"})))
    assert leaks(Format.PARQUET, parquet(table.append_column(NAME, pa.array(["x"] * 300))))


def test_a_value_of_a_dictionary_that_no_row_has_is_seen() -> None:
    for unused in (ID, NAME):
        codes = pa.array([0, 1] * 150, pa.int32())
        column = pa.DictionaryArray.from_arrays(codes, pa.array(["1班", "2班", unused]))
        table = pa.table({"pseudonym": CLEAN["pseudonym"].to_arrow().cast(pa.string()), "class": column})
        content = parquet(table, write_statistics=False, store_schema=False)
        assert NAME not in str(pq.read_table(io.BytesIO(content)).to_pydict())
        assert leaks(Format.PARQUET, content)


def footer_of(content: bytes) -> int:
    """Return where the footer of a Parquet file begins."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def test_bytes_that_no_page_holds_are_seen() -> None:
    content = written(Format.PARQUET)
    footer = footer_of(content)
    planted = content[:footer] + f"\x00{ID}\x00".encode() + content[footer:]
    assert pq.read_table(io.BytesIO(planted)).num_rows == 300
    assert leaks(Format.PARQUET, planted)
    with pytest.raises(ContentDamagedError):
        watched(Format.PARQUET, content + ID.encode())


def test_statistics_that_hold_what_no_row_holds_are_seen() -> None:
    table = pa.table({"pseudonym": CLEAN["pseudonym"].to_list(), "class": ["A" * len(NAME.encode())] * 300})
    content = parquet(table, use_dictionary=False, store_schema=False)
    footer = footer_of(content)
    forged = content[:footer] + content[footer:].replace(b"A" * len(NAME.encode()), NAME.encode())
    assert pq.read_table(io.BytesIO(forged))["class"].to_pylist() == table["class"].to_pylist()
    assert not leaks(Format.PARQUET, content)
    assert leaks(Format.PARQUET, forged)


def workbook(change: Callable[[openpyxl.Workbook], object]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(written(Format.XLSX)))
    change(book)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def hidden_sheet(book: openpyxl.Workbook) -> None:
    sheet = book.create_sheet("second")
    sheet.sheet_state = "veryHidden"
    sheet["C7"] = ID


def comment(book: openpyxl.Workbook) -> None:
    book.worksheets[0]["A2"].comment = Comment(f"见{ID}", "a")


def header(book: openpyxl.Workbook) -> None:
    book.worksheets[0].oddHeader.center.text = ID


@pytest.mark.parametrize(
    "change",
    [
        hidden_sheet,
        comment,
        header,
        lambda book: setattr(book.worksheets[0], "title", ID),
        lambda book: setattr(book.worksheets[0], "title", NAME),
        lambda book: setattr(book.properties, "creator", NAME),
        lambda book: setattr(book.properties, "keywords", f"a {ID}"),
    ],
)
def test_every_corner_of_a_workbook_is_read(change: Callable[[openpyxl.Workbook], object]) -> None:
    assert not leaks(Format.XLSX, workbook(lambda _: None))
    assert leaks(Format.XLSX, workbook(change))


def test_a_key_that_stands_twice_in_json_hides_nothing() -> None:
    line = f'{{"pseudonym":"{"0" * 32}","class":"{ID}","class":"1班"}}\n'
    assert leaks(Format.NDJSON, line.encode())


def test_a_number_over_neighbouring_cells_is_seen() -> None:
    frame = pl.DataFrame({"pseudonym": ["0" * 32], "a": [ID[:6]], "b": ["2015-03-02"], "c": [ID[14:]]})
    assert leaks(Format.CSV, written(Format.CSV, frame))


@given(st.binary(max_size=80), st.binary(max_size=80), st.integers(1, 60))
def test_the_sieve_finds_a_number_over_every_edge(before: bytes, after: bytes, cut: int) -> None:
    number = ID.encode()
    content = before + b" " + number + b"," + after
    sieve = Sieve()
    found: list[str] = []
    for start in range(0, len(content), cut):
        for piece in sieve.pieces(content[start : start + cut]):
            found += piece.texts
    assert any(ID in text for text in found)


def test_no_value_shows_in_what_is_told_of_a_scan() -> None:
    frame = CLEAN.with_columns(pl.lit("电话19900000000").alias("class"))
    watch = watched(Format.CSV, written(Format.CSV, frame))
    asked = Registry()
    watch.judge(asked)
    assert asked.asked == ["19900000000"]
    result = watch.result("csv", 7)
    assert (dict(result.suspicions), result.asked, result.confirmed) == ({"phone": 1}, 1, 0)
    assert "19900000000" not in f"{result!r}{result.to_json()}{watch!r}"


@pytest.mark.parametrize("few", [0, 1_000])
def test_runs_of_digits_are_found_in_either_way(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_module, "_FEW", few)
    for before in range(12):
        content = b"." * before + b"12345678901" + b"." + b"1234567890" + b"." + b"3" * 40
        digit = np.frombuffer(content, dtype=np.uint8)
        first, last = written_module._runs((digit >= ord("0")) & (digit <= ord("9")))
        assert list(zip(first.tolist(), last.tolist(), strict=True)) == [
            (before, before + 11), (before + 23, before + 63)
        ]  # fmt: skip


def test_a_category_that_comes_again_is_found_again() -> None:
    """Bank cards are counted by look, whatever was seen before; what is harmless is looked at once."""
    watch = LeakWatch(PLAN)
    frame = pl.DataFrame({"a": ["4111111111111111", "1班", None], "b": [ID, "1班", "2班"]}).cast(pl.Categorical)
    for _ in range(2):
        watch._look(frame, {}, "rows")
    assert watch.result("csv", 1).suspicions == {"id_number": 1, "bank_card": 2}
