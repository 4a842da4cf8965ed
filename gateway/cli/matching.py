"""Checks and matches from a recipient's shell. Names and numbers come from files: a command line is seen by others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO
from uuid import uuid4

import click

from gateway.cli.fetching import MATCH, fetch, system_of
from gateway.remote import Answer, UnexpectedAnswerError, send

_ACCEPTED = 202
_BAD_LIST = 422


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
    caller = system_of(url, client_id, key, grant, "check").caller()
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
    system = system_of(url, client_id, key, grant, "match")
    request = system.caller().request("POST", f"/v1/grants/{grant}/matches")
    values = {"format": kind, **({"fields": ",".join(fields)} if fields else {})}
    request.data, media_type = _form(values, people.read_bytes())
    request.add_header("Content-Type", media_type)
    answer = send(request)
    if answer.status == _BAD_LIST:
        _tell(answer)
    if answer.status != _ACCEPTED:
        raise UnexpectedAnswerError(f"{answer.status} {answer.body[:600].decode('utf-8', 'replace')}")
    fetch(system, system.caller(), answer.text("id"), MATCH, out)


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
