"""Texts of the sharing view redacted anew, from the shell of the host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gateway import bootstrap, settings
from gateway.cli.shared import progress_bar
from gateway.keyring import Face

if TYPE_CHECKING:
    from gateway.cli.cases import Person

_ACTOR = "operator"


@click.command("redact")
@click.option("--check", is_flag=True, help="Say how many records would be redacted anew; write nothing.")
@click.pass_obj
def redact_anew(person: Person, check: bool) -> None:
    """Redact awards and remarks anew that stand under an older version, or withheld.

    Goes on where it was when it is stopped and begun again. Each batch is an entry of the audit log.
    """
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL)
    try:
        texts = bootstrap.redactions_of(process)
        stale = texts.stale()
        if check:
            click.echo(f"{stale} 条待重新脱敏 records to redact anew")
            return
        with progress_bar("重新脱敏 redact", stale) as bar:
            seen = [0]

            def tick(done: int, _total: int) -> None:
                bar.update(done - seen[0])
                seen[0] = done

            done = texts.run(_ACTOR, tick)
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()
    click.echo(f"已重新脱敏 redacted: {done.rows}；其中仍不提供 still withheld: {done.withheld}")
    if done.withheld:
        sys.exit(2)


def add_to(group: click.Group) -> None:
    """Add the command to ``xueji registry``."""
    group.add_command(redact_anew)
