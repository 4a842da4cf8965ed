"""Times as the registry's tables hold them: RFC 3339 text in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(at: datetime) -> str:
    """Return ``2026-11-23T10:00:00Z``. Raises ``ValueError`` for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """Return the time that ``stamp`` wrote, in UTC. Raises ``ValueError`` for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
