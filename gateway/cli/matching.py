"""Checks and matches from a recipient's shell. Names and numbers come from files: a command line is seen by others."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TextIO
from uuid import uuid4

import click
from joserfc.jwk import ECKey
from tqdm import tqdm

from gateway.cli.shared import progress_bar
from gateway.remote import Answer, Client, UnexpectedAnswerError, for_grant, send

_ACCEPTED = 202
_BAD_LIST = 422
RENEW_SECONDS = 200
"""A token lives for 300 seconds at the most."""


@click.command()
@click.argument("people", type=click.File("r", encoding="utf-8"))
@click.option("--grant", required=True, help="The grant of level 'check'.")
@click.option("--url", required=True, help="The gateway's address, as https://gateway.example.")
@click.option("--client-id", required=True)
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="Private key, a JWK.")
def check(people: TextIO, grant: str, url: str, client_id: str, key: Path) -> None:
    """Check the people of a JSON file ('-' for standard input): reference, name, id_number, claims of each."""
    told = json.load(people)
    body = told if isinstance(told, dict) else {"people": told}
    caller = _system(url, client_id, key, grant, "check").caller()
    for answer in _answers(caller.call("POST", f"/v1/grants/{grant}/checks", body)):
        click.echo(f"{answer['reference']}\t{answer['answer']}\t{answer['answer_zh']}")


@click.command()
@click.argument("people", metavar="LIST", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--grant", required=True, help="The grant of level 'match'.")
@click.option("--url", required=True, help="The gateway's address, as https://gateway.example.")
@click.option("--client-id", required=True)
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="Private key, a JWK.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "ndjson", "parquet", "xlsx"]), default="xlsx", show_default=True
)
@click.option("--field", "fields", multiple=True, help="Only these of the granted fields.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the files go.")
def match(
    people: Path, grant: str, url: str, client_id: str, key: Path, kind: str, fields: tuple[str, ...], out: Path
) -> None:
    """Hand in LIST (.xlsx, .xls, .csv), wait, and fetch the granted fields by row number."""
    system = _system(url, client_id, key, grant, "match")
    request = system.caller().request("POST", f"/v1/grants/{grant}/matches")
    values = {"format": kind, **({"fields": ",".join(fields)} if fields else {})}
    request.data, media_type = _form(values, people.read_bytes())
    request.add_header("Content-Type", media_type)
    answer = send(request)
    if answer.status == _BAD_LIST:
        _tell(answer)
    if answer.status != _ACCEPTED:
        raise UnexpectedAnswerError(f"{answer.status} {answer.body[:600].decode('utf-8', 'replace')}")
    _fetch(system, answer.text("id"), out)


def _system(url: str, client_id: str, key: Path, grant: str, use: str) -> Client:
    jwk = ECKey.import_key(json.loads(key.read_text(encoding="utf-8")))
    return Client(url.rstrip("/"), client_id, jwk, [for_grant(grant, use)])


def _answers(answer: Answer) -> list[dict[str, object]]:
    found = answer.json()["answers"]
    return found if isinstance(found, list) else []


def _form(values: dict[str, str], content: bytes) -> tuple[bytes, str]:
    """Return a form with a file, and its media type (RFC 7578). The file's own name stays here: it may name people."""
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="list"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"


def _tell(answer: Answer) -> None:
    """Print what is wrong with a list, by row and column."""
    told = answer.json()
    problems = told.get("errors")
    for one in problems if isinstance(problems, list) else ():
        place = f"{one.get('row') or '-'}\t{one.get('column') or '-'}"
        click.echo(f"{place}\t{one.get('detail_zh')} {one.get('detail')}", err=True)
    raise UnexpectedAnswerError(str(told.get("detail", "refused")), detail_zh=str(told.get("detail_zh", "")))


def _fetch(system: Client, extract: str, out: Path) -> None:
    """Wait for an extract and fetch it with its papers."""
    caller, since = system.caller(), time.monotonic()
    with progress_bar("比对 match", 0) as bar:
        while (found := caller.call("GET", f"/v1/extracts/{extract}").json())["state"] in {"queued", "preparing"}:
            bar.total = int(str(found["rows_total"])) or None
            bar.update(int(str(found["rows_done"])) - bar.n)
            time.sleep(0.5)
            if time.monotonic() - since > RENEW_SECONDS:
                caller, since = system.caller(), time.monotonic()
    if found["state"] != "ready":
        raise UnexpectedAnswerError(f"The match failed: {found['failure']}.", detail_zh="比对失败。")
    out.mkdir(parents=True, exist_ok=True)
    caller, size = system.caller(), int(str(found["bytes"]))
    with tqdm(total=size, desc="下载 download", unit="B", unit_scale=True, file=sys.stderr) as bar:
        digest = caller.download(f"/v1/extracts/{extract}/content", out / str(found["file_name"]), size, bar.update)
    if digest != found["sha256"]:
        raise UnexpectedAnswerError(
            "The content is not the one that the gateway announced.", detail_zh="内容摘要不符。"
        )
    for paper, suffix in (("manifest", "jws"), ("report", "json"), ("obligations", "json")):
        content = caller.call("GET", f"/v1/extracts/{extract}/{paper}").body
        (out / f"{extract}.{paper}.{suffix}").write_bytes(content)
    click.echo(f"{found['rows']} 行 rows → {found['file_name']}  sha256 {digest}")
