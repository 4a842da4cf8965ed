"""``/v1/disclosures``: the register of what a law made somebody hand over outside this system (线下提供登记)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import DisclosureIn, DisclosureList, DisclosureOut
from gateway.errors import UnavailableError
from gateway.policies.disclosures import DisclosureService

blueprint = ApiBlueprint("disclosures", __name__, tag="Grounds")


@blueprint.post("/v1/disclosures")
@blueprint.input(DisclosureIn)
@blueprint.output(DisclosureOut, status_code=201)
def register(json_data: DisclosureIn) -> DisclosureOut:
    """Register what was handed over; with ``corrects`` the entry takes the place of an older one, which stays."""
    return DisclosureOut.of(desk().register(principal(), json_data.to_record()))


@blueprint.get("/v1/disclosures")
@blueprint.output(DisclosureList)
def list_disclosures() -> DisclosureList:
    """List the register of the caller's territory, newest first; the reading is recorded."""
    return DisclosureList(items=[DisclosureOut.of(one) for one in desk().list(principal())])


@blueprint.get("/v1/disclosures/<disclosure_id>")
@blueprint.output(DisclosureOut)
def get_disclosure(disclosure_id: str) -> DisclosureOut:
    """Show one entry; the reading is recorded."""
    return DisclosureOut.of(desk().get(principal(), disclosure_id))


def desk() -> DisclosureService:
    """Return the register; raises ``UnavailableError`` on a face that is not of the office."""
    found = services().disclosures
    if found is None:
        raise UnavailableError("This face keeps no register of disclosures.", detail_zh="本端没有线下提供登记。")
    return found
