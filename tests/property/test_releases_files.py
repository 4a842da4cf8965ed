"""Sealed files, shuffles and requests for any input."""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.leakscan import scan
from gateway.anonymize.pseudonyms import derive_key, pseudonymize
from gateway.ids import AccountId, ApplicationId, ExtractId, GrantId, RecipientId
from gateway.policies.records import Format, Level
from gateway.releases import shuffle as shuffle_module
from gateway.releases import store
from gateway.releases.errors import ContentDamagedError
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from gateway.releases.shuffle import Shuffle
from gateway.releases.vault import CHUNK, FileKey, SealedSink, SealedSource

SIZES = st.one_of(st.integers(0, 2000), st.integers(CHUNK - 3, CHUNK + 3), st.just(2 * CHUNK))
CODES = st.frozensets(st.text("0123456789", min_size=1, max_size=4), max_size=4)


@settings(max_examples=30, deadline=None)
@given(size=SIZES, data=st.data())
def test_any_slice_of_a_sealed_file_is_that_slice(size: int, data: st.DataObject) -> None:
    content = secrets.token_bytes(size)
    key = FileKey.new(ExtractId("ex-1"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.sealed"
        with SealedSink(path, key) as sink:
            sink.write(content)
            sink.commit()
        first = data.draw(st.integers(0, max(size - 1, 0)))
        last = data.draw(st.integers(first, max(size - 1, first)))
        with SealedSource(path, key, size) as source:
            assert b"".join(source.slices(first, min(last, size - 1), 1000)) == content[first : last + 1]


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 2000))
def test_a_file_cut_short_opens_nowhere_behind_the_cut(cut: int) -> None:
    content = secrets.token_bytes(CHUNK + 1000)
    key = FileKey.new(ExtractId("ex-1"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.sealed"
        with SealedSink(path, key) as sink:
            sink.write(content)
            sink.commit()
        path.write_bytes(path.read_bytes()[:-cut])
        with SealedSource(path, key, len(content)) as source, pytest.raises(ContentDamagedError):
            list(source.slices(CHUNK, len(content) - 1))


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(0, 50), max_size=200), pieces=st.integers(1, 5), held=st.integers(0, 60))
def test_a_shuffle_gives_back_the_same_rows_whether_spilled_or_not(values: list[int], pieces: int, held: int) -> None:
    before = shuffle_module._SMALL
    shuffle_module._SMALL = held
    try:
        with Shuffle() as shuffle:
            for start in range(pieces):
                shuffle.add(pl.DataFrame({"n": values[start::pieces]}, schema={"n": pl.Int64}))
            frames = list(shuffle.frames())
            assert shuffle.rows == len(values)
    finally:
        shuffle_module._SMALL = before
    assert Counter(value for frame in frames for value in frame["n"].to_list()) == Counter(values)


def test_what_a_shuffle_spills_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffle_module, "_SMALL", 10)
    with Shuffle() as shuffle:
        shuffle.add(pl.DataFrame({"n": ["unmistakable"] * 5000}))
        shuffle._file.seek(0)
        spilled = shuffle._file.read()
        assert len(spilled) > 100
        assert b"unmistakable" not in spilled
        assert sum(frame.height for frame in shuffle.frames()) == 5000


@given(
    kind=st.sampled_from(list(Format)),
    fields=st.none() | st.lists(st.text("abc_", min_size=1, max_size=5), min_size=1, max_size=4, unique=True),
    stages=st.none() | CODES,
    grades=st.none() | CODES,
    schools=st.none() | CODES,
)
def test_an_extract_reads_back_from_its_row_as_it_was(
    kind: Format,
    fields: list[str] | None,
    stages: frozenset[str] | None,
    grades: frozenset[str] | None,
    schools: frozenset[str] | None,
) -> None:
    """An empty set (nothing) must never come back as none (everything)."""
    request = ExtractRequest(kind, None if fields is None else tuple(fields), stages, grades, schools)
    extract = Extract(
        id=ExtractId("ex-1"),
        grant=GrantId("gr-1"),
        recipient=RecipientId("r"),
        executor=AccountId("st-1"),
        state=ExtractState.QUEUED,
        level=Level.MASKED,
        request=request,
        created_at=datetime(2026, 11, 23, 1, 2, 3, 4, tzinfo=UTC),
        expires_on=date(2026, 11, 30),
        first_delivery_at=datetime(2026, 11, 24, tzinfo=UTC),
        wrapped_key=b"\x00",
    )
    assert store._request(store._request_json(request)) == request
    assert store._extract(type("Row", (), store._values(extract))()) == extract


@settings(max_examples=3, deadline=None)
@given(root=st.binary(min_size=32, max_size=32))
def test_no_pseudonym_of_twenty_thousand_raises_a_false_alarm(root: bytes) -> None:
    key = derive_key(root, RecipientId("91140000MA0TEHB002"), ApplicationId("ap-1"), 1)
    refs = pl.Series([secrets.token_hex(16) for _ in range(20_000)])
    frame = pl.DataFrame({"pseudonym": pseudonymize(refs, key)})
    assert frame["pseudonym"].n_unique() == 20_000
    assert scan(frame, {"pseudonym": "pseudonym"}).clean
    assert not scan(frame).by_kind  # nor in a column that nobody expected to hold pseudonyms
