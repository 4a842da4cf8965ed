"""``/v1/identity/presentations``: ask a wallet for a presentation (OpenID4VP 1.0), as the relying party sees it."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import PresentationIn, PresentationOut, PresentationStateOut
from gateway.errors import UnavailableError
from gateway.identity.presenting.records import PresentationId, ResponseMode
from gateway.identity.presenting.service import PresentationService

blueprint = ApiBlueprint("presentations", __name__, tag="Identity")


@blueprint.post("/v1/identity/presentations")
@blueprint.input(PresentationIn)
@blueprint.output(PresentationOut, status_code=201)
def request_presentation(json_data: PresentationIn) -> PresentationOut:
    """Ask a holder for claims, under your standing grant; show ``link`` or ``uri`` to the wallet, as a QR code.

    The wallet may answer once, within five minutes. A use of the grant is taken when an answer is verified.
    """
    made = presentations().make(
        principal(), json_data.claims, purpose=json_data.purpose, mode=ResponseMode(json_data.response_mode)
    )
    return PresentationOut.of(made)


@blueprint.get("/v1/identity/presentations/<presentation_id>")
@blueprint.output(PresentationStateOut)
def get_presentation(presentation_id: str) -> PresentationStateOut:
    """Say where your request stands; the claims of the answer are told once and not kept."""
    return PresentationStateOut.of(presentations().progress(PresentationId(presentation_id), principal()))


def presentations() -> PresentationService:
    """Return the service of this face; raises ``UnavailableError`` on one without it."""
    found = services().presentations
    if found is None:
        raise UnavailableError("This face asks no wallet.", detail_zh="本端不提供身份出示核验。")
    return found
