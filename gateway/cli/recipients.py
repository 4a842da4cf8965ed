"""What recipients and relying parties do from a shell."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click
from joserfc.jwk import ECKey
from tqdm import tqdm

from gateway.cli.shared import progress_bar
from gateway.identity.offline import verify_credential as verify_offline
from gateway.remote import Client, UnexpectedAnswerError, for_grant

RENEW_SECONDS = 200
"""A token lives for 300 seconds at the most; a long preparation needs several."""


@click.command()
@click.argument("grant")
@click.option("--url", required=True, help="The gateway's address, as https://gateway.example.")
@click.option("--client-id", required=True)
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="Private key, a JWK.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "ndjson", "parquet", "xlsx"]), default="csv", show_default=True
)
@click.option("--field", "fields", multiple=True, help="Only these of the granted fields.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the files go.")
def extract(grant: str, url: str, client_id: str, key: Path, kind: str, fields: tuple[str, ...], out: Path) -> None:
    """Fetch an extract under GRANT as a recipient's system: start, wait, download, check digest, keep the papers.

    The access tokens are good for this grant alone and bound to a key of this process (RFC 9396, RFC 9449).
    """
    jwk = ECKey.import_key(json.loads(key.read_text(encoding="utf-8")))
    base = url.rstrip("/")
    system = Client(base, client_id, jwk, [for_grant(grant, "extract")])
    caller, since = system.caller(), time.monotonic()
    wanted = {"format": kind, **({"fields": list(fields)} if fields else {})}
    started = caller.call("POST", f"/v1/grants/{grant}/extracts", wanted, expect=202).text("id")
    with progress_bar("准备 prepare", 0) as bar:
        while (found := caller.call("GET", f"/v1/extracts/{started}").json())["state"] in {"queued", "preparing"}:
            bar.total = int(str(found["rows_total"])) or None
            bar.update(int(str(found["rows_done"])) - bar.n)
            time.sleep(0.5)
            if time.monotonic() - since > RENEW_SECONDS:
                caller, since = system.caller(), time.monotonic()
    if found["state"] != "ready":
        raise UnexpectedAnswerError(f"The preparation failed: {found['failure']}.", detail_zh="提取准备失败。")
    out.mkdir(parents=True, exist_ok=True)
    caller = system.caller()
    size = int(str(found["bytes"]))
    with tqdm(total=size, desc="下载 download", unit="B", unit_scale=True, file=sys.stderr) as bar:
        digest = caller.download(f"/v1/extracts/{started}/content", out / str(found["file_name"]), size, bar.update)
    if digest != found["sha256"]:
        raise UnexpectedAnswerError(
            "The content is not the one that the gateway announced.", detail_zh="内容摘要不符。"
        )
    for paper, suffix in (("manifest", "jws"), ("report", "json"), ("obligations", "json")):
        content = caller.call("GET", f"/v1/extracts/{started}/{paper}").body
        (out / f"{started}.{paper}.{suffix}").write_bytes(content)
    click.echo(f"{found['rows']} 行 rows → {found['file_name']}  sha256 {digest}")


@click.command("verify-credential")
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
