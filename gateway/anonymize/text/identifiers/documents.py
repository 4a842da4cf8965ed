"""Passports and the permits of Hong Kong, Macao and Taiwan residents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.facts import born
from gateway.anonymize.text.identifiers.labels import NOBODYS
from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.spans import Span, TextType

_SHAPE = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Za-z]{1,3}+\s?)?+[0-9](?:[ \-]?[0-9]){5,11}+(?:\s?\([0-9A]\))?(?![0-9A-Za-z]|[ \-]?[0-9])"
)
_PASSPORT = re.compile(
    r"E[0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|G[0-9]{8}|[DSP]E[0-9]{7}|K[JB]?[0-9]{7,8}|HJ[0-9]{7}|M[AB][0-9]{7}"
)
_PASSPORT_WITH_LABEL = re.compile(r"[A-Z]{0,3}[0-9]{6,9}")
_HOME_RETURN = re.compile(r"[HM](?:[0-9]{8}|[0-9]{10})")
_EXIT = re.compile(r"C(?:[0-9]{8}|[A-HJ-NP-Z][0-9]{7})|[WLT][0-9]{8}")
_PERMIT_WITH_LABEL = re.compile(r"[A-Z]{0,3}[0-9]{6,12}(?:\([0-9A]\))?")
_HONG_KONG = re.compile(r"([A-Z]{1,2})([0-9]{6})\(([0-9A])\)")
_TAIWAN = re.compile(r"([A-Z])([1289][0-9]{8})")
_TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_CONTEXT = re.compile("港|澳|台湾|台胞|通行证|回乡|出境|入境|护照|签证|赴台")
_AROUND = 40
_DIGITS_OF_A_DATE = 8


def _joined(text: str) -> str:
    """Return a number without what groups it, in capitals."""
    return re.sub(r"[\s-]", "", text).upper()


def find_passports(page: Page) -> Iterator[Span]:
    """Yield passport numbers: those of China by their form, others by their label."""
    text = page.text
    for found in _shapes(page):
        value = _joined(found[0])
        claim = page.claim(found.start())
        if claim is not None and claim.kind == "passport":
            if _PASSPORT_WITH_LABEL.fullmatch(value):
                yield span(*found.span(), TextType.PASSPORT, 0.9, "label")
            continue
        if claim is not None and claim.kind in {*NOBODYS, "permit", "wechat", "plate", "id"}:
            continue
        compact = found[0].isalnum() and found[0].isupper() and value[0] in "EG"
        if _PASSPORT.fullmatch(value) and (compact or _near(text, *found.span())) and not _dated(value):
            yield span(*found.span(), TextType.PASSPORT, 0.6, "form")


def find_permits(page: Page) -> Iterator[Span]:
    """Yield numbers of permits and identity cards of Hong Kong, Macao and Taiwan residents."""
    text = page.text
    for found in _shapes(page):
        value = _joined(found[0])
        claim = page.claim(found.start())
        if claim is not None and claim.kind == "permit":
            if _PERMIT_WITH_LABEL.fullmatch(value):
                yield span(*found.span(), TextType.PERMIT, 0.9, "label")
            continue
        if claim is not None and claim.kind in {*NOBODYS, "passport", "wechat", "plate", "qq"}:
            continue
        if _hong_kong(value) or _taiwan(value):
            yield span(*found.span(), TextType.PERMIT, 0.8, "check digit")
        elif (_HOME_RETURN.fullmatch(value) or _EXIT.fullmatch(value)) and not _dated(value):
            if _near(text, *found.span()):
                yield span(*found.span(), TextType.PERMIT, 0.7, "form and context")
            elif found[0].isalnum() and re.fullmatch("[HM][0-9]{10}", found[0]):
                yield span(*found.span(), TextType.PERMIT, 0.5, "form")


def _shapes(page: Page) -> Iterator[re.Match[str]]:
    return _SHAPE.finditer(page.text) if page.has_ascii else iter(())


def _near(text: str, start: int, end: int) -> bool:
    return _CONTEXT.search(text, max(0, start - _AROUND), end + _AROUND) is not None


def _dated(value: str) -> bool:
    digits = value.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return len(digits) == _DIGITS_OF_A_DATE and born(digits)


def _hong_kong(value: str) -> bool:
    """Return whether the check digit of a Hong Kong identity card is right: A123456(3)."""
    found = _HONG_KONG.fullmatch(value)
    if found is None:
        return False
    letters = [36] * (2 - len(found[1])) + [ord(one) - 55 for one in found[1]]
    values = letters + [int(one) for one in found[2]] + [int(found[3], 16)]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def _taiwan(value: str) -> bool:
    """Return whether the check digit of a Taiwan identity number is right: a letter and nine digits."""
    found = _TAIWAN.fullmatch(value)
    if found is None:
        return False
    letter = _TAIWAN_LETTERS.index(found[1]) + 10
    digits = [letter // 10, letter % 10, *map(int, found[2])]
    return (
        sum(digit * weight for digit, weight in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0
    )
