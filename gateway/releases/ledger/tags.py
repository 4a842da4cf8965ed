"""Row tags: keyed pseudo-random numbers of pupils, another for each group of recipients, and never a pseudonym.

The keys come from the worker's pseudonym root by HKDF, under a purpose of their own: nobody who holds a file or its
pseudonyms can compute a tag, and no tag leaves the house.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.anonymize.pseudonyms import ROOT_BYTES, framed, numbers
from gateway.errors import ParameterError
from gateway.releases.ledger.records import GroupId, Numbers

_TAGS = b"xueji-gateway ledger row tags v1"
_FILES = b"xueji-gateway ledger files v1"


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The ledger's keys, derived from the pseudonym root."""

    root: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.root) < ROOT_BYTES:
            raise ParameterError(f"The root of the ledger's keys needs {ROOT_BYTES} bytes.")

    def of_files(self) -> bytes:
        """Return the key under which the keys of sealed rows are wrapped: 32 bytes."""
        return self._derived([_FILES])

    def tags(self, group: GroupId, subjects: pl.Series) -> tuple[Numbers, Numbers]:
        """Return the tags of ``subjects`` in ``group``, high and low half: the first 128 bits of an HMAC-SHA256.

        Raises ``ParameterError`` for a row without a reference. Source: RFC 2104, RFC 5869.
        """
        if subjects.null_count():
            raise ParameterError("A row has no subject_ref, so that it cannot be told from others.")
        return numbers(subjects, self._derived([_TAGS, group.encode()]).hex())

    def _derived(self, parts: list[bytes]) -> bytes:
        hkdf = HKDF(algorithm=hashes.SHA256(), length=ROOT_BYTES, salt=None, info=framed(parts))
        return hkdf.derive(self.root)
