"""DPoP proofs (RFC 9449, section 4.3): every step refuses by itself, and a good proof holds."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.accounts import dpop
from gateway.accounts.dpop import Shown
from gateway.accounts.errors import ProofRefusedError
from tests.factories.accounts import START, Clock, Prover

URI = "https://gateway.example/v1/extracts/ex-1/content"
TOKEN = "aaa.bbb.ccc"
NOW = START.timestamp()


def judged(header: str | None, *, method: str = "GET", uri: str = URI, bound: str | None = None) -> str | None:
    """Return the reason of the refusal, ``None`` when the proof holds."""
    try:
        dpop.verify(Shown(header, method, uri), now=NOW, token=TOKEN, jkt=bound)
    except ProofRefusedError as error:
        return error.reason
    return None


def unsigned(p: Prover, header: dict[str, object]) -> str:
    claims = {"htm": "GET", "htu": URI, "iat": int(NOW), "jti": "1"}
    parts = (header, claims)
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def by(key: OKPKey | RSAKey | OctKey, algorithm: str) -> str:
    """A proof by another kind of key, under its own algorithm, as its header says."""
    public = key.as_dict() if isinstance(key, OctKey) else key.as_dict(private=False)
    claims = {"htm": "GET", "htu": URI, "iat": int(NOW), "jti": "1"}
    return jwt.encode({"typ": "dpop+jwt", "alg": algorithm, "jwk": public}, claims, key, algorithms=[algorithm])


PROVER = Prover(Clock())
OTHER = ECKey.generate_key("P-256")
BAD: list[tuple[str, str, Callable[[Prover], str | None]]] = [
    ("no header", "missing", lambda p: None),
    ("an empty header", "missing", lambda p: ""),
    ("two headers", "missing", lambda p: f"{p.proof('GET', URI, TOKEN)}, {p.proof('GET', URI, TOKEN)}"),
    ("no JWT", "malformed", lambda p: "abc"),
    ("an overlong one", "malformed", lambda p: p.proof("GET", URI, TOKEN, padding="x" * 9000)),
    ("no typ", "type", lambda p: p.proof("GET", URI, TOKEN, header={"typ": None})),
    ("a client assertion", "type", lambda p: p.proof("GET", URI, TOKEN, header={"typ": "JWT"})),
    ("alg none", "algorithm", lambda p: unsigned(p, {"typ": "dpop+jwt", "alg": "none", "jwk": jwk(p.key)})),
    ("RS256", "algorithm", lambda p: by(RSAKey.import_key(rsa.generate_private_key(65537, 2048)), "RS256")),
    ("Ed25519", "algorithm", lambda p: by(OKPKey.generate_key("Ed25519"), "Ed25519")),
    ("HS256", "algorithm", lambda p: by(OctKey.generate_key(256), "HS256")),
    ("no jwk", "key", lambda p: p.proof("GET", URI, TOKEN, header={"jwk": None})),
    ("a private key", "key", lambda p: p.proof("GET", URI, TOKEN, header={"jwk": p.key.as_dict(private=True)})),
    ("a key on P-384", "key", lambda p: p.proof("GET", URI, TOKEN, header={"jwk": jwk(ECKey.generate_key("P-384"))})),
    (
        "a point off the curve",
        "key",
        lambda p: p.proof("GET", URI, TOKEN, header={"jwk": {**jwk(p.key), "y": "A" * 43}}),
    ),
    ("a jwk that is a text", "key", lambda p: unsigned(p, {"typ": "dpop+jwt", "alg": "ES256", "jwk": "key"})),
    ("another key's signature", "signature", lambda p: p.proof("GET", URI, TOKEN, key=OTHER)),
    ("altered", "signature", lambda p: p.proof("GET", URI, TOKEN)[:-8] + "AAAAAAAA"),
    ("another method", "method", lambda p: p.proof("POST", URI, TOKEN)),
    ("a method in small letters", "method", lambda p: p.proof("get", URI, TOKEN)),
    ("another path", "uri", lambda p: p.proof("GET", URI.replace("ex-1", "ex-2"), TOKEN)),
    ("another host", "uri", lambda p: p.proof("GET", "https://evil.example/v1/extracts/ex-1/content", TOKEN)),
    ("plain http", "uri", lambda p: p.proof("GET", URI.replace("https", "http"), TOKEN)),
    ("another port", "uri", lambda p: p.proof("GET", URI.replace(".example", ".example:8443"), TOKEN)),
    ("no address", "uri", lambda p: p.proof("GET", URI, TOKEN, htu=None)),
    ("an address that is none", "uri", lambda p: p.proof("GET", "https://[", TOKEN)),
    ("too old", "time", lambda p: p.proof("GET", URI, TOKEN, iat=int(NOW) - 61)),
    ("of the future", "time", lambda p: p.proof("GET", URI, TOKEN, iat=int(NOW) + 61)),
    ("no time", "time", lambda p: p.proof("GET", URI, TOKEN, iat=None)),
    ("a time that is no number", "time", lambda p: p.proof("GET", URI, TOKEN, iat=True)),
    ("no jti", "jti", lambda p: p.proof("GET", URI, TOKEN, jti=None)),
    ("an overlong jti", "jti", lambda p: p.proof("GET", URI, TOKEN, jti="x" * 257)),
    ("no ath", "token", lambda p: p.proof("GET", URI)),
    ("the ath of another token", "token", lambda p: p.proof("GET", URI, "aaa.bbb.ddd")),
]


def jwk(key: ECKey) -> dict[str, object]:
    return dict(key.as_dict(private=False))


@pytest.mark.parametrize(("name", "reason", "make"), BAD, ids=[name for name, _, _ in BAD])
def test_a_proof_that_is_wrong_in_one_thing_is_refused(
    name: str, reason: str, make: Callable[[Prover], str | None]
) -> None:
    assert (name, judged(make(PROVER), bound=PROVER.jkt)) == (name, reason)


def test_a_good_proof_holds_and_names_its_key() -> None:
    for age in (-60, 0, 60):
        proof = dpop.verify(
            Shown(PROVER.proof("GET", URI, TOKEN, iat=int(NOW) + age), "GET", URI), now=NOW, token=TOKEN, jkt=PROVER.jkt
        )
        assert proof.jkt == PROVER.jkt
        assert proof.issued_at == int(NOW) + age
    assert judged(PROVER.proof("GET", URI + "?page=2#top", TOKEN)) is None
    assert judged(PROVER.proof("GET", "HTTPS://Gateway.Example:443/v1/extracts/%65x-1/content", TOKEN)) is None


def test_a_proof_of_another_key_than_the_tokens_is_refused() -> None:
    assert judged(Prover(Clock()).proof("GET", URI, TOKEN), bound=PROVER.jkt) == "binding"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example", "https://a.example/", True),
        ("https://a.example:443/x", "https://A.example/x?y=1#z", True),
        ("http://a.example:80/x", "http://a.example/x", True),
        ("https://a.example:80/x", "https://a.example/x", False),
        ("https://a.example/%7Ex", "https://a.example/~x", True),
        ("https://a.example/%2f", "https://a.example/%2F", True),
        ("https://a.example/%2F", "https://a.example//", False),
        ("https://a.example/X", "https://a.example/x", False),
        ("https://[::1]:8443/x", "https://[::1]:8443/x", True),
    ],
)
def test_addresses_are_compared_as_rfc_3986_normalises_them(one: str, other: str, same: bool) -> None:
    assert dpop.normal_uri(one) is not None
    assert (dpop.normal_uri(one) == dpop.normal_uri(other)) is same


@pytest.mark.parametrize(
    "uri",
    [
        "", "/x", "ftp://a.example/x", "https:///x", "https://u@a.example/x", "https://u:p@a.example/x",
        "https://a.example/a/../b", "https://a.example/%zz", "https://a.example:port/", "https://a.example/%",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_request_is_none(uri: str) -> None:
    assert dpop.normal_uri(uri) is None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_text_makes_the_verifier_stumble(text: str) -> None:
    assert judged(text) in {"missing", "malformed"}
    assert dpop.normal_uri(f"https://a.example/{text}") is None or isinstance(text, str)


@given(st.lists(st.from_regex(r"[A-Za-z0-9._~-]{1,20}", fullmatch=True), max_size=5))
def test_an_address_of_ours_is_the_one_that_a_client_names(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    if not {".", ".."} & set(parts):
        assert dpop.normal_uri(dpop.public_uri("https://a.example", path)) == dpop.normal_uri(
            f"https://a.example{path}"
        )
