"""Keys that a client publishes itself (``jwks_uri``, RFC 7591): fetched when needed, kept for a while.

A fetch is a request that a stranger's assertion can set off, so it is bounded on every side: as ``outbound`` says, and
64 KiB; one fetch a client in ``MIN_AGE_SECONDS``.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from gateway.accounts.keys import public_keys, usable_keys
from gateway.accounts.outbound import BoundedHttp, Deadline, Resolve, is_loopback, target
from gateway.errors import GatewayError, ParameterError, UnavailableError

MAX_BYTES = 64 * 1024
MIN_AGE_SECONDS = 30.0
"""A set is not fetched again sooner, whatever key is asked for, and whether or not the last fetch succeeded."""
MAX_AGE_SECONDS = 600.0
"""A set that is older counts no more: a key that was taken down there ends here."""
MAX_URI = 500
_MEDIA_TYPES = {"application/json", "application/jwk-set+json"}
_OK = 200
Keys = tuple[Mapping[str, str], ...]


def check_jwks_uri(uri: str) -> str:
    """Return the address of a client's key set; raises ``ParameterError`` for one that would never be fetched."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise _bad_uri() from None
    plain = len(uri) <= MAX_URI and uri.isascii() and not any(letter.isspace() for letter in uri)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not plain or not secure or not parts.hostname or parts.username is not None or parts.fragment:
        raise _bad_uri()
    return uri


def client_keys(jwks: Mapping[str, object], jwks_uri: str | None) -> tuple[Keys, str | None]:
    """Return the keys that a client is registered with, or none and the address at which it publishes them.

    Raises ``ParameterError`` for keys or an address that cannot be used, and for both at once.
    """
    if jwks_uri is None:
        return public_keys(jwks), None
    if jwks:
        raise ParameterError(
            "Give the client's keys or the address where it publishes them, not both.",
            detail_zh="客户端公钥与 jwks_uri 只能提供其一。",
        )
    return (), check_jwks_uri(jwks_uri)


@dataclass(slots=True)
class _Held:
    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: Keys = ()
    fetched: float | None = None
    """When the keys came; ``None`` before the first success."""
    tried: float | None = None


class KeySets:
    """The published key sets of clients, in the memory of this process."""

    def __init__(self, fetch: Callable[[str], bytes], now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def keys(self, uri: str, kid: object) -> Keys:
        """Return the keys at ``uri``; they are fetched again when they are old, or hold no key of the name ``kid``.

        Empty when there are none that count: a set that cannot be had is no set (I8).
        """
        with self._lock:
            held = self._held.setdefault(uri, _Held())
        with held.lock:
            now = self._now()
            fresh = held.fetched is not None and now - held.fetched <= MAX_AGE_SECONDS
            known = kid is None or any(key["kid"] == kid for key in held.keys)
            rested = held.tried is None or now - held.tried >= MIN_AGE_SECONDS
            if rested and not (fresh and known):
                held.tried = now
                self._refresh(uri, held, now)
                fresh = held.fetched is not None and now - held.fetched <= MAX_AGE_SECONDS
            return held.keys if fresh else ()

    def _refresh(self, uri: str, held: _Held, now: float) -> None:
        try:
            found = json.loads(self._fetch(uri))
            held.keys = usable_keys(found if isinstance(found, dict) else {})
            held.fetched = now
        except (GatewayError, ValueError, RecursionError):
            return  # what was held stays until it is too old


class HttpKeySets:
    """Fetches a key set over HTTP within the bounds of this module; ``loopback`` as of ``BoundedHttp``."""

    def __init__(
        self, *, loopback: bool, resolve: Resolve | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._http = BoundedHttp(loopback=loopback, resolve=resolve, context=context)

    def __call__(self, uri: str) -> bytes:
        """Return the bytes at ``uri``; raises ``ParameterError`` or ``UnavailableError``."""
        parts = urlsplit(check_jwks_uri(uri))
        try:
            return self._get(parts, Deadline())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unavailable() from error

    def _get(self, parts: SplitResult, deadline: Deadline) -> bytes:
        with self._http.connected(parts, deadline) as (connection, stream):
            connection.request("GET", target(parts), headers={"Accept": "application/jwk-set+json, application/json"})
            answer = connection.getresponse()
            media_type = answer.headers.get_content_type()
            if answer.status != _OK or media_type not in _MEDIA_TYPES:  # a redirect is no answer
                raise _unavailable()
            content = b""
            while len(content) <= MAX_BYTES:
                stream.settimeout(deadline.left())
                piece = answer.read1(8192)
                if not piece:
                    return content
                content += piece
        raise _unavailable()


def _bad_uri() -> ParameterError:
    return ParameterError(
        f"The jwks_uri cannot be used: an https address (http on loopback only) of at most {MAX_URI} characters, "
        "without a user name and fragment.",
        detail_zh="jwks_uri 不可用：应为 https 地址（仅本机回环可用 http），不含用户名和片段。",
    )


def _unavailable() -> UnavailableError:
    return UnavailableError("The client's key set cannot be fetched.", detail_zh="无法获取客户端公钥集。")
