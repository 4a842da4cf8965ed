"""The errors of retention."""

from __future__ import annotations

from gateway.errors import ConflictError


class HoldStateError(ConflictError):
    """A hold is lifted, or nobody asked to lift it, or somebody else acted on it meanwhile."""

    rule = "A50-10"
