"""Pseudonyms: one test vector for all implementations, and keys that never show."""

import copy
import hashlib
import hmac
import pickle

import polars as pl
import pytest

from gateway.anonymize import pseudonyms
from gateway.anonymize.pseudonyms import KeyedHash, derive_key, key_id, pseudonymize
from gateway.errors import ParameterError

ROOT = bytes(range(32))
KEY = derive_key(ROOT, "91140000MA0ABCDE1X", "bus-2026", 1)


def test_the_derived_key_is_the_published_vector() -> None:
    # Recomputed from RFC 5869 with hmac alone: extract with a zero salt, then one block of expand.
    def part(text: bytes) -> bytes:
        return len(text).to_bytes(4, "big") + text

    info = part(b"xueji-gateway pseudonym v1") + part(b"91140000MA0ABCDE1X") + part(b"bus-2026") + part(b"1")
    extracted = hmac.digest(bytes(32), ROOT, "sha256")
    assert hmac.digest(extracted, info + b"\x01", "sha256").hex() == KEY
    assert KEY == "ae496f14f7a738873beb53590765874d702113224e5b1a908423e3ceb4dfdd29"


def test_the_pseudonym_is_hmac_sha256_under_the_ascii_key_cut_to_128_bits() -> None:
    values = ["0123456789abcdef0123456789abcdef", "", "学生", "f" * 32]
    expected = [hmac.digest(KEY.encode("ascii"), v.encode(), "sha256").hex()[:32] for v in values]
    assert pseudonymize(pl.Series("p", values), KEY).to_list() == expected
    assert expected[0] == "4f22f0f110f100552a2c55fa25280c89"
    assert hmac.digest(bytes.fromhex(KEY), values[0].encode(), "sha256").hex()[:32] != expected[0]


def test_nulls_stay_null_and_the_name_stays() -> None:
    column = pseudonymize(pl.Series("p", [None, "a"]), KEY)
    assert column.name == "p"
    assert column.null_count() == 1
    assert column[0] is None


@pytest.mark.parametrize(
    ("recipient", "project", "version"),
    [
        ("91140000MA0ABCDE1Y", "bus-2026", 1),
        ("91140000MA0ABCDE1X", "bus-2027", 1),
        ("91140000MA0ABCDE1X", "bus-2026", 2),
    ],
)
def test_two_recipients_projects_or_versions_share_no_pseudonym(recipient: str, project: str, version: int) -> None:
    refs = pl.Series([hashlib.sha256(bytes([i])).hexdigest()[:32] for i in range(200)])
    other = derive_key(ROOT, recipient, project, version)
    assert other != KEY
    assert not set(pseudonymize(refs, KEY)) & set(pseudonymize(refs, other))


def test_the_parts_of_a_key_cannot_be_shifted_into_each_other() -> None:
    assert derive_key(ROOT, "ab", "c", 1) != derive_key(ROOT, "a", "bc", 1)


@pytest.mark.parametrize("key", ["", "00", "G" * 64, KEY.upper(), KEY + "0", KEY + "\n"])
def test_a_key_of_another_form_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ParameterError) as caught:
        pseudonymize(pl.Series(["a"]), key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    ("root", "recipient", "project", "version"),
    [(b"short", "a", "b", 1), (ROOT, "", "b", 1), (ROOT, "a", "", 1), (ROOT, "a", "b", 0)],
)
def test_incomplete_parts_make_no_key(root: bytes, recipient: str, project: str, version: int) -> None:
    with pytest.raises(ParameterError):
        derive_key(root, recipient, project, version)


def test_the_key_id_tells_keys_apart_and_holds_nothing_of_the_key() -> None:
    assert key_id(KEY) == key_id(KEY)
    assert key_id(KEY) != key_id(derive_key(ROOT, "x", "y", 1))
    assert key_id(KEY) not in KEY


def test_numbers_are_not_pseudonymised_silently() -> None:
    with pytest.raises(ParameterError):
        pseudonymize(pl.Series([1, 2]), KEY)


@pytest.mark.parametrize("many", [0, 1, 7, 40])
def test_pseudonyms_as_numbers_are_the_same_ones(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "_BLOCK", 8)
    values = pl.Series("s", [f"pupil {number}" for number in range(many + 3)])[3:]
    high, low = pseudonyms.numbers(values, KEY)
    told = [f"{one:016x}{two:016x}" for one, two in zip(high.tolist(), low.tolist(), strict=True)]
    assert told == pseudonymize(values, KEY).to_list()


def test_a_salt_and_an_extract_make_other_keys_and_the_salt_is_the_one_of_hkdf() -> None:
    salt = bytes(range(100, 132))
    names = ("91140000MA0ABCDE1X", "bus-2026", 1)
    keys = [
        KEY,
        derive_key(ROOT, *names, salt=salt),
        derive_key(ROOT, *names, salt=bytes(32)),
        derive_key(ROOT, *names, salt=salt, extract="ex-1"),
        derive_key(ROOT, *names, salt=salt, extract="ex-2"),
    ]
    assert len(set(keys)) == 4  # RFC 5869: no salt is a salt of zeros
    assert keys[0] == keys[2]

    def part(text: bytes) -> bytes:
        return len(text).to_bytes(4, "big") + text

    info = b"".join(map(part, (b"xueji-gateway pseudonym v1", *(str(name).encode() for name in names), b"ex-1")))
    extracted = hmac.digest(salt, ROOT, "sha256")
    assert hmac.digest(extracted, info + b"\x01", "sha256").hex() == keys[3]
    with pytest.raises(ParameterError):
        derive_key(ROOT, *names, salt=b"short")


def test_the_national_algorithm_is_hmac_sm3_under_the_same_key() -> None:
    """GB/T 32905: SM3 of ``abc`` is 66c7f0f4…; HMAC as in RFC 2104, block of 64 bytes."""
    assert hashlib.new("sm3", b"abc").hexdigest().startswith("66c7f0f462eeedd9d1f2d46bdc10e4e2")
    pad = KEY.encode("ascii")
    inner, outer = bytes(byte ^ 0x36 for byte in pad), bytes(byte ^ 0x5C for byte in pad)

    def slow(value: str) -> str:
        first = hashlib.new("sm3", inner + value.encode()).digest()
        return hashlib.new("sm3", outer + first).hexdigest()[:32]

    values = ["0123456789abcdef0123456789abcdef", "", "学生", None]
    found = pseudonymize(pl.Series("p", values), KEY, "hmac-sm3")
    assert found.name == "p"
    assert found.to_list() == [None if value is None else slow(value) for value in values]
    assert found.to_list()[0] != pseudonymize(pl.Series(values), KEY).to_list()[0]
    assert KeyedHash(KEY, "hmac-sm3")(pl.Series(values)).to_list() == found.to_list()


def test_the_hook_holds_its_key_and_shows_it_to_nobody() -> None:
    hook = KeyedHash(KEY)
    assert hook.key_id == key_id(KEY)
    assert hook(pl.Series(["a"])).to_list() == pseudonymize(pl.Series(["a"]), KEY).to_list()
    assert KEY not in repr(hook) + str(hook) + str(dir(hook))
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(hook)
    with pytest.raises(ParameterError):
        KeyedHash("short")
    with pytest.raises(TypeError):
        vars(hook)
