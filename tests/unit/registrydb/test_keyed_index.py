"""One key for one value, however it is written, and by whatever implementation."""

from __future__ import annotations

import hashlib
import hmac

import polars as pl
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from core_registry.db.keyed_index import KeyedIndex, normalize_name

INDEX = KeyedIndex(bytes(range(32)))


def by_hand(kind: str, value: str) -> str:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"xueji registry-index {kind} v1".encode())
    key = derived.derive(bytes(range(32))).hex().encode("ascii")
    return hmac.new(key, f"{kind}\x1f{value}".encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.parametrize("kind", ["id_number", "name", "phone", "student_number", "suspect"])
def test_polars_and_the_standard_library_make_the_same_key(kind: str) -> None:
    value = "13900000000" if kind == "phone" else "14010520150309001X"
    assert INDEX.key(kind, value) == by_hand(kind, value)  # type: ignore[arg-type]  # a parameter of the test


def test_a_key_is_the_vector_that_every_implementation_must_give() -> None:
    assert INDEX.key("name", "王伟") == "997b12b5defc66296b7df3728ceb0215"


def test_spellings_of_one_value_have_one_key() -> None:
    ids = INDEX.keyed(
        "id_number", pl.Series(["14010520150309001X", " 14010520150309001x", "１４０１０５２０１５０３０９００１Ｘ"])
    )
    phones = INDEX.keyed("phone", pl.Series(["13900000000", "+86 139-0000-0000", "139 0000 0000"]))
    names = INDEX.keyed("name", pl.Series(["买买提·艾力", "买买提•艾力", "买买提 ・ 艾力"]))
    assert ids.n_unique() == phones.n_unique() == names.n_unique() == 1


def test_kinds_and_keys_are_kept_apart() -> None:
    assert INDEX.key("name", "1") != INDEX.key("phone", "1")
    assert INDEX.key("name", "王伟") != KeyedIndex(b"x" * 32).key("name", "王伟")


def test_nulls_and_blanks_have_no_key_and_the_column_keeps_its_name() -> None:
    found = INDEX.keyed("id_number", pl.Series("id", [None, "", "  ", "1"]))
    assert found.name == "id"
    assert found.is_null().to_list() == [True, True, True, False]
    assert INDEX.keyed("name", pl.Series("n", [], dtype=pl.String)).len() == 0


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no index"):
        INDEX.keyed("shoe_size", pl.Series(["1"]))  # type: ignore[arg-type]  # that is the point


@given(st.text())
def test_normalizing_a_name_twice_is_normalizing_it_once(name: str) -> None:
    assert normalize_name(normalize_name(name)) == normalize_name(name)


@given(st.lists(st.one_of(st.none(), st.text()), max_size=8))
def test_a_column_gives_what_its_cells_give(values: list[str | None]) -> None:
    column = INDEX.keyed("name", pl.Series(values, dtype=pl.String)).to_list()
    assert column == [None if value is None else INDEX.key("name", value) for value in values]
