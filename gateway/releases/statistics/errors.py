"""What can go wrong with a statistic."""

from __future__ import annotations

from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.releases.errors import NotReadyError


class BudgetSpentError(ForbiddenError):
    """The privacy budget of the recipient does not cover the question; ``extra`` says what is left."""

    rule = "A50-8"


class AnswerNotFoundError(NotFoundError):
    """No such statistic for this caller."""


class AnswerNotReadyError(NotReadyError):
    """The statistic is still being counted, or its counting failed."""


class AlreadyAskedError(ConflictError):
    """The same question was asked at the same time by somebody else: its answer is the answer (never told)."""
