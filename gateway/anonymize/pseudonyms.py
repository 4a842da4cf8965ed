"""Keyed pseudonyms (design 6.2): ``HMAC-SHA256(k, subject_ref)`` cut to 128 bits, a key for each recipient and project.

The HMAC key is the key's 64 hexadecimal digits as ASCII, not the 32 bytes they stand for: polars-hash takes text.
Every other implementation (SQL, Spark) must do the same; ``tests/unit/anonymize`` holds the test vector.
"""

from __future__ import annotations

import hashlib
import re

import polars as pl
import polars_hash as plh
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import ParameterError

PSEUDONYM_DIGITS = 32
"""Hexadecimal digits of a pseudonym: 128 bits."""
ROOT_BYTES = 32
_KEY = re.compile(r"[0-9a-f]{64}")
_PURPOSE = b"xueji-gateway pseudonym v1"


def derive_key(root: bytes, recipient: str, project: str, version: int) -> str:
    """Return the pseudonym key of a recipient's project: 64 lower-case hexadecimal digits (256 bits).

    HKDF-SHA256 over ``root`` (32 bytes at least); recipient, project and version enter ``info`` with their
    lengths, so that no two triples share a key. ``version`` counts from 1. Raises ``ParameterError`` when
    ``root`` is short, a name is empty or the version is below 1. Source: RFC 5869; design 6.2.
    """
    if len(root) < ROOT_BYTES:
        raise ParameterError(f"The pseudonym root needs {ROOT_BYTES} bytes.")
    if not recipient or not project or version < 1:
        raise ParameterError("A pseudonym key needs a recipient, a project and a version from 1.")
    parts = [_PURPOSE, recipient.encode(), project.encode(), str(version).encode("ascii")]
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return HKDF(algorithm=hashes.SHA256(), length=ROOT_BYTES, salt=None, info=info).derive(root).hex()


def key_id(key: str) -> str:
    """Return a public name of ``key`` for manifests and reports: 16 hexadecimal digits that do not open it."""
    return hashlib.sha256(b"xueji-gateway pseudonym key id" + _checked(key).encode("ascii")).hexdigest()[:16]


def pseudonymize(values: pl.Series, key: str) -> pl.Series:
    """Return the pseudonyms of ``values``, 32 lower-case hexadecimal digits each; nulls stay null.

    Evaluated at once: a lazy plan would carry the key when serialised. Raises ``ParameterError`` for a key
    that is not 64 lower-case hexadecimal digits, and for a column that is not text.
    """
    if values.dtype not in {pl.String, pl.Null}:
        raise ParameterError("Only a text column can be pseudonymised.")
    frame = values.cast(pl.String).rename("value").to_frame()
    digest = plh.col("value").chash.hmac_sha256(key=_checked(key))
    cut: pl.Series = frame.select(digest).to_series().str.slice(0, PSEUDONYM_DIGITS)
    return cut.rename(values.name)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ParameterError("A pseudonym key is 64 lower-case hexadecimal digits; make it with derive_key.")
    return key
