"""The leaf of the log: one audit entry as canonical JSON (RFC 8785), schema version 1.

``docs/audit-entries.md`` has the schema and an example of each kind. Nothing large is imported here: the second process
of a verification starts with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any, Final

import rfc8785

from gateway.audit.errors import MalformedError
from gateway.journal import JsonValue

VERSION: Final = 1
_CLASSES: Final = bytes.maketrans(b"123456789,[", b"000000000::").translate(bytes(range(0xF0)) + b"\xff" * 0x10)
"""Digits as 0, what stands before a number as a colon, the first byte of a character beyond the basic plane as 0xFF."""
_LONG, _LONG_NEGATIVE = b":" + b"0" * 16, b":-" + b"0" * 16


def _writer() -> Callable[[object], str]:
    """Return what writes a value as JSON with sorted keys, as short as it can be.

    ``JSONEncoder.encode`` makes a C encoder for every value it is given, a third of the time that an entry takes; here
    there is one for all. Where Python has none, its own encoder does the same.
    """
    plain = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
    )
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    write = make(None, plain.default, encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(write(value, 0))


_WRITE: Final = _writer()


def decode_entry(body: bytes) -> dict[str, JsonValue]:
    """Return the content of a leaf; raises ``MalformedError`` unless it is canonical JSON of version 1."""
    return decode_usual(body, usual=not is_unusual(body))


def decode_usual(body: bytes, *, usual: bool) -> dict[str, JsonValue]:
    """Do the same where it is known whether the leaf is usual: many of them are looked at at once by ``is_unusual``."""
    content: Any
    try:
        text = body.decode()
        content, end = _READ(text)
    except (ValueError, RecursionError):
        raise MalformedError("A leaf of the log is not JSON without floats.") from None
    if end != len(text):
        raise MalformedError("A leaf of the log is not one JSON value.")
    if type(content) is not dict or content.get("v") != VERSION:
        raise MalformedError("A leaf of the log is not an entry of version 1.")
    try:
        same = _WRITE(content) == text if usual else rfc8785.dumps(content) == body
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        same = False
    if not same:
        raise MalformedError("A leaf of the log is not in canonical form.")
    return content


def canonical(content: dict[str, JsonValue]) -> bytes:
    """Return the form of RFC 8785 of ``content``, whose texts and integers were screened; see ``is_unusual``."""
    body = _WRITE(content).encode()
    return rfc8785.dumps(content) if is_unusual(body) else body


def is_unusual(body: bytes) -> bool:
    """Say whether a leaf, or one of many in one run, holds what Python's encoder may write otherwise than RFC 8785.

    That is a character beyond the basic plane (in UTF-16 such keys sort otherwise) or an integer of 16 digits and more
    (beyond 2^53 none is allowed). Whatever else is in a leaf without floats, both write the same bytes, Python seven
    times as fast. What only looks like such an integer, in a text, is unusual too.
    """
    classes = body.translate(_CLASSES)
    return b"\xff" in classes or _LONG in classes or _LONG_NEGATIVE in classes


def _no_float(_text: str) -> JsonValue:
    raise ValueError("a float")


_READ = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float).raw_decode
"""Reads one JSON value: without the search for an encoding and for blanks around it, which no leaf has."""
