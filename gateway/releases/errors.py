"""What can go wrong on the road out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.errors import ConflictError, ForbiddenError, GatewayError, NotFoundError


class Located(Protocol):
    """Where in a list something is wrong, and what to change (``matches.records.ListProblem``)."""

    @property
    def row(self) -> int:
        """Row number, 0 for the file as a whole."""

    @property
    def column(self) -> str:
        """Letters of the column, empty for the whole row."""

    @property
    def detail(self) -> str:
        """What to change, in English."""

    @property
    def detail_zh(self) -> str:
        """The same in Chinese."""


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


class IncrementRefusedError(ForbiddenError):
    """Changes since an earlier extract cannot be had under this grant: its rows have nothing that stays the same."""

    rule = "A50-8"


class BaselineUnusableError(ConflictError):
    """The extract since which changes are wanted is none that they could be told from."""


class NoEncryptionKeyError(ConflictError):
    """The caller's system has no key that a file could be encrypted to."""


class NotPageableError(ConflictError):
    """A file without rows that could be read page by page."""


class TooManyRowsError(ForbiddenError):
    """More rows would leave than the grant, or the file format, allows."""

    rule = "A50-9"


class BadListError(GatewayError):
    """A recipient's list cannot be taken; ``problems`` say why, by row number and column, without a value of a cell."""

    def __init__(
        self,
        detail: str,
        *,
        detail_zh: str = "",
        problems: Sequence[Located] = (),
        extra: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(detail, detail_zh=detail_zh, missing=("list",), extra=extra)
        self.problems = tuple(problems)


class ListGoneError(ConflictError):
    """The list that was handed in for a match was destroyed before it was matched: hand it in again."""
