"""What the watch over the chain keeps between its steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WatchState:
    """One pass over the log under way, the last one that ended, and the damage that was told of.

    ``size`` leaves were checked since ``started_at``, a multiple of a tile; ``levels`` is the edge of their tree.
    ``kept`` is the signed checkpoint that the last pass ended with: a log that was rolled back since contradicts it.
    ``damage`` is what the last ``log.damaged`` told, empty while the log holds. Times are texts of UTC instants.
    """

    started_at: str = ""
    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    passed_at: str = ""
    passed_size: int = 0
    kept: str = ""
    damage: str = ""
