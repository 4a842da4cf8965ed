"""A clock that went back would bring ended periods to life again: nothing is released by it (I8)."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.errors import UnavailableError

SKEW = timedelta(seconds=60)
"""How far the clocks of two hosts may stand apart."""


def require_clock(now: datetime, *seen: datetime | None) -> None:
    """Return when ``now`` lies behind every moment that was recorded; raise ``UnavailableError`` otherwise."""
    latest = max((moment for moment in seen if moment is not None), default=now)
    if now + SKEW < latest:
        raise UnavailableError(
            "The clock of this host went back: set it right. Nothing is released until then.",
            detail_zh="本机时钟发生回拨，请先校准；此前停止提供数据。",
        )
