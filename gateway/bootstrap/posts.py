"""The desk of posts for the command line and the demo: who files on the host."""

from __future__ import annotations

from datetime import date

from core_registry.office import Actor, NewPost, StaffDesk
from gateway.bootstrap.parts import Process
from gateway.errors import ConfigurationError

__all__ = ["StaffDesk", "host_actor", "new_post", "staff_of"]

HOST = "operator"


def staff_of(process: Process) -> StaffDesk:
    """Return the desk of posts; raises ``ConfigurationError`` on a face without the registry."""
    if process.services.staff is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    return process.services.staff


def host_actor() -> Actor:
    """Return the operator of the host: files the first posts, before anybody is there to do so."""
    return Actor(HOST, "", "system")


def new_post(
    account: str, unit: str, post: str, since: date, trained_on: date | None, *, on_establishment: bool
) -> NewPost:
    """Return a post to be filed."""
    return NewPost(account, unit, post, since, on_establishment=on_establishment, trained_on=trained_on)
