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


class RecipientBarredError(GatewayError):
    """The recipient may receive nothing more: a deletion is overdue (``extra['grants']``), or its standing is bad."""

    rule = "A50-12"


class GrantEndedError(GatewayError):
    """The grant was suspended or withdrawn: nothing more leaves under it."""

    rule = "A50-12"


class AssessmentRefusedError(GatewayError):
    """An impact assessment is missing, has gaps, or concludes against the release (PIPL arts. 55 and 56)."""

    rule = "A50-9"


class TextRefusedError(GatewayError):
    """The text of an article cannot be attached, confirmed or retired as asked; ``missing`` names what to change."""

    rule = "A50-6"


class ScanRefusedError(GatewayError):
    """A scan is not taken: empty, too large, of another type, or not what it says."""

    rule = "A50-7"


class ScanDamagedError(GatewayError):
    """A stored scan does not open, or is not what was handed in."""

    rule = "A50-7"


class DisclosureRefusedError(GatewayError):
    """An entry of the register of disclosures lacks parts or says too much; ``missing`` names the members."""

    rule = "A50-8"
