"""Guess limits: so many unconfirmed answers about one person, a day and recipient, and nobody is looked up any more.

A person is counted under ``HMAC-SHA-256(key, recipient, day, normalised identity number)``, also one who is unknown,
so that a count says nothing about who is a pupil. The outside face does not have the key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core_registry.sharing import normal_id_number
from gateway.articles import keeps
from gateway.ids import RecipientId
from gateway.journal import Scratch, Tx


class GuessStore(Protocol):
    """Counts of unconfirmed answers by opaque key."""

    def reserve(self, tx: Tx, day: date, keys: Sequence[str]) -> list[int]:
        """Count one more for each key, atomically; return the counts, in the order of ``keys``."""

    def give_back(self, tx: Tx, keys: Sequence[str], confirmed: Sequence[bool]) -> None:
        """Count one less for each key whose person was confirmed; touches every key."""

    def forget_guesses(self, tx: Tx, before: date) -> int:
        """Remove the counts of days before ``before``; return how many."""


def guess_key(index_key: bytes) -> bytes:
    """Return the key of the counts, derived from the registry's index key, which no face outside holds."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji guess limit v1").derive(index_key)


@keeps("A50-9")
@dataclass(frozen=True, slots=True)
class GuessLimit:
    """Counts before the look-up, so that guesses at the same time cannot pass the limit together."""

    store: GuessStore
    scratch: Scratch
    limit: int
    key: bytes = field(repr=False)

    def reserve(self, recipient: RecipientId, day: date, id_numbers: Sequence[str]) -> tuple[list[str], list[bool]]:
        """Count a guess about each person; return the keys, and whether each may still be looked up."""
        keys = [self._key(recipient, day, number) for number in id_numbers]
        counts = self.scratch.write(lambda tx: self.store.reserve(tx, day, keys))
        return keys, [count <= self.limit for count in counts]

    def settle(self, tx: Tx, keys: Sequence[str], confirmed: Sequence[bool]) -> None:
        """Take the count of a confirmed person back: only what was not confirmed is a guess."""
        self.store.give_back(tx, keys, confirmed)

    def _key(self, recipient: RecipientId, day: date, number: str) -> str:
        text = f"{recipient}\x1f{day.isoformat()}\x1f{normal_id_number(number)}"
        return hmac.digest(self.key, text.encode(), "sha256").hex()
