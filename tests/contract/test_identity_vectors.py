"""The examples that RFC 9901 prints, signatures and all, through our SD-JWT layer (``jws`` and ``sd_jwt``).

The standard leaves to a profile what a credential must carry; ours asks for more than its examples have. So the layer
that the standard defines is driven here, and the last tests say which rule of our profile refuses each example.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from gateway.identity import jws, sd_jwt
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.keys import IssuerKeys
from gateway.identity.verify import UnverifiedPresentation, VerificationPolicy, verify

RFC: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "rfc9901.json").read_text(encoding="utf-8")
)
ISSUER = jws.import_public_jwk(RFC["issuer_jwk"])
TOKENS = [pytest.param(one, id=f"{one['section']}-{one['what']}") for one in RFC["tokens"]]
BOUND = [pytest.param(one, id=one["section"]) for one in RFC["tokens"] if "key_binding" in one]


def disclosures(section: str) -> dict[str, str]:
    """The printed disclosures of a section: encoded text by digest, in the order of the text."""
    return {one["digest"]: one["encoded"] for one in RFC["disclosures"] if one["section"] == section}


def payload_of(section: str) -> Mapping[str, object]:
    """The issuer's payload of an example, from its token."""
    token = next(one for one in RFC["tokens"] if one["section"] == section)
    return jws.parse(sd_jwt.split(token["sd_jwt"]).issuer_jwt).payload


def compact(flattened: Mapping[str, Any]) -> tuple[str, str]:
    """The SD-JWT of a flattened JWS, as section 8.1 assembles it, and its Key Binding JWT."""
    issuer_jwt = ".".join((flattened["protected"], flattened["payload"], flattened["signature"]))
    header = flattened["header"]
    return sd_jwt.Parts(issuer_jwt, tuple(header["disclosures"]), "").sd_jwt, header.get("kb_jwt", "")


def test_the_vectors_are_all_there() -> None:
    assert [(one["section"], one["what"]) for one in RFC["tokens"]] == [
        ("5.1", "issued"), ("5.2", "presentation"), ("A.1", "presentation"), ("A.2", "presentation"),
        ("A.3", "issued"), ("A.3", "presentation"), ("A.4", "issued"), ("A.4", "presentation"),
    ]  # fmt: skip
    assert len(RFC["disclosures"]) == 87


@pytest.mark.parametrize("one", RFC["disclosures"], ids=lambda one: f"{one['section']}-{one['digest'][:6]}")
def test_a_printed_disclosure_hashes_to_its_printed_digest(one: dict[str, str]) -> None:
    found = sd_jwt.parse_disclosure(one["encoded"])
    assert found.digest == one["digest"]
    assert (found.name or "Array Entry").casefold() == one["name"].casefold()


@pytest.mark.parametrize(
    "encoded",
    [
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNXHUwMGY2Yml1cyJd",
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsImZhbWlseV9uYW1lIiwiTcO2Yml1cyJd",
        "WwoiXzI2YmM0TFQtYWM2cTJLSTZjQlc1ZXMiLAoiZmFtaWx5X25hbWUiLAoiTcO2Yml1cyIKXQ",
    ],
)
def test_the_other_spellings_of_section_4_2_1_say_the_same(encoded: str) -> None:
    found = sd_jwt.parse_disclosure(encoded)
    assert (found.salt, found.name, found.value) == ("_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius")


@pytest.mark.parametrize("one", TOKENS)
def test_a_printed_token_verifies_and_unfolds_to_what_is_printed(one: dict[str, Any]) -> None:
    parts = sd_jwt.split(one["sd_jwt"])
    token = jws.parse(parts.issuer_jwt)
    jws.check_signature(token, ISSUER)
    processed = sd_jwt.process(token.payload, parts.disclosures)
    if "processed" in one:
        assert processed == one["processed"]
    else:  # all disclosures are there: every claim that the issuer put in comes out, and no digest
        assert one["claims"].items() <= processed.items()
        assert processed.keys() - one["claims"].keys() <= {"iss", "iat", "exp", "cnf"}


@pytest.mark.parametrize("one", TOKENS)
def test_a_printed_token_with_one_character_changed_does_not_verify(one: dict[str, Any]) -> None:
    parts = sd_jwt.split(one["sd_jwt"])
    header, payload, signature = parts.issuer_jwt.split(".")
    other = "A" if signature[40] != "A" else "B"
    with pytest.raises(jws.SignatureError):
        jws.check_signature(jws.parse(f"{header}.{payload}.{signature[:40]}{other}{signature[41:]}"), ISSUER)
    payload_read = jws.parse(parts.issuer_jwt).payload
    for place, encoded in enumerate(parts.disclosures):
        disclosure = sd_jwt.parse_disclosure(encoded)
        content = [disclosure.salt, disclosure.name, "other"] if disclosure.name else [disclosure.salt, "other"]
        altered = jws.encode(jws.dump(content).encode())
        with pytest.raises(CredentialRejectedError) as caught:
            sd_jwt.process(payload_read, (*parts.disclosures[:place], altered, *parts.disclosures[place + 1 :]))
        assert caught.value.reason is Reason.UNREFERENCED_DISCLOSURE


@pytest.mark.parametrize("one", BOUND)
def test_a_printed_key_binding_holds_under_the_key_in_cnf(one: dict[str, Any]) -> None:
    parts = sd_jwt.split(one["sd_jwt"])
    cnf: Any = jws.parse(parts.issuer_jwt).payload["cnf"]
    binding = jws.parse(parts.key_binding)
    jws.check_signature(binding, jws.import_public_jwk(cnf["jwk"]))
    assert binding.header["typ"] == sd_jwt.KEY_BINDING_TYP
    assert binding.payload == one["key_binding"]
    assert binding.payload["sd_hash"] == sd_jwt.digest(parts.sd_jwt)
    fewer = sd_jwt.Parts(parts.issuer_jwt, parts.disclosures[1:], "")
    assert binding.payload["sd_hash"] != sd_jwt.digest(fewer.sd_jwt)


def test_the_key_binding_of_the_last_example_holds_too() -> None:
    """A.4 prints no payload of its Key Binding JWT: the signature and the hash are what there is."""
    parts = sd_jwt.split(RFC["tokens"][-1]["sd_jwt"])
    cnf: Any = jws.parse(parts.issuer_jwt).payload["cnf"]
    binding = jws.parse(parts.key_binding)
    jws.check_signature(binding, jws.import_public_jwk(cnf["jwk"]))
    assert binding.payload["sd_hash"] == sd_jwt.digest(parts.sd_jwt)


@pytest.mark.parametrize(
    ("number", "section"), [(0, "6.1"), (1, "6.2"), (3, "6.3")], ids=["flat", "structured", "recursive"]
)
def test_an_address_unfolds_alike_in_its_three_forms(number: int, section: str) -> None:
    payload: dict[str, object] = RFC["payloads"][number]["payload"]
    processed = sd_jwt.process(payload, tuple(disclosures(section).values()))
    assert processed == {**RFC["input"]["6"], "iss": payload["iss"], "iat": payload["iat"], "exp": payload["exp"]}


def test_a_member_left_in_the_clear_needs_no_disclosure() -> None:
    open_country = RFC["payloads"][2]["payload"]
    encoded = [text for text in disclosures("6.2").values() if sd_jwt.parse_disclosure(text).name != "country"]
    assert sd_jwt.process(open_country, encoded)["address"] == RFC["input"]["6"]["address"]
    with pytest.raises(CredentialRejectedError) as caught:  # a digest that is not there any more
        sd_jwt.process(open_country, tuple(disclosures("6.2").values()))
    assert caught.value.reason is Reason.UNREFERENCED_DISCLOSURE


def test_a_recursive_disclosure_shows_nothing_without_its_parent() -> None:
    payload = RFC["payloads"][3]["payload"]
    *members, parent = disclosures("6.3").values()
    assert sd_jwt.process(payload, (parent,))["address"] == {}
    for chosen in (pair for size in (1, 2, 4) for pair in combinations(members, size)):
        address = sd_jwt.process(payload, (*chosen, parent))["address"]
        assert address == {(found := sd_jwt.parse_disclosure(text)).name: found.value for text in chosen}
        with pytest.raises(CredentialRejectedError) as caught:
            sd_jwt.process(payload, chosen)
        assert caught.value.reason is Reason.UNREFERENCED_DISCLOSURE


@pytest.mark.parametrize("section", ["A.1", "A.2"])
def test_all_disclosures_of_a_structured_example_give_the_claims_that_were_put_in(section: str) -> None:
    processed = sd_jwt.process(payload_of(section), tuple(disclosures(section).values()))
    assert {name: value for name, value in processed.items() if name not in {"iss", "iat", "exp"}} == (
        RFC["input"][section]
    )


def test_the_json_serialization_says_the_same_once_it_is_assembled() -> None:
    """We read the compact form alone (docs/deviations.md); assembled by section 8.1 its examples are ours to verify."""
    for number in (0, 1):
        flattened = RFC["json_serialization"][number]["jws"]
        text, binding = compact(flattened)
        parts = sd_jwt.split(text)
        token = jws.parse(parts.issuer_jwt)
        jws.check_signature(token, ISSUER)
        assert sd_jwt.process(token.payload, parts.disclosures)["given_name"] == "John"
        if binding:
            cnf: Any = token.payload["cnf"]
            jws.check_signature(jws.parse(binding), jws.import_public_jwk(cnf["jwk"]))
            assert jws.parse(binding).payload["sd_hash"] == sd_jwt.digest(text)
        with pytest.raises(CredentialRejectedError) as caught:
            sd_jwt.split(json.dumps(flattened))
        assert caught.value.reason is Reason.MALFORMED


def test_the_general_json_serialization_binds_its_first_signature() -> None:
    general = RFC["json_serialization"][2]["jws"]
    first, second = general["signatures"]
    text, binding = compact({**first, "payload": general["payload"]})
    assert jws.parse(binding).payload["sd_hash"] == sd_jwt.digest(text)
    jws.check_signature(jws.parse(sd_jwt.split(text).issuer_jwt), ISSUER)
    other = jws.parse(f"{second['protected']}.{general['payload']}.{second['signature']}")
    with pytest.raises(jws.SignatureError):  # of issuer-key-2, which the RFC does not print
        jws.check_signature(other, ISSUER)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1, Reason.WRONG_TYPE),  # typ example+sd-jwt: a type of the text, of no ecosystem
        (2, Reason.KEY_BINDING_MISSING),  # whoever holds a copy could show it
        (3, Reason.KEY_BINDING_MISSING),
        (5, Reason.UNKNOWN_KEY),  # an SD-JWT VC without kid: we take no key but a pinned one, by its name
        (7, Reason.WRONG_TYPE),
    ],
    ids=["5.2", "A.1", "A.2", "A.3", "A.4"],
)
def test_our_profile_refuses_an_example_for_what_it_asks_above_the_standard(number: int, reason: Reason) -> None:
    one = RFC["tokens"][number]
    payload = one["processed"]
    keys = IssuerKeys.from_jwks({"keys": [{**RFC["issuer_jwk"], "kid": "a5"}]})
    bound = one.get("key_binding", {"aud": "https://verifier.example.org", "nonce": "1234567890", "iat": 1748537000})
    policy = VerificationPolicy(bound["aud"], bound["nonce"], str(payload.get("iss")), str(payload.get("vct")))
    with pytest.raises(CredentialRejectedError) as caught:
        verify(
            UnverifiedPresentation(one["sd_jwt"]),
            policy,
            keys=keys,
            status_list_token="",
            now=datetime.fromtimestamp(bound["iat"], UTC),
        )
    assert caught.value.reason is reason
