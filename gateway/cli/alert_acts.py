"""Acts on alerts and suppressions from a shell, over HTTP in a session of the person who acts (ADR 43)."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import click

from gateway.api.models import AlertOut, SuppressionOut
from gateway.api.models.alerts import Owner
from gateway.audit.alerts_records import Finding
from gateway.cli.alert_desks import Watcher, acting, desk_of
from gateway.instants import seconds_text

OWNERS: tuple[str, ...] = get_args(Owner)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API gives it.")
_ALERT = click.argument("alert")
_SUPPRESSION = click.argument("suppression")
_VERSION = click.option("--version", type=int, help="The version that you saw; the present one without.")
_COMMENT = click.option("--comment", required=True, help="What was found or why; no pupil's data in it.")


@click.command("acknowledge")
@_ALERT
@click.option("--comment", default="")
@_VERSION
@JSON
@click.pass_obj
def acknowledge(watcher: Watcher, alert: str, comment: str, version: int | None, as_json: bool) -> None:
    """Take ALERT up (认领): it is yours from then on."""
    with acting(watcher) as desk:
        told(desk.handle(alert, "acknowledgement", _body(comment=comment, version=version)), as_json=as_json)


@click.command("close")
@_ALERT
@click.option("--finding", type=click.Choice([one.value for one in Finding]), required=True)
@_COMMENT
@_VERSION
@JSON
@click.pass_obj
def close(watcher: Watcher, alert: str, finding: str, comment: str, version: int | None, as_json: bool) -> None:
    """End ALERT (办结), which was taken up, with a finding."""
    with acting(watcher) as desk:
        body = _body(finding=finding, comment=comment, version=version)
        told(desk.handle(alert, "closure", body), as_json=as_json)


@click.command("reassign")
@_ALERT
@click.option("--owner", type=click.Choice(OWNERS), required=True, help="The role that shall answer.")
@click.option("--unit", help="Another department, by its division code; the same without.")
@_COMMENT
@_VERSION
@JSON
@click.pass_obj
def reassign(
    watcher: Watcher, alert: str, owner: str, unit: str | None, comment: str, version: int | None, as_json: bool
) -> None:
    """Give ALERT to another role or department (转办); its deadline stays."""
    with acting(watcher) as desk:
        body = _body(owner=owner, unit=unit, comment=comment, version=version)
        told(desk.handle(alert, "reassignment", body), as_json=as_json)


@click.group("suppressions", invoke_without_command=True)
@click.option("--all", "whole", is_flag=True, help="Also those that are over.")
@click.pass_context
def suppressions(context: click.Context, whole: bool) -> None:
    """List suppressions (暂停), ask for one, confirm, end."""
    if context.invoked_subcommand is None:
        context.invoke(list_suppressions, whole=whole, as_json=False)
    elif whole:
        raise click.UsageError("Write --all behind list.")


@suppressions.command("list")
@click.option("--all", "whole", is_flag=True, help="Also those that are over.")
@JSON
@click.pass_obj
def list_suppressions(watcher: Watcher, whole: bool, as_json: bool) -> None:
    """List what is suppressed, by whom and why, and how many alerts that kept from being raised."""
    with desk_of(watcher) as desk:
        found = desk.suppressions(whole=whole)
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    for one in found.items:
        click.echo(suppression_line(one))
    click.echo(f"{len(found.items)} 项暂停 suppressions")


@suppressions.command("request")
@_ALERT
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day (Shanghai).")
@click.option("--reason", required=True, help="Why; it stays in the record, no pupil's data in it.")
@JSON
@click.pass_obj
def request(watcher: Watcher, alert: str, until: datetime, reason: str, as_json: bool) -> None:
    """Ask that further alerts of the group of ALERT are not raised; of high severity another person approves."""
    with acting(watcher) as desk:
        told(desk.suppress(alert, _body(until=until.date().isoformat(), reason=reason)), as_json=as_json)


@suppressions.command("approve")
@_SUPPRESSION
@JSON
@click.pass_obj
def approve(watcher: Watcher, suppression: str, as_json: bool) -> None:
    """Confirm SUPPRESSION, which somebody else asked for."""
    with acting(watcher) as desk:
        told(desk.decide(suppression, "confirmation"), as_json=as_json)


@suppressions.command("end")
@_SUPPRESSION
@JSON
@click.pass_obj
def end(watcher: Watcher, suppression: str, as_json: bool) -> None:
    """End SUPPRESSION before its time, or turn down one that waits."""
    with acting(watcher) as desk:
        told(desk.decide(suppression, "lifting"), as_json=as_json)


def add_to(alerts: click.Group) -> None:
    """Put the acts beside the commands that look."""
    for command in (acknowledge, close, reassign, suppressions):
        alerts.add_command(command)


def told(done: AlertOut | SuppressionOut, *, as_json: bool) -> None:
    """Print what an act made of an alert or a suppression."""
    if as_json:
        click.echo(done.model_dump_json(indent=1))
    else:
        click.echo(alert_line(done) if isinstance(done, AlertOut) else suppression_line(done))


def alert_line(one: AlertOut) -> str:
    """Return an alert in one line."""
    late = "\t逾期 OVERDUE" if one.late and one.state != "closed" else ""
    late += f"\t升级 escalated ×{one.escalations}" if one.escalations else ""
    return (
        f"{one.id}\t{one.severity}\t{one.state}\t{one.label} {one.label_en}\t{one.unit}\t{one.owner}\t×{one.count}\t"
        f"{seconds_text(one.due)}{late}"
    )


def suppression_line(one: SuppressionOut) -> str:
    """Return a suppression in one line."""
    people = one.asked_by if one.confirmed_by is None else f"{one.asked_by}+{one.confirmed_by}"
    reason = " ".join(one.reason.split())
    return (
        f"{one.id}\t{one.severity}\t{one.state}\t{one.label} {one.label_en}\t{one.unit}\t{one.owner}\t{people}\t"
        f"{seconds_text(one.until)}\t未提醒 not raised ×{one.hits} ({one.entries})\t{reason}"
    )


def _body(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
