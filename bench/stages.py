"""One extract from the database to the signed, reported, scanned file: time and memory of each stage.

``python -m bench.stages HOME PROFILE``, with a home that ``bench.extract fill`` made. The stages are the calls of the
road itself, watched from outside; what lies between them (claiming, entries of the audit trail) is "the rest".
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from bench.extract import release
from bench.measure import tree_memory
from core_registry.db.sharing_reader import SqlSharingSnapshot
from gateway.anonymize.transform import Transformer
from gateway.releases.ledger.service import Ledger
from gateway.releases.pipeline import Reading
from gateway.releases.preparation import Preparation
from gateway.releases.workbench import Workbench

P = ParamSpec("P")
T = TypeVar("T")
REST = "the rest"
WATCHED: tuple[tuple[str, type, str], ...] = (
    ("count rows, measure the population, judge earlier releases", Reading, "begin"),
    ("group tuples in the database", SqlSharingSnapshot, "tuples"),
    ("choose levels and classes", Transformer, "choose"),
    ("read, transform, shuffle, seal", Preparation, "_write"),
    ("read back and scan", Workbench, "scan"),
    ("report", Reading, "report"),
    ("write the ledger", Ledger, "line"),
    ("papers, manifest, entries", Workbench, "finish"),
)
_EVERY = 0.02


class Watch:
    """Seconds and highest memory of each stage; an inner stage takes its time from the one around it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, int] = {}
        self._stack = [REST]
        self._since = time.perf_counter()
        self._done = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at the memory of the process tree until the block ends."""

        def look() -> None:
            while not self._done.wait(_EVERY):
                stage = self._stack[-1]
                self.peaks[stage] = max(self.peaks.get(stage, 0), tree_memory(os.getpid()))

        looker = threading.Thread(target=look, daemon=True)
        looker.start()
        try:
            yield
        finally:
            self._done.set()
            looker.join()

    def watch(self, stage: str, owner: type, name: str) -> None:
        """Count what ``owner.name`` takes as ``stage`` from now on."""
        raw = owner.__dict__[name]
        if isinstance(raw, classmethod):
            setattr(owner, name, classmethod(self._timed(stage, raw.__func__)))
        else:
            setattr(owner, name, self._timed(stage, raw))

    def _timed(self, stage: str, inner: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(inner)
        def timed(*arguments: P.args, **named: P.kwargs) -> T:
            self._turn(lambda: self._stack.append(stage))
            try:
                return inner(*arguments, **named)
            finally:
                self._turn(self._stack.pop)

        return timed

    def _turn(self, change: Callable[[], object]) -> None:
        now = time.perf_counter()
        stage = self._stack[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now
        change()

    def told(self) -> dict[str, object]:
        """Return the stages in order, as a bench prints them."""
        self._turn(lambda: None)
        names = [stage for stage, _, _ in WATCHED if stage in self.seconds]
        return {"stages": {name: {"seconds": self.seconds[name], "peak": self.peaks.get(name, 0)} for name in names}}


def main() -> None:
    """Run one extract."""
    home, profile = sys.argv[1:]
    watch = Watch()
    for stage, owner, name in WATCHED:
        watch.watch(stage, owner, name)
    with watch.looking():
        release(Path(home), profile, watch.told)


if __name__ == "__main__":
    main()
