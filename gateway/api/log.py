"""``/log/…``: the public checkpoint and hash tiles (C2SP tlog-tiles), and consistency proofs."""

from __future__ import annotations

import base64

from flask import Response
from werkzeug.exceptions import NotFound

from gateway.api.authentication import services
from gateway.api.blueprints import BINARY, ApiBlueprint, content
from gateway.api.models import ConsistencyOut, LogKeysOut
from gateway.audit.errors import MalformedError
from gateway.audit.rotation import keys_document

blueprint = ApiBlueprint("log", __name__, tag="Public log")


@blueprint.get("/log/checkpoint")
@blueprint.answers({200: content("The newest signed checkpoint with its cosignatures", "text/plain")})
def checkpoint() -> Response:
    """Return the newest checkpoint, a signed note."""
    response = Response(services().publisher.checkpoint(), mimetype="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/log/keys.json")
@blueprint.output(LogKeysOut)
def keys() -> LogKeysOut:
    """Return the keys of the log with the entries that brought them; none while its key was never changed."""
    return LogKeysOut.model_validate(keys_document(services().audit.origin, services().publisher.keys()))


@blueprint.get("/log/tile/<int:level>/<path:tile>")
@blueprint.answers({200: content("A tile of hashes, 32 bytes each", "application/octet-stream", BINARY)})
def hash_tile(level: int, tile: str) -> Response:
    """Return a hash tile; a full one never changes."""
    try:
        hashes = services().publisher.hash_tile(f"tile/{level}/{tile}")
    except MalformedError:
        raise NotFound from None  # a path that names no tile names nothing
    response = Response(hashes, mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "public, max-age=60" if ".p/" in tile else "public, max-age=31536000, immutable"
    return response


@blueprint.get("/log/consistency/<int:old>/<int:new>")
@blueprint.output(ConsistencyOut)
@blueprint.answers({422: {"description": "Sizes that no proof leads from and to"}})
def consistency(old: int, new: int) -> ConsistencyOut:
    """Return the proof that the log of ``new`` leaves extends the one of ``old``."""
    proof = services().audit.consistency(old, new)
    return ConsistencyOut(
        old=proof.old,
        new=proof.new,
        old_root=_text(proof.old_root),
        new_root=_text(proof.new_root),
        proof=[_text(node) for node in proof.proof],
    )


def _text(node: bytes) -> str:
    return base64.b64encode(node).decode()
