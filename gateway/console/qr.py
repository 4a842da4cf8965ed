"""QR codes as drawings of a page: black on white, without a size of their own."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def qr(text: str) -> Markup:
    """Return ``text`` as an SVG element (ISO/IEC 18004, error correction M)."""
    drawing = io.BytesIO()
    segno.make(text, error="m").save(
        drawing, kind="svg", border=4, omitsize=True, xmldecl=False, svgns=False, svgclass="qr", lineclass=None
    )
    return Markup(drawing.getvalue().decode())  # noqa: S704  made by segno
