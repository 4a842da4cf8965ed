"""What policies refuse, each with its rule."""

from __future__ import annotations

from gateway.errors import ConflictError, GatewayError


class GroundRefusedError(GatewayError):
    """A legal ground does not hold; ``missing`` names every problem by its code, ``A50-5`` to ``A50-7``."""

    rule = "A50-7"


class ScopeExceededError(GatewayError):
    """Something lies outside what was applied for or granted; ``extra['dimension']`` says in which dimension."""

    rule = "A50-9"


class ApplicationIncompleteError(GatewayError):
    """An application lacks parts that it needs before it can be submitted; ``missing`` names them."""

    rule = "A50-9"


class StaleVersionError(ConflictError):
    """Somebody else acted on the application in between; read it again."""


class WrongStateError(ConflictError):
    """The application or grant is in a state that does not allow the act."""


class GrantInvalidError(GatewayError):
    """A grant's signature does not hold, or its row differs from what was signed (I5, I6)."""

    rule = "A50-10"


class GrantEndedError(GatewayError):
    """The grant was suspended or withdrawn: nothing more leaves under it."""

    rule = "A50-12"
