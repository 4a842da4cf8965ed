"""QR codes as a grid of modules, drawn by each writer in its own way."""

from __future__ import annotations

import segno

QUIET = 4
"""Free modules that the standard asks for around a code."""


def modules(payload: str) -> tuple[tuple[bool, ...], ...]:
    """Return the rows of a QR code (ISO/IEC 18004, level M), dark modules true, without the quiet zone."""
    return tuple(tuple(bool(cell) for cell in row) for row in segno.make_qr(payload, error="m").matrix)
