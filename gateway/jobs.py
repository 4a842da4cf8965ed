"""The worker: prepares extracts, writes waiting audit entries, applies the registry's outbox, closes what was orphaned.

Rows of the gateway database are the truth (ADR 0005): a round looks for work in them, so a worker that was
killed, or a second one, goes on where the first stopped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.incidents import report

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of work. ``run`` does one piece and says whether there may be more; ``quick`` if somebody waits."""

    name: str
    run: Callable[[], bool]
    quick: bool = False


class Periodic:
    """A task that has work only every so many seconds."""

    def __init__(
        self, run: Callable[[], object], seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._seconds = seconds
        self._monotonic = monotonic
        self._due = monotonic()

    def __call__(self) -> bool:
        """Run when due; there is never more to do at once."""
        if self._monotonic() >= self._due:
            self._due = self._monotonic() + self._seconds
            self._run()
        return False


class Worker:
    """Runs tasks in rounds until it is stopped, the quick ones in a thread of their own.

    Somebody waits at another face for a quick task: a long extract must not keep them waiting.
    """

    def __init__(self, tasks: Sequence[Task], *, pause_seconds: float = 0.25) -> None:
        self._lanes = tuple(
            lane for quick in (False, True) if (lane := tuple(task for task in tasks if task.quick is quick))
        )
        self._pause = pause_seconds
        self._wakes = tuple(threading.Event() for _ in self._lanes)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in the order of a round."""
        return tuple(task for lane in self._lanes for task in lane)

    @property
    def running(self) -> bool:
        """Whether it runs in threads of its own by now."""
        return bool(self._threads)

    def wake(self) -> None:
        """Start the next round at once."""
        for wake in self._wakes:
            wake.set()

    def round(self) -> bool:
        """Run each task once, quick ones last; say whether any had work.

        A task that fails is logged and does not stop the others.
        """
        return any([self._round(lane) for lane in self._lanes])

    def run_forever(self) -> None:
        """Run rounds until ``stop``; pause between them only when nothing was found."""
        self.start()
        for thread in self._threads:
            thread.join()

    def start(self) -> None:
        """Run in threads of this process."""
        for number, (lane, wake) in enumerate(zip(self._lanes, self._wakes, strict=True)):
            thread = threading.Thread(
                target=self._run_lane, args=(lane, wake), name=f"xueji-worker-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Finish the tasks under way and end."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join()

    def _run_lane(self, lane: Sequence[Task], wake: threading.Event) -> None:
        while not self._stop.is_set():
            if not self._round(lane):
                wake.wait(self._pause)
                wake.clear()

    def _round(self, lane: Sequence[Task]) -> bool:
        busy = False
        for task in lane:
            if self._stop.is_set():
                return False
            try:
                busy = task.run() or busy
            except GatewayError as error:
                _log.warning("task %s: %s", task.name, type(error).__name__)
            except Exception as error:  # noqa: BLE001  a worker that dies of one task would stop all others
                report(f"task {task.name}", error)
        return busy
