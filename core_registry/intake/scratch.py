"""A place for a form in clear while it is read: a file without a name, gone with the process (I7)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True)
class ScratchFile:
    """An empty file to write to. ``path`` opens it again, for this process and its children, while it is open."""

    stream: IO[bytes]
    path: Path


@contextmanager
def scratch_file() -> Iterator[ScratchFile]:
    """Yield a file that stands in no directory: where a process is killed, its space is free and its content gone.

    Where the system has no ``/proc``, the file lies in a private directory instead, which a kill leaves behind.
    """
    with tempfile.TemporaryFile(prefix="xueji-") as stream:
        path = Path(f"/proc/{os.getpid()}/fd/{stream.fileno()}")
        if path.exists():
            yield ScratchFile(stream, path)
            return
    with tempfile.TemporaryDirectory(prefix="xueji-") as directory:
        path = Path(directory) / "form"
        with path.open("w+b") as named:
            yield ScratchFile(named, path)
