"""Counters of one process: how many requests ended how, at which endpoint. No label holds what was sent (I7)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

NOWHERE = "none"
"""The endpoint of a path that leads nowhere: the path itself is what somebody typed."""


class RequestCounter:
    """Counts by endpoint, method and class of status; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, endpoint: str | None, status: int) -> None:
        """Add one answered request."""
        with self._lock:
            self._counts[endpoint or NOWHERE, f"{status // 100}xx"] += 1

    def samples(self) -> list[tuple[Mapping[str, str], int]]:
        """Return labels and value of each counter, in order."""
        with self._lock:
            found = sorted(self._counts.items())
        return [({"endpoint": endpoint, "status": status}, value) for (endpoint, status), value in found]


def family(name: str, kind: str, meaning: str, samples: Iterable[tuple[Mapping[str, str], int]]) -> list[str]:
    """Return the lines of one metric in the text format of Prometheus, version 0.0.4."""
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in sorted(labels.items()))
        lines.append(f"{name}{{{inside}}} {value}" if inside else f"{name} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
