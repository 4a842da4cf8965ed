"""The HTTP server, in the foreground for ``xueji serve`` and in a thread for the demo."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import waitress
from apiflask import APIFlask

from gateway.errors import UnavailableError

WitnessApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
"""A WSGI application with a limit of its own."""
_WITNESS_BODY = 1 << 17
"""Bytes of a request that a witness is sent at most; it looks more closely itself."""


def _server(app: APIFlask | WitnessApp, host: str, port: int, threads: int) -> Any:  # noqa: ANN401  waitress has no types
    limit = app.config["MAX_CONTENT_LENGTH"] + (1 << 20) if isinstance(app, APIFlask) else _WITNESS_BODY
    return waitress.create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident="xueji",
        outbuf_overflow=1 << 20,
        outbuf_high_watermark=1 << 20,  # a delivery ends when the client has nearly all of it, not when it is buffered
        channel_timeout=120,
        max_request_body_size=limit,
    )


def serve(app: APIFlask | WitnessApp, *, host: str, port: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished."""
    server = _server(app, host, port, threads)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    print(f"xueji: http://{host}:{server.effective_port}", flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        server.close()


def port_or_free(host: str, port: int) -> int:
    """Return ``port`` if it can be listened on, else one that can."""
    for candidate in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise UnavailableError("No port of loopback can be listened on.", detail_zh="本机没有可用端口。")


class BackgroundServer:
    """The same server in a thread."""

    def __init__(self, app: APIFlask | WitnessApp, *, host: str, port: int, threads: int = 8) -> None:
        self._server = _server(app, host, port, threads)
        self.port: int = self._server.effective_port
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the server ends."""
        self._thread.join()

    def close(self) -> None:
        """Stop serving."""
        self._closing = True
        self._server.close()

    def _run(self) -> None:
        try:
            self._server.run()
        except OSError:
            if not self._closing:  # else the loop was waiting on the socket that was closed
                raise
