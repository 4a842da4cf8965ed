"""The ``xueji`` command. Each command parses, calls one service and prints."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO

import click
from tqdm import tqdm

from core_registry.errors import RegistryError
from gateway import bootstrap, demo, inspection, keyring, samples, settings
from gateway.accounts.records import StaffSpec
from gateway.app import create_app
from gateway.errors import ConfigurationError, GatewayError
from gateway.identity.offline import verify_credential as verify_offline
from gateway.ids import UnitCode
from gateway.keyring import Face
from gateway.principals import Role

FACES = click.Choice([face.value for face in Face if face is not Face.WORKER])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home", type=click.Path(path_type=Path), envvar="XUEJI_HOME", help="Where databases, keys and files lie."
)
@click.pass_context
def cli(context: click.Context, home: Path | None) -> None:
    """学籍数据共享网关 · privacy gateway in front of a student registry."""
    context.obj = home


def main() -> None:
    """Run the command; errors of ours end with status 1 and say in Chinese and English what to change."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (GatewayError, RegistryError) as error:
        if error.detail_zh:
            click.echo(error.detail_zh, err=True)
        click.echo(error.detail, err=True)
        if error.rule:
            click.echo(f"({error.rule})", err=True)
        sys.exit(1)


@cli.command()
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


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--count", type=click.IntRange(100, 5_000_000), default=10_000, show_default=True, help="Pupils.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--format", "kind", type=click.Choice(["xlsx", "csv", "parquet"]), default="xlsx", show_default=True)
@click.pass_obj
def sample(home: Path | None, directory: Path, count: int, seed: int, kind: str) -> None:
    """Write invented but realistic pupils of Shanxi: schools.csv and forms. No row is a real person."""
    book = bootstrap.load_rulebook(settings.from_environment(home=home))
    with _bar("生成 sample", count) as bar:
        written = samples.write(
            directory, count=count, seed=seed, kind=kind, book=book, today=_today(), tick=bar.update
        )
    click.echo(f"{written.pupils} pupils, {written.schools} schools → {directory}")


@cli.command("import-schools")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def import_schools(home: Path | None, file: Path) -> None:
    """Load schools (学校标识码, name, division, managing authority, stages) from a CSV file."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        if process.services.office is None:
            raise ConfigurationError("This face has no registry.")
        click.echo(f"{process.services.office.import_schools(samples.read_schools(file))} schools")
    finally:
        process.close()


@cli.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--mapping", default="template", show_default=True, help="A layout of config/import_mappings.")
@click.option("--school", help="学校标识码 of all rows, for a file without that column.")
@click.option("--errors", type=click.Path(path_type=Path), help="Where the workbook with bad rows goes.")
@click.option("--preview", is_flag=True, help="Say what would happen; write nothing.")
@click.option("--accept-shrink", is_flag=True, help="Answer the shrink guard with yes.")
@click.pass_obj
def import_forms(
    home: Path | None,
    file: Path,
    mapping: str,
    school: str | None,
    errors: Path | None,
    preview: bool,
    accept_shrink: bool,
) -> None:
    """Import Annex 1 forms (.xlsx, .xls, .csv): good rows land, bad rows come back with their reasons."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL)
    try:
        summary = samples.import_file(
            process,
            file,
            mapping=mapping,
            school=school,
            errors=errors,
            preview=preview,
            accept_shrink=accept_shrink,
            bar=_bar,
        )
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()
    for line in samples.summary_lines(summary):
        click.echo(line)
    if summary.rejected:
        sys.exit(2)


@cli.command()
@click.option("--face", type=FACES, default="all", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8080, show_default=True)
@click.option("--threads", type=int, default=8, show_default=True)
@click.pass_obj
def serve(home: Path | None, face: str, host: str, port: int, threads: int) -> None:
    """Serve one face, or all of them in one process (SQLite, one host)."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face(face))
    try:
        if process.worker is not None:
            process.worker.start()
        demo.serve(create_app(process.services), host=host, port=port, threads=threads)
    finally:
        process.close()


@cli.command()
@click.pass_obj
def worker(home: Path | None) -> None:
    """Run the worker beside the faces: extracts, audit entries, credential status."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.WORKER)
    if process.worker is None:
        raise ConfigurationError("There is nothing to work on.", detail_zh="没有可运行的任务。")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    process.worker.start()
    click.echo("工作进程已启动 · worker running")
    stop.wait()
    process.close()


@cli.command("demo")
@click.option("--once", is_flag=True, help="Stop after the steps instead of serving the console.")
@click.option("--count", type=click.IntRange(1000, 1_000_000), default=10_000, show_default=True, help="Pupils.")
@click.option("--port", type=int, default=8080, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
def run_demo(once: bool, count: int, port: int, directory: Path) -> None:
    """Run the main job on generated data, step by step; the status is 0 only if every step was as promised."""
    sys.exit(demo.run(directory, once=once, count=count, port=port, bar=_bar))


@cli.command("verify-log")
@click.option("--database", help="Database URL; by default that of the settings.")
@click.option("--bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="An inspection package.")
@click.option("--vkey", help="The log's public key; by default that of the key directory.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True), help="A tlog-policy file (keys, witnesses).")
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), multiple=True, help="One kept before.")
@click.pass_obj
def verify_log(
    home: Path | None,
    database: str | None,
    bundle: Path | None,
    vkey: str | None,
    policy: Path | None,
    checkpoint: tuple[Path, ...],
) -> None:
    """Rebuild the audit log from its entries; say which entry is wrong and how it was damaged."""
    report = inspection.verify(
        lambda: settings.from_environment(home=home),
        database=database,
        bundle=bundle,
        vkey=vkey,
        policy=policy,
        witnessed=[path.read_text(encoding="utf-8") for path in checkpoint],
    )
    for line in inspection.lines(report):
        click.echo(line)
    sys.exit(0 if report.ok else 1)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="inspector.example/witness", show_default=True, help="Name of the witness key.")
@click.pass_obj
def witness(home: Path | None, directory: Path, name: str) -> None:
    """Follow the log once as the inspector's witness: check consistency, cosign, keep the checkpoint in DIRECTORY."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        done = inspection.witness_once(process.services, directory, name)
    finally:
        process.close()
    click.echo(f"size {done.size} cosigned by {done.vkey}")


@cli.command("verify-credential")
@click.argument("presentation", type=click.File("r"))
@click.option("--aud", required=True, help="Who the presentation was made for.")
@click.option("--nonce", required=True)
@click.option("--issuer", required=True)
@click.option("--vct", required=True)
@click.option("--jwks", type=click.File("r"), required=True, help="The issuer's keys, pinned.")
@click.option("--status-list", type=click.File("r"), required=True, help="The status list token, fetched before.")
@click.option("--claim", "claims", multiple=True, help="A claim that must be disclosed.")
def verify_credential(
    presentation: TextIO,
    aud: str,
    nonce: str,
    issuer: str,
    vct: str,
    jwks: TextIO,
    status_list: TextIO,
    claims: tuple[str, ...],
) -> None:
    """Verify a student's presentation without a network; says how old the status list is."""
    report = verify_offline(
        presentation.read().strip(),
        audience=aud,
        nonce=nonce,
        issuer=issuer,
        vct=vct,
        jwks=json.load(jwks),
        status_list_token=status_list.read().strip(),
        required=frozenset(claims),
        now=datetime.now(UTC),
    )
    click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=1))


@cli.group()
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
    """Print the public key of the audit log, for inspectors and witnesses."""
    found = settings.from_environment(home=home)
    click.echo(str(bootstrap.log_key(found, keyring.load(found.keys, Face.ALL))))


@cli.group()
def policy() -> None:
    """Check the rule book and its policies."""


@policy.command("check")
@click.pass_obj
def check_policy(home: Path | None) -> None:
    """Load the rule book and all policies as the program would; print its hash."""
    book = bootstrap.load_rulebook(settings.from_environment(home=home))
    points = bootstrap.DecisionPoint(book.policies, book.sha256).policies
    click.echo(f"{len(points)} policies, {len(book.fields)} fields, rule book {book.sha256}")


@cli.command()
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


def _bar(label: str, total: int) -> tqdm[Any]:
    return tqdm(total=total, desc=label, unit=" 行 rows", leave=True, file=sys.stderr)


def _today() -> date:
    return bootstrap.civil_date(datetime.now(UTC))


if __name__ == "__main__":
    main()
