"""Telephone numbers: mobiles and fixed lines in every odd form, extensions; not 400, 800 and public hotlines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.facts import born
from gateway.anonymize.text.identifiers.labels import NOBODYS, OTHER, Claim
from gateway.anonymize.text.identifiers.page import STARS, Page
from gateway.anonymize.text.identifiers.runs import Run
from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.spans import Span, TextType

_MOBILE_LENGTH = 11
_MOBILE = re.compile(r"1[3-9]")
_SHAPES = frozenset(
    {
        (11,), (3, 4, 4), (3, 8), (7, 4), (3, 3, 5), (4, 3, 4), (4, 4, 3), (5, 6), (6, 5), (4, 7), (8, 3), (1,) * 11,
        (3, 4, 2, 2), (3, 2, 2, 2, 2), (3, 3, 3, 2), (3, 5, 3), (2, 3, 3, 3), (5, 3, 3), (3, 2, 3, 3), (1, 10),
    }
)  # fmt: skip
"""How people group a mobile number. Other groups count with a label: marks in a row must not become one."""
_SCORES = frozenset({(3, 3, 3, 2), (3, 2, 3, 3), (2, 3, 3, 3), (3, 2, 2, 2, 2)})
"""Of these, not with blanks or list marks between: 135 142 138 95 are marks."""
_LIST_MARKS = frozenset(" \t\n、,;|/")
_DOTS = frozenset({".", "..", ","})
_HARD_LIST = frozenset("、,;|/")
_COUNTRY = re.compile(r"(?<![0-9])(?:[(\[]?(?:\+|00)\s?86[)\]]?|[(\[]86[)\]]|86)[\s\-.]{0,2}+\(?0?\)?\Z")
_OPENING = re.compile(r"(\()?(?:\+\s?)?\Z")
"""An opening bracket and a plus that belong to the number: (+86)138…, (0351)7018012."""
_PLUS = re.compile(r"\+\s?\Z|(?<![0-9])00\Z")
_EXTENSION = re.compile(
    r"\s{0,2}+(?:转接?|分机号?|内线|ext\.?|EXT\.?|Ext\.?|x(?=[0-9])|#|[-\u2010-\u2015]{1,2})[\s:]{0,2}+[0-9]{1,6}(?![0-9A-Za-z])"
)
_SPOKEN_EXTENSION = re.compile(
    r"\s{0,2}+(?:转接?|分机号?|内线|ext\.?)[\s:]{0,2}+[0-9]{1,6}(?![0-9A-Za-z])", re.IGNORECASE
)
_SUBSCRIBER = frozenset("2345678")
_SEVEN, _EIGHT = 7, 8
_FIXED_SHAPES = frozenset({(7,), (8,), (3, 4), (4, 4), (4, 3)})
_FOREIGN_MARKS = frozenset(" -()")
_FOREIGN_LENGTHS = range(8, 16)
_STAR = f"[{STARS}]"
_MASKED = re.compile(rf"(?<![0-9A-Za-z*])1[3-9][0-9]{{1,2}}\s?{_STAR}{{3,6}}+\s?[0-9]{{3,5}}(?![0-9A-Za-z*])")
_MASKED_LENGTHS = range(10, 13)
_SHORT = re.compile(r"短号(?:是|为|号码)?[:\s]{0,3}+([0-9]{3,6})(?![0-9A-Za-z])")
_DECIMAL_BEFORE = re.compile(r"(?:(?<![0-9])0|[0-9]{3})\.\Z")
_DECIMAL_AFTER = re.compile(r"\.[0-9]{1,2}(?![0-9])(?!\s*[.、])|\s?[元万亿]")


class _Hit(NamedTuple):
    start: int
    end: int
    tail: int
    score: float
    rule: str
    wechat: bool = False


@lru_cache(maxsize=1)
def _area_codes() -> frozenset[str]:
    return frozenset(lexicon("area_codes"))


def find_phones(page: Page) -> Iterator[Span]:
    """Yield telephone numbers with country code and extension, without their label."""
    for hit in _numbers(page):
        if not hit.wechat:
            yield span(hit.start, hit.end, TextType.PHONE, hit.score, hit.rule)
    text = page.text
    for found in _MASKED.finditer(text) if page.has_stars else ():
        if len(found[0].replace(" ", "")) in _MASKED_LENGTHS:
            yield span(*found.span(), TextType.PHONE, 0.8, "masked")
    for found in _SHORT.finditer(text):
        yield span(*found.span(1), TextType.PHONE, 0.7, "short number")


def wechat_phones(page: Page) -> Iterator[tuple[int, int]]:
    """Yield where telephone numbers stand that the words before them call a WeChat account."""
    for hit in _numbers(page):
        if hit.wechat:
            yield hit.start, hit.end


def _numbers(page: Page) -> Iterator[_Hit]:
    for run in page.runs:
        done = 0
        for head in run.heads:
            if head < done:
                continue
            hit = _foreign(run, page, head) or _mobile(run, page, head) or _fixed(run, page, head)
            if hit is not None:
                done = hit.tail
                yield hit


def _mobile(run: Run, page: Page, head: int) -> _Hit | None:
    number = run.digits[head : head + 16]
    skip = 0
    for prefix in ("0086", "86", "0"):
        if number.startswith(prefix) and _MOBILE.match(number, len(prefix)):
            skip = len(prefix)
            if run.between(head, head + skip + 1) in _DOTS:
                return None
            break
    if not _MOBILE.match(number, skip):
        return None
    first = head + skip
    for length in (_MOBILE_LENGTH, _MOBILE_LENGTH + 1, _MOBILE_LENGTH - 1):
        tail = first + length
        if tail not in run.tails:
            continue
        claim = _claim(run, page, head, tail)
        if claim is _REFUSED:
            return None
        shape = run.shape(first, tail)
        labelled = claim is not None and claim.kind == "phone"
        wrapped = len(shape) == 2 and "\n" in run.between(first, tail)  # noqa: PLR2004  broken once, by a line end
        marks = shape in _SCORES and not _LIST_MARKS.isdisjoint(run.between(first, tail))
        if _HARD_LIST.isdisjoint(run.between(first, tail)):
            usual = labelled or (shape in _SHAPES and not marks) or wrapped
        else:
            usual = shape == (3, 4, 4) or len(shape) == _MOBILE_LENGTH
        if length == _MOBILE_LENGTH and usual:
            start = _with_country(page.text, run.start(head))
            score = 0.98 if labelled else 0.95 if len(shape) == 1 else 0.85
            wechat = claim is not None and claim.kind == "wechat" and claim.tight
            return _Hit(start, _extended(page.text, run.end(tail), _SPOKEN_EXTENSION), tail, score, "mobile", wechat)
        if labelled and len(shape) == 1 and not skip:
            return _Hit(run.start(head), run.end(tail), tail, 0.6, "label, a digit too few or too many")
    return None


_REFUSED = Claim(OTHER, 0, True)


def _claim(run: Run, page: Page, head: int, tail: int) -> Claim | None:
    """Return what the words before say, ``_REFUSED`` when the digits are part of a word or of something else."""
    start, end = run.start(head), run.end(tail)
    claim = page.claim(start)
    if claim is not None and claim.tight and (claim.kind in NOBODYS or (claim.kind == "qq" and run.whole(head, tail))):
        return _REFUSED
    if page.glued(start) and not (claim and claim.gap == 0):
        return _REFUSED
    if page.goes_on(end) and page.labels.after(end) is None:
        return _REFUSED
    if _DECIMAL_BEFORE.search(page.text, max(0, start - 5), start) or _DECIMAL_AFTER.match(page.text, end):
        return _REFUSED
    return claim


def _with_country(text: str, start: int) -> int:
    """Return where the country code before ``start`` begins, ``start`` if there is none."""
    found = _COUNTRY.search(text, max(0, start - 10), start)
    if found is not None:
        return found.start()
    found = _OPENING.search(text, max(0, start - 4), start)
    if found is None:
        return start
    closed = ")" in text[start : start + 6]
    return found.start() if closed or not found[1] else found.end(1)


def _extended(text: str, end: int, extension: re.Pattern[str]) -> int:
    found = extension.match(text, end)
    return found.end() if found else end


def _fixed(run: Run, page: Page, head: int) -> _Hit | None:
    digits = run.digits
    if digits[head] == "0":
        return _with_area(run, page, head, head, 0)
    for prefix in ("86",):
        start = run.start(head)
        if digits.startswith(prefix, head) and _PLUS.search(page.text, max(0, start - 3), start):
            return _with_area(run, page, head, head + len(prefix), 1)
    return _local(run, page, head)


def _with_area(run: Run, page: Page, head: int, first: int, missing: int) -> _Hit | None:
    """Return a fixed line whose area code begins at digit ``first``, its 0 ``missing`` (1) or there (0)."""
    if missing and run.digits[first : first + 1] == "0":
        missing = 0
    for code_length in (3, 4):
        after = first + code_length - missing
        code = "0" * missing + run.digits[first:after]
        if code not in _area_codes() or run.digits[after : after + 1] not in _SUBSCRIBER:
            continue
        for length in (_EIGHT, _SEVEN):
            tail = after + length
            if tail not in run.tails or (length == _SEVEN and code_length == 3):  # noqa: PLR2004  they have 8 digits
                continue
            claim = _claim(run, page, head, tail)
            if claim is _REFUSED:
                return None
            shape = run.shape(after, tail)
            split = run.places[after] != run.places[after - 1] + 1
            whole = len(run.shape(head, tail)) == 1
            listed = not _HARD_LIST.isdisjoint(run.between(head, tail))
            labelled = claim is not None and claim.kind == "phone" and not listed
            if whole or labelled or (split and shape in _FIXED_SHAPES):
                start = _with_country(page.text, run.start(head))
                score = 0.9 if split or claim else 0.8
                return _Hit(start, _extended(page.text, run.end(tail), _EXTENSION), tail, score, "area code")
    return None


def _local(run: Run, page: Page, head: int) -> _Hit | None:
    """Return a fixed line without area code: only a label makes it one."""
    if run.digits[head] not in _SUBSCRIBER or not _begins(run, head):
        return None
    for length in (_EIGHT, _SEVEN):
        tail = head + length
        if tail not in run.tails or not _ends(run, tail) or run.shape(head, tail) not in {(7,), (8,), (3, 4), (4, 4)}:
            continue
        claim = _claim(run, page, head, tail)
        if claim is None or claim.kind != "phone" or (length == _EIGHT and born(run.digits[head:tail])):
            return None
        return _Hit(run.start(head), _extended(page.text, run.end(tail), _EXTENSION), tail, 0.75, "label")
    return None


def _begins(run: Run, head: int) -> bool:
    """Return whether no other number is tied to digit ``head`` from before: 400-820-8820 holds no 8208820."""
    return not head or not _HARD_LIST.isdisjoint(run.text[run.places[head - 1] + 1 : run.places[head]])


def _ends(run: Run, tail: int) -> bool:
    return tail == len(run.digits) or not _LIST_MARKS.isdisjoint(run.text[run.places[tail - 1] + 1 : run.places[tail]])


def _foreign(run: Run, page: Page, head: int) -> _Hit | None:
    """Return a number written with + and another country's code."""
    start = run.start(head)
    plus = _PLUS.search(page.text, max(0, start - 3), start)
    if plus is None or run.digits.startswith("86", head) or page.text[start] == "0":
        return None
    for length in reversed(_FOREIGN_LENGTHS):
        if head + length in run.tails and _FOREIGN_MARKS.issuperset(run.between(head, head + length)):
            return _Hit(plus.start(), run.end(head + length), head + length, 0.7, "country code")
    return None
