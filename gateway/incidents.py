"""How an unexpected error is written down: where it happened and of which kind, never its text.

Texts of database and parser errors quote the values they choked on; those may be a pupil's (I7).
"""

from __future__ import annotations

import logging
import secrets
import traceback

_log = logging.getLogger("xueji.incident")


def report(where: str, error: BaseException) -> str:
    """Log kind and places of ``error`` under a fresh incident id and return the id, 12 hexadecimal digits."""
    incident = secrets.token_hex(6)
    chain: list[str] = []
    current: BaseException | None = error
    while current is not None:
        frames = traceback.extract_tb(current.__traceback__)
        places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-6:]))
        chain.append(f"{type(current).__module__}.{type(current).__name__} at {places}")
        current = current.__cause__ or current.__context__
    _log.error("incident %s in %s: %s", incident, where, " | ".join(chain))
    return incident
