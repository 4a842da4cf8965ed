"""One measured run: a command in a process of its own, with its time and the memory of its whole process tree.

A command prints one JSON object as its last line; ``seconds`` and ``cpu`` in it are of the job itself, without the
start of the interpreter and its imports, which a worker pays once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

_EVERY = 0.02
"""Seconds between two looks at the memory."""
_ROOT = Path(__file__).resolve().parent.parent
_PAGE = os.sysconf("SC_PAGE_SIZE")


class BenchError(Exception):
    """A command of a bench failed; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run cost. ``cpu`` is of the process and all its children, ``peak`` of the whole tree at one instant."""

    seconds: float
    cpu: float
    peak: int
    """Bytes of resident memory, the highest sum over all processes of the tree that a look met (Linux only, else 0)."""
    answer: Mapping[str, Any] = field(default_factory=dict)


def run(module: str, *arguments: str) -> Run:
    """Run ``python -m module arguments`` and return what it cost; raises ``BenchError`` when it fails."""
    peak = 0
    done = threading.Event()
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT) as process:

        def watch() -> None:
            nonlocal peak
            while not done.wait(_EVERY):
                peak = max(peak, tree_memory(process.pid))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        output = cast("IO[bytes]", process.stdout).read()
        code = process.wait()
        done.set()
        watcher.join()
    lines = output.decode().strip().splitlines()
    if code or not lines:
        raise BenchError(f"{module} {' '.join(arguments[:1])} ended with {code}")
    answer = json.loads(lines[-1])
    return Run(answer["seconds"], answer["cpu"], peak, answer)


def tree_memory(root: int) -> int:
    """Return the resident memory of ``root`` and all that descends from it, in bytes; 0 where there is no ``/proc``.

    Pages that two processes share count twice: the sum is never less than what is used.
    """
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        try:
            total += int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
            for task in Path(f"/proc/{process}/task").iterdir():
                waiting.extend(map(int, (task / "children").read_text(encoding="ascii").split()))
        except OSError:
            continue  # it ended between two looks
    return total


@contextmanager
def job() -> Iterator[dict[str, float]]:
    """Time a block; after it the mapping holds wall and CPU seconds, children that ended included."""
    wall, cpu = time.perf_counter(), _cpu()
    cost: dict[str, float] = {}
    yield cost
    cost["seconds"] = time.perf_counter() - wall
    cost["cpu"] = _cpu() - cpu


def answer(cost: Mapping[str, float], **more: object) -> None:
    """Print the JSON line that ``run`` reads."""
    print(json.dumps({**cost, **more}), flush=True)


def _cpu() -> float:
    times = os.times()
    # of this process to the nanosecond: a tick of os.times is 10 ms, longer than a quick run
    return time.process_time() + times.children_user + times.children_system
