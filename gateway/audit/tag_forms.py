"""How tags are written: their length, how many a leaf lists, and the quarter that they belong to."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

TAG_BYTES: Final = 16
LISTED_TAGS: Final = 64
"""Up to this many subjects are listed in the leaf itself."""
_SHANGHAI: Final = timezone(timedelta(hours=8))


def epoch_of(at: datetime) -> str:
    """Return the epoch of a time: the civil quarter in Shanghai, ``2026Q4``."""
    local = at.astimezone(_SHANGHAI)
    return f"{local.year:04d}Q{(local.month + 2) // 3}"
