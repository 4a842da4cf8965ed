"""``xueji registry posts``: principals and registrars, filed on the host (Arts. 3, 48)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from gateway import bootstrap, settings
from gateway.keyring import Face

if TYPE_CHECKING:
    from gateway.bootstrap import Actor, StaffDesk


class _Person(Protocol):
    home: Path | None


@click.group("posts")
def posts() -> None:
    """File, end and list the principals and registrars of a unit, as the host."""


@contextmanager
def _staff(person: _Person) -> Iterator[tuple[StaffDesk, Actor]]:
    """Yield the desk of posts and the host as who acts; the audit entries are written before the end."""
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL)
    try:
        yield bootstrap.staff_of(process), bootstrap.host_actor()
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()


@posts.command("file")
@click.argument("account")
@click.argument("unit")
@click.argument("post", type=click.Choice(["registrar", "head"]))
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day.")
@click.option("--trained-on", type=click.DateTime(["%Y-%m-%d"]), help="Registrars: trained before the first day.")
@click.option("--on-establishment", is_flag=True, help="在编 (A48-1).")
@click.pass_obj
def file(
    person: _Person, account: str, unit: str, post: str, since: datetime, trained_on: datetime | None, *,
    on_establishment: bool,
) -> None:  # fmt: skip
    """File ACCOUNT as registrar or head of UNIT (备案)."""
    with _staff(person) as (staff, host):
        new = bootstrap.new_post(
            account, unit, post, since.date(), None if trained_on is None else trained_on.date(),
            on_establishment=on_establishment,
        )  # fmt: skip
        filed = staff.file(new, host)
    click.echo(f"已备案 filed: {filed.id}")
    if filed.too_many_changes:
        click.echo("提示：一年内多次更换学籍管理员。 Note: more than one change of registrar within a year. (A48-4)")


@posts.command("end")
@click.argument("unit")
@click.argument("post_id", type=int)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day.")
@click.option("--handed-over-to", help="The successor's account; a registrar needs one (A48-4).")
@click.pass_obj
def end(person: _Person, unit: str, post_id: int, until: datetime, handed_over_to: str | None) -> None:
    """End the post POST_ID of UNIT."""
    with _staff(person) as (staff, host):
        staff.end(unit, post_id, until.date(), handed_over_to, host)
    click.echo("已离任 ended")


@posts.command("list")
@click.argument("unit")
@click.pass_obj
def listed(person: _Person, unit: str) -> None:
    """List the posts of UNIT, present and past."""
    with _staff(person) as (staff, host):
        for line in staff.posts(unit, host):
            post = line.post
            until = post.until or "至今"
            click.echo(f"{line.id}\t{post.post}\t{post.account}\t{post.since} – {until}\t{line.filed_with or ''}")


def add_to(group: click.Group) -> None:
    """Put the commands below ``xueji registry``."""
    group.add_command(posts)
