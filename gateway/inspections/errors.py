"""The errors of inspection cases."""

from __future__ import annotations

from gateway.errors import ConflictError


class CaseStateError(ConflictError):
    """A case is in a state that does not allow the act; ``missing`` names the states that would."""

    rule = "A50-10"


class CaseVersionError(ConflictError):
    """Somebody else acted on the case since it was read."""

    rule = "A50-10"
