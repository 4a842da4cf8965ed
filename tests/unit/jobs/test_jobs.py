"""The worker goes on whatever a task does, and pauses only when nothing is left."""

from __future__ import annotations

import logging
import threading

import pytest

from gateway.errors import UnavailableError
from gateway.jobs import Periodic, Task, Worker

SECRET = "140105201503011234"


def test_a_task_that_fails_does_not_stop_the_others_and_its_text_reaches_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[str] = []

    def known() -> bool:
        raise UnavailableError(f"gone {SECRET}")

    def unknown() -> bool:
        raise ValueError(f"bad {SECRET}")

    def good() -> bool:
        done.append("good")
        return True

    caplog.set_level(logging.DEBUG)
    worker = Worker([Task("known", known), Task("unknown", unknown), Task("good", good)])
    assert worker.round()
    assert done == ["good"]
    assert "known: UnavailableError" in caplog.text
    assert "incident" in caplog.text
    assert SECRET not in caplog.text


def test_a_round_says_whether_there_was_work() -> None:
    assert not Worker([Task("idle", lambda: False)]).round()
    assert Worker([Task("idle", lambda: False), Task("busy", lambda: True), Task("idle", lambda: False)]).round()


def test_a_periodic_task_runs_when_it_is_due_and_waits_also_after_a_failure() -> None:
    at = [100.0]
    runs: list[float] = []

    def run() -> None:
        runs.append(at[0])
        if len(runs) == 2:
            raise UnavailableError("gone")

    periodic = Periodic(run, 10, monotonic=lambda: at[0])
    assert not periodic()
    assert not periodic()
    at[0] = 110.0
    with pytest.raises(UnavailableError):
        periodic()
    assert not periodic()
    at[0] = 119.9
    periodic()
    assert runs == [100.0, 110.0]
    at[0] = 120.0
    periodic()
    assert runs == [100.0, 110.0, 120.0]


def test_a_wake_starts_the_next_round_at_once_and_stop_ends_the_thread() -> None:
    woken = threading.Event()
    rounds = [0]

    def run() -> bool:
        rounds[0] += 1
        if rounds[0] > 1:
            woken.set()
        return False

    worker = Worker([Task("count", run)], pause_seconds=3600)
    worker.start()
    worker.wake()
    assert woken.wait(10)
    worker.stop()
    after = rounds[0]
    assert not worker.round()
    assert rounds[0] == after


def test_a_stopped_worker_finishes_the_task_under_way() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def run() -> bool:
        begun.set()
        may_end.wait(10)
        done.set()
        return False

    worker = Worker([Task("long", run), Task("never", lambda: pytest.fail("stopped"))])
    worker.start()
    assert begun.wait(10)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    may_end.set()
    stopper.join(10)
    assert done.is_set()


def test_a_long_task_does_not_keep_the_quick_ones_waiting() -> None:
    begun, answered, may_end = threading.Event(), threading.Event(), threading.Event()

    def long() -> bool:
        begun.set()
        may_end.wait(10)
        return False

    def quick() -> bool:
        if begun.is_set():
            answered.set()
        return False

    worker = Worker([Task("quick", quick, quick=True), Task("long", long)], pause_seconds=0.01)
    worker.start()
    try:
        assert answered.wait(10)  # while the long one is still under way
        assert not may_end.is_set()
    finally:
        may_end.set()
        worker.stop()
