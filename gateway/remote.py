"""A client of the HTTP API, as an outside program is one: for the demo and for recipients' shells."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.errors import GatewayError


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
    """Somebody with a token, or nobody."""

    base: str
    token: str | None = field(default=None, repr=False)

    def download(self, path: str, file: Path, size: int, progress: Callable[[int], object]) -> str:
        """Fetch ``path`` into ``file``, going on where an interrupted download stopped; return its SHA-256.

        Raises ``UnexpectedAnswerError`` when the gateway refuses, or fewer than ``size`` bytes come.
        """
        part = file.with_suffix(file.suffix + ".part")
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(self.base + path)  # noqa: S310  the address is the caller's
        request.add_header("Authorization", f"Bearer {self.token}")
        if have:
            request.add_header("Range", f"bytes={have}-")
            progress(have)
        try:
            if have < size:
                with urllib.request.urlopen(request, timeout=60) as response, part.open("ab") as out:  # noqa: S310  the address is the caller's
                    while piece := response.read(1 << 16):
                        out.write(piece)
                        progress(len(piece))
        except urllib.error.HTTPError as error:
            raise UnexpectedAnswerError(f"{error.code} {error.read()[:600].decode('utf-8', 'replace')}") from None
        if part.stat().st_size != size:
            raise UnexpectedAnswerError("The download is not complete; run the command again to go on.")
        digest = hashlib.sha256()
        with part.open("rb") as done:
            while piece := done.read(1 << 20):
                digest.update(piece)
        part.replace(file)
        return digest.hexdigest()

    def call(self, method: str, path: str, body: object = None, *, expect: int = 200) -> Answer:
        """Send a request; raises ``UnexpectedAnswerError`` when the status is not ``expect``."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)  # noqa: S310  the address is the caller's
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token}")
        answer = send(request)
        if answer.status != expect:
            raise UnexpectedAnswerError(f"{method} {path}: {answer.status}, promised {expect}: {answer.body[:600]!r}")
        return answer


def send(request: urllib.request.Request) -> Answer:
    """Send a request; an error status is an answer too."""
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  the address is the caller's
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


def client_token(base: str, client_id: str, key: ECKey) -> str:
    """Return an access token by client credentials and ``private_key_jwt`` (RFC 7523)."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": base, "iat": now, "exp": now + 120, "jti": uuid4().hex}
    assertion = jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"])
    form = urllib.parse.urlencode(
        {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
    )
    request = urllib.request.Request(f"{base}/oauth/token", data=form.encode(), method="POST")  # noqa: S310  the address is the caller's
    answer = send(request)
    if answer.status != 200:  # noqa: PLR2004
        raise UnexpectedAnswerError(f"token: {answer.status} {answer.body[:300]!r}")
    return answer.text("access_token")
