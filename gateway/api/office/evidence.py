"""``/v1/registry/evidence``: files that prove what a request says, handed in and read back."""

from __future__ import annotations

from apiflask.fields import UploadFile
from flask import Response

from core_registry.office import EVIDENCE_SUFFIXES, OTHER_FILE, NewEvidence
from gateway.api.authentication import principal
from gateway.api.blueprints import BINARY, ApiBlueprint
from gateway.api.models import EvidenceIn, EvidenceOut
from gateway.api.office.answers import evidence_out
from gateway.api.office.cases import RULE_REFUSED, actor, desk
from gateway.api.office.reach import schools_of
from gateway.policies.decision import Action

blueprint = ApiBlueprint("evidence", __name__, tag="Cases")


class EvidenceForm(EvidenceIn):
    """A file and what it proves, as ``multipart/form-data``."""

    file: UploadFile


@blueprint.post("/v1/registry/evidence")
@blueprint.input(EvidenceForm, location="form_and_files")
@blueprint.output(EvidenceOut, status_code=201)
def hand_in(form_and_files_data: EvidenceForm) -> EvidenceOut:
    """Hand in a file (PDF, JPEG, PNG); it is kept sealed, with its SHA-256. The same file again is the same item."""
    who = actor(Action.HANDLE_CASES)
    sent = form_and_files_data
    content = sent.file.read()
    sent.file.close()  # its own temporary file, if it was large
    return evidence_out(
        desk().hand_in(
            NewEvidence(
                kind=sent.kind,
                issuer_kind=sent.issuer_kind,
                issuer_level=sent.issuer_level,
                issued_on=sent.issued_on,
                media_type=sent.file.mimetype,
                content=content,
                student_id=sent.student_id,
            ),
            who,
        )
    )


@blueprint.get("/v1/registry/evidence/<evidence_id>/content")
@blueprint.answers(
    {
        200: {
            "description": "The file",
            "content": {media_type: {"schema": BINARY} for media_type in (*EVIDENCE_SUFFIXES, OTHER_FILE)},
        },
        **RULE_REFUSED,
    }
)
def get_content(evidence_id: str) -> Response:
    """Return the file of an item of evidence; the reading is recorded before."""
    schools = schools_of(principal(), Action.READ_CASES)
    media_type, content = desk().evidence_file(evidence_id, actor(Action.READ_CASES), schools)
    known = EVIDENCE_SUFFIXES.get(media_type)
    response = Response(content, mimetype=media_type if known else OTHER_FILE)
    # its bytes come from outside: it is saved, never shown
    response.headers["Content-Disposition"] = f'attachment; filename="evidence.{known or "bin"}"'
    return response
