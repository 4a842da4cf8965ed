"""``/v1/registry``: certificates of pupils, and the five annexes for print. For the registry line only."""

from __future__ import annotations

from flask import Response, url_for
from werkzeug.exceptions import NotFound

from core_registry.office import CertificateKey, CertificateLine, PaperDesk
from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint
from gateway.api.models import (
    CertificateLineOut,
    CertificateList,
    CertificateListIn,
    CertificateVoidIn,
    CopyIn,
    PrintIn,
)
from gateway.api.office.cases import RULE_REFUSED, actor
from gateway.api.office.reach import schools_of
from gateway.errors import UnavailableError
from gateway.policies.decision import Action

blueprint = ApiBlueprint("papers", __name__, tag="Certificates")
ANNEXES = range(1, 6)


def papers() -> PaperDesk:
    """Return the desk of papers; raises ``UnavailableError`` on a face without it."""
    found = services().papers
    if found is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return found


@blueprint.get("/v1/registry/students/<student_id>/certificates")
@blueprint.input(CertificateListIn, location="query")
@blueprint.output(CertificateList)
@blueprint.answers(RULE_REFUSED)
def list_certificates(student_id: str, query_data: CertificateListIn) -> CertificateList:
    """List the certificates of a pupil, void ones too; the reading is recorded before."""
    schools = schools_of(principal(), Action.READ_CASES)
    lines = papers().certificates(student_id, actor(Action.READ_CASES), query_data.reason, schools)
    return CertificateList(items=[_line_out(line) for line in lines])


@blueprint.post("/v1/registry/certificates/void")
@blueprint.input(CertificateVoidIn)
@blueprint.output(CertificateLineOut)
def void_certificate(json_data: CertificateVoidIn) -> CertificateLineOut:
    """Void a certificate of the caller's unit: it stays listed, and its number is not given out again (A43-3)."""
    who = actor(Action.HANDLE_CASES)
    return _line_out(papers().void(who.unit, json_data.number, who, json_data.reason))


@blueprint.get("/v1/registry/prints/annex-<int:annex>")
@blueprint.input(PrintIn, location="query")
@blueprint.answers(
    {
        200: {
            "description": "The form",
            "content": {"application/pdf": {"schema": BINARY}, "text/html": {"schema": {"type": "string"}}},
        },
        **RULE_REFUSED,
    }
)
def print_annex(annex: int, query_data: PrintIn) -> Response:
    """Print an annex, 1 to 5; the reading is recorded before. No number of a certificate is in an address."""
    if annex not in ANNEXES:
        raise NotFound
    schools = schools_of(principal(), Action.READ_CASES)
    paper = papers().annex(
        annex,
        actor(Action.READ_CASES),
        query_data.reason,
        schools,
        student_id=query_data.student_id,
        key=CertificateKey(case_id=query_data.case_id or ""),
    )
    if query_data.format == "html":
        return Response(paper.html(url_for("console.static", filename="print.css")), mimetype="text/html")
    response = Response(paper.pdf(), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="annex-{annex}.pdf"'
    return response


@blueprint.get("/v1/registry/students/<student_id>/copy")
@blueprint.input(CopyIn, location="query")
@blueprint.answers(
    {
        200: {"description": "Annex 1 with the record", "content": {"application/pdf": {"schema": BINARY}}},
        **RULE_REFUSED,
    }
)
def copy_for_guardian(student_id: str, query_data: CopyIn) -> Response:
    """Return the copy of the own record that a guardian with a verified link may have (PIPL art. 45)."""
    schools = schools_of(principal(), Action.READ_CASES)
    who = actor(Action.READ_CASES)
    paper = papers().copy_for_guardian(student_id, query_data.guardian, who, query_data.reason, schools)
    response = Response(paper.pdf(), mimetype="application/pdf")
    response.headers["Content-Disposition"] = 'attachment; filename="record.pdf"'
    return response


def _line_out(line: CertificateLine) -> CertificateLineOut:
    return CertificateLineOut.model_validate(
        {
            "number": line.number,
            "kind": line.kind.value,
            "kind_zh": line.kind_zh,
            "issuer": line.issuer,
            "status": line.status.value,
            "status_zh": line.status_zh,
            "issued_on": line.issued_on,
            "effective_on": line.effective_on,
            "void_on": line.void_on,
            "case_id": line.case_id,
        }
    )
