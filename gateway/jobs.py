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
    """One kind of work. ``run`` does one piece and says whether there may be more."""

    name: str
    run: Callable[[], bool]


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
    """Runs tasks in rounds until it is stopped."""

    def __init__(self, tasks: Sequence[Task], *, pause_seconds: float = 0.25) -> None:
        self._tasks = tuple(tasks)
        self._pause = pause_seconds
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Start the next round at once."""
        self._wake.set()

    def round(self) -> bool:
        """Run each task once; say whether any had work. A task that fails is logged and does not stop the others."""
        busy = False
        for task in self._tasks:
            if self._stop.is_set():
                return False
            try:
                busy = task.run() or busy
            except GatewayError as error:
                _log.warning("task %s: %s", task.name, type(error).__name__)
            except Exception as error:  # noqa: BLE001  a worker that dies of one task would stop all others
                report(f"task {task.name}", error)
        return busy

    def run_forever(self) -> None:
        """Run rounds; pause between them only when nothing was found."""
        while not self._stop.is_set():
            if not self.round():
                self._wake.wait(self._pause)
                self._wake.clear()

    def start(self) -> None:
        """Run in a thread of this process."""
        self._thread = threading.Thread(target=self.run_forever, name="xueji-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the task under way and end."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
