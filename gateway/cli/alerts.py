"""Alerts from the shell: list them, show one with its proof, watch for new ones, try out rules.

On the host (``--as``) somebody looks, and nobody proves there who they are: so nothing is taken up, closed, suppressed
or confirmed there. Over HTTP (``--url``) the person signs in, and acts (``alert_acts``).
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import click
from tqdm import tqdm

from gateway import bootstrap, inspection, settings
from gateway.api.models import AlertList, AlertOut, AlertQueryIn
from gateway.audit.alerts_records import AlertState
from gateway.audit.alerts_replay import ReplayLine, RuleTally
from gateway.audit.alerts_rules import SHANGHAI
from gateway.cli.alert_acts import JSON, OWNERS, add_to, alert_line
from gateway.cli.alert_desks import PAGE, Watcher, desk_of
from gateway.cli.inspecting import UNREADABLE
from gateway.cli.shared import asked_for
from gateway.errors import GatewayError
from gateway.instants import seconds_text

_STATES = ("unclosed", *(state.value for state in AlertState))


@click.group("alerts")
@click.option("--as", "account", help="On the host: account of the officer who looks; it only looks.")
@click.option("--url", help="Over HTTP: the gateway's address, as https://gateway.example.")
@click.option("--user", help="With --url: who signs in; password and one-time code are asked for.")
@click.option(
    "--session",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --url: a file with the token of a session, instead of --user.",
)
@click.pass_context
def alerts(
    context: click.Context, account: str | None, url: str | None, user: str | None, session: Path | None
) -> None:
    """List, show, watch, handle alerts (预警); try rules."""
    if url is not None and account is not None:
        raise click.UsageError("Give one of --as and --url.")
    if url is None and (user or session):
        raise click.UsageError("--user and --session go with --url.")
    if user and session:
        raise click.UsageError("Give one of --user and --session.")
    context.obj = Watcher(context.obj, account, url, user, session)


@alerts.command("list")
@click.option("--state", type=click.Choice(_STATES), default="unclosed", show_default=True)
@click.option("--severity", type=click.Choice(["high", "medium", "low"]))
@click.option("--rule", help="Code of a rule of config/alerts.toml.")
@click.option("--owner", type=click.Choice(OWNERS), help="The role that answers.")
@click.option("--unit", help="The department that answers, by its division code.")
@click.option("--overdue", is_flag=True, help="Only those whose deadline has passed.")
@JSON
@click.pass_obj
def list_alerts(
    watcher: Watcher,
    state: str,
    severity: str | None,
    rule: str | None,
    owner: str | None,
    unit: str | None,
    overdue: bool,
    as_json: bool,
) -> None:
    """List alerts: the most urgent first."""
    wanted = {"state": state, "severity": severity, "rule": rule, "owner": owner, "unit": unit, "limit": PAGE}
    found: list[AlertOut] = []
    with desk_of(watcher) as desk:
        after: str | None = None
        while True:
            asked = asked_for(AlertQueryIn, {**wanted, "overdue": "true" if overdue else "false", "after": after})
            part = desk.page(asked)
            found += part.items
            after = part.after
            if after is None:
                break
    if as_json:
        click.echo(AlertList(items=found, after=None).model_dump_json(indent=1))
        return
    for one in found:
        click.echo(alert_line(one))
    click.echo(f"{len(found)} 条预警 alerts")


@alerts.command("show")
@click.argument("alert")
@JSON
@click.pass_obj
def show(watcher: Watcher, alert: str, as_json: bool) -> None:
    """Show ALERT with its history and the entries of the audit log that prove it."""
    with desk_of(watcher) as desk:
        file = desk.show(alert)
    if as_json:
        click.echo(file.model_dump_json(indent=1))
        return
    click.echo(alert_line(file))
    if file.finding is not None:
        click.echo(f"结论 finding\t{file.finding}")
    for event in file.history:
        comment = " ".join(event.comment.split())
        click.echo(f"{seconds_text(event.at)}\t{event.act}\t{event.account or '系统 system'}\t{comment}")
    for one in file.entries:
        said = "; ".join(f"{name}={value}" for name, value in one.shown.items())
        click.echo(f"#{one.index}\t{one.at}\t{one.kind}\t{one.outcome}\t{one.actor or '—'}\t{said}")


@alerts.command("watch")
@click.option("--every", type=click.IntRange(1, 3600), default=5, show_default=True, help="Seconds between two looks.")
@click.option("--rounds", type=click.IntRange(0), default=0, help="End after so many looks; 0 is never.")
@click.pass_obj
def watch(watcher: Watcher, every: int, rounds: int) -> None:
    """Print alerts as they are raised, taken up, or ended, until interrupted."""
    with desk_of(watcher) as desk:
        known: dict[str, int] = {}
        looked = 0
        while True:
            for one in desk.page(AlertQueryIn(limit=PAGE)).items:
                if known.get(one.id) != one.version:
                    click.echo(alert_line(one))
                known[one.id] = one.version
            looked += 1
            if looked == rounds:
                return
            time.sleep(every)


add_to(alerts)


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
