"""What the host of the audit log does with its search index."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from tqdm import tqdm

from gateway import bootstrap, inspection, settings
from gateway.audit.errors import MalformedError
from gateway.cli.inspecting import FOUND, UNREADABLE

SHOWN = 100
"""Differences that are spelled out; more are counted."""


@click.group()
def audit() -> None:
    """Look after the search index of the audit log."""


@audit.command("index")
@click.option("--check", "act", flag_value="check", default="check", show_default=True, help="Compare it with the log.")
@click.option("--rebuild", "act", flag_value="rebuild", help="Write it anew from the log, then compare.")
@click.option("--database", help="Database URL; by default that of the settings.")
@click.option("--json", "as_json", is_flag=True, help="Print every difference as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def index(home: Path | None, act: str, database: str | None, as_json: bool, quiet: bool) -> None:
    """Compare the search index with the log, or write it anew: it is a cache, the log is the truth.

    The status is 0 when they agree, 1 when not, 2 when an entry of the log cannot be read (see verify-log).
    """
    url = database or settings.from_environment(home=home).gateway_url
    with tqdm(desc="索引 index", unit=" 条 entries", file=sys.stderr, disable=quiet or None, leave=False) as bar:
        try:
            with bootstrap.open_index(url, writing=act == "rebuild") as found:
                if act == "rebuild":
                    found.rebuild(bar.update)
                    bar.reset()
                differences = found.compare(bar.update)
        except MalformedError as error:
            bar.close()
            for line in inspection.told(error):
                click.echo(line, err=True)
            sys.exit(UNREADABLE)
    if as_json:
        told = [
            {"index": one.index, "missing": one.missing, "members": list(one.members), "detail": one.detail}
            for one in differences
        ]
        click.echo(json.dumps({"ok": not told, "differences": told}, ensure_ascii=False, indent=1))
    elif differences:
        for one in differences[:SHOWN]:
            click.echo(f"{one.detail_zh} {one.detail}")
        click.echo(f"共 {len(differences)} 处不符 differences; --rebuild 可按日志重建 writes the index anew.")
    else:
        click.echo("检索索引与日志一致 · the search index agrees with the log")
    sys.exit(FOUND if differences else 0)
