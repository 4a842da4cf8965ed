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


class LogKeyMissingError(UnavailableError):
    """The log's key was changed, and this process does not have the new one: it may not sign."""

    def __init__(self, key_id: bytes) -> None:
        name = f"log-{key_id.hex()}.pem"
        super().__init__(
            f"The log is signed by a newer key, and {name} is not in the key directory of this process: copy it there. "
            "Nothing was written; no restart is needed.",
            detail_zh=f"审计日志已改用新密钥，本进程的密钥目录中没有 {name}。请复制该文件（无需重启）；未写入内容。",
            missing=(name,),
        )
