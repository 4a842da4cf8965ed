"""Resident identity numbers (18 and 15 characters, residence permits 81 to 83) and student numbers (G, J, L).

A wrong check character still counts: a mistyped number points to a child all the same. Proofs, strongest first:
check character and date, region and date, a label, a date alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.facts import bank, born, born_perhaps, foreign_resident, id_checks, luhn, region
from gateway.anonymize.text.identifiers.labels import OTHER, Claim
from gateway.anonymize.text.identifiers.page import STARS, Page
from gateway.anonymize.text.identifiers.runs import Run
from gateway.anonymize.text.identifiers.views import SEPARATORS, Script
from gateway.anonymize.text.spans import Span, TextType

_LENGTHS = (18, 17, 19, 15, 20, 16, 14)
_FULL, _OLD = 18, 15
_BODY = 17
_DATE = slice(6, 14)
_SHIFTS = (6, 5, 7)
"""Where the date begins in a number that lost or gained a digit."""
_OLD_SHAPES = frozenset({(15,), (6, 6, 3), (6, 9), (12, 3), (6, 2, 2, 2, 3)})
_STUDENT = "student"
_OWN_LABELS = frozenset({"id", _STUDENT, "permit"})
_LIST_MARKS = frozenset("、,;|/")
_OLD_MARKS = frozenset(" -—")
_LEAST_ALIKE = 9
"""Real digits that a number with look-alike letters must have."""
_CHECK = re.compile(rf"[{SEPARATORS}]{{0,3}}+[xX×✕✖хХχΧ╳*](?![0-9])")
_LETTER_BEFORE = re.compile(rf"(?<![0-9A-Za-z])([GgJjLl])[{SEPARATORS}]{{0,2}}\Z")
_PROVISIONAL = re.compile(
    rf"(?<![0-9A-Za-z])[LlJj][{SEPARATORS}]{{0,2}}[0-9]{{6}}[{SEPARATORS}]?([0-9]{{8}})[{SEPARATORS}]?"
    r"[0-9A-Za-z]{4}(?![0-9A-Za-z])"
)
_STAR = f"[{STARS}]"
_MASKED = re.compile(
    rf"(?<![0-9A-Za-z*])([GgJjLl]?)(?=[0-9*])([0-9]{{0,14}}+{_STAR}{{3,14}}+[0-9]{{0,8}}+[xX]?)(?![0-9A-Za-z*])"
)
_LAST_DIGITS = re.compile(
    r"身份证(?:号码?)?的?[后末尾](?:六|6|七|7|八|8)位(?:数字|号码|[是为:\s]){0,4}+([0-9]{5,7}[0-9xX])(?![0-9A-Za-z])"
)
"""They name the child to whoever knows the class, so six and more go as well."""
_MASKED_LENGTHS = range(15, 20)
_UNION_PAY, _CARD_LENGTHS = "62", (16, 19)
_TELLING = 6
"""A masked number that shows so many digits is no mask."""


class _Proof(NamedTuple):
    score: float
    rule: str


class _Number(NamedTuple):
    """A candidate: ``value`` with an X that follows its digits, where it stands, what the words before it say."""

    value: str
    run: Run
    head: int
    tail: int
    start: int
    end: int
    claim: Claim | None
    alone: bool
    """Whether no Latin letter touches it but a label; inside a longer word only the check character counts."""

    @property
    def whole(self) -> bool:
        """Return whether nothing stands between its digits."""
        return self.run.whole(self.head, self.tail)

    @property
    def listed(self) -> bool:
        """Return whether marks stand between its digits that keep the entries of a list apart."""
        return not _LIST_MARKS.isdisjoint(self.run.between(self.head, self.tail))


def find_residents(page: Page) -> Iterator[Span]:
    """Yield identity numbers, whole."""
    for run in page.runs:
        for number, proof in _in_run(run, page):
            yield span(number.start, number.end, TextType.CN_ID, proof.score, proof.rule)
    for found in _LAST_DIGITS.finditer(page.text) if page.has_ascii else ():
        yield span(*found.span(1), TextType.CN_ID, 0.7, "last digits")
    for found in _masked(page):
        if not found[1] and _shows_too_much(found[2]):
            yield span(*found.span(), TextType.CN_ID, 0.7, "masked")


def find_students(page: Page) -> Iterator[Span]:
    """Yield student numbers with their letter, whole."""
    for run in page.runs:
        for number, proof in _in_run(run, page, student=True):
            yield span(number.start, number.end, TextType.STUDENT_NO, proof.score, proof.rule)
    for found in _PROVISIONAL.finditer(page.text):
        if born(found[1]):
            yield span(*found.span(), TextType.STUDENT_NO, 0.9, "date")
    for found in _masked(page):
        if found[1] and _shows_too_much(found[2]):
            yield span(*found.span(), TextType.STUDENT_NO, 0.7, "masked")


def _masked(page: Page) -> Iterator[re.Match[str]]:
    return _MASKED.finditer(page.text) if page.has_stars else iter(())


def _shows_too_much(masked: str) -> bool:
    if masked.startswith(_UNION_PAY) and len(masked) in _CARD_LENGTHS:
        return False
    return len(masked) in _MASKED_LENGTHS and sum(one.isdigit() for one in masked) >= _TELLING


def _in_run(run: Run, page: Page, *, student: bool = False) -> Iterator[tuple[_Number, _Proof]]:
    judge = _student if student else _resident
    done = 0
    for head in run.heads:
        if head < done or len(run.digits) - head < _LENGTHS[-1]:
            continue
        best: tuple[_Number, _Proof] | None = None
        for number in _candidates(run, page, head, student=student):
            proof = judge(number)
            if proof is not None and (best is None or proof.score > best[1].score):
                best = number, proof
        if best is not None and _real_enough(page.text, best[0]):
            yield best
            done = best[0].tail


def _candidates(run: Run, page: Page, head: int, *, student: bool) -> Iterator[_Number]:
    lengths = [length for length in _LENGTHS if head + length in run.tails]
    if not lengths:
        return
    start = run.start(head)
    letter = _LETTER_BEFORE.search(page.text, max(0, start - 4), start) if student else None
    first = letter.start() if letter else start
    claim = page.claim(first)
    labelled = claim is not None and claim.kind in _OWN_LABELS
    if student and letter is None and not (claim and claim.kind == _STUDENT):
        return
    free = not page.glued(first) or (claim is not None and claim.gap == 0)
    for length in lengths:
        digits = run.digits[head : head + length]
        if not labelled and not _dated(digits) and not (region(digits) and born_perhaps(digits[_DATE])):
            continue
        tail = head + length
        end = run.end(tail)
        check = _CHECK.match(run.text, end)
        if check is not None:
            alone = free and not page.goes_on(check.end())
            yield _Number(digits + "X", run, head, tail, first, check.end(), claim, alone)
        if check is None or length >= _FULL:
            yield _Number(digits, run, head, tail, first, end, claim, free and not page.goes_on(end))


def _dated(digits: str) -> bool:
    """Return whether a birth date stands where numbers with, at most, a digit too few or too many have it."""
    if len(digits) == _OLD:
        return born("19" + digits[6:12])
    return any(born(digits[shift : shift + 8]) for shift in _SHIFTS)


def _real_enough(text: str, number: _Number) -> bool:
    if number.run.script is not Script.LOOKALIKE:
        return True
    return sum(one.isdigit() for one in text[number.start : number.end]) >= _LEAST_ALIKE


def _resident(number: _Number) -> _Proof | None:
    value, claim = number.value, number.claim
    labelled = claim is not None and claim.kind in _OWN_LABELS
    other = claim is not None and claim.kind == OTHER
    if len(value) == _FULL:
        return _full(number, labelled=labelled, other=other)
    if other or not number.alone or (value.endswith("X") and len(value) < _BODY):
        return None
    if labelled and (number.whole or (claim is not None and claim.tight and not number.listed)):
        return _Proof(0.85, "label")
    return _old(number) if len(value) == _OLD else _miscounted(number)


def _full(number: _Number, *, labelled: bool, other: bool) -> _Proof | None:
    value = number.value
    date = born(value[_DATE])
    if date and id_checks(value):
        known = region(value) or foreign_resident(value) or labelled
        return _Proof(0.99 if known else 0.9, "check character and date")
    mistyped = not date and region(value) and born_perhaps(value[_DATE])
    if other or not number.alone or not (date or labelled or mistyped):
        return None
    if date and (region(value) or labelled):
        return _Proof(0.9, "region and date")
    if mistyped and not labelled:
        return _Proof(0.7, "region and a day that there is not") if number.whole else None
    if labelled:
        return _Proof(0.8, "label")
    return _Proof(0.6, "date") if number.whole else None


def _old(number: _Number) -> _Proof | None:
    """Return the proof of a number of 15 digits: they have no check character, so their grouping must fit."""
    value, run = number.value, number.run
    if not region(value) or not born("19" + value[6:12]):
        return None
    grouped = run.shape(number.head, number.tail) in _OLD_SHAPES
    grouped = grouped and _OLD_MARKS.issuperset(run.between(number.head, number.tail))
    return _Proof(0.75, "region and date of 15") if grouped else None


def _miscounted(number: _Number) -> _Proof | None:
    """Return the proof of a number that lost or gained a digit."""
    value = number.value
    plain = number.whole and number.run.script is Script.PLAIN
    if not plain or len(value) not in range(_BODY, _FULL + 2) or (bank(value) and luhn(value)):
        return None
    if region(value) and _dated(value):
        return _Proof(0.7, "region and date, a digit too few or too many")
    return _Proof(0.5, "date, a digit too few or too many") if born(value[_DATE]) else None


def _student(number: _Number) -> _Proof | None:
    value = number.value
    labelled = number.claim is not None and number.claim.kind == _STUDENT
    dated = _dated(value) and len(value) in range(_BODY, _FULL + 2)
    if len(value) == _FULL and dated and id_checks(value):
        return _Proof(0.99, "check character and date")
    if not number.alone:
        return None
    if dated:
        return _Proof(0.95 if len(value) == _FULL else 0.8, "date")
    return _Proof(0.8, "label") if labelled else None
