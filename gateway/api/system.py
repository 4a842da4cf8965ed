"""``/healthz``, ``/readyz``, ``/metrics`` and the catalogue of problems."""

from __future__ import annotations

from flask import Response, current_app, make_response, render_template, request
from werkzeug.exceptions import NotFound

from gateway.api.authentication import services
from gateway.api.blueprints import ApiBlueprint, content
from gateway.api.counters import RequestCounter, family
from gateway.api.limits import Limits
from gateway.api.models import HealthOut, ProblemTypeList, ProblemTypeOut, ReadyOut
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import SignedNote
from gateway.errors import GatewayError, NotFoundError
from gateway.keyring import Face, Key
from gateway.problems import ADVICE, CATALOGUE, ProblemType

blueprint = ApiBlueprint("system", __name__, tag="System")
LIMITS = "xueji-limits"
COUNTER = "xueji-counter"
_UNAVAILABLE = 503


@blueprint.get("/healthz")
@blueprint.output(HealthOut)
def healthz() -> HealthOut:
    """Say that the process answers."""
    return HealthOut()


@blueprint.get("/readyz")
@blueprint.output(ReadyOut)
@blueprint.answers({503: {"description": "A part is gone: nothing is released"}})
def readyz() -> tuple[ReadyOut, int]:
    """Say part by part whether the face can do its work (I8)."""
    parts = _parts()
    ready = set(parts.values()) == {"ok"}
    told = ReadyOut(status="ok" if ready else "unavailable", parts=parts, degraded=services().degraded())
    return told, 200 if ready else _UNAVAILABLE


@blueprint.get("/metrics")
@blueprint.answers({200: content("Counters in the text format of Prometheus", "text/plain")})
def metrics() -> Response:
    """Return counters; they hold no personal data and no label that could."""
    counter: RequestCounter = current_app.extensions[COUNTER]
    lines = family(
        "xueji_up",
        "gauge",
        "Whether a part of this face works.",
        [({"part": name}, int(state == "ok")) for name, state in sorted({**_parts(), **services().degraded()}.items())],
    )
    lines += family(
        "xueji_requests_total", "counter", "Answered requests by endpoint and class of status.", counter.samples()
    )
    lines += _alert_gauges()
    size = _log_size()
    if size is not None:
        lines += family("xueji_log_entries", "gauge", "Entries under the newest checkpoint.", [({}, size)])
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


@blueprint.get("/problems")
@blueprint.output(ProblemTypeList)
def problems() -> ProblemTypeList:
    """List every problem type with its titles, and what to do."""
    return ProblemTypeList(items=[_explained(kind) for kind in CATALOGUE.values()])


@blueprint.get("/problems/<name>")
@blueprint.output(ProblemTypeOut)
@blueprint.answers({200: {"content": {"text/html": {"schema": {"type": "string"}}}}})
def problem(name: str) -> ProblemTypeOut | Response:
    """Explain a problem type: where ``type`` of a problem document leads (RFC 9457 section 3.1.1)."""
    kind = CATALOGUE.get(name)
    if kind is None:
        raise NotFound
    explained = _explained(kind)
    wanted = request.accept_mimetypes.best_match(["application/json", "text/html"], default="application/json")
    if wanted == "text/html":
        response = make_response(render_template("api/problem.html", problem=explained))
    else:
        response = make_response(explained.model_dump(mode="json"))
    response.headers["Vary"] = "Accept"
    return response


def _explained(kind: ProblemType) -> ProblemTypeOut:
    advice_zh, advice = ADVICE[kind.name]
    return ProblemTypeOut(
        type=f"/problems/{kind.name}",
        status=kind.status,
        title_zh=kind.title_zh,
        title=kind.title,
        advice_zh=advice_zh,
        advice=advice,
    )


def _parts() -> dict[str, str]:
    limits: Limits = current_app.extensions[LIMITS]
    found = {**services().ready(), "rate_limit_store": limits.state(), "audit_log": _log_state()}
    if services().face is Face.ALL:
        # the sequencer lives in this process: without the key no entry is written, and nothing is released
        found["log_key"] = "ok" if services().keyring.has(Key.LOG) else "missing"
    return found


def _alert_gauges() -> list[str]:
    """Return the gauges of unclosed alerts; missing when their source is: ``xueji_up`` says which part is gone."""
    alerts = services().alerts
    if alerts is None:
        return []
    try:
        found = alerts.gauges()
    except GatewayError:
        return []
    labels = [{"rule": rule, "severity": severity} for rule, severity, _count, _late in found]
    open_ones = zip(labels, (count for *_, count, _late in found), strict=True)
    late_ones = zip(labels, (late for *_, late in found), strict=True)
    return [
        *family("xueji_alerts_open", "gauge", "Alerts that are not closed, by rule.", open_ones),
        *family("xueji_alerts_overdue", "gauge", "Those of them whose deadline has passed.", late_ones),
    ]


def _log_state() -> str:
    """Return ``ok`` when the newest checkpoint is signed by the log that this system trusts."""
    try:
        note = SignedNote.parse(services().publisher.checkpoint())
        signers = note.verify(services().audit.policy.logs)
    except NotFoundError:
        return "ok"  # nothing has been recorded yet
    except GatewayError as error:
        return type(error).__name__
    return "ok" if signers else "unsigned"


def _log_size() -> int | None:
    try:
        return Checkpoint.parse_text(SignedNote.parse(services().publisher.checkpoint()).text).size
    except NotFoundError:
        return 0
    except GatewayError:
        return None  # the gauge is missing, as its source is; xueji_up says which part is gone
