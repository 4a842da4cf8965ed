"""Instants as text, RFC 3339 in UTC: text of one precision sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds_text(instant: datetime) -> str:
    """Return ``2026-11-23T10:00:00Z``; the part below a second is cut off."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micros_text(instant: datetime) -> str:
    """Return ``2026-11-23T10:00:00.000000Z``, where order within a second matters."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(text: str) -> datetime:
    """Return the aware instant of a text of either precision; raises ``ValueError`` for anything else."""
    return datetime.fromisoformat(text)
