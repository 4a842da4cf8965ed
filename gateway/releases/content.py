"""The bytes of a delivery on their way out, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from gateway.journal import Receipt
from gateway.releases.records import MEDIA_TYPES, Extract


class Content:
    """The bytes of a delivery. Iterate once, and ``close``: the outcome is recorded also when nothing was read."""

    def __init__(self, pieces: Generator[bytes], unread: Callable[[], None]) -> None:
        self._pieces = pieces
        self._unread = unread
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._begun = True
        return next(self._pieces)

    def close(self) -> None:
        """End here; what was read counts as delivered. Twice changes nothing."""
        if not self._begun:  # closing a generator that never ran runs none of it
            self._begun = True
            self._unread()
        self._pieces.close()


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """A delivery whose intent is durable. ``content`` may be iterated once; it records the outcome at its end."""

    extract: Extract
    receipt: Receipt
    first: int
    last: int
    content: Content = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type of the file."""
        return MEDIA_TYPES[self.extract.request.format]
