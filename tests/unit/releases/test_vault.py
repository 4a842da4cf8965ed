"""A sealed file gives back what was written, at any offset, and opens for nothing else."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest

from gateway.ids import ExtractId
from gateway.releases.errors import ContentDamagedError
from gateway.releases.vault import CHUNK, FileKey, SealedSink, SealedSource

EXTRACT = ExtractId("ex-1")


def _write(path: Path, key: FileKey, content: bytes) -> str:
    with SealedSink(path, key) as sink:
        for start in range(0, len(content), 300_000):
            sink.write(content[start : start + 300_000])
        return sink.commit()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 77])
def test_a_sealed_file_reads_back_at_every_size(tmp_path: Path, size: int) -> None:
    content = secrets.token_bytes(size)
    key = FileKey.new(EXTRACT)
    digest = _write(tmp_path / "f", key, content)
    source = SealedSource(tmp_path / "f", key, size)
    assert source.read() == content
    assert digest == hashlib.sha256(content).hexdigest()


def test_a_slice_across_chunks_is_exact(tmp_path: Path) -> None:
    content = secrets.token_bytes(2 * CHUNK + 5)
    key = FileKey.new(EXTRACT)
    _write(tmp_path / "f", key, content)
    source = SealedSource(tmp_path / "f", key, len(content))
    assert b"".join(source.slices(CHUNK - 3, CHUNK + 9)) == content[CHUNK - 3 : CHUNK + 10]


def test_what_is_read_into_a_buffer_is_exact_from_every_place(tmp_path: Path) -> None:
    content = secrets.token_bytes(3 * CHUNK + 5)
    key = FileKey.new(EXTRACT)
    _write(tmp_path / "f", key, content)
    with SealedSource(tmp_path / "f", key, len(content)) as source:
        for start, length in [(0, len(content)), (7, 2 * CHUNK), (CHUNK, CHUNK), (CHUNK, CHUNK + 1), (9, 9)]:
            buffer = bytearray(length)
            source.seek(start)
            assert source.readinto(buffer) == length
            assert buffer == content[start : start + length]


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK + 1])
def test_a_file_of_another_size_than_was_told_does_not_open(tmp_path: Path, size: int) -> None:
    key = FileKey.new(EXTRACT)
    _write(tmp_path / "f", key, secrets.token_bytes(CHUNK))
    with SealedSource(tmp_path / "f", key, size) as source, pytest.raises(ContentDamagedError):
        source.readinto(bytearray(size))


def test_the_clear_content_is_not_in_the_file(tmp_path: Path) -> None:
    _write(tmp_path / "f", FileKey.new(EXTRACT), b"unmistakable" * 1000)
    assert b"unmistakable" not in (tmp_path / "f").read_bytes()


@pytest.mark.parametrize("where", [20, CHUNK + 40, -1])
def test_an_altered_file_does_not_open(tmp_path: Path, where: int) -> None:
    content = secrets.token_bytes(2 * CHUNK)
    key = FileKey.new(EXTRACT)
    _write(tmp_path / "f", key, content)
    damaged = bytearray((tmp_path / "f").read_bytes())
    damaged[where] ^= 1
    (tmp_path / "f").write_bytes(damaged)
    with pytest.raises(ContentDamagedError):
        SealedSource(tmp_path / "f", key, len(content)).read()


def test_a_file_cut_at_a_chunk_does_not_open_as_a_shorter_one(tmp_path: Path) -> None:
    content = secrets.token_bytes(3 * CHUNK)
    key = FileKey.new(EXTRACT)
    _write(tmp_path / "f", key, content)
    whole = (tmp_path / "f").read_bytes()
    (tmp_path / "f").write_bytes(whole[: 8 + 2 * (CHUNK + 16)])
    with pytest.raises(ContentDamagedError):
        SealedSource(tmp_path / "f", key, 2 * CHUNK).read()


def test_a_key_opens_only_for_its_extract_and_delivery_key(tmp_path: Path) -> None:
    delivery_key = secrets.token_bytes(32)
    key = FileKey.new(EXTRACT)
    wrapped = key.wrap(delivery_key)
    assert FileKey.unwrap(EXTRACT, wrapped, delivery_key) == key
    with pytest.raises(ContentDamagedError):
        FileKey.unwrap(ExtractId("ex-2"), wrapped, delivery_key)
    with pytest.raises(ContentDamagedError):
        FileKey.unwrap(EXTRACT, wrapped, secrets.token_bytes(32))


def test_an_abandoned_file_leaves_nothing(tmp_path: Path) -> None:
    with SealedSink(tmp_path / "f", FileKey.new(EXTRACT)) as sink:
        sink.write(b"half")
    assert list(tmp_path.iterdir()) == []
