"""Passkeys: the round trip, and every attack on a ceremony; each is refused with one answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cbor2
import pytest

from gateway.accounts.errors import SessionEndedError
from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.families.errors import LastPasskeyError, PasskeyRefusedError, StrongerSignInError
from gateway.families.passkeys import MOST_PASSKEYS, RelyingParty, passkey_id
from gateway.families.records import CeremonyId
from gateway.identity import jws
from tests.factories import families as houses
from tests.factories.families import UP, UV, House, Phone
from tests.factories.identity import WANG

house = houses.house_on_both
quick = houses.quick_house


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(PasskeyRefusedError) as caught:
        call()
    return caught.value.detail


def test_a_passkey_is_registered_and_signs_in(house: House) -> None:
    entered, phone = house.with_passkey()
    assert entered.principal.assurance == 2
    [kept] = house.families.passkeys.of(entered.principal.account)
    assert (kept.credential_id, kept.name, kept.last_used_at) == (phone.credential_id, "手机", None)
    back = house.sign_in(phone)
    assert back.principal == entered.principal
    assert house.accounts.principal_of_session(back.token or "").assurance == 2
    [kept] = house.families.passkeys.of(entered.principal.account)
    assert (kept.sign_count, kept.last_used_at) == (1, house.clock())
    assert house.journal.last("account.login").facts == {"method": "passkey", "session": True}
    assert house.journal.last("family.passkey_added").actor == entered.principal


def test_the_session_of_the_code_is_replaced_by_a_stronger_one(quick: House) -> None:
    weak = quick.guardian()
    strong = quick.register(weak, Phone())
    assert quick.accounts.principal_of_session(strong.token or "").assurance == 2
    with pytest.raises(SessionEndedError):
        quick.accounts.principal_of_session(weak.token or "")


def test_options_ask_for_a_discoverable_key_and_a_verified_user_and_name_nobody(quick: House) -> None:
    entered, phone = quick.with_passkey()
    options = json.loads(quick.families.passkeys.begin_registering(entered.principal).options)
    assert options["rp"]["id"] == houses.RP
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["attestation"] == "none"
    assert jws.decode(options["user"]["id"]).decode() == entered.principal.account
    assert options["user"]["name"] == f"家长账号 {entered.principal.account[-4:]}"
    assert [one["id"] for one in options["excludeCredentials"]] == [jws.encode(phone.credential_id)]
    asked = json.loads(quick.families.passkeys.begin_sign_in().options)
    assert (asked["rpId"], asked["userVerification"]) == (houses.RP, "required")
    assert not asked.get("allowCredentials")


# --- attacks on signing in


def test_a_challenge_is_good_once_for_one_browser_one_purpose_and_minutes(house: House) -> None:
    entered, phone = house.with_passkey()
    desk = house.families.passkeys
    begun, other = desk.begin_sign_in(), desk.begin_sign_in()
    answer = phone.get(begun.options)
    told = {refused(lambda: desk.sign_in(other.id, answer))}  # another browser's ceremony
    desk.sign_in(begun.id, answer)
    told.add(refused(lambda: desk.sign_in(begun.id, answer)))  # replayed
    told.add(refused(lambda: desk.sign_in(CeremonyId(""), phone.get(begun.options))))  # no cookie
    told.add(refused(lambda: desk.sign_in(other.id, phone.get(other.options))))  # spent by the first try
    registering = desk.begin_registering(entered.principal)
    told.add(refused(lambda: desk.sign_in(registering.id, phone.get(registering.options))))
    late = desk.begin_sign_in()
    house.clock.turn(minutes=5)
    told.add(refused(lambda: desk.sign_in(late.id, phone.get(late.options))))
    assert len(told) == 1
    assert house.reasons() == ["response"] + ["challenge"] * 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "https://evil.example"),
        ("origin", "http://family.example"),
        ("origin", "https://family.example.evil.example"),
        ("rp", "evil.example"),
        ("flags", UP),
        ("flags", UV),
    ],
    ids=["origin", "scheme", "suffix", "rp-id", "no-user-verification", "no-user-presence"],
)
def test_an_answer_made_for_somebody_else_or_without_the_user_is_refused(
    quick: House, name: str, value: object
) -> None:
    _, phone = quick.with_passkey()
    setattr(phone, name, value)
    refused(lambda: quick.sign_in(phone))
    assert quick.reasons() == ["response"]
    assert quick.journal.last("family.sign_in_refused").actor is None


def test_a_count_that_does_not_go_up_is_refused(house: House) -> None:
    _, phone = house.with_passkey()
    house.sign_in(phone)
    house.sign_in(phone, step=5)
    refused(lambda: house.sign_in(phone, step=0))  # a copy of the key
    phone.count -= 3
    refused(lambda: house.sign_in(phone))
    phone.count += 10
    assert house.sign_in(phone).token


def test_two_sign_ins_with_one_count_open_one_session(house: House) -> None:
    _, phone = house.with_passkey()
    desk = house.families.passkeys
    begun = [desk.begin_sign_in() for _ in range(2)]
    answers = [phone.get(one.options, step=1 if n == 0 else 0) for n, one in enumerate(begun)]

    def attempt(number: int) -> bool:
        try:
            desk.sign_in(begun[number].id, answers[number])
        except PasskeyRefusedError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == [False, True]


def test_a_synced_passkey_without_a_count_signs_in_again_and_again(quick: House) -> None:
    _, phone = quick.with_passkey()
    for _ in range(3):
        assert quick.sign_in(phone, step=0).token
    [kept] = quick.families.passkeys.of(quick.sign_in(phone, step=0).principal.account)
    assert kept.sign_count == 0


def test_an_unknown_passkey_another_owner_and_a_forged_signature_look_the_same(quick: House) -> None:
    entered, phone = quick.with_passkey()
    other, _ = quick.with_passkey(WANG)
    stranger, thief = (
        Phone(credential_id=b"unknown", handle=phone.handle),
        Phone(credential_id=phone.credential_id, handle=phone.handle),
    )
    told = {
        refused(lambda: quick.sign_in(stranger)),
        refused(lambda: quick.sign_in(thief)),  # another private key
        refused(lambda: quick.sign_in(phone, handle=other.principal.account.encode())),
        refused(lambda: quick.sign_in(phone, handle=b"")),
        refused(lambda: quick.sign_in(phone, challenge=jws.encode(bytes(32)))),
    }
    assert len(told) == 1
    assert quick.reasons() == [
        "unknown", "response", "owner", "owner", "response"
    ]  # fmt: skip
    assert quick.sign_in(phone).principal.account == entered.principal.account


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "{", '{"rawId": 7}', '{"rawId": "AA", "response": []}', "x" * 20_000, "[" * 9_000, '{"a": "\\ud800"}'],
)
def test_garbage_is_refused(quick: House, answer: str) -> None:
    desk = quick.families.passkeys
    refused(lambda: desk.sign_in(desk.begin_sign_in().id, answer))
    guardian = quick.guardian()
    begun = desk.begin_registering(guardian.principal)
    refused(lambda: desk.register(guardian.principal, guardian.token or "", begun.id, answer, ""))


def test_a_closed_account_signs_in_no_more(quick: House) -> None:
    entered, phone = quick.with_passkey()
    quick.seal(entered.principal.account)
    refused(lambda: quick.sign_in(phone))
    assert quick.reasons() == ["closed"]


# --- attacks on registering


@pytest.mark.parametrize(
    ("name", "value"),
    [("origin", "https://evil.example"), ("rp", "evil.example"), ("flags", UP), ("flags", UV)],
    ids=["origin", "rp-id", "no-user-verification", "no-user-presence"],
)
def test_a_registration_made_elsewhere_or_without_the_user_is_refused(quick: House, name: str, value: object) -> None:
    guardian, phone = quick.guardian(), Phone()
    setattr(phone, name, value)
    refused(lambda: quick.register(guardian, phone))
    assert quick.families.passkeys.of(guardian.principal.account) == ()
    assert quick.reasons() == ["response"]


def test_a_registration_is_for_the_account_that_began_it_and_once(quick: House) -> None:
    victim, thief, phone = quick.guardian(), quick.guardian(), Phone()
    desk = quick.families.passkeys
    begun = desk.begin_registering(victim.principal)
    answer = phone.create(begun.options)
    refused(lambda: desk.register(thief.principal, thief.token or "", begun.id, answer, ""))
    refused(lambda: desk.register(victim.principal, victim.token or "", begun.id, answer, ""))
    signing = desk.begin_sign_in()
    refused(lambda: desk.register(victim.principal, victim.token or "", signing.id, answer, ""))
    assert quick.reasons() == ["challenge"] * 3


def test_a_passkey_of_another_account_is_not_taken_over(house: House) -> None:
    entered, phone = house.with_passkey()
    other = house.guardian(WANG)
    refused(lambda: house.register(other, phone))
    assert house.families.passkeys.of(other.principal.account) == ()
    assert house.sign_in(Phone(phone.key, phone.credential_id, entered.principal.account.encode())).token


def test_a_statement_that_nobody_asked_for_is_refused(quick: House) -> None:
    guardian, phone = quick.guardian(), Phone()
    desk = quick.families.passkeys
    begun = desk.begin_registering(guardian.principal)
    answer = json.loads(phone.create(begun.options))
    told = cbor2.loads(jws.decode(answer["response"]["attestationObject"]))
    told["fmt"] = "android-safetynet"
    answer["response"]["attestationObject"] = jws.encode(cbor2.dumps(told))
    refused(lambda: desk.register(guardian.principal, guardian.token or "", begun.id, json.dumps(answer), ""))


# --- adding and removing


def test_a_session_by_code_adds_the_first_passkey_and_no_other(quick: House) -> None:
    weak = quick.guardian()
    quick.register(weak, Phone())
    with pytest.raises(StrongerSignInError):
        quick.families.passkeys.begin_registering(weak.principal)
    [kept] = quick.families.passkeys.of(weak.principal.account)
    with pytest.raises(StrongerSignInError):
        quick.families.passkeys.remove(weak.principal, kept.id, last_too=True)


def test_the_last_passkey_goes_only_when_the_person_says_so(house: House) -> None:
    entered, phone = house.with_passkey()
    second = Phone()
    entered = house.register(entered, second)
    desk, who = house.families.passkeys, entered.principal
    desk.remove(who, passkey_id(second.credential_id))
    with pytest.raises(LastPasskeyError):
        desk.remove(who, passkey_id(phone.credential_id))
    with pytest.raises(NotFoundError):
        desk.remove(who, passkey_id(second.credential_id))
    desk.remove(who, passkey_id(phone.credential_id), last_too=True)
    assert desk.of(who.account) == ()
    refused(lambda: house.sign_in(phone))


def test_nobody_removes_the_passkey_of_another_account(quick: House) -> None:
    entered, phone = quick.with_passkey()
    thief, _ = quick.with_passkey(WANG)
    with pytest.raises(NotFoundError):
        quick.families.passkeys.remove(thief.principal, passkey_id(phone.credential_id), last_too=True)
    assert quick.sign_in(phone).principal.account == entered.principal.account


def test_an_account_has_so_many_passkeys_and_no_more(quick: House) -> None:
    entered = quick.guardian()
    for _ in range(MOST_PASSKEYS):
        entered = quick.register(entered, Phone())
    with pytest.raises(ConflictError):
        quick.families.passkeys.begin_registering(entered.principal)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://xueji.example", RelyingParty("xueji.example", "https://xueji.example")),
        ("http://localhost:8080", RelyingParty("localhost", "http://localhost:8080")),
        ("http://127.0.0.1:8080", None),
        ("http://[::1]:8080", None),
    ],
)
def test_a_relying_party_is_a_host_name(url: str, expected: RelyingParty | None) -> None:
    assert RelyingParty.at(url) == expected


def test_without_a_host_name_there_are_no_passkeys_and_a_code_still_lets_in(quick: House) -> None:
    bare = replace(quick.families.passkeys, party=None)
    assert not bare.available
    with pytest.raises(UnavailableError):
        bare.begin_sign_in()
    with pytest.raises(UnavailableError):
        bare.begin_registering(quick.guardian().principal)
