"""The errors of the audit trail."""

from __future__ import annotations

from gateway.errors import ConfigurationError, ConflictError, GatewayError, ParameterError, UnavailableError


class EntryRefusedError(ParameterError):
    """An entry cannot be written as it is: too long, a float, or a value that looks like personal data (I7)."""

    rule = "I7"


class MalformedError(ParameterError):
    """A note, checkpoint, tile path, policy file or proof does not follow its format."""


class ProofError(GatewayError):
    """A proof, hash or signature does not hold."""


class InconsistentError(ProofError):
    """A checkpoint does not extend the one that the witness has seen."""


class ForkSeenError(InconsistentError):
    """A checkpoint has the size that the witness has seen, and another root."""


class WitnessSilentError(UnavailableError):
    """Too much of the log has waited too long for its witnesses: releases of high risk stop until they cosign."""

    rule = "A50-10"


class LogDamagedError(GatewayError):
    """The log contradicts itself: it is not written to until somebody has looked."""


class DamagedLogStopError(UnavailableError):
    """The watch over the chain found the log damaged: releases of high risk stop until it holds again."""

    rule = "A50-10"


class RolledBackError(LogDamagedError, ConfigurationError):
    """The log is behind a checkpoint that was cosigned, or contradicts it: writing would sign a fork."""


class WitnessConflictError(ConflictError):
    """The witness has seen another size than the one the proof starts from; ``extra['size']`` says which."""


class AlertStateError(ConflictError):
    """An alert is in a state that does not allow the act; ``missing`` names the states that would."""

    rule = "A50-16"


class AlertVersionError(ConflictError):
    """Somebody else acted on the alert since it was read."""

    rule = "A50-16"
