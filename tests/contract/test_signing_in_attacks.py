"""What an attacker tries on the way of a sign-in: each attempt is refused, recorded, and tells nothing."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.accounts.jose import read
from gateway.accounts.records import NO_SIGN_IN
from gateway.identity.errors import SignInRefusedError
from gateway.identity.signing_in.records import Answered, AskConsent, Barred, Blocked, Opened, Visitor
from tests.factories import signing_in
from tests.factories.identity import ISSUER, LI, LIBRARY, WANG
from tests.factories.signing_in import (
    AFTER,
    CALLBACK,
    FATHER,
    FULL,
    MOTHER,
    VERIFIER,
    Provider,
    Rights,
    answer,
    refused,
)

provider = signing_in.quick_provider


def opened_again(provider: Provider, uri: str, client: str = "cl-library", visitor: Visitor | None = None) -> str:
    return refused(lambda: provider.service.dialogs.open(client, uri, visitor))


# --- the request ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        f"{CALLBACK}/",
        f"{CALLBACK}/more",
        f"{CALLBACK}?a=1",
        f"{CALLBACK}#x",
        "https://library.example/Callback",
        "https://LIBRARY.example/callback",
        "https://library.example:443/callback",
        "https://library.example:8443/callback",
        "https://user@library.example/callback",
        "https://library.example@evil.example/callback",
        "https://library.example.evil.example/callback",
        "https://evil.example/callback",
        "http://library.example/callback",
        "https://library.example/callback/../evil",
        "https://library.example/%63allback",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_redirect_uri_that_is_nearly_a_registered_one_is_refused(provider: Provider, uri: str) -> None:
    assert refused(provider.push, redirect_uri=uri) == "invalid_request"
    assert provider.reasons()[-1] == "redirect_uri"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"nonce": None}, "invalid_request"),
        ({"nonce": "a b"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid profile"}, "invalid_scope"),
        ({"scope": "openid offline_access"}, "invalid_scope"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "９"}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": '{"userinfo": {"stage": {"value": "junior"}}}'}, "invalid_request"),
        ({"claims": '{"userinfo": {"stage": null}, "userinfo": {}}'}, "invalid_request"),
        ({"claims": '{"user": {}}'}, "invalid_request"),
        ({"id_token_hint": "e30.e30.e30"}, "invalid_request"),
    ],
)
def test_a_request_that_lacks_or_bends_a_part_is_refused(
    provider: Provider, changes: dict[str, str | None], code: str
) -> None:
    assert refused(provider.push, **changes) == code
    assert provider.kinds() == []
    assert provider.kinds("refused") == ["identity.sign_in_requested"]


@pytest.mark.parametrize("claim", ["name", "id_number", "student_number", "address", "birthdate", "phone_number"])
def test_no_grant_brings_a_name_a_number_or_an_address(provider: Provider, claim: str) -> None:
    provider.gate.granted[LIBRARY] = provider.gate.granted[LIBRARY] | {claim}
    for part in ("userinfo", "id_token"):
        assert refused(provider.push, claims=json.dumps({part: {claim: None}})) == "invalid_scope"


@pytest.mark.rule("A50-14")
def test_a_claim_beyond_the_grant_is_refused_and_not_dropped(provider: Provider) -> None:
    with pytest.raises(SignInRefusedError) as caught:
        provider.push(claims='{"userinfo": {"stage": null, "age_over_18": null}}')
    assert caught.value.code == "invalid_scope"
    assert "age_over_18" in caught.value.detail
    del provider.gate.granted[LIBRARY]
    assert refused(provider.push, claims=None) == "invalid_scope"


def test_a_request_uri_serves_once(provider: Provider) -> None:
    pushed = provider.push()
    provider.service.dialogs.open("cl-library", pushed.request_uri, None)
    assert opened_again(provider, pushed.request_uri) == "invalid_request_uri"


def test_a_request_uri_expires(provider: Provider) -> None:
    pushed = provider.push()
    provider.house.clock.pass_by(seconds=pushed.expires_in)
    assert opened_again(provider, pushed.request_uri) == "invalid_request_uri"


def test_a_request_uri_of_another_client_opens_nothing_and_is_not_spent(provider: Provider) -> None:
    pushed = provider.push()
    for client in ("cl-museum", "cl-elsewhere", "", "cl-library "):
        assert opened_again(provider, pushed.request_uri, client) == "invalid_request_uri"
    assert isinstance(provider.service.dialogs.open("cl-library", pushed.request_uri, None), Opened)


@pytest.mark.parametrize("uri", ["", "x", "urn:ietf:params:oauth:request_uri:", "https://evil.example/r", "u" * 9999])
def test_a_made_up_request_uri_opens_nothing(provider: Provider, uri: str) -> None:
    assert opened_again(provider, uri) == "invalid_request_uri"


# --- the browser ------------------------------------------------------------------------------------------------


def test_another_browser_cannot_go_on_with_a_sign_in(provider: Provider) -> None:
    opened, visitor = provider.open(), provider.visitor()
    desk = provider.service.dialogs
    for holder in ("", "made-up", "x" * 999):
        acts: list[Callable[..., object]] = [desk.step, desk.decline]
        assert {refused(act, opened.id, holder, visitor) for act in acts} == {"invalid_request"}
        acts = [desk.choose, desk.agree]
        assert {refused(act, opened.id, holder, visitor, LI) for act in acts} == {"invalid_request"}
    other = provider.open()
    assert refused(lambda: desk.step(opened.id, other.holder, visitor)) == "invalid_request"
    assert isinstance(provider.step(opened, visitor), AskConsent)


def test_a_dialog_ends_with_its_answer_and_with_its_time(provider: Provider) -> None:
    opened, visitor = provider.open(), provider.visitor()
    provider.agree(opened, visitor)
    assert refused(provider.step, opened, visitor) == "invalid_request"
    late = provider.open()
    provider.house.clock.pass_by(minutes=15)
    assert refused(lambda: provider.step(late, provider.visitor())) == "invalid_request"


def test_the_answer_names_its_issuer_against_mix_up(provider: Provider) -> None:
    visitor = provider.visitor()
    opened = provider.open()
    declined = provider.service.dialogs.decline(opened.id, opened.holder, visitor)
    for told in (answer(declined), provider.agree(provider.open(), visitor)):
        assert (told["iss"], told["state"]) == (ISSUER, "state-1")


def test_a_consent_for_one_child_is_none_for_another(provider: Provider) -> None:
    provider.signed_in()
    provider.homes.rights_of = {(MOTHER, WANG): FULL}
    assert isinstance(provider.step(provider.open(), provider.visitor()), AskConsent)


def test_a_consent_at_one_client_is_none_at_another(provider: Provider) -> None:
    provider.signed_in()
    assert isinstance(provider.step(provider.open("museum"), provider.visitor()), AskConsent)


def test_who_changes_in_the_middle_is_asked_for_themselves(provider: Provider) -> None:
    provider.homes.rights_of[FATHER, WANG] = FULL
    opened = provider.open()
    assert isinstance(provider.step(opened, provider.visitor()), AskConsent)  # the mother, for her child
    provider.homes.rights_of.pop((MOTHER, LI))
    # another person signed in meanwhile, and the old page is sent: it asks anew, for whom it is now
    stale = provider.service.dialogs.agree(opened.id, opened.holder, provider.visitor(FATHER), LI)
    assert isinstance(stale, AskConsent)
    assert stale.subject == WANG
    assert "identity.consent_given" not in provider.kinds()
    told = provider.agree(opened, provider.visitor(FATHER))
    subjects = [e.subjects for e in provider.house.journal.entries if e.kind == "identity.consent_given"]
    assert subjects == [(WANG,)]
    assert provider.redeem(told["code"]).access_token


# --- the code ---------------------------------------------------------------------------------------------------


def test_a_code_that_comes_twice_ends_what_it_gave(provider: Provider) -> None:
    code = provider.code()
    tokens = provider.redeem(code)
    assert provider.userinfo(tokens.access_token)["sub"]
    assert refused(provider.redeem, code) == "invalid_grant"
    assert provider.reasons()[-1] == "replayed"
    assert refused(provider.userinfo, tokens.access_token) == "invalid_token"


def test_a_code_of_another_client_is_refused_and_stays_good_for_its_own(provider: Provider) -> None:
    code = provider.code()
    for thief in ("museum", "elsewhere", "reading"):
        assert refused(provider.redeem, code, thief) == "invalid_grant"
        assert provider.reasons()[-1] == "another_client"
    assert provider.redeem(code).access_token


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verifier": "w" * 43}, "verifier"),
        ({"verifier": None}, "verifier"),
        ({"verifier": signing_in.CHALLENGE}, "verifier"),
        ({"verifier": "v" * 42}, "verifier"),
        ({"redirect_uri": f"{CALLBACK}/"}, "redirect_uri"),
        ({"redirect_uri": None}, "redirect_uri"),
    ],
)
def test_a_code_with_a_wrong_part_is_refused_and_spent(
    provider: Provider, changes: dict[str, object], reason: str
) -> None:
    code = provider.code()
    assert refused(provider.redeem, code, **changes) == "invalid_grant"
    assert provider.reasons()[-1] == reason
    assert refused(provider.redeem, code) == "invalid_grant"
    assert provider.gate.used == []


def test_a_code_lives_for_a_minute(provider: Provider) -> None:
    code = provider.code()
    provider.house.clock.pass_by(seconds=60)
    assert refused(provider.redeem, code) == "invalid_grant"
    assert provider.reasons()[-1] == "expired"


@pytest.mark.parametrize("code", [None, "", "made-up", "x" * 5000])
def test_a_made_up_code_is_refused(provider: Provider, code: str | None) -> None:
    assert refused(provider.redeem, code) == "invalid_grant"


def test_refusals_of_a_code_all_say_the_same(provider: Provider) -> None:
    told = set()
    for code, client, verifier in (
        ("made-up", "library", VERIFIER),
        ("", "library", "w" * 43),
        ("", "museum", VERIFIER),
    ):
        with pytest.raises(SignInRefusedError) as caught:
            provider.redeem(code or provider.code(), client, verifier=verifier)
        told.add((caught.value.code, caught.value.detail, caught.value.detail_zh))
    assert len(told) == 1


# --- what changes in between ------------------------------------------------------------------------------------


def test_a_grant_withdrawn_after_the_consent_tells_nothing_more(provider: Provider) -> None:
    tokens, code, visitor = provider.signed_in(), provider.code(), provider.visitor()
    waiting = provider.open()
    del provider.gate.granted[LIBRARY]
    used = len(provider.gate.used)
    assert refused(provider.userinfo, tokens.access_token) == "insufficient_scope"
    assert refused(provider.redeem, code) == "invalid_grant"
    assert answer(provider.step(waiting, visitor))["error"] == "unauthorized_client"
    provider.house.pupils.rows[LI]["state"] = "withdrawn"  # and of the record nothing is to be learned any more
    assert refused(provider.userinfo, tokens.access_token) == "insufficient_scope"
    assert len(provider.gate.used) == used


def test_a_bond_ended_in_between_ends_the_sign_in(provider: Provider) -> None:
    tokens, code = provider.signed_in(), provider.code()
    provider.homes.rights_of = {(FATHER, LI): FULL}
    assert refused(provider.userinfo, tokens.access_token) == "invalid_token"
    assert refused(provider.redeem, code) == "invalid_grant"
    assert provider.reasons()[-2:] == ["bond", "bond"]
    # and the consent of who lost the bond stands for nobody
    assert isinstance(provider.step(provider.open(), provider.visitor(FATHER)), AskConsent)


def test_a_pupil_beyond_the_territory_of_the_grant_signs_nowhere_in(provider: Provider) -> None:
    tokens, code = provider.signed_in(), provider.code()
    provider.gate.territory = "140200"
    assert provider.step(provider.open(), provider.visitor()) == Barred(Blocked.NO_CHILD, "示例图书馆")
    assert refused(provider.userinfo, tokens.access_token) == "invalid_token"
    assert refused(provider.redeem, code) == "invalid_grant"
    assert provider.reasons()[-2:] == ["reach", "reach"]


def test_a_grant_that_does_not_say_that_the_record_is_active_signs_nobody_in(provider: Provider) -> None:
    provider.gate.granted[LIBRARY] = provider.gate.granted[LIBRARY] - {"status"}
    assert refused(provider.push) == "invalid_scope"
    assert refused(provider.push, claims=None) == "invalid_scope"


def test_a_guardian_who_may_only_look_signs_nobody_in(provider: Provider) -> None:
    provider.homes.rights_of = {(MOTHER, LI): Rights(see=True, close=True)}
    assert provider.step(provider.open(), provider.visitor()) == Barred(Blocked.NO_CHILD, "示例图书馆")


def test_a_suspended_organisation_signs_nobody_in(provider: Provider) -> None:
    tokens, waiting = provider.signed_in(), provider.open()
    provider.recipients.suspended.add(LIBRARY)
    assert refused(provider.userinfo, tokens.access_token) == "invalid_token"
    step = provider.step(waiting, provider.visitor())
    assert isinstance(step, Answered)
    assert answer(step)["error"] == "unauthorized_client"


def test_a_client_without_addresses_or_without_the_role_is_refused(provider: Provider) -> None:
    client = provider.clients["library"]
    applicant = replace(client.account, roles=frozenset())
    provider.clients["bare"] = replace(client, sign_in=NO_SIGN_IN)
    provider.clients["applicant"] = replace(client, account=applicant)
    provider.clients["credentials"] = replace(client, grant_types=frozenset({"client_credentials"}))
    for name in ("bare", "applicant", "credentials"):
        assert refused(provider.push, name) == "unauthorized_client"
        code = provider.code()
        assert refused(provider.redeem, code, name) == "unauthorized_client"


# --- tokens -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["bearer", "dpop", "basic"])
def test_a_made_up_token_tells_nothing(provider: Provider, scheme: str) -> None:
    for token in ("", "made-up", "x" * 5000):
        assert refused(provider.userinfo, token, scheme) == "invalid_token"


def test_an_access_token_lives_for_five_minutes_and_an_id_token_is_none(provider: Provider) -> None:
    tokens = provider.signed_in()
    assert refused(provider.userinfo, tokens.id_token) == "invalid_token"
    provider.house.clock.pass_by(seconds=300)
    assert refused(provider.userinfo, tokens.access_token) == "invalid_token"


def test_a_client_revokes_its_own_token_and_no_other(provider: Provider) -> None:
    tokens = provider.signed_in()
    provider.service.revoke(provider.clients["museum"], tokens.access_token)
    assert provider.userinfo(tokens.access_token)["sub"]
    provider.service.revoke(provider.clients["library"], tokens.access_token)
    provider.service.revoke(provider.clients["library"], "made-up")
    assert refused(provider.userinfo, tokens.access_token) == "invalid_token"


# --- signing out ------------------------------------------------------------------------------------------------


def hints(provider: Provider) -> dict[str, str]:
    """Return ID tokens that are none of ours, or not any more."""
    good = provider.signed_in().id_token
    found = read(good)
    assert found is not None
    header, claims = dict(found.header), dict(found.claims)
    head, body, _ = good.split(".")

    def part(value: object) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    pem = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    oct_jwk = {"kty": "oct", "k": urlsafe_b64encode(pem).rstrip(b"=").decode()}
    from joserfc.jwk import OctKey

    mac = jwt.encode(
        {**header, "alg": "HS256"}, claims, OctKey.import_key({"kty": "oct", "k": part("k" * 64)}), ["HS256"]
    )
    stranger, ours = ECKey.generate_key("P-256"), ECKey.import_key(provider.key)
    signed = {
        "another issuer": {**claims, "iss": "https://evil.example"},
        "several audiences": {**claims, "aud": ["cl-library", "cl-museum"]},
        "no sid": {name: value for name, value in claims.items() if name != "sid"},
        "old": {**claims, "iat": int((provider.house.clock() - timedelta(hours=25)).timestamp())},
        "of tomorrow": {**claims, "iat": int((provider.house.clock() + timedelta(hours=1)).timestamp())},
    }
    return {
        **{name: jwt.encode(header, value, ours, ["ES256"]) for name, value in signed.items()},
        "alg none": f"{part({**header, 'alg': 'none'})}.{body}.",
        "alg none with a signature": f"{part({**header, 'alg': 'none'})}.{body}.{good.rpartition('.')[2]}",
        "HS256": mac,
        "HS256 with the public key": f"{part({**header, 'alg': 'HS256'})}.{body}.{part(oct_jwk)}",
        "another key": jwt.encode(header, claims, stranger, ["ES256"]),
        "an unknown kid": jwt.encode({**header, "kid": "nowhere"}, claims, ours, ["ES256"]),
        "an access token": jwt.encode({**header, "typ": "at+jwt"}, claims, ours, ["ES256"]),
        "changed": f"{head}.{part({**claims, 'aud': 'cl-museum'})}.{good.rpartition('.')[2]}",
        "nothing": "",
        "long": "x" * 9000,
    }


def test_an_id_token_hint_that_is_not_ours_signs_nobody_out(provider: Provider) -> None:
    for name, hint in hints(provider).items():
        assert refused(provider.service.signing_out.leaving, hint, None, AFTER, None) == "invalid_request", name
        assert refused(provider.push, id_token_hint=hint) == "invalid_request", name


@pytest.mark.parametrize(
    "uri",
    [
        f"{AFTER}/",
        f"{AFTER}?next=https://evil.example",
        f"{AFTER}#x",
        "https://evil.example/",
        "//evil.example",
        "https://library.example.evil.example/bye",
        CALLBACK,
        "/",
    ],
)
def test_a_sign_out_leads_only_to_a_registered_address(provider: Provider, uri: str) -> None:
    hint = provider.signed_in().id_token
    assert refused(lambda: provider.service.signing_out.leaving(hint, None, uri, None)) == "invalid_request"


def test_a_hint_of_one_client_signs_nobody_out_at_another(provider: Provider) -> None:
    tokens = provider.signed_in()
    desk = provider.service.signing_out
    assert refused(lambda: desk.leaving(tokens.id_token, "cl-museum", None, None)) == "invalid_request"
    assert provider.userinfo(tokens.access_token)["sub"]


def test_no_entry_holds_a_code_a_token_or_a_subject(provider: Provider) -> None:
    code = provider.code()
    tokens = provider.redeem(code)
    sub = provider.userinfo(tokens.access_token)["sub"]
    text = repr([(e.kind, e.facts, e.links) for e in provider.house.journal.entries])
    for secret in (code, tokens.access_token, tokens.id_token, sub, LI, "junior", "太原市第一示例中学", "state-1"):
        assert secret not in text
