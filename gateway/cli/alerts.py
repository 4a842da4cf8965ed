"""Alerts from the shell of the host: list them, show one with its proof, watch for new ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import bootstrap, settings
from gateway.audit.alerts_records import Alert, AlertId, AlertQuery, AlertState
from gateway.instants import seconds_text
from gateway.keyring import Face

if TYPE_CHECKING:
    from gateway.bootstrap import AlertService
    from gateway.principals import Principal

_STATES = ("unclosed", *(state.value for state in AlertState))


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who looks, and where."""

    home: Path | None
    account: str | None


@click.group("alerts")
@click.option("--as", "account", help="Account of the officer who looks; what it may see, the policies say.")
@click.pass_context
def alerts(context: click.Context, account: str | None) -> None:
    """List, show and watch alerts (预警)."""
    context.obj = Watcher(context.obj, account)


@contextmanager
def _desk(watcher: Watcher) -> Iterator[tuple[AlertService, Principal]]:
    """Yield the alerts and who looks at them."""
    if watcher.account is None:
        raise click.UsageError("Say who looks: xueji alerts --as ACCOUNT …")
    process = bootstrap.open_process(settings.from_environment(home=watcher.home), Face.ALL, with_worker=False)
    try:
        yield bootstrap.alerts_of(process), bootstrap.officer(process, watcher.account)
    finally:
        process.close()


@alerts.command("list")
@click.option("--state", type=click.Choice(_STATES), default="unclosed", show_default=True)
@click.option("--severity", type=click.Choice(["high", "medium", "low"]))
@click.option("--rule", help="Code of a rule of config/alerts.toml.")
@click.option("--overdue", is_flag=True, help="Only those whose deadline has passed.")
@click.pass_obj
def list_alerts(watcher: Watcher, state: str, severity: str | None, rule: str | None, overdue: bool) -> None:
    """List alerts: the most urgent first."""
    with _desk(watcher) as (service, who):
        after: AlertId | None = None
        seen = 0
        while True:
            query = AlertQuery(
                state=None if state == "unclosed" else AlertState(state),
                unclosed=state == "unclosed",
                severity=severity,  # type: ignore[arg-type]  # one of the choices
                rule=rule,
                overdue_at=service.now() if overdue else None,
                after=after,
                limit=200,
            )
            found = service.list(who, query)
            for one in found.alerts:
                click.echo(_line(service, one))
            seen += len(found.alerts)
            after = found.after
            if after is None:
                break
        click.echo(f"{seen} 条预警 alerts")


@alerts.command("show")
@click.argument("alert")
@click.pass_obj
def show(watcher: Watcher, alert: str) -> None:
    """Show ALERT with its history and the entries of the audit log that prove it."""
    with _desk(watcher) as (service, who):
        file = service.get(who, AlertId(alert))
        click.echo(_line(service, file.alert))
        if file.alert.finding is not None:
            click.echo(f"结论 finding\t{file.alert.finding}")
        for event in file.events:
            comment = " ".join(event.comment.split())
            click.echo(f"{seconds_text(event.at)}\t{event.act}\t{event.account or '系统 system'}\t{comment}")
        for one in file.evidence:
            said = "; ".join(f"{name}={value}" for name, value in one.shown.items())
            click.echo(f"#{one.index}\t{one.at}\t{one.kind}\t{one.outcome}\t{one.actor or '—'}\t{said}")


@alerts.command("watch")
@click.option("--every", type=click.IntRange(1, 3600), default=5, show_default=True, help="Seconds between two looks.")
@click.option("--rounds", type=click.IntRange(0), default=0, help="End after so many looks; 0 is never.")
@click.pass_obj
def watch(watcher: Watcher, every: int, rounds: int) -> None:
    """Print alerts as they are raised, taken up, or ended, until interrupted."""
    with _desk(watcher) as (service, who):
        known: dict[AlertId, int] = {}
        looked = 0
        while True:
            for one in service.list(who, AlertQuery(limit=200)).alerts:
                if known.get(one.id) != one.version:
                    click.echo(_line(service, one))
                known[one.id] = one.version
            looked += 1
            if looked == rounds:
                return
            time.sleep(every)


def _line(service: AlertService, one: Alert) -> str:
    rule = service.alerting.rules.get(one.rule)
    label = one.rule if rule is None else f"{rule.label} {rule.label_en}"
    late = "\t逾期 OVERDUE" if one.late(service.now()) and one.state is not AlertState.CLOSED else ""
    due = seconds_text(one.due)
    return f"{one.id}\t{one.severity}\t{one.state}\t{label}\t{one.unit}\t{one.owner}\t×{one.count}\t{due}{late}"
