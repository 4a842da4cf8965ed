"""``/v1/legal-bases``: the catalogue of laws, and the texts that officers attach, confirm and retire."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import (
    LegalBasisDetailOut,
    LegalBasisList,
    LegalBasisOut,
    LegalTextIn,
    LegalTextOut,
    TextConfirmationIn,
    TextRetirementIn,
)
from gateway.errors import UnavailableError
from gateway.policies.legal_texts import LegalTextService
from gateway.policies.scope import civil_date

blueprint = ApiBlueprint("legal_bases", __name__, tag="Grounds")
"""Reading, for staff and applicants."""
texts = ApiBlueprint("legal_texts", __name__, tag="Grounds")
"""Writing, for the office alone."""


@blueprint.get("/v1/legal-bases")
@blueprint.output(LegalBasisList)
def list_bases() -> LegalBasisList:
    """List the laws and regulations that may be a ground, and whether a grant can stand on each now."""
    today = civil_date(services().now())
    return LegalBasisList(items=[LegalBasisOut.of(one, today) for one in desk().catalogue()])


@blueprint.get("/v1/legal-bases/<code>")
@blueprint.output(LegalBasisDetailOut)
def get_basis(code: str) -> LegalBasisDetailOut:
    """Show a law or regulation with every text that is held of its article."""
    return LegalBasisDetailOut.of(desk().basis(code), civil_date(services().now()))


@texts.post("/v1/legal-bases/<code>/texts")
@texts.input(LegalTextIn)
@texts.output(LegalTextOut, status_code=201)
def attach(code: str, json_data: LegalTextIn) -> LegalTextOut:
    """Attach the text of an article; it counts when another officer has confirmed it."""
    return LegalTextOut.of(desk().attach(principal(), code, json_data.to_record()))


@texts.post("/v1/legal-bases/<code>/texts/<int:number>/confirmation")
@texts.input(TextConfirmationIn)
@texts.output(LegalTextOut)
def confirm(code: str, number: int, json_data: TextConfirmationIn) -> LegalTextOut:
    """Confirm a text that another officer attached, after comparing it with its source."""
    return LegalTextOut.of(
        desk().confirm(principal(), code, number, sha256=json_data.sha256 or "", own_copy=json_data.own_copy)
    )


@texts.post("/v1/legal-bases/<code>/texts/<int:number>/retirement")
@texts.input(TextRetirementIn)
@texts.output(LegalTextOut)
def retire(code: str, number: int, json_data: TextRetirementIn) -> LegalTextOut:
    """Retire a text, as when the law was amended: nothing new is decided on it; what was decided stays."""
    return LegalTextOut.of(desk().retire(principal(), code, number, reason=json_data.reason))


def desk() -> LegalTextService:
    """Return the use cases of texts; raises ``UnavailableError`` on a process that has none."""
    found = services().legal_texts
    if found is None:
        raise UnavailableError("This process keeps no texts.", detail_zh="本端不提供依据目录。")
    return found
