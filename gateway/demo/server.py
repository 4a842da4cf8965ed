"""The HTTP server, in the foreground for ``xueji serve`` and in a thread for the demo."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import waitress
from apiflask import APIFlask


def _server(app: APIFlask, host: str, port: int, threads: int) -> Any:  # noqa: ANN401  waitress has no types
    return waitress.create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident="xueji",
        send_bytes=1,  # hand bytes to the operating system as they come: what was sent is what is recorded
        outbuf_overflow=1 << 20,
        channel_timeout=120,
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"] + (1 << 20),
    )


def serve(app: APIFlask, *, host: str, port: int, threads: int) -> None:
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


class BackgroundServer:
    """The same server in a thread."""

    def __init__(self, app: APIFlask, *, host: str, port: int, threads: int = 8) -> None:
        self._server = _server(app, host, port, threads)
        self.port: int = self._server.effective_port
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the server ends."""
        self._thread.join()

    def close(self) -> None:
        """Stop serving."""
        self._server.close()
