"""Keyed pseudonyms (design 6.2): an HMAC of ``subject_ref`` cut to 128 bits, a key for each recipient and project.

The HMAC is SHA-256, or SM3 where the rule book asks for national algorithms. The HMAC key is the key's 64 hexadecimal
digits as ASCII, not the 32 bytes they stand for: polars-hash takes text. Every other implementation (SQL, Spark) must
do the same; ``tests/unit/anonymize`` and ``tests/vectors`` hold the test vectors.

A key hangs on the pseudonym root and on a random salt. The salt is kept wrapped, and destroyed when the project ends:
the root alone does not give the key again (ADR 31).
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NoReturn

import numpy as np
import polars as pl
import polars_hash as plh
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from gateway.errors import ParameterError

PseudonymAlgorithm = Literal["hmac-sha256", "hmac-sm3"]

PSEUDONYM_DIGITS = 32
"""Hexadecimal digits of a pseudonym: 128 bits."""
ROOT_BYTES = 32
SALT_BYTES = 32
_WORTH_PARTING = 4_096
"""Values; fewer are made sooner than threads are woken."""
_BLOCK = 32_768
"""Values whose digests are made and read at once: they stay near the processor."""
_DIGEST_WORDS = 8
"""64-bit words of the 64 hexadecimal digits of a digest."""
_KEY = re.compile(r"[0-9a-f]{64}")
_PURPOSE = b"xueji-gateway pseudonym v1"


def derive_key(
    root: bytes, recipient: str, project: str, version: int, *, salt: bytes | None = None, extract: str = ""
) -> str:
    """Return the pseudonym key of a recipient's project: 64 lower-case hexadecimal digits (256 bits).

    HKDF-SHA256 over ``root`` (32 bytes at least) with ``salt`` (32 random bytes; ``None`` only for keys that are thrown
    away at once); recipient, project, version and, for pseudonyms of one extract alone, ``extract`` enter ``info``
    with their lengths, so that no two sets of names share a key. ``version`` counts from 1. Raises ``ParameterError``
    when ``root`` or ``salt`` is short, a name is empty or the version is below 1. Source: RFC 5869; design 6.2.
    """
    if len(root) < ROOT_BYTES:
        raise ParameterError(f"The pseudonym root needs {ROOT_BYTES} bytes.")
    if salt is not None and len(salt) < SALT_BYTES:
        raise ParameterError(f"The salt of a pseudonym key needs {SALT_BYTES} bytes.")
    if not recipient or not project or version < 1:
        raise ParameterError("A pseudonym key needs a recipient, a project and a version from 1.")
    parts = [_PURPOSE, recipient.encode(), project.encode(), str(version).encode("ascii")]
    info = framed(parts if not extract else [*parts, extract.encode()])
    return HKDF(algorithm=hashes.SHA256(), length=ROOT_BYTES, salt=salt, info=info).derive(root).hex()


def framed(parts: list[bytes]) -> bytes:
    """Return ``parts`` one after the other, each with its length in front: no two lists give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def key_id(key: str) -> str:
    """Return a public name of ``key`` for manifests and reports: 16 hexadecimal digits that do not open it."""
    return hashlib.sha256(b"xueji-gateway pseudonym key id" + _checked(key).encode("ascii")).hexdigest()[:16]


def pseudonymize(values: pl.Series, key: str, algorithm: PseudonymAlgorithm = "hmac-sha256") -> pl.Series:
    """Return the pseudonyms of ``values``, 32 lower-case hexadecimal digits each; nulls stay null.

    Evaluated at once: a lazy plan would carry the key when serialised. Raises ``ParameterError`` for a key
    that is not 64 lower-case hexadecimal digits, and for a column that is not text. Source: RFC 2104; GB/T 32905.
    """
    if values.dtype not in {pl.String, pl.Null}:
        raise ParameterError("Only a text column can be pseudonymised.")
    text = values.cast(pl.String)
    if algorithm == "hmac-sm3":
        return pl.Series(values.name, _sm3(text, _checked(key)), dtype=pl.String)
    parts = _parts(text)
    digests = (plh.col(name).chash.hmac_sha256(key=_checked(key)).str.slice(0, PSEUDONYM_DIGITS) for name in parts)
    made = pl.DataFrame(parts).select(*digests).get_columns()
    return pl.concat([part.rename(values.name) for part in made]).head(values.len())


def numbers(values: pl.Series, key: str) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the pseudonyms of ``values`` (none missing, HMAC-SHA256) as numbers: high and low half of the 128 bits.

    Raises as ``pseudonymize``.
    """
    if values.dtype not in {pl.String, pl.Null}:
        raise ParameterError("Only a text column can be pseudonymised.")
    texts, checked = values.cast(pl.String).rename("text").to_frame(), _checked(key)
    high, low = (np.empty(values.len(), dtype=np.uint64) for _ in range(2))
    digests = plh.col("text").chash.hmac_sha256(key=checked)

    def made(start: int) -> None:
        here = slice(start, start + _BLOCK)
        _halves(texts[here].select(digests).to_series(), high[here], low[here])

    starts = range(0, values.len(), _BLOCK)
    if len(starts) < 2:  # noqa: PLR2004  a thread has nothing to share
        for start in starts:
            made(start)
        return high, low
    # Polars would use its threads for the digests alone, and not for what is made of them
    with ThreadPoolExecutor(pl.thread_pool_size(), thread_name_prefix="xueji-digests") as pool:
        for done in [pool.submit(made, start) for start in starts]:
            done.result()
    return high, low


def _halves(digests: pl.Series, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> None:
    """Fill in the first 128 bits of hexadecimal digests of 256 bits: eight digits of a 64-bit word at a time."""
    array = digests.to_arrow(compat_level=pl.CompatLevel.oldest())
    if not len(array):
        return
    words = np.frombuffer(array.buffers()[2], dtype="<u8").reshape(-1, _DIGEST_WORDS)
    digits = words[array.offset : array.offset + len(array), : _DIGEST_WORDS // 2]
    # the letters a to f have bit 6 and end in 1 to 6
    packed = digits >> np.uint64(6)
    packed &= np.uint64(0x0101010101010101)
    packed *= np.uint64(9)
    packed += digits & np.uint64(0x0F0F0F0F0F0F0F0F)
    # the first digit stands in the lowest byte and becomes the highest
    for width, mask in ((4, 0x00FF00FF00FF00FF), (8, 0x0000FFFF0000FFFF), (16, 0x00000000FFFFFFFF)):
        behind = packed >> np.uint64(2 * width)
        packed <<= np.uint64(width)
        packed |= behind
        packed &= np.uint64(mask)
    np.left_shift(packed[:, 0], np.uint64(32), out=high)
    np.bitwise_or(high, packed[:, 1], out=high)
    np.left_shift(packed[:, 2], np.uint64(32), out=low)
    np.bitwise_or(low, packed[:, 3], out=low)


def _parts(text: pl.Series) -> dict[str, pl.Series]:
    """Return ``text`` in columns of one length, the last one filled up with nulls: Polars works on columns at once."""
    threads = pl.thread_pool_size()
    if text.len() < _WORTH_PARTING or threads == 1:
        return {"0": text}
    length = -(-text.len() // threads)
    whole = text.extend_constant(None, length * threads - text.len())
    return {str(number): whole.slice(number * length, length) for number in range(threads)}


class KeyedHash:
    """The pseudonyms of one key, as the hook that a back end calls. The key shows in no ``repr`` and is not pickled."""

    __slots__ = ("__key", "algorithm")

    def __init__(self, key: str, algorithm: PseudonymAlgorithm = "hmac-sha256") -> None:
        """Raise ``ParameterError`` for a key that is not 64 lower-case hexadecimal digits."""
        self.__key = _checked(key)
        self.algorithm = algorithm

    @property
    def key_id(self) -> str:
        """Return the public name of the key."""
        return key_id(self.__key)

    def __call__(self, values: pl.Series) -> pl.Series:
        """Return the pseudonyms of ``values``. Raises as ``pseudonymize``."""
        return pseudonymize(values, self.__key, self.algorithm)

    def __repr__(self) -> str:
        return f"KeyedHash(algorithm={self.algorithm!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A pseudonym key is not serialised.")


def _sm3(values: pl.Series, key: str) -> list[str | None]:
    """Return the HMAC-SM3 of each value, cut; the state after the key's pad is copied and not computed again."""
    start = hmac.HMAC(key.encode("ascii"), hashes.SM3())
    found: list[str | None] = []
    for value in values.to_list():
        if value is None:
            found.append(None)
            continue
        state = start.copy()
        state.update(value.encode())
        found.append(state.finalize().hex()[:PSEUDONYM_DIGITS])
    return found


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ParameterError("A pseudonym key is 64 lower-case hexadecimal digits; make it with derive_key.")
    return key
