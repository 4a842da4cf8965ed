"""Recipients as organisations from the shell: registration, yearly attestation, rename, suspension."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.accounts.recipient_records import Recipient, RecipientSpec
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.sealing import civil_date
from gateway.bootstrap import Process
from gateway.cli.accounts import administrator
from gateway.errors import ConfigurationError
from gateway.ids import RecipientId, UnitCode


@click.group("recipient")
def recipient() -> None:
    """Register recipients, attest them every year, record a new name, suspend and resume."""


def _register(process: Process) -> RecipientRegister:
    found = process.services.recipients
    if found is None:
        raise ConfigurationError(
            "This process has no register of recipients.", detail_zh="本进程不办理数据使用方登记。"
        )
    return found


def _line(process: Process, one: Recipient) -> None:
    services = process.services
    problem = one.problem(civil_date(services.now()), services.book.parameters)
    state = "有效 in force" if problem is None else problem.value
    click.echo(f"{one.code}\t{one.name}\t{one.unit}\t{state}\t{one.attested_until}")


@recipient.command("register")
@click.option("--code", required=True, help="统一社会信用代码; its check character is verified.")
@click.option("--name", required=True, help="As it stands in the certificate of registration.")
@click.option("--post", required=True, help="The post there that answers for the use.")
@click.option("--responsible", required=True, help="Name and post of the responsible person there.")
@click.option("--evidence", required=True, help="What was looked at, and when.")
@click.option("--unit", help="The registering department; by default that of the administrator.")
@click.pass_obj
def register(
    home: Path | None, code: str, name: str, post: str, responsible: str, evidence: str, unit: str | None
) -> None:
    """Register a recipient; it is attested from today on."""
    spec = RecipientSpec(code, name, post, responsible, evidence, None if unit is None else UnitCode(unit))
    with administrator(home) as (process, who):
        _line(process, _register(process).register(who, spec))


@recipient.command("list")
@click.pass_obj
def listed(home: Path | None) -> None:
    """List recipients: code, name, registering department, state, end of the attestation."""
    with administrator(home) as (process, who):
        for one in _register(process).listed(who):
            _line(process, one)


@recipient.command("attest")
@click.argument("code")
@click.option("--name", required=True, help="As the certificate says today; it must be the one on record.")
@click.option("--evidence", required=True)
@click.pass_obj
def attest(home: Path | None, code: str, name: str, evidence: str) -> None:
    """Record that CODE was looked at and is who it was, for another year."""
    with administrator(home) as (process, who):
        _line(process, _register(process).attest(who, RecipientId(code), name=name, evidence=evidence))


@recipient.command("rename")
@click.argument("code")
@click.option("--name", required=True)
@click.option("--evidence", required=True)
@click.pass_obj
def rename(home: Path | None, code: str, name: str, evidence: str) -> None:
    """Record the new name of CODE; it is suspended until it is attested under it."""
    with administrator(home) as (process, who):
        _line(process, _register(process).rename(who, RecipientId(code), name=name, evidence=evidence))


@recipient.command("suspend")
@click.argument("code")
@click.option("--reason", required=True)
@click.pass_obj
def suspend(home: Path | None, code: str, reason: str) -> None:
    """Suspend CODE at once."""
    with administrator(home) as (process, who):
        _line(process, _register(process).suspend(who, RecipientId(code), reason))


@recipient.command("resume")
@click.argument("code")
@click.option("--reason", required=True)
@click.pass_obj
def resume(home: Path | None, code: str, reason: str) -> None:
    """Lift a manager's suspension, or dormancy, of CODE."""
    with administrator(home) as (process, who):
        _line(process, _register(process).resume(who, RecipientId(code), reason))
