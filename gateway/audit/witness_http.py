"""The witness over HTTP (C2SP tlog-witness v1.0.0): ``POST /add-checkpoint`` and ``GET /<log>/checkpoint``.

A WSGI application without a database or a session: the log's signature is the only credential that is asked for, and
nothing is told but what the witness has cosigned. TLS ends before it, at the office's reverse proxy.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from gateway.audit.errors import (
    ForkSeenError,
    InconsistentError,
    MalformedError,
    ProofError,
    RolledBackError,
    WitnessConflictError,
)
from gateway.audit.witness import AddCheckpoint, Witness
from gateway.errors import GatewayError, NotFoundError, ParameterError, UnavailableError

MAX_BODY: Final = 1 << 16
"""Bytes of a request: a checkpoint with a hundred signatures and 63 hashes has fewer."""
SIZE_TYPE: Final = "text/x.tlog.size"
_TEXT: Final = "text/plain; charset=utf-8"
_MONITOR = re.compile(r"/([0-9a-f]{64})/checkpoint")
_log = logging.getLogger(__name__)

_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    503: "Service Unavailable",
}
StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: str
    kind: str = _TEXT


def application(witness: Witness) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return the WSGI application of a witness."""
    logs = {hashlib.sha256(origin.encode()).hexdigest(): origin for origin in witness.logs}

    def answer(environ: dict[str, Any]) -> _Answer:
        path, method = str(environ.get("PATH_INFO", "")), environ.get("REQUEST_METHOD")
        if path == "/add-checkpoint":
            return _add(witness, environ) if method == "POST" else _Answer(405, "POST only\n")
        match = _MONITOR.fullmatch(path)
        if match is None or match[1] not in logs:
            return _Answer(404, "not found\n")
        if method not in {"GET", "HEAD"}:
            return _Answer(405, "GET only\n")
        note = witness.latest_note(logs[match[1]])
        return _Answer(404, "nothing cosigned yet\n") if note is None else _Answer(200, note)

    def serve(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            told = answer(environ)
        except UnavailableError as error:
            told = _Answer(503, f"{error.detail}\n")
        content = told.body.encode()
        headers = [("Content-Type", told.kind), ("Content-Length", str(len(content))), ("Cache-Control", "no-store")]
        start_response(f"{told.status} {_REASONS[told.status]}", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [content]

    return serve


def _add(witness: Witness, environ: dict[str, Any]) -> _Answer:
    body = cast("IO[bytes]", environ["wsgi.input"]).read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return _Answer(413, "the request is too large\n")
    try:
        signature = witness.add_checkpoint(AddCheckpoint.parse(body.decode()))
    except WitnessConflictError as error:
        return _Answer(409, f"{error.extra['size']}\n", SIZE_TYPE)
    except UnavailableError:
        raise
    except (GatewayError, UnicodeDecodeError) as error:
        status = _status(error)
        if isinstance(error, InconsistentError):
            _log.error("a log was refused: %s", error.detail)  # what a witness is there to notice
        return _Answer(status, f"{error.detail if isinstance(error, GatewayError) else 'not UTF-8'}\n")
    return _Answer(200, signature.line())


def _status(error: Exception) -> int:
    """Return the status that the specification gives an error."""
    match error:
        case ForkSeenError():
            return 409
        case InconsistentError():
            return 422
        case ProofError():
            return 403
        case NotFoundError():
            return 404
        case MalformedError() | ParameterError() | UnicodeDecodeError() | RolledBackError():
            return 400
        case _:
            return 503
