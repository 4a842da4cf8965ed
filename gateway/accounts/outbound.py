"""The few requests that this program makes of others: bounded on every side, to registered addresses alone.

Only https, or http on loopback where this gateway itself stands on loopback; never a private address (the name is
resolved once, checked, and that address is connected to); no redirects; two seconds in all.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlencode, urlsplit

from gateway.errors import UnavailableError

TIMEOUT_SECONDS = 2.0
FORM = "application/x-www-form-urlencoded"
Resolve = Callable[[str, int], list[str]]


def is_loopback(host: str) -> bool:
    """Say whether a host of a URL is loopback by its very name; nothing is resolved."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Deadline:
    """When a request has to be over; ``left`` raises ``TimeoutError`` after it."""

    def __init__(self, seconds: float = TIMEOUT_SECONDS) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class BoundedHttp:
    """Connects within the bounds of this module.

    ``loopback`` says that this gateway stands on loopback itself, so that a client of the same host may, too.
    """

    def __init__(
        self,
        *,
        loopback: bool,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._loopback = loopback
        self._seconds = seconds
        self._resolve = resolve or _resolve
        self._context = context

    @contextmanager
    def connected(
        self, parts: SplitResult, deadline: Deadline
    ) -> Iterator[tuple[http.client.HTTPConnection, socket.socket]]:
        """Open a connection to the host of a URL, and its stream: the connection lets go of it with the answer.

        Raises ``OSError``, ``ValueError`` or ``UnavailableError``; ``TimeoutError`` at the end, when it was cut off.
        """
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._allowed(host, port, parts.scheme)
        plain = socket.create_connection((address, port), timeout=deadline.left())
        stream = self._encrypted(plain, host) if parts.scheme == "https" else plain
        with stream:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = stream
            stream.settimeout(deadline.left())
            # A time-out is of one read: who sends a byte at a time is cut off by the clock.
            over = threading.Event()
            clock = threading.Timer(deadline.left(), _cut, [stream, over])
            clock.daemon = True
            clock.start()
            try:
                yield connection, stream
            finally:
                clock.cancel()
            if over.is_set():  # what was read until then may look like a whole answer
                raise TimeoutError

    def _encrypted(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        if self._context is None:  # reading the certificates of the host takes a while, and few need it
            self._context = ssl.create_default_context()
        return self._context.wrap_socket(plain, server_hostname=host)

    def post_form(self, uri: str, form: Mapping[str, str]) -> int:
        """Return the status of the answer to a form; its body is not read. Raises ``UnavailableError`` without one."""
        parts, deadline = urlsplit(uri), Deadline(self._seconds)
        try:
            with self.connected(parts, deadline) as (connection, _):
                connection.request("POST", target(parts), urlencode(form), {"Content-Type": FORM, "Accept": "*/*"})
                return connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise unreachable() from error

    def _allowed(self, host: str, port: int, scheme: str) -> str:
        """Return the one address to connect to: every address of the name has to be allowed."""
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in self._resolve(host, port)]
        if self._loopback and is_loopback(host):
            allowed = all(address.is_loopback for address in found)
        else:
            allowed = scheme == "https" and all(address.is_global and not address.is_multicast for address in found)
        if not found or not allowed:
            raise unreachable()
        return str(found[0])


def _cut(stream: socket.socket, over: threading.Event) -> None:
    over.set()
    with suppress(OSError):  # it has ended by itself
        stream.shutdown(socket.SHUT_RDWR)


def target(parts: SplitResult) -> str:
    """Return path and query of a URL, as a request names them."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def unreachable() -> UnavailableError:
    """Return the error of an address that cannot be had; it names none."""
    return UnavailableError("The client's address cannot be reached.", detail_zh="无法访问客户端登记的地址。")


def _resolve(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
