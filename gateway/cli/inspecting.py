"""What inspectors and witnesses do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TextIO

import click
from tqdm import tqdm

from gateway import bootstrap, inspection, settings
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
    index: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Rebuild the audit log from its entries; say which entry is wrong and how it was damaged.

    The status is 0 when the log holds, 1 when it does not, 2 when it could not be read.
    """
    if sum(one is not None for one in (database, bundle, url)) > 1:
        raise click.UsageError("Give one of --database, --bundle and --url.")
    token = None if token_file is None else token_file.read().strip()
    place = inspection.LogPlace(database, bundle, url, token, entries_url, with_index=index)
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
    except (GatewayError, OSError, UnicodeDecodeError) as error:
        bar.close()
        for line in inspection.told(error):
            click.echo(line, err=True)
        sys.exit(UNREADABLE)
    bar.close()
    if as_json:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    else:
        for line in inspection.lines(report):
            click.echo(line)
    sys.exit(0 if report.ok else FOUND)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="inspector.example/witness", show_default=True, help="Name of the witness key.")
@click.option("--show-key", is_flag=True, help="Only print the witness's public key, for the log's trust policy.")
@click.pass_obj
def witness(home: Path | None, directory: Path, name: str, show_key: bool) -> None:
    """Follow the log once as the inspector's witness: check consistency, cosign, keep the checkpoint in DIRECTORY."""
    if show_key:
        click.echo(str(inspection.witness_signer(directory, name).verifier))
        return
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        done = inspection.witness_once(process.services, directory, name)
    finally:
        process.close()
    click.echo(f"size {done.size} cosigned by {done.vkey}")
