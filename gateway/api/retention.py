"""``/v1/retention``: classes, what is due, and holds (法定留存)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.retention import (
    HoldExtensionIn,
    HoldFileOut,
    HoldReasonIn,
    LegalHoldIn,
    LegalHoldList,
    LegalHoldOut,
    PlanLineOut,
    RetentionOut,
    RetentionPlan,
)
from gateway.errors import UnavailableError
from gateway.retention.records import LegalHoldId
from gateway.services import Retention

blueprint = ApiBlueprint("retention", __name__, tag="Retention")


@blueprint.get("/v1/retention")
@blueprint.output(RetentionOut)
def show() -> RetentionOut:
    """Show every class with what stands and is due of it, the holds that stand, and the last sweep."""
    return RetentionOut.of(_retention().service.status(principal()))


@blueprint.get("/v1/retention/plan")
@blueprint.output(RetentionPlan)
def plan() -> RetentionPlan:
    """Show what the next sweep would destroy, and what a hold keeps; destroys nothing."""
    return RetentionPlan(items=[PlanLineOut.of(one) for one in _retention().service.plan(principal())])


@blueprint.get("/v1/retention/holds")
@blueprint.output(LegalHoldList)
def list_holds() -> LegalHoldList:
    """List holds with their history, those that stand first."""
    return LegalHoldList(items=[HoldFileOut.of(one) for one in _retention().holds.listed(principal())])


@blueprint.post("/v1/retention/holds")
@blueprint.input(LegalHoldIn)
@blueprint.output(LegalHoldOut, status_code=201)
def set_hold(json_data: LegalHoldIn) -> LegalHoldOut:
    """Keep what fits from being destroyed, on a ground, until two people lift it."""
    asked = json_data
    return LegalHoldOut.of(
        _retention().holds.set(principal(), asked.scope.to_scope(), asked.ground, asked.reason, asked.review_on)
    )


@blueprint.post("/v1/retention/holds/<hold_id>/extension")
@blueprint.input(HoldExtensionIn)
@blueprint.output(LegalHoldOut)
def extend_hold(hold_id: str, json_data: HoldExtensionIn) -> LegalHoldOut:
    """Put the review of a hold off."""
    asked = json_data
    return LegalHoldOut.of(_retention().holds.extend(principal(), LegalHoldId(hold_id), asked.review_on, asked.reason))


@blueprint.post("/v1/retention/holds/<hold_id>/lifting-request")
@blueprint.input(HoldReasonIn)
@blueprint.output(LegalHoldOut)
def ask_lift(hold_id: str, json_data: HoldReasonIn) -> LegalHoldOut:
    """Ask that a hold be lifted; another person decides."""
    return LegalHoldOut.of(_retention().holds.ask_lift(principal(), LegalHoldId(hold_id), json_data.reason))


@blueprint.post("/v1/retention/holds/<hold_id>/lifting")
@blueprint.input(HoldReasonIn)
@blueprint.output(LegalHoldOut)
def lift_hold(hold_id: str, json_data: HoldReasonIn) -> LegalHoldOut:
    """Lift a hold that somebody else asked to lift."""
    return LegalHoldOut.of(_retention().holds.lift(principal(), LegalHoldId(hold_id), json_data.reason))


@blueprint.post("/v1/retention/holds/<hold_id>/lifting-refusal")
@blueprint.input(HoldReasonIn)
@blueprint.output(LegalHoldOut)
def decline_lift(hold_id: str, json_data: HoldReasonIn) -> LegalHoldOut:
    """Let a hold stand that somebody else asked to lift."""
    return LegalHoldOut.of(_retention().holds.decline(principal(), LegalHoldId(hold_id), json_data.reason))


def _retention() -> Retention:
    found = services().retention
    if found is None:
        raise UnavailableError("This face keeps nothing beside the log.", detail_zh="本端没有保存期限功能。")
    return found
