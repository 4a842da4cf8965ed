"""Where sealed files lie, and how one is taken away: nothing here opens one."""

from __future__ import annotations

from pathlib import Path

from gateway.ids import ExtractId


def sealed_in(folder: Path, extract: ExtractId) -> Path:
    """Return where the sealed file of an extract lies in ``folder``."""
    return folder / f"{extract}.sealed"


def part_of(path: Path) -> Path:
    """Return where a sealed file lies while it is being written; left behind by a crash, it opens for nobody."""
    return path.with_suffix(".part")


def take_away(path: Path) -> None:
    """Remove a sealed file, and what was written of it, where they are there."""
    path.unlink(missing_ok=True)
    part_of(path).unlink(missing_ok=True)
