"""Epoch-keyed tags: "who looked at pupil X" without naming the pupil (a blind index).

``tag = HMAC-SHA-256(K_epoch, subject_ref)``, the first 16 bytes; ``K_epoch`` by HKDF from the tag root and the
quarter. An entry with more than 64 subjects carries the Merkle root of its sorted tags; the list lies beside
the log, so that membership and absence both can be proven.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.audit.errors import EntryRefusedError
from gateway.audit.merkle import leaf_hash, root_of
from gateway.audit.records import TagList

TAG_BYTES = 16
LISTED_TAGS = 64
"""Up to this many subjects are listed in the leaf itself."""
_SHANGHAI = timezone(timedelta(hours=8))
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_EPOCH = re.compile(r"(?P<year>[0-9]{4})Q(?P<quarter>[1-4])")


def epoch_of(at: datetime) -> str:
    """Return the epoch of a time: the civil quarter in Shanghai, ``2026Q4``."""
    local = at.astimezone(_SHANGHAI)
    return f"{local.year:04d}Q{(local.month + 2) // 3}"


def epochs_between(first: str, last: str) -> list[str]:
    """Return all epochs from ``first`` to ``last``, both inclusive."""
    start, end = _EPOCH.fullmatch(first), _EPOCH.fullmatch(last)
    if start is None or end is None:
        raise ValueError("an epoch is a year and a quarter, 2026Q4")
    low = int(start["year"]) * 4 + int(start["quarter"]) - 1
    high = int(end["year"]) * 4 + int(end["quarter"]) - 1
    return [f"{n // 4:04d}Q{n % 4 + 1}" for n in range(low, high + 1)]


def check_subjects(subjects: Iterable[str]) -> None:
    """Return when all are references of pupils; raise ``EntryRefusedError`` when one may be a real number."""
    if not all(_SUBJECT.fullmatch(subject) for subject in subjects):
        raise EntryRefusedError("A subject is a subject_ref: 32 hexadecimal digits, lower case.", missing=("subjects",))


def tags_root(tags: Iterable[bytes]) -> bytes:
    """Return the Merkle root (RFC 6962) over sorted tags, each a leaf."""
    return root_of(leaf_hash(tag) for tag in tags)


@dataclass(frozen=True, slots=True)
class Tagger:
    """Turns references of pupils into tags. Holds the tag root: office and worker only."""

    epoch_key: Callable[[str], bytes] = field(repr=False)

    @classmethod
    def from_root(cls, root: bytes) -> Tagger:
        """Return a tagger whose epoch keys come from ``root`` by HKDF-SHA-256 (RFC 5869)."""

        @lru_cache(maxsize=64)
        def epoch_key(epoch: str) -> bytes:
            info = f"xueji-gateway audit tag v1 {epoch}".encode()
            return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)

        return cls(epoch_key)

    def tag(self, epoch: str, subject: str) -> bytes:
        """Return the tag of one subject in an epoch, 16 bytes; raises ``EntryRefusedError`` for no reference."""
        check_subjects((subject,))
        return hmac.digest(self.epoch_key(epoch), subject.encode(), "sha256")[:TAG_BYTES]

    def tags(self, epoch: str, subjects: Iterable[str]) -> TagList:
        """Return the sorted, distinct tags of ``subjects``."""
        found = tuple(sorted({self.tag(epoch, subject) for subject in subjects}))
        return TagList(epoch, found, listed=len(found) <= LISTED_TAGS)
