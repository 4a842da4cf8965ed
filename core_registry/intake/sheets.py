"""Workbooks to text columns, in a process of its own with limits on memory and time.

A workbook of some kilobytes can name two cells so far apart that a reader fills the rectangle between them with
gigabytes. The reader therefore runs in a child process; what kills the child is a clear error of the parent.
Nothing is written to disk: the child answers on its standard output.
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import struct
import subprocess
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import polars as pl

from core_registry.errors import UnreadableFileError

MAX_CELLS = 200_000_000
"""Cells of the rectangle that holds the data; a million rows of 41 columns are 41 million."""
BASE_MEMORY = 2 << 30
"""Address space of the child in bytes: this, and ``MEMORY_FACTOR`` for each unpacked byte."""
MEMORY_FACTOR = 24
BASE_SECONDS = 30
SECONDS_PER_MEGABYTE = 0.5


class Kind(IntEnum):
    """How a cell was stored; everything but ``TEXT`` was turned into text by us."""

    TEXT = 0
    NUMBER = 1
    """A whole number that a float holds exactly."""
    INEXACT = 2
    """A fraction, or a number of 16 digits and more: digits may be lost."""
    DATE = 3
    BOOL = 4
    OTHER = 5


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: text columns ``c0``, ``c1``, … and, where not all is text, ``k0``, … (``Kind`` as UInt8).

    Row ``i`` of the frame is row ``i + 1`` of the sheet. ``merged`` are (first row, first column, last row, last
    column), from 0, both ends included. ``names`` are all sheets in order.
    """

    name: str
    names: tuple[str, ...]
    frame: pl.DataFrame
    merged: tuple[tuple[int, int, int, int], ...]


def read_workbook(path: Path, sheet: str | None, *, unpacked_bytes: int) -> Sheet:
    """Return one sheet of an ``.xlsx`` or ``.xls`` file: the one named, else the first visible one.

    ``unpacked_bytes`` sets the limits of the child. Raises ``UnreadableFileError`` when the workbook is damaged,
    protected by a password, lacks the sheet, or needs more memory or time than its size justifies.
    """
    megabytes = unpacked_bytes / (1 << 20)
    memory = BASE_MEMORY + MEMORY_FACTOR * unpacked_bytes
    seconds = BASE_SECONDS + SECONDS_PER_MEGABYTE * megabytes
    order = json.dumps({"path": str(path.absolute()), "sheet": sheet, "memory": memory, "seconds": int(seconds)})
    root = str(Path(__file__).resolve().parents[2])  # the child finds this package wherever it was found here
    path_of_child = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    environment = {**os.environ, "POLARS_MAX_THREADS": "2", "PYTHONPATH": path_of_child}
    try:
        child = subprocess.run(  # noqa: S603  # our own module, no shell, the path travels on standard input
            [sys.executable, "-P", "-m", __name__],
            input=order.encode(),
            capture_output=True,
            env=environment,
            timeout=2 * seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_much() from error
    if child.returncode != 0 or len(child.stdout) < 8:  # noqa: PLR2004  # the length field
        raise _too_much()
    (length,) = struct.unpack("<Q", child.stdout[:8])
    head = json.loads(child.stdout[8 : 8 + length])
    if "problem" in head:
        raise UnreadableFileError(head["problem"], detail_zh=head["problem_zh"])
    frame = pl.read_ipc_stream(io.BytesIO(memoryview(child.stdout)[8 + length :]))
    return Sheet(head["name"], tuple(head["names"]), frame, tuple(tuple(span) for span in head["merged"]))


def _too_much() -> UnreadableFileError:
    return UnreadableFileError(
        "the workbook needs more memory or time than a form of its size: cells lie far apart, or it is damaged; "
        "copy the data rows into a new workbook",
        detail_zh="读取该工作簿所需的内存或时间超出正常范围：单元格相距过远，或文件已损坏。请把数据行复制到新的工作簿后再导入。",
    )


def main() -> None:
    """Read the order from standard input, answer on standard output. Runs in the child only."""
    order = json.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (order["seconds"], order["seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the form
    from core_registry.intake.decoding import UndecodableError, decode  # noqa: PLC0415  # after the limits are set

    out = sys.stdout.buffer
    try:
        sheet = decode(Path(order["path"]), order["sheet"], MAX_CELLS)
    except UndecodableError as problem:
        head = json.dumps({"problem": problem.english, "problem_zh": problem.chinese}).encode()
        out.write(struct.pack("<Q", len(head)) + head)
        return
    head = json.dumps({"name": sheet.name, "names": sheet.names, "merged": sheet.merged}).encode()
    out.write(struct.pack("<Q", len(head)) + head)
    sheet.frame.write_ipc_stream(out, compression="lz4")  # a tenth of the bytes through the pipe


if __name__ == "__main__":
    gc.disable()  # millions of cells and no cycles: collecting takes longer than reading
    main()
    sys.stdout.flush()
    os._exit(0)  # nothing is open; freeing the cells one by one would only cost time
