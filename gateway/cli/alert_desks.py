"""Where commands of alerts look: at the databases of the host for a named account, or over HTTP in a session.

The host tells who looks, and nobody proves there who they are (ADR 43): a desk of the host reads and does nothing else.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from gateway import bootstrap, settings
from gateway.api.models import AlertFileOut, AlertList, AlertOut, AlertQueryIn, SuppressionList, SuppressionOut
from gateway.audit.alerts_records import AlertId
from gateway.cli.officer_session import OfficerSession, signed_in
from gateway.keyring import Face

if TYPE_CHECKING:
    from gateway.principals import Principal

PAGE = 200


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who looks or acts, and where: ``account`` at the databases of ``home``, or somebody at ``url``."""

    home: Path | None
    account: str | None = None
    url: str | None = None
    user: str | None = None
    session: Path | None = None


class Desk(Protocol):
    """What the commands read."""

    def page(self, query: AlertQueryIn) -> AlertList:
        """Return a page of alerts."""

    def show(self, alert: str) -> AlertFileOut:
        """Return an alert with all that belongs to it."""

    def suppressions(self, *, whole: bool) -> SuppressionList:
        """Return suppressions; ``whole``: also those that are over."""


@dataclass(frozen=True, slots=True)
class HostDesk:
    """The databases of the host, for an account that somebody named."""

    process: bootstrap.Process
    who: Principal

    def page(self, query: AlertQueryIn) -> AlertList:
        """Return a page of alerts."""
        service = bootstrap.alerts_of(self.process)
        now, rules = service.now(), service.alerting.rules
        found = service.list(self.who, query.to_query(now))
        return AlertList(items=[AlertOut.of(one, rules.get(one.rule), now) for one in found.alerts], after=found.after)

    def show(self, alert: str) -> AlertFileOut:
        """Return an alert with all that belongs to it."""
        service = bootstrap.alerts_of(self.process)
        file = service.get(self.who, AlertId(alert))
        return AlertFileOut.of_file(file, service.alerting.rules.get(file.alert.rule), service.now())

    def suppressions(self, *, whole: bool) -> SuppressionList:
        """Return suppressions; ``whole``: also those that are over."""
        service = bootstrap.suppressions_of(self.process)
        found, rules = service.list(self.who, live=not whole), service.alerting.rules
        return SuppressionList(items=[SuppressionOut.of(one, rules.get(one.rule)) for one in found])


@dataclass(frozen=True, slots=True)
class SessionDesk:
    """The API, in a session of whoever looks or acts."""

    session: OfficerSession

    def page(self, query: AlertQueryIn) -> AlertList:
        """Return a page of alerts."""
        asked = urllib.parse.urlencode(query.model_dump(mode="json", exclude_none=True))
        return AlertList.model_validate(self.session.call("GET", f"/v1/alerts?{asked}"))

    def show(self, alert: str) -> AlertFileOut:
        """Return an alert with all that belongs to it."""
        return AlertFileOut.model_validate(self.session.call("GET", f"/v1/alerts/{quoted(alert)}"))

    def suppressions(self, *, whole: bool) -> SuppressionList:
        """Return suppressions; ``whole``: also those that are over."""
        state = "all" if whole else "live"
        return SuppressionList.model_validate(self.session.call("GET", f"/v1/suppressions?state={state}"))

    def handle(self, alert: str, act: str, body: dict[str, object]) -> AlertOut:
        """Handle an alert: ``act`` is the last part of the path, as ``closure``."""
        return AlertOut.model_validate(self.session.call("POST", f"/v1/alerts/{quoted(alert)}/{act}", body))

    def suppress(self, alert: str, body: dict[str, object]) -> SuppressionOut:
        """Ask for a suppression of the group of an alert."""
        return SuppressionOut.model_validate(self.session.call("POST", f"/v1/alerts/{quoted(alert)}/suppression", body))

    def decide(self, suppression: str, act: str) -> SuppressionOut:
        """Confirm or lift a suppression: ``act`` is the last part of the path."""
        path = f"/v1/suppressions/{quoted(suppression)}/{act}"
        return SuppressionOut.model_validate(self.session.call("POST", path, {}))


def quoted(part: str) -> str:
    """Return a part of a path as it stands in an address."""
    return urllib.parse.quote(part, safe="")


@contextmanager
def desk_of(watcher: Watcher) -> Iterator[Desk]:
    """Yield where the commands that read look."""
    if watcher.url is not None:
        with acting(watcher) as desk:
            yield desk
        return
    if watcher.account is None:
        raise click.UsageError("Say who looks: xueji alerts --as ACCOUNT …, or --url URL --user NAME …")
    process = bootstrap.open_process(settings.from_environment(home=watcher.home), Face.ALL, with_worker=False)
    try:
        yield HostDesk(process, bootstrap.officer(process, watcher.account))
    finally:
        process.close()


@contextmanager
def acting(watcher: Watcher) -> Iterator[SessionDesk]:
    """Yield where the commands that act do so: a session of the person, never an account that was merely named."""
    if watcher.url is None:
        raise click.UsageError(
            "Acts need a session of the person who acts: xueji alerts --url URL --user NAME … (--as only looks)."
        )
    with signed_in(watcher.url, watcher.user, watcher.session) as session:
        yield SessionDesk(session)
