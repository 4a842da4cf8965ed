"""What can go wrong on the road out."""

from gateway.errors import ConflictError, ForbiddenError, GatewayError, NotFoundError


class LeakSuspectedError(GatewayError):
    """The leak scan confirmed an identifier in the written content: the release is stopped (design 6.8)."""

    rule = "A50-8"


class NotReadyError(ConflictError):
    """The extract is still being prepared, or its preparation failed."""


class ExtractNotFoundError(NotFoundError):
    """No such extract for this caller."""


class ExtractGoneError(ConflictError):
    """The file has expired or was deleted."""


class ContentDamagedError(GatewayError):
    """The stored file does not open or is not the one that was prepared: nothing leaves."""


class LeaseLostError(ConflictError):
    """Another worker took this over, or it ended meanwhile: what was under way here counts for nothing."""


class TooManyRowsError(ForbiddenError):
    """More rows would leave than the grant, or the file format, allows."""

    rule = "A50-9"
