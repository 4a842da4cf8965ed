"""Extracts: progress, manifest, release report with figures, obligations; take delivery, certify the deletion."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.asymmetric import ec
from flask import Blueprint, Response, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import ConfigurationError, GatewayError, NotFoundError
from gateway.ids import ExtractId, GrantId
from gateway.keyring import Key
from gateway.policies.decision import Action
from gateway.policies.records import Grant
from gateway.policies.resources import grant_resource
from gateway.problems import Problem
from gateway.releases.manifest import verify_manifest
from gateway.releases.records import Extract, ExtractState
from gateway.releases.reports.pdf import report_pdf
from gateway.releases.reports.view import view_of

blueprint = Blueprint("extracts", __name__)

_RUNNING = frozenset({ExtractState.QUEUED, ExtractState.PREPARING})


@blueprint.get("/extracts")
def index() -> ResponseReturnValue:
    """List the newest extracts under grants that the person may read."""
    found = services().releases.newest(principal())
    readable = {grant: _readable(grant) for grant in {extract.grant for extract in found}}
    return page("extracts.html", extracts=[extract for extract in found if readable[extract.grant]])


@blueprint.get("/extracts/<extract_id>")
def show(extract_id: str) -> ResponseReturnValue:
    """Show an extract: its progress, and when it is finished the manifest, the report and the obligations."""
    return _show(ExtractId(extract_id), None)


@blueprint.get("/extracts/<extract_id>/progress")
def progress(extract_id: str) -> ResponseReturnValue:
    """Return how far a preparation is: the state, and the fragment of the page that shows it."""
    extract, _grant = _extract(ExtractId(extract_id))
    fragment = render_template("extract_progress.html", extract=extract)
    return jsonify(state=extract.state, running=extract.state in _RUNNING, fragment=fragment)


@blueprint.post("/extracts/<extract_id>/content")
def content(extract_id: str) -> ResponseReturnValue:
    """Deliver the file: the intent is durable before the first byte, the outcome follows the last (I3)."""
    which = ExtractId(extract_id)
    try:
        delivery = services().releases.deliver(which, principal())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    response = Response(delivery.content, mimetype=delivery.media_type)
    response.headers["Content-Length"] = str(delivery.last - delivery.first + 1)
    response.headers["Content-Disposition"] = f'attachment; filename="{delivery.extract.file_name}"'
    response.headers["Xueji-Audit-Index"] = str(delivery.receipt.index)
    return response


@blueprint.get("/extracts/<extract_id>/manifest.jws")
def manifest(extract_id: str) -> ResponseReturnValue:
    """Return the signed manifest as it was signed."""
    extract, _grant = _extract(ExtractId(extract_id))
    if not extract.manifest:
        raise NotFoundError("There is no manifest yet.", detail_zh="尚未生成清单。")
    response = Response(extract.manifest, mimetype="application/jose")
    response.headers["Content-Disposition"] = f'attachment; filename="{extract.id}.manifest.jws"'
    return response


@blueprint.get("/extracts/<extract_id>/report.pdf")
def report(extract_id: str) -> ResponseReturnValue:
    """Return the release report as a PDF."""
    extract, _grant = _extract(ExtractId(extract_id))
    if not extract.report:
        raise NotFoundError("There is no report yet.", detail_zh="尚未生成报告。")
    purposes = {code: purpose.label for code, purpose in services().book.purposes.items()}
    response = Response(report_pdf(json.loads(extract.report), purposes), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{extract.id}.report.pdf"'
    return response


@blueprint.post("/extracts/<extract_id>/deletion-certificate")
def certify_deletion(extract_id: str) -> ResponseReturnValue:
    """Hand in the recipient's deletion certificate (A50-12)."""
    which = ExtractId(extract_id)
    try:
        services().releases.certify_deletion(
            which,
            principal(),
            statement=forms.text("statement"),
            deleted_on=forms.day("deleted_on"),
            responsible=forms.text("responsible", longest=120),
        )
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify("deleted")
    return redirect(url_for("console.extracts.show", extract_id=which))


def _extract(which: ExtractId) -> tuple[Extract, Grant]:
    """Return an extract with its grant, which the person must be allowed to read. Raises ``NotFoundError``."""
    extract = services().releases.get(which, principal())
    return extract, services().applications.grant_for(principal(), extract.grant)


def _readable(grant: GrantId) -> bool:
    try:
        services().applications.grant_for(principal(), grant)
    except NotFoundError:
        return False
    return True


def _show(which: ExtractId, problem: Problem | None) -> ResponseReturnValue:
    who = principal()
    extract, grant = _extract(which)
    report = json.loads(extract.report) if extract.report else None
    return page(
        "extract.html",
        problem=problem,
        extract=extract,
        running=extract.state in _RUNNING,
        grant=grant,
        manifest=_manifest(extract),
        view=view_of(report, {code: one.label for code, one in services().book.purposes.items()}) if report else None,
        duties=json.loads(extract.obligations) if extract.obligations else None,
        may_deliver=extract.state is ExtractState.READY
        and may(services(), who, Action.DELIVER_RELEASE, grant_resource(grant)),
        may_certify=who.recipient == extract.recipient and extract.state in {ExtractState.READY, ExtractState.EXPIRED},
    )


def _manifest(extract: Extract) -> dict[str, object] | None:
    """Return the claims of the manifest, its signature verified; ``None`` before there is one."""
    if not extract.manifest:
        return None
    key = services().keyring.verifying(Key.GRANT)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigurationError("The grant key must be on P-256.", detail_zh="授权密钥应为 P-256 曲线。")
    return verify_manifest(extract.manifest, key)
