"""``/v1/grants/{id}/checks``: yes or not confirmed, person by person (核验)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import CheckIn, CheckOut
from gateway.errors import UnavailableError
from gateway.ids import GrantId

blueprint = ApiBlueprint("checks", __name__, tag="Checks")


@blueprint.post("/v1/grants/<grant_id>/checks")
@blueprint.input(CheckIn)
@blueprint.output(CheckOut)
def create_check(grant_id: str, json_data: CheckIn) -> CheckOut:
    """Say of each person whether name, number and every claim are as given; takes one use for each person.

    ``unconfirmed`` is the answer for who is unknown, out of the grant's scope, otherwise named or otherwise claimed,
    and once too many guesses were made about a person; nothing tells which.
    """
    checks = services().checks
    if checks is None:
        raise UnavailableError("This face answers no checks.", detail_zh="本端不提供核验。")
    return CheckOut.of(json_data, checks.check(GrantId(grant_id), json_data.to_record(), principal()))
