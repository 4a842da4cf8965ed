"""Number plates (GA 36): province, letter, five characters or six of a new-energy car, trainer, police, trailer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.labels import NOBODYS
from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.spans import Span, TextType

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(
    rf"[{_PROVINCES}]\s?[A-Za-z]\s?[·•・.\-\s]{{0,2}}"
    r"(?P<tail>[0-9A-Za-z](?:\s?[0-9A-Za-z]){3}(?:(?:\s?[0-9A-Za-z]){1,2}|\s?[学警挂港澳领试超]))(?![0-9A-Za-z])"
)
_ARMED = re.compile(
    rf"(?<![A-Za-z0-9])WJ\s?[{_PROVINCES}]?\s?[·\-]?[0-9]{{4,5}}[0-9A-Z]?(?![0-9A-Za-z])|使[0-9]{{6}}(?![0-9])"
)
_PLAUSIBLE = re.compile(
    r"[A-HJ-Z][·•・.\-\s]*+(?!B1[0-9]{4})(?:(?=(?:[A-HJ-NP-Z]*+[0-9]){2})[A-HJ-NP-Z0-9]{5}"
    r"|[A-HJ-NP-Z][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJ-NP-Z]|[A-HJ-NP-Z0-9]{4}[学警挂港澳领试超])"
)
"""Without a label: no I or O, two digits and more; of six characters those of a new-energy car."""


def find_plates(page: Page) -> Iterator[Span]:
    """Yield number plates, without their label."""
    text = page.text
    if not page.has_ascii:
        return
    for found in _PLATE.finditer(text):
        claim = page.claim(found.start())
        labelled = claim is not None and claim.kind == "plate"
        if claim is not None and claim.kind in NOBODYS:
            continue
        if labelled or _PLAUSIBLE.fullmatch(found[0][1:].replace(" ", "").upper()):
            score = 0.95 if labelled else 0.85
            yield span(*found.span(), TextType.PLATE, score, "label" if labelled else "form")
    for found in _ARMED.finditer(text):
        yield span(*found.span(), TextType.PLATE, 0.7, "form of the armed police and embassies")
