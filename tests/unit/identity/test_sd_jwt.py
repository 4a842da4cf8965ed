"""Disclosures, digests and processing against the vectors of RFC 9901."""

from __future__ import annotations

import pytest
from joserfc.jwk import ECKey

from gateway.identity import jws, sd_jwt
from gateway.identity.errors import CredentialRejectedError, Reason

# RFC 9901 section 4.2.1 to 4.2.4
FAMILY_NAME = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
FAMILY_NAME_DIGEST = "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
FRENCH = "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0"
FRENCH_DIGEST = "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"

# RFC 9901 section 5.1: issuer-signed JWT and disclosures; appendix A.5: the issuer's key
ISSUER_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
    "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
}
ISSUED = (
    "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0."
    "eyJfc2QiOiBbIkNyUWU3UzVrcUJBSHQtbk1ZWGdjNmJkdDJTSDVhVFkxc1VfTS1QZ2tq"
    "UEkiLCAiSnpZakg0c3ZsaUgwUjNQeUVNZmVadTZKdDY5dTVxZWhabzdGN0VQWWxTRSIs"
    "ICJQb3JGYnBLdVZ1Nnh5bUphZ3ZrRnNGWEFiUm9jMkpHbEFVQTJCQTRvN2NJIiwgIlRH"
    "ZjRvTGJnd2Q1SlFhSHlLVlFaVTlVZEdFMHc1cnREc3JaemZVYW9tTG8iLCAiWFFfM2tQ"
    "S3QxWHlYN0tBTmtxVlI2eVoyVmE1TnJQSXZQWWJ5TXZSS0JNTSIsICJYekZyendzY002"
    "R242Q0pEYzZ2Vks4QmtNbmZHOHZPU0tmcFBJWmRBZmRFIiwgImdiT3NJNEVkcTJ4Mkt3"
    "LXc1d1BFemFrb2I5aFYxY1JEMEFUTjNvUUw5Sk0iLCAianN1OXlWdWx3UVFsaEZsTV8z"
    "Smx6TWFTRnpnbGhRRzBEcGZheVF3TFVLNCJdLCAiaXNzIjogImh0dHBzOi8vaXNzdWVy"
    "LmV4YW1wbGUuY29tIiwgImlhdCI6IDE2ODMwMDAwMDAsICJleHAiOiAxODgzMDAwMDAw"
    "LCAic3ViIjogInVzZXJfNDIiLCAibmF0aW9uYWxpdGllcyI6IFt7Ii4uLiI6ICJwRm5k"
    "amtaX1ZDem15VGE2VWpsWm8zZGgta284YUlLUWM5RGxHemhhVllvIn0sIHsiLi4uIjog"
    "IjdDZjZKa1B1ZHJ5M2xjYndIZ2VaOGtoQXYxVTFPU2xlclAwVmtCSnJXWjAifV0sICJf"
    "c2RfYWxnIjogInNoYS0yNTYiLCAiY25mIjogeyJqd2siOiB7Imt0eSI6ICJFQyIsICJj"
    "cnYiOiAiUC0yNTYiLCAieCI6ICJUQ0FFUjE5WnZ1M09IRjRqNFc0dmZTVm9ISVAxSUxp"
    "bERsczd2Q2VHZW1jIiwgInkiOiAiWnhqaVdXYlpNUUdIVldLVlE0aGJTSWlyc1ZmdWVj"
    "Q0U2dDRqVDlGMkhaUSJ9fX0."
    "MczwjBFGtzf-6WMT-hIvYbkb11NrV1WMO-jTijpMPNbswNzZ87wY2uHz-CXo6R04b7jYrpj9mNRAvVssXou1iw"
)
DISCLOSURES = (
    "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
    "WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd",
    "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImVtYWlsIiwgImpvaG5kb2VAZXhhbXBsZS5jb20iXQ",
    "WyJlSThaV205UW5LUHBOUGVOZW5IZGhRIiwgInBob25lX251bWJlciIsICIrMS0yMDItNTU1LTAxMDEiXQ",
    "WyJRZ19PNjR6cUF4ZTQxMmExMDhpcm9BIiwgInBob25lX251bWJlcl92ZXJpZmllZCIsIHRydWVd",
    "WyJBSngtMDk1VlBycFR0TjRRTU9xUk9BIiwgImFkZHJlc3MiLCB7InN0cmVldF9hZGRyZXNzIjogIjEyMyBNYWluIFN0IiwgImxvY2FsaX"
    "R5IjogIkFueXRvd24iLCAicmVnaW9uIjogIkFueXN0YXRlIiwgImNvdW50cnkiOiAiVVMifV0",
    "WyJQYzMzSk0yTGNoY1VfbEhnZ3ZfdWZRIiwgImJpcnRoZGF0ZSIsICIxOTQwLTAxLTAxIl0",
    "WyJHMDJOU3JRZmpGWFE3SW8wOXN5YWpBIiwgInVwZGF0ZWRfYXQiLCAxNTcwMDAwMDAwXQ",
    "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0",
    "WyJuUHVvUW5rUkZxM0JJZUFtN0FuWEZBIiwgIkRFIl0",
)
ADDRESS = {"street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US"}


def test_the_disclosure_of_section_4_2_1_parses_and_hashes_as_printed() -> None:
    found = sd_jwt.parse_disclosure(FAMILY_NAME)
    assert (found.salt, found.name, found.value) == ("_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius")
    assert found.digest == FAMILY_NAME_DIGEST


def test_the_array_disclosure_of_section_4_2_2_parses_and_hashes_as_printed() -> None:
    found = sd_jwt.parse_disclosure(FRENCH)
    assert (found.name, found.value, found.digest) == (None, "FR", FRENCH_DIGEST)


def test_the_signature_of_section_5_1_holds_and_all_disclosures_unfold() -> None:
    token = jws.parse(ISSUED)
    jws.check_signature(token, jws.import_public_jwk(ISSUER_JWK))
    processed = sd_jwt.process(token.payload, DISCLOSURES)
    assert processed["given_name"] == "John"
    assert processed["family_name"] == "Doe"
    assert processed["phone_number_verified"] is True
    assert processed["address"] == ADDRESS
    assert processed["nationalities"] == ["US", "DE"]
    assert processed["updated_at"] == 1570000000
    assert not {"_sd", "_sd_alg"} & processed.keys()


def test_the_selection_of_section_5_2_leaves_the_rest_out() -> None:
    chosen = (DISCLOSURES[1], DISCLOSURES[5], DISCLOSURES[0], DISCLOSURES[8])
    processed = sd_jwt.process(jws.parse(ISSUED).payload, chosen)
    assert processed["nationalities"] == ["US"]
    assert processed["address"] == ADDRESS
    assert not {"email", "phone_number", "birthdate", "updated_at"} & processed.keys()


def test_without_disclosures_array_elements_vanish() -> None:
    processed = sd_jwt.process(jws.parse(ISSUED).payload, ())
    assert processed["nationalities"] == []
    assert processed["sub"] == "user_42"


def test_a_changed_signature_of_the_vector_does_not_hold() -> None:
    token = jws.parse(ISSUED.replace("MczwjBFGtzf", "XczwjBFGtzf"))
    with pytest.raises(jws.SignatureError):
        jws.check_signature(token, jws.import_public_jwk(ISSUER_JWK))


def test_recursive_disclosures_unfold_and_need_their_parent() -> None:
    inner = sd_jwt.make_disclosure("b" * 22, "region", "山西")
    outer = sd_jwt.make_disclosure("a" * 22, "address", {"_sd": [inner.digest]})
    payload = {"_sd": [outer.digest]}
    assert sd_jwt.process(payload, (outer.encoded, inner.encoded)) == {"address": {"region": "山西"}}
    with pytest.raises(CredentialRejectedError) as caught:
        sd_jwt.process(payload, (inner.encoded,))
    assert caught.value.reason is Reason.UNREFERENCED_DISCLOSURE


def test_a_property_disclosure_in_an_array_is_rejected() -> None:
    one = sd_jwt.make_disclosure("a" * 22, "stage", "junior")
    with pytest.raises(CredentialRejectedError) as caught:
        sd_jwt.process({"list": [{"...": one.digest}]}, (one.encoded,))
    assert caught.value.reason is Reason.MALFORMED_DISCLOSURE


def test_three_dots_beside_other_members_are_rejected() -> None:
    with pytest.raises(CredentialRejectedError) as caught:
        sd_jwt.process({"list": [{"...": "x", "other": 1}]}, ())
    assert caught.value.reason is Reason.RESERVED_CLAIM_NAME


def test_chinese_is_written_as_it_is() -> None:
    made = sd_jwt.make_disclosure("a" * 22, "school_name", "太原市第一示例中学")
    assert "太原市第一示例中学".encode() in jws.decode(made.encoded)


@pytest.mark.parametrize("name", sorted(sd_jwt.NEVER_DISCLOSED | sd_jwt.RESERVED))
def test_a_claim_that_must_stay_visible_makes_no_disclosure(name: str) -> None:
    with pytest.raises(ValueError, match="never"):
        sd_jwt.make_disclosure("a" * 22, name, "x")


def test_a_short_salt_makes_no_disclosure() -> None:
    with pytest.raises(ValueError, match="22"):
        sd_jwt.make_disclosure("a" * 21, "stage", "junior")


@pytest.mark.parametrize("text", ["QQ=", "QR", "A", "Q Q", "Q/+8", "汉字"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(jws.MalformedTokenError):
        jws.decode(text)


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":2}', b"NaN", b"[1,]", b"\xff", b'"\\ud800"', b"[" * 100_000, b"1" * 5000]
)
def test_json_is_read_strictly(data: bytes) -> None:
    with pytest.raises(jws.MalformedTokenError):
        jws.load(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "e30.e30",
        "e30.e30.AA.AA",
        "汉.e30.AA",
        "e30.汉.AA",
        "e30.e30.汉",
        "e30.e30.A+",
        "W10.e30.AA",
    ],
)
def test_what_is_no_compact_jws_is_malformed_and_nothing_else(text: str) -> None:
    with pytest.raises(jws.MalformedTokenError):
        jws.parse(text)


def test_a_header_that_was_read_before_is_read_alike_and_cannot_be_changed() -> None:
    first, second = jws.parse(ISSUED), jws.parse(ISSUED)
    assert first.header == second.header == {"alg": "ES256", "typ": "example+sd-jwt"}
    with pytest.raises(TypeError):
        first.header["alg"] = "none"  # type: ignore[index]  # that is the point


def test_what_was_presented_has_no_repr() -> None:
    parts = sd_jwt.Parts("a.b.c", DISCLOSURES, "")
    shown = sd_jwt.parse_disclosure(DISCLOSURES[0])
    for one in (jws.parse(ISSUED), parts, shown):
        assert not {"John", "user_42", DISCLOSURES[0]} & {*repr(one).split("'")}
        assert len(repr(one)) < 40


def test_a_private_or_foreign_key_is_no_public_jwk() -> None:
    private = ECKey.generate_key("P-256").as_dict(private=True)
    other = ECKey.generate_key("P-384").as_dict(private=False)
    for jwk in (private, other, {}, None, {**ISSUER_JWK, "y": ISSUER_JWK["x"]}, {**ISSUER_JWK, "x": 1}):
        with pytest.raises(jws.MalformedTokenError):
            jws.import_public_jwk(jwk)
