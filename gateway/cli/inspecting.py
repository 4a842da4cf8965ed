"""What inspectors and witnesses do."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway import bootstrap, inspection, settings
from gateway.keyring import Face


@click.command("verify-log")
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
