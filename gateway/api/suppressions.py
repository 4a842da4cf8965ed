"""``/v1/suppressions``: alerts that are counted instead of raised, for a time and with a reason (暂停预警, A50-16)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import SuppressionIn, SuppressionList, SuppressionOut, SuppressionQueryIn
from gateway.audit.alerts_records import AlertId, Suppression, SuppressionId
from gateway.audit.suppressions import SuppressionService
from gateway.errors import UnavailableError

blueprint = ApiBlueprint("suppressions", __name__, tag="Alerts")


@blueprint.post("/v1/alerts/<alert_id>/suppression")
@blueprint.input(SuppressionIn)
@blueprint.output(SuppressionOut, status_code=201)
def suppress_alert(alert_id: str, json_data: SuppressionIn) -> SuppressionOut:
    """Suppress further alerts of the group of an alert; of high severity it waits for a second person."""
    return _out(suppressions().ask(principal(), AlertId(alert_id), json_data.until, json_data.reason))


@blueprint.get("/v1/suppressions")
@blueprint.input(SuppressionQueryIn, location="query")
@blueprint.output(SuppressionList)
def list_suppressions(query_data: SuppressionQueryIn) -> SuppressionList:
    """List the suppressions of the caller's territory with what they kept from being raised."""
    found = suppressions().list(principal(), live=query_data.state == "live")
    return SuppressionList(items=[_out(one) for one in found])


@blueprint.get("/v1/suppressions/<suppression_id>")
@blueprint.output(SuppressionOut)
def get_suppression(suppression_id: str) -> SuppressionOut:
    """Show a suppression."""
    return _out(suppressions().get(principal(), SuppressionId(suppression_id)))


@blueprint.post("/v1/suppressions/<suppression_id>/confirmation")
@blueprint.output(SuppressionOut)
def confirm_suppression(suppression_id: str) -> SuppressionOut:
    """Confirm a suppression that somebody else asked for (A50-11)."""
    return _out(suppressions().confirm(principal(), SuppressionId(suppression_id)))


@blueprint.post("/v1/suppressions/<suppression_id>/lifting")
@blueprint.output(SuppressionOut)
def lift_suppression(suppression_id: str) -> SuppressionOut:
    """End a suppression before its time."""
    return _out(suppressions().lift(principal(), SuppressionId(suppression_id)))


def suppressions() -> SuppressionService:
    """Return the service; raises ``UnavailableError`` on a face without it."""
    found = services().suppressions
    if found is None:
        raise UnavailableError("This face has no alerts.", detail_zh="本端没有预警。")
    return found


def _out(one: Suppression) -> SuppressionOut:
    return SuppressionOut.of(one, suppressions().alerting.rules.get(one.rule))
