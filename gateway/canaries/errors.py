"""The errors of decoys."""

from __future__ import annotations

from gateway.errors import ConflictError


class CanaryStateError(ConflictError):
    """A decoy is in a state that does not allow the act, or somebody else acted on it in between."""

    rule = "A50-16"


class NoCrowdError(ConflictError):
    """No school within the unit has enough former pupils among whom a decoy would not be told apart."""

    rule = "A50-16"
