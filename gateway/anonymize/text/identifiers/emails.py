"""E-mail addresses, also with blanks around the sign, a Chinese full stop, or the sign spelt out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.spans import Span, TextType

_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-")
_LONGEST_LOCAL = 64
_BLANKS = 2
_PROVIDERS = (
    "vip.qq|qq|foxmail|vip.163|163|126|yeah|sina|sohu|139|189|wo|aliyun|gmail|outlook|hotmail|live|icloud|yahoo"
)
_TOP = "com.cn|net.cn|edu.cn|org.cn|gov.cn|com|cn|net|org|edu|gov|cc|me|io|info|top|vip|xyz|tech|club|hk|tw|mo"
_DOT = r"\s?[.。点]\s?"
_DOMAIN = re.compile(
    r"\s{0,2}+(?:(?P<whole>[A-Za-z0-9][A-Za-z0-9\-]{0,62}+(?:\.[A-Za-z0-9][A-Za-z0-9\-]{0,62}+){1,5}+)"
    rf"|(?:{_PROVIDERS})(?:{_DOT}(?:{_TOP})(?:{_DOT}cn)?)?(?![A-Za-z0-9]))",
    re.IGNORECASE,
)
_TOP_THEN_MORE = re.compile(rf"(?:{_TOP})(?=[A-Z0-9\-])")
_SPELT = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{2,64}+"
    r"\s?(?:[(\[{<]\s?(?:at|AT|@)\s?[)\]}>]|\s(?:at|AT)\s|艾特|圈a|#)\s?"
    rf"(?:{_PROVIDERS})\s?(?:[.。点]|[(\[{{]\s?(?:dot|DOT)\s?[)\]}}]|(?:dot|DOT))\s?(?:{_TOP})(?![A-Za-z0-9])"
)


def find_emails(page: Page) -> Iterator[Span]:
    """Yield e-mail addresses; the local part is ASCII, so that no Chinese word before it is taken."""
    text = page.text
    at = text.find("@")
    while at >= 0:
        start = _local_start(text, at)
        end = None if start is None else _domain_end(text, at + 1)
        if start is not None and end is not None:
            yield span(start, end, TextType.EMAIL, 0.95, "at sign")
        at = text.find("@", at + 1)
    for found in _SPELT.finditer(text) if page.has_ascii else ():
        claim = page.claim(found.start())
        yield span(*found.span(), TextType.EMAIL, 0.9 if claim and claim.kind == "email" else 0.7, "spelt out")


def _local_start(text: str, at: int) -> int | None:
    """Return where the local part before ``at`` begins, at most 64 characters back; ``None`` if there is none."""
    last = at
    while last and at - last < _BLANKS and text[last - 1] in " \t":
        last -= 1
    start = last
    while start and last - start < _LONGEST_LOCAL and text[start - 1] in _LOCAL:
        start -= 1
    while start < last and text[start] in ".-%+":
        start += 1
    return start if start < last else None


def _domain_end(text: str, after: int) -> int | None:
    """Return where the domain after the sign ends, ``None`` if there is none: two labels, or a known provider."""
    found = _DOMAIN.match(text, after)
    if found is None or found["whole"] is None:
        return found.end() if found else None
    last = text.rfind(".", found.start(), found.end()) + 1
    if text[last : found.end()].isalpha() and found.end() - last > 1:
        return found.end()
    cut = _TOP_THEN_MORE.match(text, last)
    return cut.end() if cut else None
