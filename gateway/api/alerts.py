"""``/v1/alerts``: what was raised, who answers, how it ended (预警, A50-16)."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import (
    AlertAcknowledgementIn,
    AlertClosureIn,
    AlertFileOut,
    AlertList,
    AlertOut,
    AlertQueryIn,
    AlertReassignmentIn,
)
from gateway.audit.alerts import AlertService
from gateway.audit.alerts_records import Alert, AlertId
from gateway.errors import UnavailableError
from gateway.ids import UnitCode
from gateway.principals import Role

blueprint = ApiBlueprint("alerts", __name__, tag="Alerts")


@blueprint.get("/v1/alerts")
@blueprint.input(AlertQueryIn, location="query")
@blueprint.output(AlertList)
def list_alerts(query_data: AlertQueryIn) -> AlertList:
    """List the alerts of the caller's territory: unclosed first, then by severity and deadline."""
    found = alerts().list(principal(), query_data.to_query(services().now()))
    return AlertList(items=[_out(one) for one in found.alerts], after=found.after)


@blueprint.get("/v1/alerts/<alert_id>")
@blueprint.output(AlertFileOut)
def get_alert(alert_id: str) -> AlertFileOut:
    """Show an alert with its history and the entries of the audit log that prove it."""
    file = alerts().get(principal(), AlertId(alert_id))
    return AlertFileOut.of_file(file, alerts().alerting.rules.get(file.alert.rule), services().now())


@blueprint.post("/v1/alerts/<alert_id>/acknowledgement")
@blueprint.input(AlertAcknowledgementIn)
@blueprint.output(AlertOut)
def acknowledge_alert(alert_id: str, json_data: AlertAcknowledgementIn) -> AlertOut:
    """Take an open alert up; by the role that owns it, never by whoever raised it (A50-11)."""
    which = AlertId(alert_id)
    return _out(alerts().acknowledge(principal(), which, comment=json_data.comment, version=json_data.version))


@blueprint.post("/v1/alerts/<alert_id>/closure")
@blueprint.input(AlertClosureIn)
@blueprint.output(AlertOut)
def close_alert(alert_id: str, json_data: AlertClosureIn) -> AlertOut:
    """End an alert that was taken up, with a finding."""
    which, version = AlertId(alert_id), json_data.version
    return _out(alerts().close(principal(), which, json_data.finding, json_data.comment, version=version))


@blueprint.post("/v1/alerts/<alert_id>/reassignment")
@blueprint.input(AlertReassignmentIn)
@blueprint.output(AlertOut)
def reassign_alert(alert_id: str, json_data: AlertReassignmentIn) -> AlertOut:
    """Give an alert to another role or department; its deadline stays."""
    unit = None if json_data.unit is None else UnitCode(json_data.unit)
    return _out(
        alerts().reassign(
            principal(),
            AlertId(alert_id),
            Role(json_data.owner),
            json_data.comment,
            unit=unit,
            version=json_data.version,
        )
    )


def alerts() -> AlertService:
    """Return the service; raises ``UnavailableError`` on a face without it."""
    found = services().alerts
    if found is None:
        raise UnavailableError("This face has no alerts.", detail_zh="本端没有预警。")
    return found


def _out(alert: Alert) -> AlertOut:
    return AlertOut.of(alert, alerts().alerting.rules.get(alert.rule), services().now())
