"""The address of the record, whole or in parts, in any wording: the pieces are found one by one and chained."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.anonymize.text.known.addresses import Address, Level, parse
from gateway.anonymize.text.known.numerals import TAIL, numbers
from gateway.anonymize.text.known.search import leftmost_longest
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType
from gateway.anonymize.text.squeezed import Squeezed

_BETWEEN: Final = re.compile(r"[省市区县乡镇]?[\s,，、·\-—的]{0,2}")
_CUE: Final = re.compile(
    r"(?:住在?|住址|地址|户籍地?|户籍所在地|户口(?:在|所在地)?|籍贯|家在|老家|搬[到至回]|搬家到|迁[到至往]|居住[在于地]?|现居|租住[在于]?|来自|回到?|送[到至]|位于|家是|家)"
    r"(?:为|是|在|于|了)?[:：]?\s?[\"“]?$"
)
_OF_A_SCHOOL: Final = re.compile(
    r"[\u3400-\u9fff]{0,8}?(?:小学|中学|学校|幼儿园|中心校|一中|二中|三中|实小|教育局|派出所|政府|卫生院|医院|法院)"
)
_CUE_WINDOW: Final = 10
_WIDEST_GAP: Final = 3
_LEAST_HOUSE: Final = 2
_WHOLE_HOUSE: Final = 3


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the address where it stands in the normalised text. ``whole``: with its suffix (小区, 村)."""

    start: int
    end: int
    level: Level
    whole: bool
    size: int = field(default=0)


class RecordHome:
    """Finds the address of the record."""

    name: Final = "known.home"

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield the places of the address and of its telling parts; nothing without a record."""
        record = reading.record
        if record is None or not record.addresses:
            return
        addresses = [parse(text) for text in record.addresses]
        text = reading.text.text
        found = [span for chain in _chains(text, _pieces(reading.squeezed, addresses)) if (span := _judge(text, chain))]
        yield from found
        starts = [span.start for span in found]
        for house in _houses(text, addresses):
            before = bisect_right(starts, house.start)  # chains stand in order and do not overlap
            if not (before and found[before - 1].end > house.start) and (
                before == len(found) or house.end <= starts[before]
            ):
                yield house


def _pieces(squeezed: Squeezed, addresses: Iterable[Address]) -> list[_Piece]:
    forms: dict[str, tuple[Level, bool]] = {}
    for address in addresses:
        for form, level, whole in address.forms():
            forms.setdefault(form, (level, whole))
    found: list[_Piece] = []
    for form, start, end in leftmost_longest(squeezed.text, forms):
        if squeezed.widest_gap(start, end) <= _WIDEST_GAP:
            found.append(_Piece(*squeezed.back(start, end), *forms[form], end - start))
    return found


def _chains(text: str, pieces: Iterable[_Piece]) -> Iterator[tuple[list[_Piece], int, bool]]:
    """Yield pieces that follow each other, with where the address ends and whether it has numbers of a house."""
    chain: list[_Piece] = []
    end = 0
    house = False
    for piece in pieces:
        if chain and (piece.level < chain[-1].level or not _BETWEEN.fullmatch(text, end, piece.start)):
            yield chain, end, house
            chain = []
        if not chain:
            house = False
        chain.append(piece)
        end = piece.end
        if piece.level >= Level.TOWN and (tail := TAIL.match(text, end)):
            end = tail.end()
            house = True
    if chain:
        yield chain, end, house


def _judge(text: str, found: tuple[list[_Piece], int, bool]) -> Span | None:
    """Return the span of a chain that tells more than a town, or of any chain that is said to be a home."""
    chain, end, house = found
    start = chain[0].start
    cue = bool(_CUE.search(text, max(0, start - _CUE_WINDOW), start))
    narrow = [piece for piece in chain if piece.level >= Level.ROAD]
    if not house and _OF_A_SCHOOL.match(text, end):
        return None
    if house:
        counts = bool(narrow) or len(chain) > 1 or cue
    elif any(piece.whole and piece.level >= Level.VILLAGE for piece in narrow):
        counts = True
    else:
        town = any(piece.level is Level.TOWN and piece.whole for piece in chain)
        counts = cue or (len(chain) > 1 and (bool(narrow) or town))
    if not counts:
        return None
    while end > start and text[end - 1] in " ,，、-—\n\t":
        end -= 1
    return Span(start, end, TextType.ADDRESS, Source.RECORD, 1.0 if len(chain) > 1 else 0.9, "record.address")


def _houses(text: str, addresses: Iterable[Address]) -> Iterator[Span]:
    """Yield the numbers of the house without its street, when they are the record's: 3号楼2单元501室, 3-2-501."""
    houses = [address.house for address in addresses if len(address.house) >= _LEAST_HOUSE]
    if not houses:
        return
    for tail in TAIL.finditer(text):
        written = numbers(tail[0])
        if len(written) < _LEAST_HOUSE:
            continue
        units = len(written) >= _WHOLE_HOUSE or any(unit in tail[0] for unit in ("单元", "楼", "栋", "室"))
        if units and any(house[-len(written) :] == written for house in houses):
            start, end = tail.span()
            while text[start].isspace():
                start += 1
            while text[end - 1] in " ,，-—\n\t":
                end -= 1
            yield Span(start, end, TextType.ADDRESS, Source.RECORD, 0.8, "record.address.house")
