"""Retention from the shell of the host: what stands and is due, holds, the wrapping key, the old tag root."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import bootstrap, settings
from gateway.instants import seconds_text
from gateway.keyring import Face
from gateway.retention.records import ClassStatus, HoldFile, HoldScope, LegalHold, LegalHoldId, PlanLine

if TYPE_CHECKING:
    from gateway.principals import Principal

OVERDUE = 1
"""Status of ``xueji retention status`` when something stands that should not."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who acts, and where."""

    home: Path | None
    account: str | None


@click.group("retention")
@click.option("--as", "account", help="Account of who acts; what it may do, the policies say.")
@click.pass_context
def retention(context: click.Context, account: str | None) -> None:
    """Retention (保存期限): what stands and is due, holds, keys that end it."""
    context.obj = Keeper(context.obj, account)


@contextmanager
def _opened(keeper: Keeper) -> Iterator[bootstrap.Process]:
    process = bootstrap.open_process(settings.from_environment(home=keeper.home), Face.ALL, with_worker=False)
    try:
        yield process
    finally:
        process.close()


def _who(process: bootstrap.Process, keeper: Keeper) -> Principal:
    if keeper.account is None:
        raise click.UsageError("Say who acts: xueji retention --as ACCOUNT …")
    return bootstrap.officer(process, keeper.account)


@retention.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(keeper: Keeper, as_json: bool) -> None:
    """Show classes with amounts, the oldest, what is due next, and holds; the status is 1 when anything is overdue."""
    with _opened(keeper) as process:
        found = bootstrap.retention_of(process).service.status(_who(process, keeper))
    if as_json:
        told = {
            "classes": [_class(one) for one in found.classes],
            "holds": [one.id for one in found.holds],
            "last_sweep": _day(found.last_sweep),
            "unrenewed": found.unrenewed,
            "overdue": found.overdue,
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for one in found.classes:
            click.echo(_class_line(one))
        for hold in found.holds:
            click.echo(_hold_line(hold))
        click.echo(
            f"上次清理 last sweep: {_day(found.last_sweep) or '—'}；未换包裹密钥 keys not renewed: {found.unrenewed}"
        )
    sys.exit(OVERDUE if found.overdue else 0)


@retention.command("plan")
@click.pass_obj
def plan(keeper: Keeper) -> None:
    """Show what the next sweep would destroy, and what a hold keeps; destroys nothing."""
    with _opened(keeper) as process:
        lines = bootstrap.retention_of(process).service.plan(_who(process, keeper))
    for one in lines:
        click.echo(_plan_line(one))
    free = sum(not one.held_by for one in lines)
    click.echo(f"将销毁 to be destroyed: {free}；留存 held: {len(lines) - free}")


@retention.command("holds")
@click.pass_obj
def holds(keeper: Keeper) -> None:
    """List holds with their history."""
    with _opened(keeper) as process:
        for one in bootstrap.retention_of(process).holds.listed(_who(process, keeper)):
            _echo_file(one)


@retention.command("hold")
@click.option("--class", "data_class", help="A class of config/retention.toml.")
@click.option("--case", help="An inspection case.")
@click.option("--grant", help="A grant.")
@click.option("--unit", help="Code of a department (all below it) or school.")
@click.option("--from", "first_day", type=click.DateTime(["%Y-%m-%d"]), help="First day that is held.")
@click.option("--to", "last_day", type=click.DateTime(["%Y-%m-%d"]), help="Last day that is held.")
@click.option("--ground", required=True, help="The law or file that asks for it.")
@click.option("--reason", required=True, help="Why, in words.")
@click.option("--review-on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="When it is looked at again.")
@click.pass_obj
def hold(
    keeper: Keeper,
    data_class: str | None,
    case: str | None,
    grant: str | None,
    unit: str | None,
    first_day: datetime | None,
    last_day: datetime | None,
    ground: str,
    reason: str,
    review_on: datetime,
) -> None:
    """Keep what fits all of the options from being destroyed, until two people lift it."""
    scope = HoldScope(data_class, case, grant, unit, _date(first_day), _date(last_day))
    with _opened(keeper) as process:
        desk = bootstrap.retention_of(process).holds
        click.echo(_hold_line(desk.set(_who(process, keeper), scope, ground, reason, review_on.date())))


@retention.command("extend")
@click.argument("hold_id")
@click.option("--review-on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The new day of review.")
@click.option("--reason", required=True, help="Why, in words.")
@click.pass_obj
def extend(keeper: Keeper, hold_id: str, review_on: datetime, reason: str) -> None:
    """Put the review of HOLD_ID off."""
    with _opened(keeper) as process:
        desk = bootstrap.retention_of(process).holds
        click.echo(_hold_line(desk.extend(_who(process, keeper), LegalHoldId(hold_id), review_on.date(), reason)))


@retention.command("lift")
@click.argument("hold_id")
@click.option("--reason", required=True, help="Why, in words.")
@click.option("--decline", is_flag=True, help="Let it stand although somebody asked to lift it.")
@click.pass_obj
def lift(keeper: Keeper, hold_id: str, reason: str, decline: bool) -> None:
    """Ask that HOLD_ID be lifted; the second person who says so lifts it."""
    identifier = LegalHoldId(hold_id)
    with _opened(keeper) as process:
        desk, who = bootstrap.retention_of(process).holds, _who(process, keeper)
        asked = any(one.hold.id == identifier and one.hold.asked_by for one in desk.listed(who))
        if decline:
            done = desk.decline(who, identifier, reason)
        else:
            done = desk.lift(who, identifier, reason) if asked else desk.ask_lift(who, identifier, reason)
        click.echo(_hold_line(done))


@retention.command("resume")
@click.confirmation_option(
    prompt="请先核对主机时钟。清理将从明日恢复，确认？ Is the clock right? Sweeps go on tomorrow."
)
@click.pass_obj
def resume(keeper: Keeper) -> None:
    """Let sweeps go on after a pause of more than 31 days: a clock that jumped would destroy what is not due."""
    with _opened(keeper) as process:
        bootstrap.resume_sweeps(process, _who(process, keeper))
    click.echo("清理将从明日恢复 sweeps go on tomorrow")


@retention.command("renew-key")
@click.confirmation_option(prompt="更换后其他主机须复制新的 retention.key。 Other hosts will need the new file. Go on?")
@click.pass_obj
def renew_key(keeper: Keeper) -> None:
    """Renew the wrapping key, so that no backup of the database opens what was destroyed."""
    with _opened(keeper) as process:
        who = _who(process, keeper)
        count = bootstrap.renewal_of(process, who).renew(who)
    click.echo(f"已更换包裹密钥 renewed: {count} 个数据密钥重新包裹 keys wrapped anew")


@retention.command("destroy-root")
@click.confirmation_option(prompt="将销毁旧的标签根密钥，无法恢复，确认？ The old root will be gone for good. Sure?")
@click.pass_obj
def destroy_root(keeper: Keeper) -> None:
    """Destroy the tag root of a gateway from before; its quarters keep their own keys until their retention ends."""
    with _opened(keeper) as process:
        who = _who(process, keeper)
        bootstrap.tag_root_of(process, who).destroy(who)
    click.echo("旧的标签根密钥已销毁；备份中的副本请一并销毁 destroyed; destroy the copies in backups, too")


def _class(one: ClassStatus) -> dict[str, object]:
    return {
        "class": one.rules.code,
        "label": one.rules.label,
        "end": one.rules.end,
        "kept_by": one.rules.kept_by,
        "keep_months": one.rules.keep_months,
        "amount": one.amount,
        "oldest": _day(one.oldest),
        "next_due": _day(one.next_due),
        "due": one.due,
        "held": one.held,
        "overdue": one.overdue,
    }


def _class_line(one: ClassStatus) -> str:
    kept = "永久 for good" if one.rules.end == "keep" else f"{one.rules.keep_months} 月 months"
    if one.rules.kept_by == "room":
        kept = "永久 for good" if one.rules.end == "keep" else "由所属功能销毁 by its part"
    amount = "—" if one.amount is None else str(one.amount)
    late = "\t逾期 OVERDUE" if one.overdue else ""
    due = f"到期 due {one.due}（留存 held {one.held}）"
    oldest, following = _day(one.oldest) or "—", _day(one.next_due) or "—"
    return f"{one.rules.code}\t{one.rules.label}\t{kept}\t{amount}\t{oldest}\t{following}\t{due}{late}"


def _plan_line(one: PlanLine) -> str:
    held = f"\t留存 held by {', '.join(one.held_by)}" if one.held_by else ""
    return f"{one.matter.data_class}\t{one.matter.id}\t{one.matter.last.isoformat()}\t×{one.matter.count}{held}"


def _echo_file(file: HoldFile) -> None:
    click.echo(_hold_line(file.hold))
    for event in file.events:
        reason = " ".join(event.reason.split())
        click.echo(f"  {seconds_text(event.at)}\t{event.act}\t{event.account or '系统 system'}\t{reason}")


def _hold_line(one: LegalHold) -> str:
    scope = one.scope
    days = (
        "" if scope.first_day is None and scope.last_day is None else f"{_day(scope.first_day)}…{_day(scope.last_day)}"
    )
    named = [("class", scope.data_class), ("case", scope.case), ("grant", scope.grant), ("unit", scope.unit)]
    said = " ".join([*(f"{name}={value}" for name, value in named if value), *([days] if days else [])])
    state = "已解除 lifted" if one.lifted_at else "待复核解除 lifting asked" if one.asked_by else "留存中 standing"
    return f"{one.id}\t{state}\t{said}\t{one.ground}\t复核 review {one.review_on.isoformat()}"


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
