"""Bank cards and accounts: 16 to 19 digits with bank prefix and check digit, or what a label calls one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.facts import bank, born, id_checks, luhn
from gateway.anonymize.text.identifiers.labels import NOBODYS
from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.identifiers.runs import Run
from gateway.anonymize.text.spans import Span, TextType

_LENGTHS = (19, 16, 17, 18)
_WITH_LABEL = (*_LENGTHS, 15, 20, 21, 22, 23, 14, 13, 12)
_GROUPS = re.compile(r"(?:4 ){3,5}(?:[1-4] )?|6 \d+ |\d+ \d+ |(?:1 )+|(?:4 )+\d+ |6 4 4 \d ")
_MARKS = frozenset(" -_.·/\r\n\t\u2010\u2011\u2012\u2013\u2014\u2212")
_USUAL = (16, 19)
_UNION_PAY = "62"
_ID = 18
_MASKED = re.compile(r"(?<![0-9A-Za-z*])[0-9]{4,6}(?:[ *×xX●•]){4,15}[0-9]{3,4}(?![0-9A-Za-z*])")
_MASKED_LENGTHS = range(15, 20)


def find_cards(page: Page) -> Iterator[Span]:
    """Yield numbers of bank cards and accounts, without their label."""
    for run in page.runs:
        done = 0
        for head in run.heads:
            if head < done:
                continue
            hit = _card(run, page, head)
            if hit is not None:
                done, score, rule = hit
                yield span(run.start(head), run.end(done), TextType.BANK_CARD, score, rule)
    for found in _MASKED.finditer(page.text) if page.has_stars else ():
        bare = found[0].replace(" ", "")
        claim = page.claim(found.start())
        if len(bare) in _MASKED_LENGTHS and (bare.startswith(_UNION_PAY) or (claim and claim.kind == "card")):
            yield span(*found.span(), TextType.BANK_CARD, 0.7, "masked")


def _card(run: Run, page: Page, head: int) -> tuple[int, float, str] | None:
    lengths = [length for length in _WITH_LABEL if head + length in run.tails]
    start = run.start(head)
    if not lengths or page.glued(start):
        return None
    claim = page.claim(start)
    if claim is not None and claim.kind in NOBODYS:
        return None
    labelled = claim is not None and claim.kind == "card"
    tight = claim is not None and claim.tight
    for length in lengths:
        tail = head + length
        if page.goes_on(run.end(tail)):
            continue
        proof = _proof(run, head, tail, labelled=labelled, tight=tight)
        if proof is not None:
            return tail, *proof
    return None


def _proof(run: Run, head: int, tail: int, *, labelled: bool, tight: bool) -> tuple[float, str] | None:
    """Return score and rule of the digits from ``head`` to ``tail``, ``None`` if they are no card."""
    number = run.digits[head:tail]
    prefixed = len(number) in _LENGTHS and bank(number)
    if not (prefixed or labelled):
        return None
    whole = run.whole(head, tail)
    grouped = whole or _grouped(run, head, tail)
    if len(number) == _ID and id_checks(number) and born(number[6:14]):
        return None
    if prefixed and grouped:
        if luhn(number):
            return 0.95 if labelled else 0.85, "bank and check digit"
        if number.startswith(_UNION_PAY) and (not whole or len(number) in _USUAL):
            return 0.7 if labelled or not whole else 0.5, "bank and length"
    return (0.7, "label") if labelled and (whole or (tight and grouped)) else None


def _grouped(run: Run, head: int, tail: int) -> bool:
    """Return whether digits are grouped as people group a card: in fours, after six, all apart, broken once."""
    if not _MARKS.issuperset(run.between(head, tail)):
        return False
    shape = "".join(f"{size} " for size in run.shape(head, tail))
    return _GROUPS.fullmatch(shape) is not None
