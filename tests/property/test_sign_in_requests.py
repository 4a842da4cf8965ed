"""Requests of relying parties and their addresses, whatever is sent: refused, or exactly what was registered."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.records import SignInSpec
from gateway.accounts.redirects import checked
from gateway.errors import ParameterError
from gateway.identity.claims import CLAIM_LABELS
from gateway.identity.errors import SignInRefusedError
from gateway.identity.signing_in.requests import read
from tests.factories.signing_in import ASKED, CALLBACK

NAMES = st.sampled_from([*CLAIM_LABELS, "name", "id_number", "sub", "auth_time", "birthdate", ""])
HOW = st.one_of(st.none(), st.fixed_dictionaries({"essential": st.booleans()}), st.just({"value": "x"}), st.integers())
PART = st.one_of(st.none(), st.dictionaries(NAMES, HOW, max_size=5), st.lists(NAMES, max_size=2))
CLAIMS = st.one_of(
    st.text(max_size=40),
    st.dictionaries(st.sampled_from(["userinfo", "id_token", "other"]), PART, max_size=3).map(json.dumps),
)
URIS = st.one_of(
    st.sampled_from([CALLBACK, f"{CALLBACK}/", CALLBACK.upper(), f"{CALLBACK}#"]),
    st.text(max_size=60),
    st.builds(
        "{}://{}{}/{}".format,
        st.sampled_from(["https", "http", "HTTPS", "javascript", "ftp"]),
        st.sampled_from(["", "user@", "user:pw@", "*."]),
        st.sampled_from(
            ["library.example", "LIBRARY.example", "127.0.0.1", "127.0.0.1.evil.example", "[::1]", "", "图书"]
        ),
        st.text(max_size=20),
    ),
)


@given(
    uri=URIS,
    claims=CLAIMS,
    scope=st.sampled_from(["openid", "openid student", "student", "openid x", ""]),
    state=st.text(max_size=8),
)
def test_a_request_that_is_taken_asks_for_known_claims_and_leads_to_a_registered_address(
    uri: str, claims: str, scope: str, state: str
) -> None:
    form = {**ASKED, "redirect_uri": uri, "claims": claims, "scope": scope, "state": state}
    try:
        wish = read(form, (CALLBACK,))
    except SignInRefusedError:
        return
    assert wish.redirect_uri == CALLBACK == uri
    assert wish.claims <= CLAIM_LABELS.keys()
    assert wish.state.isascii()
    assert wish.state.isprintable()
    assert "openid" in wish.scope.split()


@given(URIS)
def test_an_address_that_may_be_registered_leads_to_its_own_host_alone(uri: str) -> None:
    try:
        spec = checked(SignInSpec((uri,)))
    except ParameterError:
        return
    parts = urlsplit(uri)
    assert spec.redirect_uris == (uri,)
    assert parts.scheme == "https" or parts.hostname in {"127.0.0.1", "::1"}
    assert parts.username is None
    assert parts.password is None
    assert "#" not in uri
    assert uri.isascii()
    assert parts.netloc == parts.netloc.lower()
    assert spec.sector_identifier == parts.hostname
