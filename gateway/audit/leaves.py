"""The leaf of the log: one audit entry as canonical JSON (RFC 8785), schema version 1.

``docs/audit-entries.md`` has the schema and an example of each kind. Nothing large is imported here: the second process
of a verification starts with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from json import encoder
from typing import Any, Final, cast

import rfc8785

from gateway.audit.errors import MalformedError
from gateway.journal import JsonValue

VERSION: Final = 1
_LONG = re.compile(rb"[:,\[]-?[0-9]{16}")
_CLASSES = bytes(0xFF if byte >= 0xF0 else ord("0") if 0x30 <= byte <= 0x39 else byte for byte in range(256))  # noqa: PLR2004  UTF-8
"""Digits as 0, the first byte of a character beyond the basic plane as 0xFF."""
_SIXTEEN = b"0" * 16


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
    try:
        text = body.decode()
        content, end = _READ(text)
    except (ValueError, RecursionError):
        raise MalformedError("A leaf of the log is not JSON without floats.") from None
    if end != len(text):
        raise MalformedError("A leaf of the log is not one JSON value.")
    if not isinstance(content, dict) or content.get("v") != VERSION:
        raise MalformedError("A leaf of the log is not an entry of version 1.")
    if not _is_canonical(content, text, body):
        raise MalformedError("A leaf of the log is not in canonical form.")
    return cast("dict[str, JsonValue]", content)


def canonical(content: dict[str, JsonValue]) -> bytes:
    """Return the form of RFC 8785 of ``content``, whose texts and integers were screened; see ``_is_canonical``."""
    body = _WRITE(content).encode()
    return rfc8785.dumps(content) if _is_unusual(body) else body


def _is_canonical(content: Mapping[str, JsonValue], text: str, body: bytes) -> bool:
    """Say whether ``body`` is RFC 8785's form of ``content``, which holds no floats.

    The standard library's encoder writes the same bytes, seven times as fast, but for two things that are sorted out
    first: keys beyond the basic plane sort otherwise in UTF-16, and integers beyond 2^53 are not allowed.
    """
    if not _is_unusual(body):
        try:
            return _WRITE(content) == text
        except RecursionError:
            return False
    try:
        return rfc8785.dumps(content) == body
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        return False


def _is_unusual(body: bytes) -> bool:
    """Say whether ``body`` holds a character beyond the basic plane or, perhaps, an integer of 16 digits."""
    classes = body.translate(_CLASSES)
    return b"\xff" in classes or (_SIXTEEN in classes and _LONG.search(body) is not None)


def _no_float(_text: str) -> JsonValue:
    raise ValueError("a float")


_READ = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float).raw_decode
"""Reads one JSON value: without the search for an encoding and for blanks around it, which no leaf has."""
