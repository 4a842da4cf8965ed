"""Alerts from the shell of the host: list them, show one with its proof, watch for new ones, try out rules.

The host tells who looks, and nobody proves there who they are: so nothing is taken up, closed, suppressed or confirmed
here. That is for a session of the person, in the console or over HTTP.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from gateway import bootstrap, inspection, settings
from gateway.audit.alerts_records import Alert, AlertId, AlertQuery, AlertState
from gateway.audit.alerts_replay import ReplayLine, RuleTally
from gateway.audit.alerts_rules import SHANGHAI
from gateway.cli.inspecting import UNREADABLE
from gateway.errors import GatewayError
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
    """List, show and watch alerts (预警); try rules."""
    context.obj = Watcher(context.obj, account)


@contextmanager
def _opened(watcher: Watcher) -> Iterator[tuple[bootstrap.Process, Principal]]:
    """Yield the process and who looks."""
    if watcher.account is None:
        raise click.UsageError("Say who looks: xueji alerts --as ACCOUNT …")
    process = bootstrap.open_process(settings.from_environment(home=watcher.home), Face.ALL, with_worker=False)
    try:
        yield process, bootstrap.officer(process, watcher.account)
    finally:
        process.close()


@contextmanager
def _desk(watcher: Watcher) -> Iterator[tuple[AlertService, Principal]]:
    """Yield the alerts and who looks at them."""
    with _opened(watcher) as (process, who):
        yield bootstrap.alerts_of(process), who


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


@alerts.command("suppressions")
@click.option("--all", "whole", is_flag=True, help="Also those that are over.")
@click.pass_obj
def suppressions(watcher: Watcher, whole: bool) -> None:
    """List what is suppressed, by whom and why, and how many alerts that kept from being raised."""
    with _opened(watcher) as (process, who):
        service = bootstrap.suppressions_of(process)
        found = service.list(who, live=not whole)
        for one in found:
            rule = service.alerting.rules.get(one.rule)
            label = one.rule if rule is None else f"{rule.label} {rule.label_en}"
            people = one.asked_by if one.confirmed_by is None else f"{one.asked_by}+{one.confirmed_by}"
            reason = " ".join(one.reason.split())
            click.echo(
                f"{one.id}\t{one.severity}\t{one.state}\t{label}\t{one.unit}\t{one.owner}\t{people}\t"
                f"{seconds_text(one.until)}\t未提醒 not raised ×{one.hits} ({one.entries})\t{reason}"
            )
        click.echo(f"{len(found)} 项暂停 suppressions")


@alerts.command("test")
@click.option(
    "--rules",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The changed rules, a file like config/alerts.toml.",
)
@click.option("--database", help="Database URL; by default that of the settings.")
@click.option("--bundle", type=click.Path(path_type=Path, exists=True), help="A full inspection package, or a folder.")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="The first day that counts (Shanghai).")
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), help="The last day that counts.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def test(
    watcher: Watcher,
    rules: Path,
    database: str | None,
    bundle: Path | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Replay the log against changed rules: what each would have raised, and the difference from those in force.

    Nothing is written. The status is 0, or 2 when rules or log cannot be read.
    """
    if database and bundle:
        raise click.UsageError("Give one of --database and --bundle.")
    held = settings.from_environment(home=watcher.home)
    with tqdm(desc="回放 replay", unit=" 条 entries", file=sys.stderr, disable=quiet or None, leave=False) as bar:
        try:
            done = bootstrap.replay_alerts(
                held.config,
                rules,
                database=database or held.gateway_url,
                bundle=bundle,
                since=None if since is None else since.replace(tzinfo=SHANGHAI),
                until=None if until is None else until.replace(tzinfo=SHANGHAI) + timedelta(days=1),
                progress=bar.update,
            )
        except (GatewayError, OSError) as error:
            bar.close()
            for line in inspection.told(error):
                click.echo(line, err=True)
            sys.exit(UNREADABLE)
    if as_json:
        click.echo(json.dumps(done.to_json(), ensure_ascii=False, indent=1))
        return
    click.echo(f"{done.counted} 条 entries, {done.first_at or '—'} … {done.last_at or '—'}")
    for one in done.lines:
        click.echo(_compared(one))
    click.echo("预警 alerts: 新规则 changed rules / 现行规则 in force; + 并入 joined, ~ 暂停 suppressed")


def _compared(line: ReplayLine) -> str:
    tried, held = line.tried, line.in_force
    told = [f"{line.code}\t{line.label} {line.label_en}"]
    told.append(f"{_figures(tried)} / {_figures(held)}\t{line.difference:+d}" if line.difference else _figures(tried))
    if tried is not None and not tried.matched:
        told.append("没有符合的条目 no entry of the log matches it")
    if tried is not None and tried.entries and line.difference:
        told.append("#" + " #".join(str(index) for index in tried.entries))
    return "\t".join(told)


def _figures(tally: RuleTally | None) -> str:
    if tally is None:
        return "—"
    suppressed = f" ~{tally.suppressed}" if tally.suppressed else ""
    return f"{tally.raised} +{tally.joined}{suppressed}"


def _line(service: AlertService, one: Alert) -> str:
    rule = service.alerting.rules.get(one.rule)
    label = one.rule if rule is None else f"{rule.label} {rule.label_en}"
    late = "\t逾期 OVERDUE" if one.late(service.now()) and one.state is not AlertState.CLOSED else ""
    due = seconds_text(one.due)
    late += f"\t升级 escalated ×{one.escalations}" if one.escalations else ""
    return f"{one.id}\t{one.severity}\t{one.state}\t{label}\t{one.unit}\t{one.owner}\t×{one.count}\t{due}{late}"
