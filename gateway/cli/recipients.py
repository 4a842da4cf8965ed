"""What recipients and relying parties do from a shell."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from gateway.cli.fetching import EXTRACT, fetch, system_of
from gateway.identity.offline import verify_credential as verify_offline


@click.command()
@click.argument("grant")
@click.option("--url", required=True, help="The gateway's address, as https://gateway.example.")
@click.option("--client-id", required=True)
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="Private key, a JWK.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "ndjson", "parquet", "xlsx"]), default="csv", show_default=True
)
@click.option("--field", "fields", multiple=True, help="Only these of the granted fields.")
@click.option("--since", help="Only the changes since this extract of the same grant (longitudinal grants).")
@click.option("--gzip", "compression", flag_value="gzip", help="Compressed on the way; unpacked here.")
@click.option("--encrypt", is_flag=True, help="Encrypted to the system's registered key; needs --decryption-key.")
@click.option(
    "--decryption-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Private key to open it, a JWK.",
)
@click.option("--resume", help="Go on with this extract, which was started before.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the files go.")
def extract(
    grant: str,
    url: str,
    client_id: str,
    key: Path,
    kind: str,
    fields: tuple[str, ...],
    since: str | None,
    compression: str | None,
    encrypt: bool,
    decryption_key: Path | None,
    resume: str | None,
    out: Path,
) -> None:
    """Fetch an extract under GRANT as a recipient's system: start, wait, download, check, unpack, keep the papers.

    A download that breaks goes on by itself, or later with --resume; each part is checked when it is there. The access
    tokens are good for this grant alone and bound to a key of this process (RFC 9396, RFC 9449).
    """
    if encrypt and decryption_key is None:
        raise click.UsageError("--encrypt needs --decryption-key, to open what comes / --encrypt 须同时给出解密私钥")
    system = system_of(url, client_id, key, grant, "extract")
    caller = system.caller()
    wanted: dict[str, object] = {"format": kind, **({"fields": list(fields)} if fields else {})}
    wanted |= {name: value for name, value in (("since", since), ("compression", compression)) if value is not None}
    if encrypt:
        wanted["encrypt"] = True
    started = resume or caller.call("POST", f"/v1/grants/{grant}/extracts", wanted, expect=202).text("id")
    if resume is None:
        click.echo(f"{started}  （可用 --resume 续传 / to go on later: --resume）", err=True)
    fetch(system, caller, started, EXTRACT, out, opened_by=decryption_key)


@click.command("verify-credential")
@click.argument("presentation", type=click.File("r"))
@click.option("--aud", required=True, help="Who the presentation was made for.")
@click.option("--nonce", required=True)
@click.option("--issuer", required=True)
@click.option("--vct", required=True)
@click.option("--jwks", type=click.File("r"), help="The issuer's keys, pinned.")
@click.option(
    "--anchor", type=click.File("rb"), help="Instead of --jwks: trust anchors in PEM, for credentials with x5c."
)
@click.option("--status-list", type=click.File("r"), required=True, help="The status list token, fetched before.")
@click.option("--claim", "claims", multiple=True, help="A claim that must be disclosed.")
def verify_credential(
    presentation: TextIO,
    aud: str,
    nonce: str,
    issuer: str,
    vct: str,
    jwks: TextIO | None,
    anchor: BinaryIO | None,
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
        jwks=None if jwks is None else json.load(jwks),
        anchors=None if anchor is None else anchor.read(),
        status_list_token=status_list.read().strip(),
        required=frozenset(claims),
        now=datetime.now(UTC),
    )
    click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
