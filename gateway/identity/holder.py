"""A minimal holder: fetches a batch from an offer, keeps one-time credentials with their keys, presents each once.

The demo and the tests use it; a real wallet keeps its keys in hardware.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import cast
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from joserfc.jwk import ECKey

from gateway.errors import ConflictError, ParameterError
from gateway.identity import jws
from gateway.identity.metadata import PRE_AUTHORIZED, PROOF_TYP
from gateway.identity.present import present

Send = Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, bytes]]
"""Sends method, address, headers and body; returns status and body of the response."""
_OK = 200
_NO_CONTENT = 204


def make_key() -> ECKey:
    """Return a fresh P-256 key."""
    return ECKey.generate_key("P-256")


def make_proof(key: ECKey, *, audience: str, nonce: str, now: datetime) -> str:
    """Return the ``openid4vci-proof+jwt`` of ``key`` (OpenID4VCI 1.0, appendix F.1)."""
    return jws.sign(
        {"typ": PROOF_TYP, "jwk": jws.public_jwk(key)},
        {"aud": audience, "iat": int(now.timestamp()), "nonce": nonce},
        key,
    )


@dataclass(slots=True)
class Wallet:
    """Credentials with their keys, each used once and then gone."""

    pending: list[ECKey] = field(default_factory=list, repr=False)
    held: list[tuple[str, ECKey]] = field(default_factory=list, repr=False)

    def proofs(self, count: int, *, issuer: str, nonce: str, now: datetime) -> list[str]:
        """Return proofs of ``count`` fresh keys, which wait for their credentials."""
        self.pending = [make_key() for _ in range(count)]
        return [make_proof(key, audience=issuer, nonce=nonce, now=now) for key in self.pending]

    def receive(self, credentials: Sequence[str]) -> None:
        """Keep the credentials of the pending keys, in order; raises ``ParameterError`` when the numbers differ."""
        if len(credentials) != len(self.pending):
            raise ParameterError(
                "The number of credentials is not the number of proofs.", detail_zh="凭证份数与密钥证明数不一致。"
            )
        self.held.extend(zip(credentials, self.pending, strict=True))
        self.pending = []

    def present(self, disclose: Collection[str], *, audience: str, nonce: str, now: datetime) -> str:
        """Return a presentation of one credential and drop it; raises ``ConflictError`` when none is left."""
        if not self.held:
            raise ConflictError("No credential is left; fetch a new batch.", detail_zh="凭证已用完，请重新领取。")
        credential, key = self.held[0]
        shown = present(credential, disclose=disclose, holder_key=key, audience=audience, nonce=nonce, now=now)
        self.held.pop(0)
        return shown


@dataclass(frozen=True, slots=True)
class Fetched:
    """A batch as it came, and what the wallet needs to notify the issuer of it (OpenID4VCI 1.0 section 11)."""

    credentials: tuple[str, ...] = field(repr=False)
    keys: tuple[ECKey, ...] = field(repr=False)
    notification_id: str = field(repr=False)
    session: Session = field(repr=False)

    def wallet(self) -> Wallet:
        """Return a wallet that holds the batch."""
        return Wallet(held=list(zip(self.credentials, self.keys, strict=True)))

    def notify(self, event: str) -> None:
        """Tell the issuer what became of the batch; raises ``ConflictError`` when it does not take it."""
        body = {"notification_id": self.notification_id, "event": event}
        self.session.post(str(self.session.metadata["notification_endpoint"]), body, expect=_NO_CONTENT)


@dataclass(slots=True)
class Session:
    """An exchange with one issuer: its metadata, the access token, and the key that the token is bound to."""

    send: Send
    now: Callable[[], datetime]
    metadata: Mapping[str, object]
    key: ECKey | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def authorize(self, endpoint: str, form: Mapping[str, str]) -> None:
        """Get an access token, bound to ``key`` where there is one (section 6.1)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", **self._proof(endpoint)}
        answer = _read(self.send("POST", endpoint, headers, urlencode(form).encode()), endpoint)
        self.token = str(answer["access_token"])

    def post(self, address: str, body: object, *, expect: int = _OK) -> dict[str, object]:
        """Send JSON under the access token; raises ``ConflictError`` for an answer other than ``expect``."""
        headers = {"Content-Type": "application/json", **self._proof(address)}
        if self.token is not None:
            headers["Authorization"] = f"{'Bearer' if self.key is None else 'DPoP'} {self.token}"
        return _read(self.send("POST", address, headers, jws.dump(body).encode()), address, expect)

    def _proof(self, address: str) -> dict[str, str]:
        if self.key is None:
            return {}
        claims = {
            "jti": secrets.token_hex(16),
            "htm": "POST",
            "htu": address,
            "iat": int(self.now().timestamp()),
        }
        if self.token is not None:
            claims["ath"] = jws.encode(sha256(self.token.encode()).digest())
        return {"DPoP": jws.sign({"typ": "dpop+jwt", "jwk": jws.public_jwk(self.key)}, claims, self.key)}


def fetch_batch(
    link: str,
    tx_code: str,
    count: int,
    *,
    send: Send | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    bound: bool = True,
) -> Fetched:
    """Return ``count`` credentials of the offer behind ``link``, each with a key of its own (OpenID4VCI 1.0).

    ``link`` holds ``credential_offer_uri`` or ``credential_offer``, as query or as fragment. ``bound`` binds the
    access token to a key (RFC 9449). Raises ``ConflictError`` with the issuer's error.
    """
    send = send or over_http
    offer = _offer(link, send)
    issuer = str(offer["credential_issuer"])
    metadata = _read(send("GET", f"{issuer}/.well-known/openid-credential-issuer", {}, None), "issuer metadata")
    server = _read(send("GET", f"{issuer}/.well-known/oauth-authorization-server", {}, None), "server metadata")
    (configuration,) = cast("list[str]", offer["credential_configuration_ids"])
    grant = cast("Mapping[str, Mapping[str, str]]", offer["grants"])[PRE_AUTHORIZED]
    session = Session(send, now, metadata, make_key() if bound else None)
    form = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": grant["pre-authorized_code"], "tx_code": tx_code}
    session.authorize(str(server["token_endpoint"]), form)
    nonce = _read(send("POST", str(metadata["nonce_endpoint"]), {}, None), "nonce")["c_nonce"]
    keys = tuple(make_key() for _ in range(count))
    proofs = [make_proof(key, audience=issuer, nonce=str(nonce), now=now()) for key in keys]
    wanted = {"credential_configuration_id": configuration, "proofs": {"jwt": proofs}}
    answer = session.post(str(metadata["credential_endpoint"]), wanted)
    credentials = tuple(one["credential"] for one in cast("list[dict[str, str]]", answer["credentials"]))
    return Fetched(credentials, keys, str(answer["notification_id"]), session)


def over_http(method: str, address: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
    """Send a request over HTTP; see ``Send``."""
    request = Request(address, data=body, method=method, headers=dict(headers))  # noqa: S310  the issuer's address
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310  the same
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def _offer(link: str, send: Send) -> Mapping[str, object]:
    parts = urlsplit(link)
    given = parse_qs(parts.query or parts.fragment)
    if "credential_offer" in given:
        return jws.load_object(given["credential_offer"][0].encode())
    return _read(send("GET", given["credential_offer_uri"][0], {}, None), "offer")


def _read(answer: tuple[int, bytes], what: str, expect: int = _OK) -> dict[str, object]:
    """Return the JSON of an answer; raises ``ConflictError`` that says the error's code alone."""
    status, body = answer
    if status != expect:
        try:
            code = jws.load_object(body).get("error")
        except jws.MalformedTokenError:
            code = None
        raise ConflictError(f"{what}: {status} {code}", detail_zh=f"签发方拒绝：{status}", extra={"error": str(code)})
    return jws.load_object(body) if body else {}
