"""Says in the log when a queue of the worker falls behind, so that the rules can alert of it (A50-16).

What ends in the log or in a status list must do so within seconds; a queue that stands still looks from outside like
one that is empty. A worker that is dead says nothing: that is for ``/readyz`` and whoever watches the processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal

AGAIN: Final = timedelta(minutes=15)
"""After how long a queue that still stands is said again."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the worker. ``waiting_since`` returns when what waits longest began to wait, ``None`` for nothing."""

    name: str
    waiting_since: Callable[[], datetime | None]


class StallWatch:
    """Writes ``log.queue_stalled`` and ``log.queue_resumed`` of one queue; remembers what it said in memory alone.

    A worker that starts anew says it again, and the alert stays one.
    """

    def __init__(self, queue: Queue, journal: Journal, now: Callable[[], datetime], limit: timedelta) -> None:
        self._queue = queue
        self._journal = journal
        self._now = now
        self._limit = limit
        self._began: datetime | None = None
        self._said: datetime | None = None

    def run(self) -> bool:
        """Look once; return whether the queue is behind by more than the limit."""
        now = self._now()
        since = self._queue.waiting_since()
        if since is None or now - since <= self._limit:
            self._resumed(now)
            return False
        if self._said is None or not self._said <= now < self._said + AGAIN:
            self._say("log.queue_stalled", {"behind_seconds": _seconds(now - since), "since": seconds_text(since)})
            self._began = self._began or since
            self._said = now
        return True

    def _resumed(self, now: datetime) -> None:
        if self._began is not None:
            self._say("log.queue_resumed", {"stalled_seconds": _seconds(now - self._began)})
            self._began = self._said = None

    def _say(self, kind: str, facts: dict[str, str | int]) -> None:
        outcome = "failed" if kind == "log.queue_stalled" else "done"
        limit = _seconds(self._limit)
        self._journal.append(
            EntryDraft(kind, None, outcome, {"queue": self._queue.name, "limit_seconds": limit, **facts})
        )


def _seconds(span: timedelta) -> int:
    return max(int(span.total_seconds()), 0)
