"""One-time codes by RFC 6238, and their secrets at rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from gateway.accounts.totp import SecretBox, matching_step, new_secret, provisioning_uri
from gateway.errors import UnavailableError
from gateway.ids import AccountId

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"
NOW = datetime(2026, 11, 23, 2, 0, 10, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30
WHO = AccountId("st-1")


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    """The appendix has eight digits; the last six are ours."""
    assert matching_step(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC), after=None) == seconds // 30


def test_one_step_of_drift_either_way_is_accepted_and_two_are_not() -> None:
    secret = new_secret()
    for steps in range(-3, 4):
        code = pyotp.TOTP(secret).at(NOW + timedelta(seconds=30 * steps))
        found = matching_step(secret, code, NOW, after=None)
        assert found == (STEP + steps if abs(steps) <= 1 else None)


def test_a_step_that_was_spent_and_all_before_it_are_refused() -> None:
    secret = new_secret()
    codes = {steps: pyotp.TOTP(secret).at(NOW + timedelta(seconds=30 * steps)) for steps in (-1, 0, 1)}
    for steps, code in codes.items():
        assert matching_step(secret, code, NOW, after=STEP) == (STEP + 1 if steps == 1 else None)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "000 00"])
def test_what_is_no_code_does_not_match(code: str) -> None:
    assert matching_step(RFC_SECRET, code, NOW, after=None) is None


def test_a_code_may_be_typed_with_a_gap() -> None:
    assert matching_step(RFC_SECRET, " 287 082 ", datetime.fromtimestamp(59, UTC), after=None) == 1


def test_a_sealed_secret_opens_for_its_account_and_key_only() -> None:
    box, secret = SecretBox(bytes(32)), new_secret()
    sealed = box.seal(WHO, secret)
    assert secret.encode() not in sealed
    assert box.open(WHO, sealed) == secret
    assert box.seal(WHO, secret) != sealed
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for other, account, data in (
        (box, AccountId("st-2"), sealed),
        (SecretBox(bytes([1] * 32)), WHO, sealed),
        (box, WHO, altered),
    ):
        with pytest.raises(UnavailableError):
            other.open(account, data)


def test_attempts_are_counted_under_a_keyed_digest() -> None:
    box = SecretBox(bytes(32))
    assert box.attempts_key("wang.wei") == SecretBox(bytes(32)).attempts_key("wang.wei")
    assert box.attempts_key("wang.wei") != SecretBox(bytes([1] * 32)).attempts_key("wang.wei")
    assert box.attempts_key("wang.wei") != box.attempts_key("wang.wej")
    assert len(box.attempts_key("")) == 64


def test_the_uri_for_the_app_names_issuer_and_user() -> None:
    uri = provisioning_uri("wang.wei", RFC_SECRET)
    assert uri.startswith("otpauth://totp/xueji-gateway:wang.wei?secret=")
    assert pyotp.parse_uri(uri).secret == RFC_SECRET
