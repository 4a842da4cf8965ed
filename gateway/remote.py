"""A client of the HTTP API, as an outside program is one: for the demo and for recipients' shells."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.errors import GatewayError

RETRIES = 3
PAUSE_SECONDS = 0.5
PARTIAL = 206


class UnexpectedAnswerError(GatewayError):
    """An answer was not the expected one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, object]:
        """Return the body as a JSON object."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise UnexpectedAnswerError("not a JSON object")
        return found

    def text(self, name: str) -> str:
        """Return a member as text."""
        return str(self.json()[name])


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token, or nobody. With ``prover`` the token is bound to that key (RFC 9449)."""

    base: str
    token: str | None = field(default=None, repr=False)
    prover: ECKey | None = field(default=None, repr=False)

    def download(
        self,
        path: str,
        file: Path,
        size: int,
        progress: Callable[[int], object],
        *,
        sound: Callable[[Path], int] | None = None,
        renewed: Callable[[], Caller] | None = None,
    ) -> str:
        """Fetch ``path`` into ``file``, going on where an interrupted download stopped; return its SHA-256.

        A connection that breaks is taken up again up to ``RETRIES`` times, each time with a proof of its own, and by
        the caller that ``renewed`` gives. ``sound`` says how many bytes at the head of a file are right and cuts it
        there; without it all that came counts. Raises ``UnexpectedAnswerError`` when the gateway refuses, or fewer
        than ``size`` bytes come.
        """
        part = file.with_suffix(file.suffix + ".part")
        came = sound or (lambda _part: part.stat().st_size)
        have = came(part) if part.exists() else 0
        shown = have
        progress(have)

        def show(count: int) -> None:
            nonlocal shown
            shown += count
            progress(count)

        caller = self
        for _ in range(RETRIES + 1):
            if have >= size:
                break
            # a broken connection leaves what came; the gateway counts it as one use
            with suppress(urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
                caller._append(path, part, have, show)
            have = came(part) if part.exists() else 0
            if have < size:
                if have < shown:
                    show(have - shown)  # what came was wrong
                caller = caller if renewed is None else renewed()
                time.sleep(PAUSE_SECONDS)
        if have != size:
            raise UnexpectedAnswerError("The download is not complete; run the command again to go on.")
        digest = hashlib.sha256()
        with part.open("rb") as done:
            while piece := done.read(1 << 20):
                digest.update(piece)
        part.replace(file)
        return digest.hexdigest()

    def call(self, method: str, path: str, body: object = None, *, expect: int = 200) -> Answer:
        """Send a request; raises ``UnexpectedAnswerError`` when the status is not ``expect``."""
        answer = send(self.request(method, path, body))
        if answer.status != expect:
            raise UnexpectedAnswerError(f"{method} {path}: {answer.status}, promised {expect}: {answer.body[:600]!r}")
        return answer

    def request(self, method: str, path: str, body: object = None) -> urllib.request.Request:
        """Return a request with the token and, where the token is bound, a fresh proof: a request is sent once."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)  # noqa: S310  the address is the caller's
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token is not None:
            request.add_header("Authorization", f"{'Bearer' if self.prover is None else 'DPoP'} {self.token}")
        if self.prover is not None:
            request.add_header("DPoP", dpop_proof(self.prover, method, self.base + path, self.token))
        return request

    def _append(self, path: str, part: Path, have: int, progress: Callable[[int], object]) -> None:
        request = self.request("GET", path)
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            with urllib.request.urlopen(request, timeout=60) as response, part.open("ab") as out:  # noqa: S310  the address is the caller's
                if have and response.status != PARTIAL:
                    raise UnexpectedAnswerError("The gateway does not go on from there; delete the part file.")
                while piece := response.read(1 << 16):
                    out.write(piece)
                    progress(len(piece))
        except urllib.error.HTTPError as error:
            raise UnexpectedAnswerError(f"{error.code} {error.read()[:600].decode('utf-8', 'replace')}") from None


@dataclass(frozen=True, slots=True)
class Client:
    """A recipient's system: its id, its private key, and what its tokens are to be good for (RFC 9396)."""

    base: str
    client_id: str
    key: ECKey = field(repr=False)
    details: Sequence[Mapping[str, object]] = ()

    def caller(self) -> Caller:
        """Return a caller with a fresh token, bound to a key that lives no longer than this process."""
        prover = process_key()
        token = client_token(self.base, self.client_id, self.key, prover=prover, details=self.details)
        return Caller(self.base, token, prover)


def for_grant(grant: str, *uses: str) -> dict[str, object]:
    """Return the authorization detail of a token that is good for ``grant`` put to ``uses``, and nothing else."""
    return {"type": "xueji_grant", "identifier": grant, "actions": list(uses)}


@cache
def process_key() -> ECKey:
    """Return the key that this process binds its tokens to: made at the first use, never written down."""
    return ECKey.generate_key("P-256")


def dpop_proof(key: ECKey, method: str, url: str, token: str | None = None) -> str:
    """Return a fresh proof for one request (RFC 9449, section 4.2); ``url`` without query and fragment."""
    claims: dict[str, object] = {
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(time.time()),
        "jti": uuid4().hex,
    }
    if token is not None:
        claims["ath"] = urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key, algorithms=["ES256"])


def send(request: urllib.request.Request) -> Answer:
    """Send a request; an error status is an answer too."""
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  the address is the caller's
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


def client_assertion(base: str, client_id: str, key: ECKey) -> dict[str, str]:
    """Return the parameters by which a client proves itself: ``private_key_jwt`` (RFC 7523), fresh for one request."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": base, "iat": now, "exp": now + 120, "jti": uuid4().hex}
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"]),
    }


def client_token(
    base: str,
    client_id: str,
    key: ECKey,
    *,
    prover: ECKey | None = None,
    details: Sequence[Mapping[str, object]] = (),
) -> str:
    """Return an access token by client credentials and ``private_key_jwt`` (RFC 7523).

    With ``prover`` it is bound to that key, else a bearer token; ``details`` are its authorization details. Raises
    ``UnexpectedAnswerError`` when the gateway gives none.
    """
    form = {"grant_type": "client_credentials", **client_assertion(base, client_id, key)}
    if details:
        form["authorization_details"] = json.dumps(list(details))
    url = f"{base}/oauth/token"
    request = urllib.request.Request(url, data=urllib.parse.urlencode(form).encode(), method="POST")  # noqa: S310  the address is the caller's
    if prover is not None:
        request.add_header("DPoP", dpop_proof(prover, "POST", url))
    answer = send(request)
    if answer.status != 200:  # noqa: PLR2004
        raise UnexpectedAnswerError(f"token: {answer.status} {answer.body[:300]!r}")
    if str(answer.json().get("token_type")).lower() != ("bearer" if prover is None else "dpop"):
        raise UnexpectedAnswerError("The token is not bound to the key, as was asked.")
    return answer.text("access_token")
