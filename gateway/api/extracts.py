"""``/v1/grants/{id}/extracts`` and ``/v1/extracts``: ask, wait, take delivery, certify the deletion."""

from __future__ import annotations

import base64
import re

from apiflask import APIBlueprint
from flask import Response, request

from gateway.api.authentication import principal, services
from gateway.api.models import DeletionIn, ExtractIn, ExtractList, ExtractOut
from gateway.api.problem_responses import response_of
from gateway.ids import ExtractId, GrantId
from gateway.problems import RANGE, Problem
from gateway.releases.errors import NotReadyError
from gateway.releases.records import Extract

blueprint = APIBlueprint("extracts", __name__, tag="Extracts")

_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")


@blueprint.post("/v1/grants/<grant_id>/extracts")
@blueprint.input(ExtractIn)
@blueprint.output(ExtractOut, status_code=202)
def create_extract(grant_id: str, json_data: ExtractIn) -> ExtractOut:
    """Queue an extract under a grant; it reserves one use."""
    return ExtractOut.of(services().releases.start(GrantId(grant_id), json_data.to_record(), principal()))


@blueprint.get("/v1/grants/<grant_id>/extracts")
@blueprint.output(ExtractList)
def list_extracts(grant_id: str) -> ExtractList:
    """List the extracts of a grant, newest first."""
    found = services().releases.of_grant(GrantId(grant_id), principal())
    return ExtractList(items=[ExtractOut.of(extract) for extract in found])


@blueprint.get("/v1/extracts/<extract_id>")
@blueprint.output(ExtractOut)
def get_extract(extract_id: str) -> ExtractOut:
    """Show an extract and how far its preparation is."""
    return ExtractOut.of(services().releases.get(ExtractId(extract_id), principal()))


@blueprint.get("/v1/extracts/<extract_id>/content")
@blueprint.doc(responses={200: "The whole file", 206: "The range asked for"})
def get_content(extract_id: str) -> Response:
    """Deliver the file, or one range of it. Each request has its own intent and outcome in the audit trail."""
    releases = services().releases
    caller = principal()
    wanted = request.headers.get("Range")
    first, last = 0, None
    if wanted is not None:
        extract = releases.get(ExtractId(extract_id), caller)
        found = _RANGE.match(wanted.strip())
        first = int(found.group(1)) if found else -1
        last = int(found.group(2)) if found and found.group(2) else None
        if first < 0 or first >= max(extract.size, 1) or (last is not None and last < first):
            return response_of(Problem(RANGE), {"Content-Range": f"bytes */{extract.size}"})
    delivery = releases.deliver(ExtractId(extract_id), caller, first, last)
    length = delivery.last - delivery.first + 1
    response = Response(delivery.content, 200 if wanted is None else 206, mimetype=delivery.media_type)
    response.headers["Content-Length"] = str(length)
    response.headers["Content-Disposition"] = f'attachment; filename="{delivery.extract.file_name}"'
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Xueji-Audit-Index"] = str(delivery.receipt.index)
    if wanted is None:
        response.headers["Content-Digest"] = f"sha-256=:{_base64(delivery.extract.sha256)}:"
    else:
        response.headers["Content-Range"] = f"bytes {delivery.first}-{delivery.last}/{delivery.extract.size}"
    return response


@blueprint.get("/v1/extracts/<extract_id>/manifest")
@blueprint.doc(responses={200: "The signed manifest, a compact JWS"})
def get_manifest(extract_id: str) -> Response:
    """Return the signed manifest."""
    return Response(_finished(extract_id).manifest, mimetype="application/jose")


@blueprint.get("/v1/extracts/<extract_id>/report")
@blueprint.doc(responses={200: "The release report"})
def get_report(extract_id: str) -> Response:
    """Return the release report."""
    return Response(_finished(extract_id).report, mimetype="application/json")


@blueprint.get("/v1/extracts/<extract_id>/obligations")
@blueprint.doc(responses={200: "The obligations that travel with the data"})
def get_obligations(extract_id: str) -> Response:
    """Return the obligations file."""
    return Response(_finished(extract_id).obligations, mimetype="application/json")


@blueprint.post("/v1/extracts/<extract_id>/deletion-certificate")
@blueprint.input(DeletionIn)
@blueprint.output(ExtractOut)
def certify_deletion(extract_id: str, json_data: DeletionIn) -> ExtractOut:
    """Hand in the deletion certificate (销毁证明)."""
    return ExtractOut.of(
        services().releases.certify_deletion(
            ExtractId(extract_id),
            principal(),
            statement=json_data.statement,
            deleted_on=json_data.deleted_on,
            responsible=json_data.responsible,
        )
    )


def _finished(extract_id: str) -> Extract:
    extract = services().releases.get(ExtractId(extract_id), principal())
    if not extract.manifest:
        raise NotReadyError("The extract is still being prepared.", detail_zh="提取文件正在准备中，请稍后再试。")
    return extract


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
