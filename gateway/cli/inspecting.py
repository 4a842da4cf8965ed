"""What inspectors and witnesses do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from tqdm import tqdm

from gateway import bootstrap, demo, inspection, settings
from gateway.audit.note import VerifierKey
from gateway.audit.witness_http import application
from gateway.errors import GatewayError
from gateway.keyring import Face

FOUND, UNREADABLE = 1, 2
"""Status of ``verify-log`` when the log does not hold, and when it or what it is held against cannot be read."""


@click.command("verify-log")
@click.option("--database", help="Database URL; by default that of the settings.")
@click.option("--bundle", type=click.Path(path_type=Path, exists=True), help="An inspection package, or it unpacked.")
@click.option("--url", help="Address of a gateway: its public log; its entries too with --token-file.")
@click.option("--entries-url", help="Address of the office face, where that is another.")
@click.option("--token-file", type=click.File(), help="File with an inspector's session token.")
@click.option("--vkey", help="The log's public key; by default that of the key directory.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True), help="A tlog-policy file (keys, witnesses).")
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), multiple=True, help="One kept before.")
@click.option("--predecessor", help="The log before this origin: a database URL, a package or a folder.")
@click.option(
    "--pupil",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of POST /v1/audit/pupils/tags: list every entry about that pupil.",
)
@click.option("--index/--no-index", default=True, show_default=True, help="Compare a database's search index too.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def verify_log(
    home: Path | None,
    database: str | None,
    bundle: Path | None,
    url: str | None,
    entries_url: str | None,
    token_file: TextIO | None,
    vkey: str | None,
    policy: Path | None,
    checkpoint: tuple[Path, ...],
    predecessor: str | None,
    pupil: Path | None,
    index: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Rebuild the audit log from its entries; say which entry is wrong and how it was damaged.

    The status is 0 when the log holds, 1 when it does not, 2 when it could not be read.
    """
    if sum(one is not None for one in (database, bundle, url)) > 1:
        raise click.UsageError("Give one of --database, --bundle and --url.")
    if pupil is not None and url is not None:
        raise click.UsageError("--pupil reads entries: take a database or a package.")
    token = None if token_file is None else token_file.read().strip()
    place = inspection.LogPlace(database, bundle, url, token, entries_url, with_index=index, predecessor=predecessor)
    bar = tqdm(desc="核验 verify", unit=" 条 entries", file=sys.stderr, disable=quiet or None, leave=False)
    try:
        report = inspection.verify(
            lambda: settings.from_environment(home=home),
            place,
            vkey=vkey,
            policy=policy,
            witnessed=[note for path in checkpoint for note in inspection.kept_notes(path)],
            progress=bar.update,
        )
        scan = None
        if pupil is not None:
            scan = inspection.scanned(
                lambda: settings.from_environment(home=home),
                place,
                pupil.read_bytes(),
                report.size,
                vkey=vkey,
                policy=policy,
                progress=bar.update,
            )
    except (GatewayError, OSError, UnicodeDecodeError) as error:
        bar.close()
        for line in inspection.told(error):
            click.echo(line, err=True)
        sys.exit(UNREADABLE)
    bar.close()
    if as_json:
        told = report.to_json() | ({} if scan is None else {"pupil": scan.to_json()})
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for line in [*inspection.lines(report), *([] if scan is None else inspection.scan_lines(scan))]:
            click.echo(line)
    sys.exit(0 if report.ok else FOUND)


DIRECTORY = click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
NAME = click.option("--name", default="inspector.example/witness", show_default=True, help="Name of the witness key.")
VKEY = click.option(
    "--vkey", "vkeys", multiple=True, help="The log's public key, as 'xueji keys log' prints it; the oldest first."
)


@click.group()
def witness() -> None:
    """Follow the log as the inspector's witness, or serve one; carry checkpoints by file."""


@witness.command("key")
@DIRECTORY
@NAME
def show_witness_key(directory: Path, name: str) -> None:
    """Print the witness's public key, for the log's trust policy; it is made at the first time."""
    click.echo(str(inspection.witness_signer(directory, name).verifier))


@witness.command("once")
@DIRECTORY
@NAME
@VKEY
@click.option("--url", help="Address of the gateway; by default the databases of the settings.")
@click.option("--request", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file of 'ask'.")
@click.option("--answer", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the file for 'take'.")
@click.pass_obj
def witness_once(
    home: Path | None,
    directory: Path,
    name: str,
    vkeys: tuple[str, ...],
    url: str | None,
    request: Path | None,
    answer: Path | None,
) -> None:
    """Check that the log extends what was seen, cosign, and keep the checkpoint in DIRECTORY.

    On the host of the log the cosignature is handed to it; from an address or a file it goes into --answer.
    """
    if (url or request) and not vkeys:
        raise click.UsageError("--url and --request need --vkey: a witness knows beforehand whose log it watches.")
    if url and request:
        raise click.UsageError("Give one of --url and --request.")
    if request is not None:
        done = inspection.witness_request(request, directory, name, [*map(VerifierKey.parse, vkeys)])
    elif url is not None:
        done = inspection.witness_served(url, directory, name, [*map(VerifierKey.parse, vkeys)])
    else:
        with _opened(home) as process:
            done = inspection.witness_once(process.services, directory, name)
    if answer is not None:
        answer.write_text(done.answer, encoding="utf-8")
    click.echo(f"size {done.size} cosigned by {done.vkey}")


@witness.command("serve")
@DIRECTORY
@NAME
@click.option("--vkey", "vkeys", multiple=True, required=True, help="Public key of a log; its oldest first.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8090, show_default=True)
def serve_witness(directory: Path, name: str, vkeys: tuple[str, ...], host: str, port: int) -> None:
    """Serve the witness over HTTP (C2SP tlog-witness): logs bring it their checkpoints."""
    made = inspection.open_witness(directory, name, [VerifierKey.parse(vkey) for vkey in vkeys])
    click.echo(f"见证公钥 witness key: {made.signer.verifier}")
    demo.serve(application(made), host=host, port=port, threads=4)


@witness.command("ask")
@click.option("--name", help="Which witness of the trust policy; by default the only one.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def ask_witness(home: Path | None, name: str | None, file: Path) -> None:
    """Write a FILE to be carried to a witness without a network: the checkpoint and what proves it."""
    with _opened(home) as process:
        file.write_text(inspection.request_file(process, name), encoding="utf-8")
    click.echo(f"请交审计检查员 for the inspector: {file.name}")


@witness.command("take")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def take_cosignature(home: Path | None, file: Path) -> None:
    """Take the FILE that the witness gave back: its cosignature goes into the log."""
    with _opened(home) as process:
        size = inspection.take_answer(process, file.read_text(encoding="utf-8"))
    click.echo(f"已收存会签 cosignature kept: size {size}")


@contextmanager
def _opened(home: Path | None) -> Iterator[bootstrap.Process]:
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        yield process
    finally:
        process.close()
