"""Setting up a host: keys, databases, first officers, the rule book."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import click

from gateway import bootstrap, keyring, settings
from gateway.accounts.records import StaffSpec
from gateway.app import create_app
from gateway.errors import ConfigurationError
from gateway.identity.issuer_keys import IssuerKeyService
from gateway.ids import UnitCode
from gateway.instants import seconds_text
from gateway.keyring import Face
from gateway.principals import Role


@click.command()
@click.option("--unit", default="140000", show_default=True, help="Division code of the department that is set up.")
@click.pass_obj
def init(home: Path | None, unit: str) -> None:
    """Make keys and databases, and the first officers (their passwords are shown once)."""
    found = settings.from_environment(home=home)
    book = bootstrap.load_rulebook(found)
    made = keyring.create(found.keys)
    click.echo(f"密钥 keys: {len(made)} new in {found.keys.name}/")
    bootstrap.prepare_databases(found, book)
    process = bootstrap.open_process(found, Face.ALL)
    try:
        specs = [
            StaffSpec("sysadmin", "系统管理员", frozenset({Role.SYSTEM_ADMINISTRATOR}), UnitCode(unit), "系统管理员"),
            StaffSpec("secadmin", "安全管理员", frozenset({Role.SECURITY_ADMINISTRATOR}), UnitCode(unit), "安全管理员"),
            StaffSpec("auditor", "审计检查员", frozenset({Role.INSPECTOR}), UnitCode(unit), "审计检查员"),
        ]
        for credentials in process.services.directory.bootstrap_accounts(specs):
            click.echo(f"{credentials.username}\t{credentials.password}\tTOTP {credentials.totp_secret}")
    finally:
        process.close()
    click.echo("请立即登录修改密码并确认安全管理制度。 Sign in now, change the passwords, acknowledge the rules.")


@click.group()
def keys() -> None:
    """Make and look at keys."""


@keys.command("create")
@click.option("--face", type=click.Choice([face.value for face in Face]), default="all", show_default=True)
@click.pass_obj
def create_keys(home: Path | None, face: str) -> None:
    """Make the keys of a face that are not there yet; never overwrites."""
    found = settings.from_environment(home=home)
    for path in keyring.create(found.keys, keyring.PRIVATE_KEYS[Face(face)]):
        click.echo(path.name)


@keys.command("log")
@click.pass_obj
def show_log_key(home: Path | None) -> None:
    """Print the public keys of the audit log, for inspectors and witnesses: one, or each since it changed."""
    known = bootstrap.log_keys(settings.from_environment(home=home))
    for one, after in zip(known, [*known[1:], None], strict=True):
        span = "" if one.entry is None else f"\t自 from size {one.entry + 1}"
        if after is not None:
            span += f"\t并行签署至 signs beside the next until {after.overlap_until}"
        click.echo(f"{one.key}{span}")


@keys.command("list")
@click.pass_obj
def list_keys(home: Path | None) -> None:
    """List the keys that sign credentials: since when, until when they count, which one was taken out."""
    with _issuer_keys(home) as (service, _):
        for one in service.listed():
            state = "已停用 compromised" if one.compromised_at else f"保留至 kept until {_day(one.keep_until)}"
            if one.keep_until is None and one.compromised_at is None:
                state = "使用中 in use"
            click.echo(f"{one.kid}\t自 signs from {_day(one.signs_from)}\t{state}")


@keys.command("rotate")
@click.argument("use", type=click.Choice(["credential", "log"]))
@click.option("--at-once", is_flag=True, help="credential: let the new key sign at once, before caches know it.")
@click.option("--overlap-days", type=click.IntRange(0, 366), default=30, show_default=True, help="log: both sign.")
@click.option("--prepare", is_flag=True, help="log: only make the key, to copy it to the other hosts that sign.")
@click.pass_obj
def rotate_key(home: Path | None, use: str, at_once: bool, overlap_days: int, prepare: bool) -> None:
    """Make a new key. For credentials it signs from soon on; the old one counts as long as what it signed.

    For the log it signs from the entry on that tells of it, beside the old one for the days of the overlap.
    """
    if use == "log":
        _rotate_log(home, timedelta(days=overlap_days), prepare=prepare)
        return
    with _issuer_keys(home) as (service, _):
        made = service.rotate(None, at_once=at_once)
        click.echo(f"新密钥 new key {made.kid}，{_day(made.signs_from)} 起签发 signs from then on")


def _rotate_log(home: Path | None, overlap: timedelta, *, prepare: bool) -> None:
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        service = process.services.log_keys
        if service is None:
            raise ConfigurationError("This host has no log key.", detail_zh="本机没有日志密钥。")
        if prepare:
            key = service.prepare()
            click.echo(f"待用日志密钥 the key that comes next: log-{key.id.hex()}.pem")
            click.echo(str(key))
            return
        made = service.rotate(overlap)
        click.echo(f"新日志密钥 new log key {made.key}")
        click.echo(
            f"条目 entry {made.entry}；新旧密钥并行签署至 both keys sign until {made.overlap_until}。"
            "请把公钥交给审计检查员 Hand the public key to the inspector"
        )
    finally:
        process.close()


@keys.command("compromise")
@click.argument("use", type=click.Choice(["credential", "log"]))
@click.argument("kid", metavar="KID|DIRECTORY")
@click.confirmation_option(prompt="该密钥签发的凭证将立即失效，确认？ All that it signed ends now. Sure?")
@click.pass_obj
def compromise_key(home: Path | None, use: str, kid: str) -> None:
    """Take the credential key KID out at once: nothing that it signed counts any more; a new key signs from now on.

    For the log: write into DIRECTORY what a new origin begins with, which goes on from the last cosigned checkpoint.
    """
    if use == "log":
        _begin_anew(home, Path(kid))
        return
    with _issuer_keys(home) as (service, process):
        following = service.compromise(kid, None)
        identity = process.services.identity
        lists, ended = identity.refresh_status_lists(), identity.end_compromised()
        click.echo(
            f"已停用 taken out: {kid}；终止凭证 credentials ended: {ended}；重签状态列表 lists signed anew: {lists}；"
            f"现用密钥 the key that signs: {following.kid}"
        )


def _begin_anew(home: Path | None, directory: Path) -> None:
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        ends = bootstrap.begin_anew(process.services, directory)
    finally:
        process.close()
    click.echo(f"旧日志止于 the old log ends at size {ends.size}: {ends.origin}")
    click.echo(f"新密钥与承接检查点 new key and what it goes on from: {directory.name}/ (docs/operators.md, 3)")


@contextmanager
def _issuer_keys(home: Path | None) -> Iterator[tuple[IssuerKeyService, bootstrap.Process]]:
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        service = process.services.issuer_keys
        if service is None:
            raise ConfigurationError("This host has no credential key.", detail_zh="本机没有凭证签发密钥。")
        yield service, process
    finally:
        process.close()


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else seconds_text(moment)


@click.command()
@click.pass_obj
def openapi(home: Path | None) -> None:
    """Print the OpenAPI document of the HTTP API."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        app = create_app(process.services)
        with app.app_context():
            click.echo(json.dumps(app.spec, ensure_ascii=False, indent=1))
    finally:
        process.close()


@click.command()
@click.argument("face", type=click.Choice([face.value for face in Face if face is not Face.ALL]))
@click.argument("role")
@click.pass_obj
def roles(home: Path | None, face: str, role: str) -> None:
    """Give the PostgreSQL ROLE exactly what FACE needs in both databases, and take all else from it."""
    bootstrap.grant_roles(settings.from_environment(home=home), Face(face), role)
    click.echo(f"{role}: {face}")


@click.command()
@click.pass_obj
def migrate(home: Path | None) -> None:
    """Bring both databases to the newest schema; twice changes nothing."""
    found = settings.from_environment(home=home)
    bootstrap.prepare_databases(found, bootstrap.load_rulebook(found))
    click.echo("数据库结构已是最新 · both schemas are the newest")
