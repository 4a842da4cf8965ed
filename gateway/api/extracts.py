"""``/v1/grants/{id}/extracts`` and ``/v1/extracts``: ask, wait, take delivery, certify the deletion."""

from __future__ import annotations

import base64
import json
import re
from http import HTTPStatus

from flask import Response, request

from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, JSON, ApiBlueprint, content
from gateway.api.models import DeletionIn, ExtractIn, ExtractList, ExtractOut, PageQuery, PartList, ReportQuery
from gateway.api.problem_responses import response_of
from gateway.ids import ExtractId, GrantId
from gateway.problems import RANGE, Problem
from gateway.releases.errors import NotReadyError
from gateway.releases.packing import media_type
from gateway.releases.records import Extract, ExtractState
from gateway.releases.reports.page import POLICY, report_page
from gateway.releases.reports.pdf import report_pdf

blueprint = ApiBlueprint("extracts", __name__, tag="Extracts")

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII | re.IGNORECASE)
_COMING = frozenset({ExtractState.QUEUED, ExtractState.PREPARING})
_FORMS = {JSON: "json", "text/html": "html", "application/pdf": "pdf"}
Span = tuple[int, int | None]
WHOLE: Span = (0, None)


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
@blueprint.answers(
    {
        200: content("The whole file", "*/*", BINARY, Repr_Digest="SHA-256 of the file (RFC 9530)"),
        206: content("The range that was asked for", "*/*", BINARY, Content_Range="RFC 9110 section 14.4"),
        416: {"description": "The range lies outside the file"},
    }
)
def get_content(extract_id: str) -> Response:
    """Deliver the file, or one range of it. Each request has its own intent and outcome in the audit trail.

    ``Range`` takes one range of bytes; what is not one is ignored, as RFC 9110 section 14.2 has it. ``HEAD`` tells
    size and digest of a file that is ready and delivers nothing.
    """
    releases = services().releases
    caller = principal()
    if request.method == "HEAD":
        extract = releases.look_at(ExtractId(extract_id), caller)
        response = Response(mimetype=media_type(extract.request))
        response.headers["Content-Length"] = str(extract.size)
        return _described(response, extract)
    extract = releases.asked_for(ExtractId(extract_id), caller)
    if extract.state in _COMING:
        raise _not_ready()
    wanted = _range(request.headers.get("Range"), extract)
    if wanted is None:
        return response_of(Problem(RANGE), {"Content-Range": f"bytes */{extract.size}"})
    partial = wanted != WHOLE
    delivery = releases.deliver(ExtractId(extract_id), caller, *wanted)
    response = Response(delivery.content, 206 if partial else 200, mimetype=delivery.media_type)
    response.headers["Content-Length"] = str(delivery.last - delivery.first + 1)
    response.headers["Content-Disposition"] = f'attachment; filename="{delivery.extract.file_name}"'
    response.headers["Xueji-Audit-Index"] = str(delivery.receipt.index)
    if partial:
        response.headers["Content-Range"] = f"bytes {delivery.first}-{delivery.last}/{delivery.extract.size}"
    return _described(response, delivery.extract)


@blueprint.get("/v1/extracts/<extract_id>/parts")
@blueprint.output(PartList)
def list_parts(extract_id: str) -> PartList:
    """List the parts of the file: ranges of one size with their digests, as the manifest has them.

    Fetch each with ``Range`` from ``…/content``, check it, and go on with the next: all of it is one use.
    """
    extract, parts = services().releases.parts(ExtractId(extract_id), principal())
    return PartList.of(extract, parts)


@blueprint.get("/v1/extracts/<extract_id>/rows")
@blueprint.input(PageQuery, location="query")
@blueprint.answers(
    {
        200: content(
            "Some rows, in the order and the format of the file",
            "*/*",
            BINARY,
            Xueji_Next_Cursor="where the next page begins; absent behind the last one",
            Link="the next page (RFC 8288)",
        )
    }
)
def get_rows(extract_id: str, query_data: PageQuery) -> Response:
    """Deliver the next rows of a CSV or NDJSON extract. Each page has its own intent and outcome in the audit trail.

    The first page of a CSV has the header; the pages one after the other are the file. ``HEAD`` delivers nothing.
    """
    if request.method == "HEAD":
        return Response(mimetype=media_type(services().releases.look_at(ExtractId(extract_id), principal()).request))
    page = services().releases.page(ExtractId(extract_id), principal(), query_data.cursor, query_data.limit)
    delivery = page.delivery
    response = Response(b"" if delivery is None else delivery.content, mimetype=media_type(page.extract.request))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Xueji-Rows"] = str(page.rows)
    if delivery is not None:
        response.headers["Content-Length"] = str(delivery.last - delivery.first + 1)
        response.headers["Xueji-Audit-Index"] = str(delivery.receipt.index)
    if page.after is not None:
        response.headers["Xueji-Next-Cursor"] = page.after
        path = f"/v1/extracts/{page.extract.id}/rows?cursor={page.after}&limit={query_data.limit}"
        response.headers["Link"] = f'<{path}>; rel="next"'
    return response


@blueprint.get("/v1/extracts/<extract_id>/manifest")
@blueprint.answers({200: content("The signed manifest, a compact JWS", "application/jose")})
def get_manifest(extract_id: str) -> Response:
    """Return the signed manifest."""
    return Response(_finished(extract_id).manifest, mimetype="application/jose")


@blueprint.get("/v1/extracts/<extract_id>/report")
@blueprint.input(ReportQuery, location="query")
@blueprint.answers(
    {
        200: {
            "description": "The release report",
            "content": {
                JSON: {"schema": {"type": "object"}},
                "text/html": {"schema": {"type": "string"}},
                "application/pdf": {"schema": BINARY},
            },
        }
    }
)
def get_report(extract_id: str, query_data: ReportQuery) -> Response:
    """Return the release report: as JSON, or as a page or a PDF with pictures, by ``format`` or ``Accept``.

    The manifest holds the digest of the JSON form.
    """
    extract = _finished(extract_id)
    form = query_data.format or _FORMS[request.accept_mimetypes.best_match(list(_FORMS), default=JSON)]
    response = _report(extract, form)
    response.headers["Vary"] = "Accept"
    return response


def _report(extract: Extract, form: str) -> Response:
    if form == "json":
        return Response(extract.report, mimetype=JSON)
    report = json.loads(extract.report)
    purposes = {code: purpose.label for code, purpose in services().book.purposes.items()}
    if form == "html":
        response = Response(report_page(report, purposes), mimetype="text/html")
        response.headers["Content-Security-Policy"] = POLICY
        return response
    response = Response(report_pdf(report, purposes), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{extract.id}.report.pdf"'
    return response


@blueprint.get("/v1/extracts/<extract_id>/obligations")
@blueprint.answers({200: content("The obligations that travel with the data", JSON, {"type": "object"})})
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


def _range(header: str | None, extract: Extract) -> Span | None:
    """Return the first and last byte that are wanted, ``WHOLE`` without a range, ``None`` when there are none such.

    Source: RFC 9110 sections 13.1.5 and 14.1.2. Several ranges at once, and units that are not bytes, are ignored.
    """
    condition = request.headers.get("If-Range")
    found = _RANGE.fullmatch((header or "").strip())
    if found is None or (condition is not None and condition.strip() != _etag(extract)):
        return WHOLE
    first, last = found.groups()
    if not first:
        if not last:
            return WHOLE
        length = min(int(last), extract.size)
        return (extract.size - length, extract.size - 1) if length else None
    if last and int(last) < int(first):
        return WHOLE
    if int(first) >= extract.size:
        return None
    return int(first), min(int(last), extract.size - 1) if last else extract.size - 1


def _described(response: Response, extract: Extract) -> Response:
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = _etag(extract)
    # RFC 9530 section 3: of the whole representation, whatever part of it is sent
    response.headers["Repr-Digest"] = f"sha-256=:{_base64(extract.sha256)}:"
    if response.status_code == HTTPStatus.OK and request.method != "HEAD":
        response.headers["Content-Digest"] = f"sha-256=:{_base64(extract.sha256)}:"
    return response


def _etag(extract: Extract) -> str:
    return f'"{extract.sha256}"'


def _finished(extract_id: str) -> Extract:
    extract = services().releases.get(ExtractId(extract_id), principal())
    if not extract.manifest:
        raise _not_ready()
    return extract


def _not_ready() -> NotReadyError:
    return NotReadyError("The extract is still being prepared.", detail_zh="提取文件正在准备中，请稍后再试。")


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
