"""Decoy pupils from the shell of the host: list, propose, decide, withdraw, touches, recognize."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from gateway import bootstrap, settings
from gateway.canaries.records import CanaryId, CanaryView
from gateway.ids import UnitCode
from gateway.instants import seconds_text
from gateway.keyring import Face

if TYPE_CHECKING:
    from gateway.bootstrap import CanaryService
    from gateway.principals import Principal


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who acts, and where."""

    home: Path | None
    account: str | None


@click.group("canaries")
@click.option("--as", "account", help="Account of the officer who acts; what it may do, the policies say.")
@click.pass_context
def canaries(context: click.Context, account: str | None) -> None:
    """Keep decoy pupils (诱饵学籍): any use of one alerts."""
    context.obj = Keeper(context.obj, account)


@contextmanager
def _desk(keeper: Keeper) -> Iterator[tuple[CanaryService, Principal]]:
    """Yield the use cases and who acts."""
    if keeper.account is None:
        raise click.UsageError("Say who acts: xueji canaries --as ACCOUNT …")
    process = bootstrap.open_process(settings.from_environment(home=keeper.home), Face.ALL, with_worker=False)
    try:
        yield bootstrap.canaries_of(process), bootstrap.officer(process, keeper.account)
    finally:
        process.close()


@canaries.command("list")
@click.pass_obj
def list_canaries(keeper: Keeper) -> None:
    """List decoys: id, unit, state, whether it is in the registry. Which pupil it is, nobody is told."""
    with _desk(keeper) as (service, who):
        for one in service.listed(who):
            click.echo(_line(one))


@canaries.command("propose")
@click.argument("unit")
@click.argument("phones", type=click.File(encoding="utf-8"))
@click.pass_obj
def propose(keeper: Keeper, unit: str, phones: TextIO) -> None:
    """Propose decoys at schools within UNIT, one for each line of PHONES: numbers that the department owns."""
    with _desk(keeper) as (service, who):
        for one in service.propose(who, UnitCode(unit), phones.read().splitlines()):
            click.echo(_line(one))


@canaries.command("confirm")
@click.argument("canary")
@click.pass_obj
def confirm(keeper: Keeper, canary: str) -> None:
    """Confirm CANARY, which somebody of the other duty proposed."""
    with _desk(keeper) as (service, who):
        click.echo(_line(service.confirm(who, CanaryId(canary))))


@canaries.command("refuse")
@click.argument("canary")
@click.pass_obj
def refuse(keeper: Keeper, canary: str) -> None:
    """Refuse CANARY, which somebody of the other duty proposed."""
    with _desk(keeper) as (service, who):
        click.echo(_line(service.refuse(who, CanaryId(canary))))


@canaries.command("withdraw")
@click.argument("canary")
@click.pass_obj
def withdraw(keeper: Keeper, canary: str) -> None:
    """Withdraw CANARY, as one that was touched: nothing alerts any more."""
    with _desk(keeper) as (service, who):
        click.echo(_line(service.withdraw(who, CanaryId(canary))))


@canaries.command("touches")
@click.pass_obj
def touches(keeper: Keeper) -> None:
    """List the latest uses of decoys, from the log."""
    with _desk(keeper) as (service, who):
        for one in service.touches(who):
            named = " ".join(one.canaries)
            click.echo(f"#{one.index}\t{one.at}\t#{one.entry}\t{one.kind}\t{one.account or '—'}\t{named}")


@canaries.command("recognize")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@click.pass_obj
def recognize(keeper: Keeper, file: TextIO) -> None:
    """Say which decoys stand in FILE, a text that was found outside. No release holds one."""
    with _desk(keeper) as (service, who):
        found = service.recognize(who, file.read())
        for one in found:
            click.echo(one)
        click.echo(f"{len(found)} 条诱饵学籍 decoys")


def _line(view: CanaryView) -> str:
    one = view.canary
    state = "planted" if view.planted else one.state.value
    return (
        f"{one.id}\t{view.unit}\t{state}\t{seconds_text(one.proposed_at)}\t{one.proposed_by}\t{one.decided_by or '—'}"
    )
