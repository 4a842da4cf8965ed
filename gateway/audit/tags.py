"""Epoch-keyed tags: "who looked at pupil X" without naming the pupil (a blind index).

A tag has 16 bytes and is a keyed function of ``subject_ref`` (``gateway.audit.tag_makes``); each quarter has a random
key of its own that can be destroyed (``gateway.audit.epoch_keys``). An entry with more than 64 subjects carries the
Merkle root of its sorted tags; the list lies beside the log, so that membership and absence both can be proven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.audit.errors import EntryRefusedError
from gateway.audit.records import TagList
from gateway.audit.rolls import Roll, RollCall, tag_list, tags_root
from gateway.audit.tag_forms import LISTED_TAGS, TAG_BYTES, epoch_of
from gateway.audit.tag_makes import tags_of_refs
from gateway.data_keys.periods import days_of_quarter

__all__ = [
    "LISTED_TAGS",
    "TAG_BYTES",
    "Tagger",
    "check_subjects",
    "epoch_of",
    "epochs_between",
    "tags_root",
]
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_EPOCH = re.compile(r"(?P<year>[0-9]{4})Q(?P<quarter>[1-4])")


def epochs_between(first: str, last: str) -> list[str]:
    """Return all epochs from ``first`` to ``last``, both inclusive."""
    start, end = _EPOCH.fullmatch(first), _EPOCH.fullmatch(last)
    if start is None or end is None:
        raise ValueError("an epoch is a year and a quarter, 2026Q4")
    low = int(start["year"]) * 4 + int(start["quarter"]) - 1
    high = int(end["year"]) * 4 + int(end["quarter"]) - 1
    return [f"{n // 4:04d}Q{n % 4 + 1}" for n in range(low, high + 1)]


def days_of_epoch(epoch: str) -> tuple[date, date]:
    """Return first and last day of an epoch; raises ``ValueError`` for what is none."""
    found = _EPOCH.fullmatch(epoch)
    if found is None:
        raise ValueError("an epoch is a year and a quarter, 2026Q4")
    return days_of_quarter(int(found["year"]), int(found["quarter"]))


def check_subjects(subjects: Iterable[str]) -> None:
    """Return when all are references of pupils; raise ``EntryRefusedError`` when one may be a real number."""
    if not all(_SUBJECT.fullmatch(subject) for subject in subjects):
        raise EntryRefusedError("A subject is a subject_ref: 32 hexadecimal digits, lower case.", missing=("subjects",))


def derived_epoch_key(root: bytes, epoch: str) -> bytes:
    """Return the key of an epoch of a gateway from before epoch keys were random: HKDF-SHA-256 (RFC 5869)."""
    info = f"xueji-gateway audit tag v1 {epoch}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)


class EpochState(StrEnum):
    """Whether tags of an epoch can be computed."""

    STANDING = "standing"
    NONE = "none"
    """No key was ever made: no entry of the epoch has a tag."""
    DESTROYED = "destroyed"
    """Nobody can say any more which entries of the epoch are about a pupil."""


_HEADROOM = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tagger:
    """Turns references of pupils into tags. Holds the epoch keys: office and worker only.

    ``epoch_key`` returns the key of an epoch, made if there is none; it raises ``DataGoneError`` once that is
    destroyed. ``state`` says beforehand.
    """

    epoch_key: Callable[[str], bytes] = field(repr=False)
    state: Callable[[str], EpochState] = lambda _epoch: EpochState.STANDING
    makes_keys: bool = False
    """Whether ``epoch_key`` may write to the database."""

    @classmethod
    def from_root(cls, root: bytes) -> Tagger:
        """Return a tagger whose epoch keys are derived from ``root`` and cannot be destroyed one by one."""
        return cls(lru_cache(maxsize=64)(lambda epoch: derived_epoch_key(root, epoch)))

    def prepare(self, now: Callable[[], datetime]) -> None:
        """Have the key of the present epoch at hand, and that of the next if it begins within the hour.

        The sequencer calls this outside its transaction: a key that is made needs one of its own.
        """
        if not self.makes_keys:
            return
        at = now()
        for epoch in {epoch_of(at), epoch_of(at + _HEADROOM)}:
            self.epoch_key(epoch)

    def tag(self, epoch: str, subject: str) -> bytes:
        """Return the tag of one subject in an epoch, 16 bytes; raises ``EntryRefusedError`` for no reference."""
        check_subjects((subject,))
        return bytes(tags_of_refs(self.epoch_key(epoch), bytes.fromhex(subject)))

    def tags(self, epoch: str, subjects: Iterable[str]) -> TagList:
        """Return the sorted, distinct tags of ``subjects``; of a roll, those that were made before."""
        if isinstance(subjects, Roll):
            return subjects.tags(epoch, self)
        found = tuple(sorted({self.tag(epoch, subject) for subject in subjects}))
        return TagList(epoch, found, listed=len(found) <= LISTED_TAGS)

    def roll_call(self, epoch: str) -> RollCall:
        """Return what takes down the pupils of one entry, however many, and makes their tags at its end."""
        return RollCall(epoch, self)

    def many(self, epoch: str, refs: bytes) -> TagList:
        """Return the sorted, distinct tags of references of 16 bytes each, one after the other."""
        return tag_list(epoch, tags_of_refs(self.epoch_key(epoch), refs), LISTED_TAGS)
