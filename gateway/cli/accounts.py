"""Accounts from the shell: an administrator signs in, then opens accounts, registers clients, unseals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from gateway import bootstrap, settings
from gateway.accounts.records import ClientSpec, Credentials, SignInSpec, StaffSpec
from gateway.accounts.sealing import civil_date
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.keyring import Face
from gateway.principals import Principal, Role

ROLES = click.Choice([role.value for role in Role])


@click.group()
def accounts() -> None:
    """Open accounts, register clients, unseal."""


@contextmanager
def administrator(home: Path | None) -> Iterator[tuple[bootstrap.Process, Principal]]:
    """Ask who is there; yield the process and the administrator who proved it."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        username = click.prompt("管理员用户名 administrator")
        password = click.prompt("密码 password", hide_input=True)
        code = click.prompt("动态口令 one-time code")
        yield process, process.services.accounts.authenticate(username, password, code)
    finally:
        process.close()


def _show(credentials: Credentials) -> None:
    click.echo(f"{credentials.account}\t{credentials.username}\t{credentials.password}")
    if credentials.totp_secret:
        click.echo(f"TOTP\t{credentials.totp_secret}")
    click.echo("只显示一次，请当面交付。 Shown once; hand it over in person.")


@accounts.command("create")
@click.option("--username", required=True)
@click.option("--name", required=True, help="Name of the member of staff; it stays in the accounts table.")
@click.option("--role", "roles", multiple=True, required=True, type=ROLES)
@click.option("--unit", help="Division code or 学校标识码, for staff of the registry line.")
@click.option("--recipient", help="统一社会信用代码, for applicants of a recipient.")
@click.option("--post", default="", help="Post, as it stands in the audit trail.")
@click.option("--filed-on", type=click.DateTime(["%Y-%m-%d"]), help="Registrars: filed with the superior (A48-2).")
@click.option("--trained-on", type=click.DateTime(["%Y-%m-%d"]), help="Registrars: trained (A48-3).")
@click.pass_obj
def create(
    home: Path | None,
    username: str,
    name: str,
    roles: tuple[str, ...],
    unit: str | None,
    recipient: str | None,
    post: str,
    filed_on: datetime | None,
    trained_on: datetime | None,
) -> None:
    """Open an account; its password and second factor are shown once."""
    spec = StaffSpec(
        username,
        name,
        frozenset(Role(role) for role in roles),
        None if unit is None else UnitCode(unit),
        post,
        None if recipient is None else RecipientId(recipient),
        filed_on=None if filed_on is None else filed_on.date(),
        trained_on=None if trained_on is None else trained_on.date(),
    )
    with administrator(home) as (process, who):
        _show(process.services.directory.create(who, spec))


@accounts.command("list")
@click.option("--unit", help="Division code or 学校标识码; without it the whole territory.")
@click.pass_obj
def listed(home: Path | None, unit: str | None) -> None:
    """List accounts: id, user name, unit, roles, state, day of sealing if nobody uses it."""
    with administrator(home) as (process, who):
        services = process.services
        for account in services.directory.listed(who, unit=None if unit is None else UnitCode(unit)):
            state = services.directory.state(account, civil_date(services.now()), services.book.parameters)
            sealed = "封存 sealed" if account.sealed_at is not None else "有效 active"
            roles = ",".join(sorted(account.roles))
            where = account.unit or account.recipient or ""
            click.echo(f"{account.id}\t{account.username or ''}\t{where}\t{roles}\t{sealed}\t{state.seals_on or ''}")


@accounts.command("seal")
@click.argument("account")
@click.option("--reason", required=True)
@click.pass_obj
def seal(home: Path | None, account: str, reason: str) -> None:
    """Seal an account at once: sessions, tokens and delegations end (A50-3)."""
    with administrator(home) as (process, who):
        process.services.directory.seal(who, AccountId(account), reason)


@accounts.command("reset")
@click.argument("account")
@click.option("--reason", required=True)
@click.pass_obj
def reset(home: Path | None, account: str, reason: str) -> None:
    """Give a new password and second factor, as after a lost telephone; shown once."""
    with administrator(home) as (process, who):
        _show(process.services.directory.reset_credentials(who, AccountId(account), reason))


@accounts.command("client")
@click.option("--recipient", required=True, help="统一社会信用代码 of the organisation.")
@click.option("--role", "roles", multiple=True, required=True, type=ROLES)
@click.option("--jwks", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Public keys.")
@click.option("--jwks-uri", help="Where the system publishes its public keys instead.")
@click.option("--post", default="", help="What the system is, as 教科书征订系统.")
@click.option("--dpop/--bearer", default=True, show_default=True, help="Whether its tokens must be bound to a key.")
@click.option("--encrypt-always", is_flag=True, help="Every extract is encrypted to the system's key of use 'enc'.")
@click.option("--redirect-uri", "redirects", multiple=True, help="Where people who signed in are taken.")
@click.option("--after-sign-out", "afters", multiple=True, help="Where people who signed out are taken.")
@click.option("--sector", help="One of the hosts of the redirect URIs, where there are several.")
@click.option("--told-of-ends", help="Where the end of a sign-in is told (backchannel_logout_uri).")
@click.pass_obj
def client(
    home: Path | None,
    recipient: str,
    roles: tuple[str, ...],
    jwks: Path | None,
    jwks_uri: str | None,
    post: str,
    dpop: bool,
    encrypt_always: bool,
    redirects: tuple[str, ...],
    afters: tuple[str, ...],
    sector: str | None,
    told_of_ends: str | None,
) -> None:
    """Register a recipient's system with its public keys (private_key_jwt, P-256)."""
    keys = {} if jwks is None else json.loads(jwks.read_text(encoding="utf-8"))
    held = frozenset(Role(role) for role in roles)
    spec = ClientSpec(
        RecipientId(recipient),
        held,
        keys,
        post=post,
        jwks_uri=jwks_uri,
        dpop_required=dpop,
        encrypt_always=encrypt_always,
        sign_in=SignInSpec(redirects, afters, sector, told_of_ends),
    )
    with administrator(home) as (process, who):
        click.echo(process.services.directory.register_client(who, spec))


@accounts.command("unseal")
@click.argument("account")
@click.option("--reason", required=True)
@click.option("--witness", "witnesses", multiple=True, required=True, help="The two people who are present: twice.")
@click.pass_obj
def unseal(home: Path | None, account: str, reason: str, witnesses: tuple[str, ...]) -> None:
    """Reopen a sealed account on the host, with two people present; recorded in the audit trail."""
    if len(witnesses) != 2:  # noqa: PLR2004  two people
        raise click.UsageError("Name exactly two witnesses: --witness twice.")
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        found = process.services.directory.unseal_on_host(
            AccountId(account), reason, (AccountId(witnesses[0]), AccountId(witnesses[1]))
        )
    finally:
        process.close()
    if found is not None:
        _show(found)
