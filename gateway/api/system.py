"""``/healthz``, ``/readyz``, ``/metrics`` and the catalogue of problems."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from gateway.api.authentication import services
from gateway.problems import TABLE

blueprint = APIBlueprint("system", __name__, tag="System")


@blueprint.get("/healthz")
@blueprint.doc(responses={200: "The process answers"})
def healthz() -> Response:
    """Say that the process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@blueprint.doc(responses={200: "Every part is there", 503: "A part is gone: nothing is released"})
def readyz() -> Response:
    """Say part by part whether the face can do its work (I8)."""
    parts = services().ready()
    response = jsonify(status="ok" if set(parts.values()) == {"ok"} else "unavailable", parts=parts)
    response.status_code = 200 if set(parts.values()) == {"ok"} else 503
    return response


@blueprint.get("/metrics")
@blueprint.doc(responses={200: "Counters in the text format of Prometheus"})
def metrics() -> Response:
    """Return counters; they hold no personal data and no label that could."""
    parts = services().ready()
    lines = ["# HELP xueji_up Whether a part of this face works.", "# TYPE xueji_up gauge"]
    lines += [f'xueji_up{{part="{name}"}} {int(state == "ok")}' for name, state in sorted(parts.items())]
    return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4")


@blueprint.get("/problems")
@blueprint.doc(responses={200: "Every problem type"})
def problems() -> Response:
    """List every problem type with its status and its titles."""
    found = {kind.name: kind for kind in TABLE.values()}
    return jsonify(
        [
            {"type": f"/problems/{kind.name}", "status": kind.status, "title_zh": kind.title_zh, "title": kind.title}
            for kind in sorted(found.values(), key=lambda kind: kind.name)
        ]
    )
