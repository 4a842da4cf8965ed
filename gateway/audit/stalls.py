"""Says in the log when a queue of the worker falls behind or the clock jumps, so that the rules can alert (A50-16).

What ends in the log or in a status list must do so within seconds; a queue that stands still looks from outside like
one that is empty. A worker that is dead says nothing: that is for ``/readyz`` and whoever watches the processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, JsonValue

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


class ClockWatch:
    """Writes ``log.clock_jumped`` when the wall clock moved otherwise than time did, forwards or backwards.

    ``steady`` is a clock that nobody sets, in seconds. What the wall clock gained or lost against it between two looks
    is the jump; a host that slept may look like one, where its steady clock stood still meanwhile. A clock that went
    back before an entry stands in the entry itself too (``clock_back``); one that was set forward shows only here.
    """

    def __init__(
        self, journal: Journal, now: Callable[[], datetime], steady: Callable[[], float], limit: timedelta
    ) -> None:
        self._journal = journal
        self._now = now
        self._steady = steady
        self._limit = limit
        self._last: tuple[datetime, float] | None = None

    def run(self) -> bool:
        """Look once; return whether the clock jumped since the last look."""
        now, steady = self._now(), self._steady()
        last, self._last = self._last, (now, steady)
        if last is None:
            return False
        jump = (now - last[0]) - timedelta(seconds=steady - last[1])
        if abs(jump) <= self._limit:
            return False
        facts: dict[str, JsonValue] = {
            "seconds": int(jump.total_seconds()),
            "limit_seconds": _seconds(self._limit),
        }
        self._journal.append(EntryDraft("log.clock_jumped", None, "failed", facts))
        return True
