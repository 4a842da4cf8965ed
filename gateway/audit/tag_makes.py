"""How a tag is made of a reference: two ways, and the key of a quarter says which is its own.

==  ======================================================  =====================================================
1   first 16 bytes of ``HMAC-SHA-256(K, text)``              ``K`` has 32 bytes; ``text`` is the 32 hexadecimal digits
2   ``AES-256(K, ref) XOR ref``                              the key is the byte 2 and 32 bytes ``K``; ``ref`` has 16
==  ======================================================  =====================================================

Both are pseudo-random functions of references under a secret key: nobody without it can tell tags from random bytes,
or tell by them that two quarters are about the same pupils. AES is a permutation; over ten million references it is
told from a random function with a chance of 2**-82. The exclusive or takes the way back: also who holds the key of
make 2 has to try references, as with make 1, and cannot decrypt them from the log (Matyas, Meyer and Oseas 1985).
A quarter keeps its make to its end: the same pupil has one tag in it. Source: FIPS 197, RFC 2104, ADR 52.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from gateway.audit.hashing import WORTH_IT, hmac_rows
from gateway.audit.tag_forms import TAG_BYTES

REF_BYTES: Final = 16
_FIRST: Final = 32
"""Bytes of a key of the first make, which has no number in it."""
_SECOND: Final = b"\x02"
_AT_ONCE: Final = REF_BYTES << 16
"""Bytes of references that are made into tags at a time: they stay in the cache."""


def new_key() -> bytes:
    """Return the key of a quarter that begins: random, of the make that is used for new quarters."""
    return _SECOND + secrets.token_bytes(32)


def tags_of_refs(key: bytes, refs: bytes) -> bytearray:
    """Return the tags of references of 16 bytes each, in their order. Raises ``ValueError`` for a key of no make."""
    if len(refs) % REF_BYTES:
        raise ValueError("references have 16 bytes each")
    make = _aes if key[:1] == _SECOND and len(key) == 1 + _FIRST else _hmac
    if make is _hmac and len(key) != _FIRST:
        raise ValueError("a key of tags of no known make")
    made = bytearray()
    for start in range(0, len(refs), _AT_ONCE):
        made += make(key, refs[start : start + _AT_ONCE])
    return made


def _aes(key: bytes, refs: bytes) -> bytes:
    # ECB is AES itself, block by block: the blocks are no message, and one that comes twice is one pupil
    blocks = Cipher(AES256(key[1:]), ECB()).encryptor().update(refs)  # noqa: S305  not used to encrypt
    return (np.frombuffer(blocks, dtype=np.uint64) ^ np.frombuffer(refs, dtype=np.uint64)).tobytes()


def _hmac(key: bytes, refs: bytes) -> bytes:
    texts = refs.hex().encode()
    if len(refs) >= REF_BYTES * WORTH_IT:
        return hmac_rows(key, np.frombuffer(texts, dtype=np.uint8).reshape(-1, 2 * REF_BYTES))[:, :TAG_BYTES].tobytes()
    places = range(0, len(texts), 2 * REF_BYTES)
    return b"".join(hmac.digest(key, texts[at : at + 2 * REF_BYTES], "sha256")[:TAG_BYTES] for at in places)
