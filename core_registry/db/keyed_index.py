"""The keyed index: look-ups and uniqueness without clear text (design 4).

``HMAC-SHA256(key of the kind, kind || 0x1F || normalised value)``, its first 128 bits as 32 hexadecimal digits
(RFC 2104 section 5): half of a digest is beyond any chance collision, and an import fills seven indexes.
The key of a kind comes by HKDF from the registry-index key and is used as its 64 hexadecimal *characters*, since
polars-hash takes a key as text: any other implementation must use ``hex_key.encode("ascii")``.
One vector in the tests holds all to it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl
import polars_hash
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core_registry.domain.identity_number import normalize_identity_number
from core_registry.domain.phone_numbers import normalize_phone
from core_registry.domain.student_number import normalize_student_number

IndexKind = Literal["id_number", "name", "phone", "student_number", "suspect"]

_SEPARATOR = "\x1f"
KEY_DIGITS = 32
_DOTS = dict.fromkeys(map(ord, "•・‧∙⋅．･・"), "·")


def normalize_name(text: str) -> str:
    """Return ``text`` in NFKC, without blanks and invisible characters, with one kind of middle dot, in capitals.

    Total and idempotent. Capitals, because foreign names are written in either case.
    """
    plain = text
    while (shorter := _plainer(plain)) != plain:  # what stood apart may compose once a blank between is gone
        plain = shorter
    return plain


def _plainer(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text.upper()).translate(_DOTS)
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c)[0] != "C")


def _normalize_phone(text: str) -> str:
    return normalize_phone(text).replace("-", "")


def _unchanged(text: str) -> str:
    return text


# For each kind the scalar rule, and a pattern of values that it leaves alone: columns call it for the rest only.
_RULES: Mapping[IndexKind, tuple[Callable[[str], str], str]] = {
    "id_number": (normalize_identity_number, "^[0-9]{17}[0-9X]$"),
    "name": (normalize_name, "^[一-鿿]+$"),
    "phone": (_normalize_phone, "^1[3-9][0-9]{9}$"),
    "student_number": (normalize_student_number, "^[GJL][0-9]{17}[0-9X]$"),
    "suspect": (_unchanged, ""),
}


class KeyedIndex:
    """Makes index keys. Holds the derived keys only."""

    def __init__(self, index_key: bytes) -> None:
        self._keys = {
            kind: HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"xueji registry-index {kind} v1".encode())
            .derive(index_key)
            .hex()
            for kind in _RULES
        }

    def keyed(self, kind: IndexKind, values: pl.Series) -> pl.Series:
        """Return the keys of ``values`` as 32 hexadecimal digits each; nulls and blank values give null.

        Raises ``ValueError`` for an unknown kind.
        """
        if kind not in _RULES:
            raise ValueError(f"there is no index of '{kind}'")
        normal = _normalized(kind, values.cast(pl.String))
        frame = normal.rename("value").to_frame()
        return frame.select(
            pl.when(pl.col("value") != "").then(pl.lit(f"{kind}{_SEPARATOR}") + pl.col("value")).alias("value")
        ).select(
            polars_hash.col("value").chash.hmac_sha256(key=self._keys[kind]).str.slice(0, KEY_DIGITS).alias(values.name)
        )[values.name]

    def key(self, kind: IndexKind, value: str) -> str | None:
        """Return the key of one value, ``None`` for a blank one."""
        found: str | None = self.keyed(kind, pl.Series("value", [value], dtype=pl.String))[0]
        return found


def _normalized(kind: IndexKind, values: pl.Series) -> pl.Series:
    rule, plain = _RULES[kind]
    if rule is _unchanged:
        return values
    odd = values.filter(~values.str.contains(plain).fill_null(value=True)).unique()
    if odd.is_empty():
        return values
    return values.replace(odd, pl.Series([rule(value) for value in odd.to_list()], dtype=pl.String))
