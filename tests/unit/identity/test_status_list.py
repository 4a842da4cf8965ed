"""The Token Status List against the vectors of the draft, and the allocation of entries."""

from __future__ import annotations

import random
import zlib
from datetime import timedelta

import pytest

from gateway.identity import jws, status_list
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.records import StatusReference
from tests.unit.identity.builders import INDEX, ISSUER, LIST_URI, NOW, Scene, keys_of

# draft-ietf-oauth-status-list, section 4: bytes, statuses, lst
ONE_BIT = (1, bytes([0xB9, 0xA3]), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], "eNrbuRgAAhcBXQ")
TWO_BITS = (2, bytes([0xC9, 0x44, 0xF9]), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3], "eNo76fITAAPfAgc")
# Appendix: 2-bit list of 2^20 entries
LONG = (
    "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5"
    "WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoA"
    "AAAAAAAAAAAAAEBqH81gAQw"
)
LONG_STATUSES = {
    0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2, 1000345: 3
}  # fmt: skip


@pytest.mark.parametrize(("bits", "raw", "statuses", "lst"), [ONE_BIT, TWO_BITS])
def test_the_examples_of_the_draft_pack_and_unpack(bits: int, raw: bytes, statuses: list[int], lst: str) -> None:
    assert status_list.unpack(lst) == raw
    assert status_list.pack(raw) == lst
    assert [status_list.get(raw, index, bits) for index in range(len(statuses))] == statuses
    assert status_list.put(bytes(len(raw)), dict(enumerate(statuses)), bits) == raw


def test_the_long_vector_of_the_draft_has_its_eleven_entries() -> None:
    raw = status_list.unpack(LONG)
    assert len(raw) * 4 == 1 << 20
    assert status_list.put(status_list.empty(1 << 20), LONG_STATUSES) == raw


@pytest.mark.parametrize("index", [-1, 12, 10**9])
def test_an_index_out_of_range_is_an_error(index: int) -> None:
    with pytest.raises(IndexError):
        status_list.get(TWO_BITS[1], index)
    with pytest.raises(IndexError):
        status_list.put(TWO_BITS[1], {index: 1})


def test_a_status_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="fit"):
        status_list.put(bytes(1), {0: 4})
    with pytest.raises(ValueError, match="whole bytes"):
        status_list.empty(3)


def test_a_zip_bomb_trailing_bytes_and_truncation_are_refused() -> None:
    packed = zlib.compress(bytes(1000))
    for data in (zlib.compress(bytes(2000)), packed + b"x", packed[:-1], b"", b"plain"):
        with pytest.raises(jws.MalformedTokenError):
            status_list.unpack(jws.encode(data), max_bytes=1000)
    assert status_list.unpack(jws.encode(packed), max_bytes=1000) == bytes(1000)


def test_a_token_says_type_subject_and_times() -> None:
    scene = Scene()
    token = jws.parse(scene.list_token())
    assert token.header == {"alg": "ES256", "typ": "statuslist+jwt", "kid": scene.signer.kid}
    assert token.payload["sub"] == LIST_URI
    assert token.payload["ttl"] == 3600
    assert token.payload["exp"] == int(NOW.timestamp()) + 86400
    assert token.payload["status_list"]["bits"] == 2  # type: ignore[index]  # parsed JSON


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("iat", "x"),
        ("iat", int(NOW.timestamp()) + 3600),
        ("nbf", int(NOW.timestamp()) + 3600),
        ("nbf", None),
        ("ttl", 0),
        ("ttl", True),
        ("status_list", None),
        ("status_list", {"bits": 3, "lst": "eNo76fITAAPfAgc"}),
        ("status_list", {"bits": True, "lst": "eNo76fITAAPfAgc"}),
        ("status_list", {"bits": 2, "lst": "AAAA"}),
        ("exp", 10**40),
    ],
)
def test_a_malformed_token_is_refused(member: str, value: object) -> None:
    scene = Scene()
    payload = {**jws.parse(scene.list_token()).payload, member: value}
    token = jws.sign({"typ": status_list.TYP, "kid": scene.signer.kid}, payload, scene.signer.key)
    with pytest.raises(CredentialRejectedError) as caught:
        status_list.read(token, StatusReference(LIST_URI, INDEX), issuer=ISSUER, keys=keys_of(scene.signer), now=NOW)
    assert caught.value.reason is Reason.STATUS_LIST_MALFORMED


@pytest.mark.parametrize("ttl", [10**9, 10**12, 10**30])
def test_a_ttl_beyond_all_clocks_never_goes_stale(ttl: int) -> None:
    scene = Scene()
    payload = {**jws.parse(scene.list_token()).payload, "ttl": ttl}
    token = jws.sign({"typ": status_list.TYP, "kid": scene.signer.kid}, payload, scene.signer.key)
    assert scene.verify(scene.present("stage"), list_token=token).claims == {"stage": "junior"}


def test_a_list_of_another_issuer_is_refused() -> None:
    scene = Scene()
    token = scene.list_token(issuer="https://other.example")
    with pytest.raises(CredentialRejectedError) as caught:
        status_list.read(token, StatusReference(LIST_URI, INDEX), issuer=ISSUER, keys=keys_of(scene.signer), now=NOW)
    assert caught.value.reason is Reason.WRONG_ISSUER


def test_text_that_is_no_token_is_refused() -> None:
    with pytest.raises(CredentialRejectedError) as caught:
        status_list.read("x", StatusReference(LIST_URI, 0), issuer=ISSUER, keys=keys_of(Scene().signer), now=NOW)
    assert caught.value.reason is Reason.STATUS_LIST_MALFORMED


def test_allocation_gives_every_entry_once_until_the_rooms_are_full() -> None:
    choose = random.Random(7).randrange
    given: set[tuple[str, int]] = set()
    for _ in range(8):
        rooms = [status_list.Room(name, 32, 32 - sum(1 for shard, _ in given if shard == name)) for name in ("a", "b")]
        fresh = status_list.allocate(8, rooms, taken=given.intersection, choose=choose)
        assert len(set(fresh)) == 8
        assert not given.intersection(fresh)
        given.update(fresh)
    assert given == {(name, index) for name in ("a", "b") for index in range(32)}
    with pytest.raises(ValueError, match="full"):
        status_list.allocate(1, [status_list.Room("a", 32, 0)], taken=given.intersection, choose=choose)


def test_allocation_spreads_over_all_shards_and_is_not_in_order() -> None:
    rooms = [status_list.Room(name, 1 << 17, 1 << 16) for name in "abcd"]
    entries = status_list.allocate(200, rooms, taken=lambda _: (), choose=random.Random(11).randrange)
    assert {shard for shard, _ in entries} == set("abcd")
    indices = [index for _, index in entries]
    assert indices != sorted(indices)
    assert max(indices) - min(indices) > 1 << 16


def test_a_list_token_of_the_drafts_shape_without_ttl_never_goes_stale() -> None:
    scene = Scene()
    payload = {name: value for name, value in jws.parse(scene.list_token()).payload.items() if name != "ttl"}
    token = jws.sign({"typ": status_list.TYP, "kid": scene.signer.kid}, payload, scene.signer.key)
    late = NOW + timedelta(hours=23)
    assert scene.verify(scene.present("stage", now=late), now=late, list_token=token).status.ttl is None
