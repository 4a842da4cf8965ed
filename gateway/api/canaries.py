"""``/v1/canaries``: decoy pupils, for the two duties that know of them (A50-16)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.canaries import (
    CanaryList,
    CanaryOut,
    CanaryProposalIn,
    CanaryRecognitionIn,
    CanaryRecognitionOut,
    CanaryTouchList,
    CanaryTouchOut,
)
from gateway.canaries.records import CanaryId
from gateway.canaries.service import CanaryService
from gateway.errors import UnavailableError
from gateway.ids import UnitCode

blueprint = ApiBlueprint("canaries", __name__, tag="Decoys")


@blueprint.get("/v1/canaries")
@blueprint.output(CanaryList)
def list_canaries() -> CanaryList:
    """List the decoys within the caller's territory, newest first; the reading is logged."""
    return CanaryList(items=[CanaryOut.of(one) for one in _canaries().listed(principal())])


@blueprint.post("/v1/canaries")
@blueprint.input(CanaryProposalIn)
@blueprint.output(CanaryList, status_code=201)
def propose_canaries(json_data: CanaryProposalIn) -> CanaryList:
    """Propose decoys, one for each telephone; somebody of the other duty confirms them."""
    made = _canaries().propose(principal(), UnitCode(json_data.unit), json_data.phones)
    return CanaryList(items=[CanaryOut.of(one) for one in made])


@blueprint.post("/v1/canaries/<canary_id>/confirmation")
@blueprint.output(CanaryOut)
def confirm_canary(canary_id: str) -> CanaryOut:
    """Confirm a decoy that another proposed: the worker puts it into the registry within ``canary_hours``."""
    return CanaryOut.of(_canaries().confirm(principal(), CanaryId(canary_id)))


@blueprint.post("/v1/canaries/<canary_id>/refusal")
@blueprint.output(CanaryOut)
def refuse_canary(canary_id: str) -> CanaryOut:
    """Refuse a decoy that another proposed."""
    return CanaryOut.of(_canaries().refuse(principal(), CanaryId(canary_id)))


@blueprint.post("/v1/canaries/<canary_id>/withdrawal")
@blueprint.output(CanaryOut)
def withdraw_canary(canary_id: str) -> CanaryOut:
    """Withdraw a decoy: its record stays, and nothing alerts any more."""
    return CanaryOut.of(_canaries().withdraw(principal(), CanaryId(canary_id)))


@blueprint.get("/v1/canaries/touches")
@blueprint.output(CanaryTouchList)
def list_touches() -> CanaryTouchList:
    """List the latest uses of decoys, from the log."""
    return CanaryTouchList(items=[CanaryTouchOut.of(one) for one in _canaries().touches(principal())])


@blueprint.post("/v1/canaries/recognitions")
@blueprint.input(CanaryRecognitionIn)
@blueprint.output(CanaryRecognitionOut)
def recognize_canaries(json_data: CanaryRecognitionIn) -> CanaryRecognitionOut:
    """Say which decoys stand in a text that was found outside: data with a decoy did not come through the gateway."""
    return CanaryRecognitionOut(canaries=[*_canaries().recognize(principal(), json_data.text)])


def _canaries() -> CanaryService:
    found = services().canaries
    if found is None:
        raise UnavailableError("This face has no decoys.", detail_zh="本端没有诱饵学籍。")
    return found
