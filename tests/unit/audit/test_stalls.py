"""A queue that stands still is said once, again after a while, and that it moves again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gateway.audit.stalls import AGAIN, ClockWatch, Queue, StallWatch
from gateway.journal import EntryDraft, Receipt, Tx

R = TypeVar("R")
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LIMIT = timedelta(seconds=60)


class Said:
    """A journal that keeps the drafts."""

    def __init__(self) -> None:
        self.entries: list[EntryDraft] = []

    def append(self, entry: EntryDraft) -> Receipt:
        self.entries.append(entry)
        return Receipt(len(self.entries), b"", 1, b"")

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        raise AssertionError("a watch writes no fact")


class Scene:
    """One queue, its clock and what was said of it."""

    def __init__(self) -> None:
        self.now, self.since = START, None
        self.said = Said()
        self.watch = StallWatch(
            Queue("registry-outbox", lambda: self.since),
            self.said,
            lambda: self.now,
            LIMIT,
        )

    since: datetime | None

    def look(self, seconds: float = 0) -> bool:
        self.now += timedelta(seconds=seconds)
        return self.watch.run()

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.said.entries]


def test_an_empty_queue_and_one_that_moves_say_nothing() -> None:
    scene = Scene()
    assert not scene.look()
    for _ in range(20):
        scene.since = scene.now
        assert not scene.look(60)
    assert scene.kinds() == []


def test_a_queue_behind_its_limit_is_said_once_with_how_far() -> None:
    scene = Scene()
    scene.since = START
    assert not scene.look(60)
    assert scene.look(1)
    assert scene.look(10)
    (entry,) = scene.said.entries
    assert (entry.kind, entry.outcome, entry.actor) == ("log.queue_stalled", "failed", None)
    assert entry.facts == {
        "queue": "registry-outbox", "limit_seconds": 60, "behind_seconds": 61, "since": "2026-11-23T02:00:00Z",
    }  # fmt: skip


def test_it_is_said_again_while_it_lasts_and_once_when_it_is_over() -> None:
    scene = Scene()
    scene.since = START
    scene.look(61)
    scene.look(AGAIN.total_seconds() - 1)
    assert scene.kinds() == ["log.queue_stalled"]
    scene.look(1)
    assert scene.kinds() == ["log.queue_stalled"] * 2
    scene.since = None
    assert not scene.look(5)
    assert not scene.look(5)
    assert scene.kinds() == ["log.queue_stalled"] * 2 + ["log.queue_resumed"]
    assert scene.said.entries[-1].facts == {"queue": "registry-outbox", "limit_seconds": 60, "stalled_seconds": 966}
    scene.since = scene.now
    assert scene.look(61)  # and a new one is a new one
    assert scene.kinds()[-1] == "log.queue_stalled"


def test_a_clock_that_went_back_neither_cries_nor_falls_silent() -> None:
    scene = Scene()
    scene.since = START + timedelta(hours=1)
    assert not scene.look()
    scene.since = START
    assert scene.look(61)
    scene.since = START - timedelta(hours=3)
    assert scene.look(-3600)  # still behind: said anew, for what was said lies in the future now
    assert scene.kinds() == ["log.queue_stalled"] * 2


def test_a_clock_that_is_set_is_said_whichever_way_and_one_that_runs_is_not() -> None:
    said, now, steady = Said(), [START], [100.0]
    watch = ClockWatch(said, lambda: now[0], lambda: steady[0], LIMIT)
    looks = [(10, 10), (70, 10), (3600, 3540), (3600, 10), (-7200, 10), (10, 10), (0, 60)]
    jumped = [watch.run()]
    for wall, time in looks:
        now[0] += timedelta(seconds=wall)
        steady[0] += time
        jumped.append(watch.run())
    assert jumped == [False, False, False, False, True, True, False, False]
    assert [(entry.kind, entry.facts["seconds"]) for entry in said.entries] == [
        ("log.clock_jumped", 3590),
        ("log.clock_jumped", -7210),
    ]
