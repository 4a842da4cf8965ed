"""Statistics from a recipient's shell: the accuracy before asking, a question, its table, the budget."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from gateway.cli.fetching import system_of
from gateway.remote import Answer, Caller, UnexpectedAnswerError, send

_OK, _ACCEPTED = 200, 202
_WAIT_SECONDS = 180
_PAUSE_SECONDS = 1.0


@click.command()
@click.option("--grant", required=True, help="The grant of level 'statistics'.")
@click.option("--url", required=True, help="The gateway's address, as https://gateway.example.")
@click.option("--client-id", required=True)
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="Private key, a JWK.")
@click.option("--by", multiple=True, metavar="FIELD[@LEVEL]", help="Count by this field, as county@city; repeatable.")
@click.option("--measure", "measures", multiple=True, help="count (default), share, or a mean of the profile.")
@click.option("--epsilon", type=float, help="What the answer may cost; more is more exact.")
@click.option("--noise", type=click.Choice(["laplace", "gaussian"]), default="laplace", show_default=True)
@click.option("--territory", help="A division within the grant's.")
@click.option("--stage", "stages", multiple=True, help="Only these stages.")
@click.option("--grade", "grades", multiple=True, help="Only these grades.")
@click.option("--refresh", is_flag=True, help="Count anew what was answered before; costs again.")
@click.option("--accuracy", is_flag=True, help="Say cost and accuracy, and count nobody.")
@click.option("--budget", is_flag=True, help="Say what is left this school year.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON, with report and manifest; else CSV.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Into this file.")
def statistics(
    grant: str,
    url: str,
    client_id: str,
    key: Path,
    by: tuple[str, ...],
    measures: tuple[str, ...],
    epsilon: float | None,
    noise: str,
    territory: str | None,
    stages: tuple[str, ...],
    grades: tuple[str, ...],
    refresh: bool,
    accuracy: bool,
    budget: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Ask for counts, shares and means under a grant; the same question has one answer a school year."""
    caller = system_of(url, client_id, key, grant, "statistics").caller()
    path = f"/v1/grants/{grant}/statistics"
    parts = [one.partition("@") for one in by]
    body: dict[str, object] = {
        "dimensions": [{"field": field, **({"level": level} if level else {})} for field, _, level in parts],
        "measures": list(measures) or ["count"],
        "mechanism": noise,
        "refresh": refresh,
    }
    narrowed = {"epsilon": epsilon, "territory": territory, "stages": list(stages), "grades": list(grades)}
    body |= {name: value for name, value in narrowed.items() if value}
    if budget:
        _write(caller.call("GET", f"{path}/budget"), out)
    elif accuracy:
        _write(caller.call("POST", f"{path}/accuracy", body), out)
    else:
        _write(_answer(caller, path, body, "application/json" if as_json else "text/csv"), out)


def _answer(caller: Caller, path: str, body: dict[str, object], media_type: str) -> Answer:
    """Ask, and look until it is counted; asking again costs nothing."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        request = caller.request("POST", path, body)
        request.add_header("Accept", media_type)
        answer = send(request)
        if answer.status not in {_OK, _ACCEPTED}:
            told = answer.json()
            raise UnexpectedAnswerError(
                str(told.get("detail", answer.status)), detail_zh=str(told.get("detail_zh", ""))
            )
        if answer.status == _OK:
            return answer
        if time.monotonic() > deadline:
            raise UnexpectedAnswerError("It is still being counted; ask again.", detail_zh="仍在统计，请稍后再问。")
        body["refresh"] = False  # the refresh that is under way is the one that was paid for
        time.sleep(_PAUSE_SECONDS)


def _write(answer: Answer, out: Path | None) -> None:
    text = answer.body.decode()
    if answer.headers.get("Content-Type", "").startswith("application/json"):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8", newline="")
