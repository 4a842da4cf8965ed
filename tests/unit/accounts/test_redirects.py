"""Addresses to which people are sent: what may be registered."""

from __future__ import annotations

import pytest

from gateway.accounts.records import NO_SIGN_IN, SignInSpec
from gateway.accounts.redirects import checked
from gateway.errors import ParameterError

GOOD = "https://library.example/callback"


@pytest.mark.parametrize(
    "uri",
    [
        GOOD,
        "https://library.example",
        "https://library.example:8443/a?b=c&d=%E5%9B%BE",
        "https://xn--fiqs8s.example/a",
        "http://127.0.0.1:3000/cb",
        "http://localhost/cb",
        "http://[::1]:3000/cb",
    ],
)
def test_an_address_that_fits_is_taken_as_it_is(uri: str) -> None:
    assert checked(SignInSpec((uri,))).redirect_uris == (uri,)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "//library.example/callback",
        "http://library.example/callback",
        "http://127.0.0.1.evil.example/",
        "https://library.example/callback#x",
        "https://library.example/#",
        "https://user@library.example/",
        "https://user:secret@library.example/",
        "https://*.example/",
        "https://library.example:port/",
        "https://library.example:99999/",
        "https://Library.example/",
        "HTTPS://library.example/",
        "https://图书馆.example/",
        "https://library.example/图",
        "https://library.example/a b",
        "https://library.example/a\nb",
        "https://library.example/a/../b",
        "https://library.example\\@evil.example/",
        "https://-.example/",
        "https://library..example/",
        "https:/library.example/",
        "https:library.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.example.app:/callback",
        "https://library.example/" + "a" * 500,
    ],
)
def test_an_address_that_could_lead_astray_is_refused(uri: str) -> None:
    for spec in (SignInSpec((uri,)), SignInSpec((GOOD,), (uri,))):
        with pytest.raises(ParameterError) as caught:
            checked(spec)
        assert caught.value.detail_zh


def test_the_sector_is_the_one_host_or_one_that_is_named() -> None:
    other = "https://reading.example/callback"
    assert checked(SignInSpec((GOOD, f"{GOOD}2"))).sector_identifier == "library.example"
    assert checked(SignInSpec((GOOD, other), (), "reading.example")).sector_identifier == "reading.example"
    for sector in (None, "evil.example", "https://library.example", "LIBRARY.example"):
        with pytest.raises(ParameterError):
            checked(SignInSpec((GOOD, other), (), sector))


def test_no_address_is_no_sign_in_and_nothing_beside_it() -> None:
    assert checked(SignInSpec()) == NO_SIGN_IN
    for spec in (SignInSpec((), (GOOD,)), SignInSpec((), (), "library.example"), SignInSpec((GOOD, GOOD))):
        with pytest.raises(ParameterError):
            checked(spec)
    with pytest.raises(ParameterError):
        checked(SignInSpec(tuple(f"{GOOD}{n}" for n in range(11))))
