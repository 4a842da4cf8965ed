"""Tags by columns against the plain definition, one pupil after the other: both makes, order, root, and rolls."""

from __future__ import annotations

import hmac

import polars as pl
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audit.hashing import WORTH_IT
from gateway.audit.merkle import leaf_hash, root_of
from gateway.audit.rolls import RollCall, packed, tag_list
from gateway.audit.tag_makes import new_key, tags_of_refs
from gateway.audit.tags import LISTED_TAGS, Tagger

EPOCH = "2026Q4"
FIRST, SECOND = bytes(range(32)), b"\x02" + bytes(range(32))
refs = st.binary(min_size=16, max_size=16)
near = st.integers(0, 300).map(lambda number: number.to_bytes(16, "big")) | st.integers(0, 3).map(
    lambda number: bytes([number]) * 8 + bytes(8)
)
"""Tags close together: some twice, some with one half alike."""


def plain(key: bytes, ref: bytes) -> bytes:
    """Return a tag as docs/presence-proofs.md, section 2, says it."""
    if key[:1] == b"\x02" and len(key) == 33:
        block = Cipher(AES256(key[1:]), CBC(bytes(16))).encryptor().update(ref)  # one block of CBC after zeros is AES
        return bytes(one ^ other for one, other in zip(block, ref, strict=True))
    return hmac.digest(key, ref.hex().encode(), "sha256")[:16]


def test_the_second_make_has_the_value_of_fips_197() -> None:
    ref = bytes.fromhex("00112233445566778899aabbccddeeff")
    block = int("8ea2b7ca516745bfeafc49904b496089", 16)  # FIPS 197, appendix C.3
    assert int.from_bytes(tags_of_refs(SECOND, ref), "big") == block ^ int.from_bytes(ref, "big")


@given(st.lists(refs, max_size=40))
@settings(max_examples=60, deadline=None)
def test_tags_together_are_those_one_by_one(pupils: list[bytes]) -> None:
    for key in (FIRST, SECOND):
        expected = [plain(key, ref) for ref in pupils]
        assert bytes(tags_of_refs(key, b"".join(pupils))) == b"".join(expected)
        tagger = Tagger(lambda _epoch, key=key: key)  # type: ignore[misc]  # bound now
        assert [tagger.tag(EPOCH, ref.hex()) for ref in pupils] == expected
        assert list(tagger.many(EPOCH, b"".join(pupils)).tags) == sorted(set(expected))


@pytest.mark.parametrize("key", [FIRST, SECOND], ids=["first", "second"])
@pytest.mark.parametrize("count", [WORTH_IT - 1, WORTH_IT, 65_536 + 5])
def test_many_tags_are_those_one_by_one(key: bytes, count: int) -> None:
    pupils = [number.to_bytes(16, "little") for number in range(count)]
    assert bytes(tags_of_refs(key, b"".join(pupils))) == b"".join(plain(key, ref) for ref in pupils)


@given(st.lists(near | refs, max_size=200))
@example([])
@settings(max_examples=150, deadline=None)
def test_a_list_has_each_tag_once_in_order_and_its_root(tags: list[bytes]) -> None:
    made = tag_list(EPOCH, b"".join(tags), LISTED_TAGS)
    expected = sorted(set(tags))
    assert list(made.tags) == expected
    assert packed(made.tags).packed == b"".join(expected)
    assert made.listed == (len(expected) <= LISTED_TAGS)
    assert made.root == (None if made.listed else root_of(leaf_hash(tag) for tag in expected))


@given(st.lists(st.lists(refs, max_size=30), max_size=4), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_a_roll_holds_whoever_was_called_however_the_column_lies_in_memory(
    batches: list[list[bytes]], cut: int
) -> None:
    tagger = Tagger(lambda _epoch: SECOND)
    call, called = RollCall(EPOCH, tagger), []
    for batch in batches:
        texts = [ref.hex() for ref in batch]
        column = pl.concat([pl.Series(texts, dtype=pl.String), pl.Series(texts, dtype=pl.String)], rechunk=False)
        call.add(column.slice(cut))
        call.add(tuple(texts))
        called += [*[*texts, *texts][cut:], *texts]
    roll = call.close()
    assert list(roll) == called
    expected = tagger.tags(EPOCH, called)
    assert (roll.tags(EPOCH, tagger), roll.distinct) == (expected, len(set(called)))
    assert roll.tags("2027Q1", Tagger(lambda _epoch: FIRST)) == Tagger(lambda _epoch: FIRST).tags("2027Q1", called)


@pytest.mark.parametrize(
    "wrong", ["", "0" * 31, "0" * 33, "g" * 32, " " * 32, "00 " * 10 + "00", "\u0660" * 16, None], ids=repr
)
def test_what_is_no_reference_is_not_taken(wrong: str | None) -> None:
    call = RollCall(EPOCH, Tagger(lambda _epoch: SECOND))
    with pytest.raises(ValueError, match="hexa"):
        call.add(pl.Series(["0" * 32, wrong], dtype=pl.String))
    assert len(call.close()) == 0


def test_a_key_of_no_make_and_broken_references_are_refused() -> None:
    for key in (b"", bytes(16), b"\x03" + bytes(32), bytes(33)):
        with pytest.raises(ValueError, match="make"):
            tags_of_refs(key, bytes(16))
    with pytest.raises(ValueError, match="16 bytes"):
        tags_of_refs(FIRST, bytes(17))


def test_quarters_have_keys_of_the_second_make_and_their_tags_have_nothing_in_common() -> None:
    first, second = new_key(), new_key()
    assert (len(first), first[:1]) == (33, b"\x02")
    pupils = b"".join(number.to_bytes(16, "big") for number in range(5_000))
    one, other = Tagger(lambda _epoch: first), Tagger(lambda _epoch: second)
    assert not set(one.many(EPOCH, pupils).tags) & set(other.many(EPOCH, pupils).tags)
