"""Random keys of epochs: each quarter of the log has its own, wrapped, and destroyed at the end of its retention.

Until ADR 45 they were derived from one root, and so could not be destroyed one by one. ``adopt`` stores the derived
ones of a log from then; after that the root serves nothing and may be destroyed itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audit.tag_makes import new_key
from gateway.audit.tags import EpochState, Tagger, derived_epoch_key
from gateway.data_keys.errors import DataGoneError
from gateway.data_keys.service import DataKeys
from gateway.journal import Reader, Scratch, Tx

ACCESS_TAGS: Final = "access_tags"
"""The class of epoch keys among the data keys; the matter is the epoch, ``2026Q4``."""
_FRESH_SECONDS: Final = 60.0
"""How long a process may go on with a key that another one has destroyed."""


@dataclass(slots=True)
class EpochKeys:
    """The epoch keys of a log. ``root`` is the old one, as long as it is there."""

    keys: DataKeys
    reader: Reader
    scratch: Scratch
    root: bytes | None = field(default=None, repr=False)
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, bytes]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def tagger(self) -> Tagger:
        """Return the tagger on these keys."""
        return Tagger(self.key, self.state, makes_keys=True)

    def key(self, epoch: str) -> bytes:
        """Return the key of an epoch, made if there is none; raises ``DataGoneError`` for a destroyed one."""
        held = self._fresh(epoch)
        if held is not None:
            return held
        with self._lock:
            self._known.pop(epoch, None)
            found = self._find(epoch)
            if found is None:
                found = self.scratch.write(lambda tx: self.keys.make(tx, ACCESS_TAGS, epoch, key=new_key()))
            self._known[epoch] = (self.monotonic(), found)
        return found

    def state(self, epoch: str) -> EpochState:
        """Say whether tags of an epoch can be computed; makes no key."""
        if self._fresh(epoch) is not None:
            return EpochState.STANDING
        try:
            found = self._find(epoch)
        except DataGoneError:
            self.forget(epoch)
            return EpochState.DESTROYED
        if found is None:
            return EpochState.NONE
        self._known[epoch] = (self.monotonic(), found)
        return EpochState.STANDING

    def forget(self, epoch: str) -> None:
        """Hold a key no longer in memory: it was destroyed."""
        self._known.pop(epoch, None)

    def adopt(self, tx: Tx, epochs: Sequence[str]) -> list[str]:
        """Store the derived keys of ``epochs`` where the class has no key at all; return which were stored."""
        if self.root is None or self.keys.rows.any_of(tx, ACCESS_TAGS):
            return []
        for epoch in epochs:
            self.keys.make(tx, ACCESS_TAGS, epoch, key=derived_epoch_key(self.root, epoch))
        self._known.clear()  # of a quarter that is not among them the next key is random
        return list(epochs)

    def _fresh(self, epoch: str) -> bytes | None:
        held = self._known.get(epoch)
        return None if held is None or self.monotonic() - held[0] >= _FRESH_SECONDS else held[1]

    def _find(self, epoch: str) -> bytes | None:
        def look(tx: Tx) -> bytes | None:
            found = self.keys.find(tx, ACCESS_TAGS, epoch)
            if found is None and self.root is not None and not self.keys.rows.any_of(tx, ACCESS_TAGS):
                return derived_epoch_key(self.root, epoch)  # not adopted yet: a worker of before still writes
            return found

        return self.reader.read(look)
