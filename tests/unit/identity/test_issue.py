"""What is in a credential, what is not, and what two credentials of a batch share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.ages import age_on
from gateway.errors import ParameterError
from gateway.identity import jws, sd_jwt
from gateway.identity.claims import AGES, CLAIM_LABELS, claims_of
from gateway.identity.issue import DIGESTS, issue
from gateway.identity.records import StatusReference
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from tests.unit.identity.builders import CLAIMS, ISSUER, LIFE, LIST_URI, NOW, VCT, Scene

ROW = {
    "subject_ref": "0" * 32,
    "name_masked": "王**",
    "id_number_masked": "1401**************",
    "birth_date": date(2012, 11, 23),
    "stage": "junior",
    "grade": "22",
    "school_name": "太原市第一示例中学",
    "school_code": "2114000001",
    "school_division": "140105",
    "state": "active",
    "entry_month": "2025-09",
}


def values(value: object) -> Iterator[object]:
    """Every leaf value of a JSON value."""
    if isinstance(value, dict):
        for member in value.values():
            yield from values(member)
    elif isinstance(value, list):
        for member in value:
            yield from values(member)
    else:
        yield value


def test_a_credential_says_what_the_profile_asks_and_no_more() -> None:
    scene = Scene()
    token = jws.parse(sd_jwt.split(scene.credential).issuer_jwt)
    assert token.header == {"alg": "ES256", "typ": "dc+sd-jwt", "kid": scene.signer.kid}
    assert token.payload.keys() == {"iss", "iat", "exp", "vct", "cnf", "status", "_sd_alg", "_sd"}
    assert token.payload["cnf"] == {"jwk": jws.public_jwk(scene.holder)}
    assert token.payload["status"] == {"status_list": {"idx": 5, "uri": LIST_URI}}


def test_times_are_rounded_to_the_hour() -> None:
    payload = jws.parse(sd_jwt.split(Scene().credential).issuer_jwt).payload
    assert payload["iat"] == int(datetime(2026, 11, 23, 2, tzinfo=UTC).timestamp())
    assert payload["exp"] == int(datetime(2026, 12, 7, 3, tzinfo=UTC).timestamp())


def test_every_claim_is_selectively_disclosable_and_salted_with_128_bits() -> None:
    scene = Scene()
    disclosures = [sd_jwt.parse_disclosure(text) for text in sd_jwt.split(scene.credential).disclosures]
    assert {one.name: one.value for one in disclosures} == CLAIMS
    assert all(len(one.salt) >= sd_jwt.SALT_CHARACTERS for one in disclosures)
    assert len({one.salt for one in disclosures}) == len(CLAIMS)


def test_the_number_of_digests_says_nothing_about_the_number_of_claims() -> None:
    for claims in (CLAIMS, {"stage": "junior"}):
        digests = jws.parse(sd_jwt.split(Scene(claims=claims).credential).issuer_jwt).payload["_sd"]
        assert isinstance(digests, list)
        assert len(set(digests)) == DIGESTS
        assert digests == sorted(digests)
    assert len(CLAIM_LABELS) <= DIGESTS


def test_two_credentials_of_a_batch_share_nothing_that_is_theirs_alone() -> None:
    scene = Scene()
    first = Scene(signer=scene.signer)
    second = issue(
        CLAIMS,
        holder=Scene().holder,
        key=scene.signer,
        issuer=ISSUER,
        vct=VCT,
        status=StatusReference(LIST_URI, 41),
        now=NOW + timedelta(minutes=20),
        life=LIFE,
    )
    one, two = (jws.parse(sd_jwt.split(text).issuer_jwt) for text in (first.credential, second))
    shared = set(values(dict(one.payload))) & set(values(dict(two.payload)))
    # Everybody's: issuer, type, rounded times, the list (a herd of 2^16), names of algorithms.
    assert shared == {ISSUER, VCT, one.payload["iat"], one.payload["exp"], LIST_URI, "sha-256", "EC", "P-256"}
    assert not set(sd_jwt.split(first.credential).disclosures) & set(sd_jwt.split(second).disclosures)
    assert first.credential.split(".")[2] != second.split(".")[2]


def test_claims_come_from_the_row_and_hold_no_name_number_or_reference() -> None:
    claims = claims_of(ROW, date(2026, 11, 23))
    assert claims == {
        "stage": "junior",
        "grade": "22",
        "school_name": "太原市第一示例中学",
        "school_code": "2114000001",
        "county": "140105",
        "enrolment_status": "active",
        "age_over_6": True,
        "age_over_12": True,
        "age_over_14": False,
        "age_over_16": False,
        "age_over_18": False,
        "enrolment_year": 2025,
    }
    assert claims.keys() <= CLAIM_LABELS.keys()


def test_what_the_row_does_not_know_gives_no_claim() -> None:
    assert claims_of({"state": "active", "birth_date": None, "entry_month": ""}, date(2026, 1, 1)) == {
        "enrolment_status": "active"
    }
    assert claims_of({**ROW, "birth_date": "2012-11-23"}, date(2026, 11, 24))["age_over_14"] is True


@pytest.mark.parametrize(
    ("today", "age"), [((2026, 11, 22), 13), ((2026, 11, 23), 13), ((2026, 11, 24), 14), ((2027, 1, 1), 14)]
)
def test_a_year_of_age_is_completed_on_the_day_after_the_birthday(today: tuple[int, int, int], age: int) -> None:
    assert age_on(date(2012, 11, 23), date(*today)) == age


def test_a_leap_day_birthday_completes_on_the_first_of_march() -> None:
    assert age_on(date(2012, 2, 29), date(2026, 2, 28)) == 13
    assert age_on(date(2012, 2, 29), date(2026, 3, 1)) == 14


def test_all_age_bounds_have_a_label() -> None:
    assert {f"age_over_{age}" for age in AGES} <= CLAIM_LABELS.keys()


def test_more_claims_than_digests_or_a_visible_one_make_no_credential() -> None:
    with pytest.raises(ValueError, match="at most"):
        Scene(claims={f"claim_{number}": number for number in range(DIGESTS + 1)})
    with pytest.raises(ValueError, match="never selectively disclosable"):
        Scene(claims={"status": "active"})


@pytest.mark.parametrize("extra", ["", "一", "ab", "𬘡", '"', "\\"])
def test_disclosures_and_digests_are_spelled_as_if_each_stood_alone(extra: str) -> None:
    scene = Scene(claims={"stage": f"junior{extra}", "county": extra, "age_over_14": False, f"x{extra}": 3})
    parts = sd_jwt.split(scene.credential)
    payload = jws.parse(parts.issuer_jwt).payload  # canonical base64url and strict JSON, or an error
    digests = payload["_sd"]
    assert isinstance(digests, list)
    for text in parts.disclosures:
        found = sd_jwt.parse_disclosure(text)
        assert jws.dump([found.salt, found.name, found.value]).encode() == jws.decode(text)
        assert sd_jwt.digest(text) in digests
    assert all(len(jws.decode(one)) == 32 for one in digests)


def test_presenting_an_unknown_claim_or_a_presentation_again_is_refused() -> None:
    scene = Scene()
    with pytest.raises(ParameterError) as caught:
        scene.present("stage", "name")
    assert caught.value.missing == ("name",)
    with pytest.raises(ParameterError):
        scene.present("stage", credential=scene.present("stage"))


def test_the_status_reference_of_an_unverified_presentation_can_be_read() -> None:
    found = status_reference_of(UnverifiedPresentation(Scene().present("stage")))
    assert found == StatusReference(LIST_URI, 5)
