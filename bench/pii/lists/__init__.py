"""Word lists of the generator: sections in brackets, words parted by spaces."""

from __future__ import annotations

from pathlib import Path


def read_lists(name: str) -> dict[str, list[str]]:
    """Return the sections of ``lists/<name>.txt``."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = []
        elif line and not line.startswith("#"):
            found[section] += line.split()
    return found
