"""A second process that looks at entries for the verifier (``python -m gateway.audit.reading_process``)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, cast

from gateway.audit.looking import Told, look, receive, send

__all__ = ["Helper", "Told", "look"]


class Helper:
    """A second process that reads batches, one after the other, while this one goes on."""

    def __init__(self) -> None:
        """Start it; it is ready in some tenths of a second, and batches wait for it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.audit.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")

    def look(self, indexes: Sequence[int], bodies: Sequence[bytes]) -> Future[Told]:
        """Return what will be told of a batch; ``OSError`` or ``EOFError`` when the process is gone."""
        return self._thread.submit(self._ask, indexes, bodies)

    def _ask(self, indexes: Sequence[int], bodies: Sequence[bytes]) -> Told:
        to, back = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        send(to, (list(indexes), list(bodies)))
        return Told(*cast("tuple[Any, ...]", receive(back)))

    def close(self) -> None:
        """End it."""
        self._thread.shutdown(cancel_futures=True)
        self._process.kill()
        self._process.communicate()
