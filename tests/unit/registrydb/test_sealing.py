"""Sealed values open in their place and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from core_registry.db.engine import make_engine, reading, writing
from core_registry.db.migrate import upgrade
from core_registry.db.sealing import DataKeys, RegistryKeys, master_id, seal, unseal
from core_registry.db.tables import data_keys
from core_registry.errors import SealedValueError
from tests.factories.registrydb_rows import AT

ONE, TWO, INDEX = b"1" * 32, b"2" * 32, b"i" * 32
CONTEXT = ("students", "sealed", 1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'r.db'}"
    upgrade(url)
    made = make_engine(url)
    yield made
    made.dispose()


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_what_is_sealed_opens_to_the_same_text(texts: list[str]) -> None:
    key = AESGCM(b"k" * 32)
    ids = [f"row-{n}" for n in range(len(texts))]
    sealed = seal(key, CONTEXT, ids, texts)
    assert [unseal(key, CONTEXT, i, s) for i, s in zip(ids, sealed, strict=True)] == texts


def test_equal_texts_are_sealed_differently_and_show_nothing() -> None:
    key = AESGCM(b"k" * 32)
    one, two = seal(key, CONTEXT, ["a", "b"], ["哨兵", "哨兵"])
    assert one != two
    assert one[:12] != two[:12]
    assert "哨兵".encode() not in one


@pytest.mark.parametrize(
    ("context", "row_id"),
    [
        (("students", "sealed", 1), "b"),
        (("guardians", "sealed", 1), "a"),
        (("students", "other", 1), "a"),
        (("students", "sealed", 2), "a"),
    ],
)
def test_a_value_moved_to_another_row_table_column_or_version_does_not_open(
    context: tuple[str, str, int], row_id: str
) -> None:
    key = AESGCM(b"k" * 32)
    (sealed,) = seal(key, CONTEXT, ["a"], ["哨兵"])
    with pytest.raises(SealedValueError) as refused:
        unseal(key, context, row_id, sealed)
    assert "哨兵" not in str(refused.value)


@given(st.integers(0, 27 + 6), st.integers(1, 255))
def test_a_value_altered_in_any_byte_does_not_open(position: int, change: int) -> None:
    key = AESGCM(b"k" * 32)
    (sealed,) = seal(key, CONTEXT, ["a"], ["哨兵"])
    altered = bytearray(sealed)
    altered[position] ^= change
    with pytest.raises(SealedValueError):
        unseal(key, CONTEXT, "a", bytes(altered))


@pytest.mark.parametrize("sealed", [b"", b"short", b"\0" * 12])
def test_what_is_no_sealed_value_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealedValueError):
        unseal(AESGCM(b"k" * 32), CONTEXT, "a", sealed)


def test_another_key_does_not_open() -> None:
    (sealed,) = seal(AESGCM(b"k" * 32), CONTEXT, ["a"], ["x"])
    with pytest.raises(SealedValueError):
        unseal(AESGCM(b"l" * 32), CONTEXT, "a", sealed)


def test_rows_and_texts_must_be_of_one_number() -> None:
    with pytest.raises(ValueError, match="zip"):
        seal(AESGCM(b"k" * 32), CONTEXT, ["a", "b"], ["x"])


def test_a_master_key_that_was_not_given_fails_closed(engine: Engine) -> None:
    with writing(engine) as connection:
        DataKeys(engine, RegistryKeys(ONE, INDEX)).newest(connection, "students", AT)
    stranger = DataKeys(engine, RegistryKeys(TWO, INDEX))
    with pytest.raises(SealedValueError, match=master_id(ONE)):
        stranger.check()
    with pytest.raises(SealedValueError), reading(engine) as connection:
        stranger.of(connection, "students", 1)
    with pytest.raises(SealedValueError):
        stranger.rewrap()
    with pytest.raises(SealedValueError), reading(engine) as connection:
        stranger.of(connection, "students", 2)
    DataKeys(engine, RegistryKeys(ONE, INDEX)).check()


def test_an_altered_data_key_does_not_open(engine: Engine) -> None:
    keys = DataKeys(engine, RegistryKeys(ONE, INDEX))
    with writing(engine) as connection:
        keys.newest(connection, "students", AT)
        wrapped = connection.execute(select(data_keys.c.wrapped)).scalar_one()
        connection.execute(update(data_keys).values(wrapped=wrapped[:-1] + bytes([wrapped[-1] ^ 1])))
    with pytest.raises(SealedValueError, match="altered"):
        keys.check()


def test_values_stay_readable_through_a_change_of_the_master_key(engine: Engine) -> None:
    before = DataKeys(engine, RegistryKeys(ONE, INDEX))
    with writing(engine) as connection:
        version, key = before.newest(connection, "students", AT)
    (sealed,) = seal(key, ("students", "sealed", version), ["a"], ["x"])
    both = DataKeys(engine, RegistryKeys(TWO, INDEX, older_data=(ONE,)))
    assert both.rewrap() == 1
    assert both.add_version("students", AT) == 2
    after = DataKeys(engine, RegistryKeys(TWO, INDEX))
    with reading(engine) as connection:
        assert unseal(after.of(connection, "students", 1), ("students", "sealed", 1), "a", sealed) == "x"
        assert after.newest(connection, "students", AT)[0] == 2
    with pytest.raises(SealedValueError):
        DataKeys(engine, RegistryKeys(ONE, INDEX)).check()


def test_a_key_made_in_a_transaction_that_fails_is_forgotten(engine: Engine) -> None:
    keys = DataKeys(engine, RegistryKeys(ONE, INDEX))
    with engine.connect() as connection:
        version, lost = keys.newest(connection, "students", AT)
        connection.rollback()
    with writing(engine) as connection:
        assert keys.newest(connection, "students", AT)[0] == 1
    (sealed,) = seal(lost, ("students", "sealed", version), ["a"], ["x"])
    with reading(engine) as connection, pytest.raises(SealedValueError):
        unseal(keys.of(connection, "students", 1), ("students", "sealed", 1), "a", sealed)


def test_keys_are_32_bytes_and_have_no_repr() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        RegistryKeys(b"short", INDEX)
    with pytest.raises(ValueError, match="32 bytes"):
        RegistryKeys(ONE, INDEX, older_data=(b"short",))
    assert repr(RegistryKeys(ONE, INDEX)) == "RegistryKeys()"
