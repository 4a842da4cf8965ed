"""The bytes of a delivery on their way out, and what is known of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from gateway.journal import EntryDraft, JsonValue, Receipt
from gateway.principals import Principal
from gateway.releases.packing import media_type
from gateway.releases.records import Delivery, DeliveryEnd, Extract


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
        return media_type(self.extract.request)


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A delivery of some rows. ``after`` is the cursor of the next page, ``None`` behind the last one.

    ``delivery`` is ``None`` for a file without a byte: nothing leaves then.
    """

    extract: Extract
    delivery: OpenDelivery | None
    rows: int
    after: str | None


@dataclass(slots=True)
class Sent:
    """What was handed on of a delivery so far, and how it ends as things stand."""

    end: DeliveryEnd
    size: int = 0
    """Bytes."""
    problem: str | None = None
    """Error class of what stopped it."""
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def add(self, piece: bytes) -> None:
        """Count a piece that is handed on now."""
        self.size += len(piece)
        self._hash.update(piece)

    def sha256(self) -> str:
        """Return the digest of what was handed on, hexadecimal."""
        return self._hash.hexdigest()


def outcome_entry(
    delivery: Delivery, principal: Principal | None, links: dict[str, str], sent: Sent | None
) -> EntryDraft:
    """Return the entry of the end of a delivery; ``sent`` is ``None`` for one that nobody saw end."""
    facts: dict[str, JsonValue] = {"delivery": delivery.id, "bytes": 0, "sha256": ""}
    if sent is not None:
        facts |= {"bytes": sent.size, "sha256": sent.sha256()}
        if sent.problem is not None:
            facts["problem"] = sent.problem
    end = DeliveryEnd.UNKNOWN if sent is None else sent.end
    return EntryDraft("release.outcome", principal, outcome=end.value, facts=facts, links=links)
