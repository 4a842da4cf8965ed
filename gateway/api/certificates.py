"""``/v1/certificates``: the public check. A number is a person's document: it comes in a body, never in an address."""

from __future__ import annotations

from gateway.api.authentication import services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import CertificateCheckIn, CertificateCheckOut
from gateway.errors import UnavailableError

blueprint = ApiBlueprint("certificates", __name__, tag="Certificates")


@blueprint.post("/v1/certificates/check")
@blueprint.input(CertificateCheckIn)
@blueprint.output(CertificateCheckOut)
def check(json_data: CertificateCheckIn) -> CertificateCheckOut:
    """Say what a certificate is worth: valid, void, not effective yet, or unknown (A43-2, A43-3)."""
    papers = services().papers
    if papers is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    answer = papers.check(json_data.number, json_data.issuer)
    found = answer.found
    return CertificateCheckOut.model_validate(
        {
            "status": found.status.value,
            "status_zh": answer.status_words[0],
            "kind": None if found.kind is None else found.kind.value,
            "kind_zh": answer.kind_words[0],
            "year": found.year,
            "issuer": found.issuer,
            "holder": found.masked_name,
        }
    )
