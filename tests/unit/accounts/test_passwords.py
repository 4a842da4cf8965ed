"""What may be a password, and how it is kept."""

from __future__ import annotations

import pytest

from gateway.accounts.errors import WeakPasswordError
from gateway.accounts.passwords import ALPHABET, MAX_LENGTH, Passwords, check_strength, generate
from gateway.accounts.records import Credentials, StaffSpec
from gateway.ids import AccountId

CHEAP = Passwords(time_cost=1, memory_kib=8)


@pytest.mark.parametrize(
    "password",
    [
        "short-pass1",
        "x" * (MAX_LENGTH + 1),
        "passwordpassword",
        "Password123456",
        "P@ssw0rd123456",
        "qwertyuiop1234",
        "123456789012345",
        "abcdefghijklmn",
        "aaaaaaaaaaaaaaaa",
        "ababababababab",
        "admin123456admin",
        "woaini5201314!",
        "xueji@20262026",
        "1qaz2wsx3edc4rfv",
        "my-wang.wei-2026",
        "WANG.WEI-kaoshan-77",
    ],
)
def test_a_common_short_or_personal_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPasswordError) as refused:
        check_strength(password, username="wang.wei")
    assert refused.value.rule == "A50-2"
    assert password not in refused.value.detail


@pytest.mark.parametrize(
    "password",
    ["huanghe-lvliang-fenjiu-73", "雁门关外野人家，朝穿皮袄午穿纱", "k7 Vd!pq2 Zt9#mW", "correct horse battery staple"],
)
def test_a_password_of_unrelated_parts_is_accepted(password: str) -> None:
    check_strength(password, username="wang.wei")
    hashed = CHEAP.hash(password)
    assert hashed.startswith("$argon2id$")
    assert CHEAP.holds(password, hashed)
    assert not CHEAP.holds(password + " ", hashed)


def test_generated_passwords_differ_and_are_strong() -> None:
    passwords = {generate() for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        assert len(password) == 23
        assert set(password) <= set(ALPHABET + "-")
        check_strength(password, username="admin")


def test_the_default_costs_are_those_of_owasp() -> None:
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in Passwords().hash("huanghe-lvliang-fenjiu-73")


def test_two_writings_of_the_same_characters_are_one_password() -> None:
    assert CHEAP.holds("re\u0301sume\u0301-fenjiu-73", CHEAP.hash("r\u00e9sum\u00e9-fenjiu-73"))


def test_no_password_holds_where_there_is_no_hash() -> None:
    assert not CHEAP.holds("huanghe-lvliang-fenjiu-73", None)
    assert not CHEAP.holds("", None)
    assert not CHEAP.holds("huanghe-lvliang-fenjiu-73", "not a hash")


def test_a_cut_password_does_not_hold() -> None:
    longest = "ab9#" * 32
    hashed = CHEAP.hash(longest)
    assert CHEAP.holds(longest, hashed)
    assert not CHEAP.holds(longest + "more", hashed)


def test_hashes_with_other_costs_are_outdated() -> None:
    hashed = CHEAP.hash("huanghe-lvliang-fenjiu-73")
    assert not CHEAP.outdated(hashed)
    assert Passwords(time_cost=2, memory_kib=8).outdated(hashed)


def test_earlier_passwords_do_not_come_back() -> None:
    earlier = [CHEAP.hash("huanghe-lvliang-fenjiu-73")]
    with pytest.raises(WeakPasswordError):
        CHEAP.check_new("huanghe-lvliang-fenjiu-73", username="a", earlier=earlier)
    CHEAP.check_new("huanghe-lvliang-fenjiu-74", username="abc", earlier=earlier)


def test_credentials_and_specs_do_not_show_their_secrets() -> None:
    shown = repr(Credentials(AccountId("st-1"), "wang.wei", "the-password", "THESECRET"))
    shown += repr(StaffSpec("wang.wei", "王伟", frozenset(), password="the-password"))
    for secret in ("the-password", "THESECRET", "王伟"):
        assert secret not in shown
