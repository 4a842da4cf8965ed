"""Finds clear identifiers of a sample in bytes of any kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_LONG = re.compile(r"[0-9A-Za-z]{11,}")
_HAN = re.compile(r"[\u4e00-\u9fff]{3,}")


class Tracer:
    """Looks for values: numbers inside runs of letters and digits, Chinese texts inside Chinese runs, else anywhere."""

    def __init__(self, values: Iterable[str]) -> None:
        self.numbers: dict[int, set[str]] = {}
        self.names: dict[int, set[str]] = {}
        self.others: set[bytes] = set()
        for value in values:
            if _LONG.fullmatch(value):
                self.numbers.setdefault(len(value), set()).add(value)
            elif _HAN.fullmatch(value):
                self.names.setdefault(len(value), set()).add(value)
            elif len(value) > 2:
                self.others.add(value.encode())
        assert self.numbers
        assert self.names

    def found(self, data: bytes) -> int:
        """Return how many of the values stand in ``data``."""
        text = data.decode("utf-8", errors="replace")
        hits: set[str] = set()
        for pattern, groups in ((_LONG, self.numbers), (_HAN, self.names)):
            for run in set(pattern.findall(text)):
                for length, wanted in groups.items():
                    hits.update({run[at : at + length] for at in range(len(run) - length + 1)} & wanted)
        return len(hits) + sum(value in data for value in self.others)

    def found_below(self, folder: Path) -> dict[str, int]:
        """Return the files below ``folder`` that hold any of the values, with how many."""
        counts = {str(path.relative_to(folder)): self.found(path.read_bytes()) for path in files_below(folder)}
        return {name: count for name, count in counts.items() if count}


def files_below(folder: Path) -> list[Path]:
    """Return every file below ``folder``."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
