"""One answer where detectors overlap: which span stands, and what of the others must stay hidden.

Pure: spans of one normalised text in, spans that do not overlap out, sorted. The order of the rules:

0. Blanks at the ends of a span are no part of it, of a name nothing but letters is.
1. Overlapping spans of one type are one span, but for persons: two readings of one number or address hide both.
2. A known given name, or a name of two characters of the roll, gives way to the longer name it is a part of.
3. A school beats an address that leads up to it, and takes over the divisions before it; an address that goes on
   behind a school's name (第一小学家属院3号楼) beats the school.
4. A person inside an address or a school goes, unless the record knows the name.
5. Certain spans (record, identifiers, roll) beat places, places beat name rules, these beat the model; of equals the
   longer wins, then the order of types and sources.
6. What sticks out of the winner stays hidden when the loser was certain, or when it is more than a border could be.
7. Whatever became of a certain span by these rules, nothing that it covered is left open.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.anonymize.text.spans import Source, Span, TextType

_TIERS: Final[Mapping[Source, int]] = MappingProxyType(
    {
        Source.RECORD: 3,
        Source.IDENTIFIER: 3,
        Source.ROSTER: 3,
        Source.PLACE: 2,
        Source.NAME_RULE: 1,
        Source.MODEL: 0,
    }
)
_SOURCES: Final = tuple(Source)
_TYPES: Final = (
    TextType.EMAIL,
    TextType.STUDENT_NO,
    TextType.CN_ID,
    TextType.BANK_CARD,
    TextType.PHONE,
    TextType.PERMIT,
    TextType.PASSPORT,
    TextType.PLATE,
    TextType.WECHAT,
    TextType.QQ,
    TextType.BIRTH_DATE,
    TextType.SCHOOL,
    TextType.ADDRESS,
    TextType.PERSON,
)
_PLACES: Final = frozenset((TextType.ADDRESS, TextType.SCHOOL))
_DIVISION_ENDS: Final = frozenset("省市县区旗州盟乡镇")
_HOUSE: Final = frozenset("路街巷道号村组栋楼室")
_FREE: Final = b"\x00"
_TAKEN: Final = b"\x01"
_DOTS: Final = frozenset("·•・‧∙⋅.")
_FULL: Final = ".full"
"""How the rules end by which a whole name of the record is found (``known.people``)."""
_SHORT_NAME: Final = 2
_LONGEST_NAME: Final = 4
_LEAST_REST: Final = 2
"""Of a doubtful span one character that sticks out is a border set wrongly; two may be a name."""


def certain(span: Span) -> bool:
    """Return whether a span is known rather than guessed: the record's, an identifier, a name of the roll."""
    return _TIERS[span.source] == _TIERS[Source.RECORD]


def resolve(spans: Iterable[Span], text: str, hidden: Sequence[tuple[int, int]] = ()) -> tuple[Span, ...]:
    """Return spans of ``text`` that do not overlap, sorted by their place.

    ``hidden`` is where placeholders stand already, sorted: nothing in there is found. Every other letter, digit or
    ideograph that a certain span covers is covered in the result. Touching pieces of an address become one; nothing
    else is joined that did not overlap.
    """
    trimmed = [one for span in spans if (one := _trimmed(span, text)) is not None]
    found = _schools(_whole_names(_one_of_each(trimmed), text), text)
    places = sorted((span for span in found if span.type in _PLACES), key=lambda span: span.start)
    ordered = sorted((span for span in found if not _inside_a_place(span, places)), key=_key)
    # a place that took over a certain span may itself have to give way, to a third one
    ordered += sorted({span for span in trimmed if certain(span)}, key=_key)
    return tuple(_joined(_greedy(ordered, text, hidden)))


def _trimmed(span: Span, text: str) -> Span | None:
    """Return a span without blanks at its ends, a name without anything but letters and stars; ``None`` for nothing."""
    start, end = span.start, min(span.end, len(text))
    outside = _no_name if span.type is TextType.PERSON else str.isspace
    while start < end and outside(text[start]):
        start += 1
    while start < end and outside(text[end - 1]):
        end -= 1
    if start == end:
        return None
    return span if (start, end) == (span.start, span.end) else replace(span, start=start, end=end)


def _no_name(character: str) -> bool:
    return not character.isalnum() and character != "*"


def _one_of_each(spans: Iterable[Span]) -> list[Span]:
    """Return persons as they are without repetition, and of all other types the unions of what overlaps."""
    by_type: dict[TextType, list[Span]] = {}
    for span in spans:
        by_type.setdefault(span.type, []).append(span)
    found: list[Span] = []
    for kind, group in by_type.items():
        if kind is TextType.PERSON:
            best: dict[tuple[int, int], Span] = {}
            for span in group:
                other = best.get((span.start, span.end))
                best[span.start, span.end] = span if other is None else _better(other, span)
            found += best.values()
            continue
        group.sort(key=lambda span: (span.start, -span.end, _key(span)))
        for span in group:
            if found and found[-1].type is kind and span.start < found[-1].end:
                found.append(_union(found.pop(), span))
            else:
                found.append(span)
    return found


def _union(one: Span, other: Span) -> Span:
    """Return both as one; of a known place and a guess that begins one character earlier, the known one."""
    best = _better(one, other)
    start, end = min(one.start, other.start), max(one.end, other.end)
    guess = certain(best) and not (certain(one) and certain(other))
    if best.type in _PLACES and guess and end == best.end and best.start - start <= 1:
        return best
    return replace(best, start=start, end=end)


def _better(one: Span, other: Span) -> Span:
    return min(one, other, key=_key)


def _key(span: Span) -> tuple[int, int, int, int, float, int, str]:
    """Return what spans are taken by: the smallest first. Total, so that the order of detectors does not matter."""
    return (
        -_TIERS[span.source],
        span.start - span.end,
        _TYPES.index(span.type),
        _SOURCES.index(span.source),
        -span.score,
        span.start,
        span.rule,
    )


def _whole_names(spans: list[Span], text: str) -> list[Span]:
    """Return the spans without certain names that are parts of a longer name; that one is certain from then on.

    The pupil is 王小明 and goes by 小明; but in 李小明 it is somebody else, whose name is all three characters.
    """
    parts = [span for span in spans if span.type is TextType.PERSON and certain(span)]
    if not parts:
        return spans
    parts.sort(key=lambda span: span.start)
    starts = [part.start for part in parts]
    replaced: dict[Span, Span] = {}
    for whole in spans:
        if whole.type is not TextType.PERSON or certain(whole):
            continue
        for part in parts[bisect_left(starts, whole.start) : bisect_left(starts, whole.end)]:
            if _is_part(part, whole, text):
                replaced[part] = replaced[whole] = replace(whole, source=part.source)
    return list(dict.fromkeys(replaced.get(span, span) for span in spans)) if replaced else spans


def _is_part(part: Span, whole: Span, text: str) -> bool:
    length = part.end - part.start
    if part.end > whole.end or length >= whole.end - whole.start or part.rule.endswith(_FULL):
        return False
    if not _DOTS.isdisjoint(text[whole.start : whole.end]) and _DOTS.isdisjoint(text[part.start : part.end]):
        return True
    if whole.end - whole.start > _LONGEST_NAME or length != _SHORT_NAME:
        return False
    return part.end == whole.end or part.source is Source.ROSTER


def _schools(spans: list[Span], text: str) -> list[Span]:
    """Return the spans with each school and address that overlap made one or cut at their border."""
    schools = sorted((span for span in spans if span.type is TextType.SCHOOL), key=lambda span: span.start)
    if not schools:
        return spans
    starts = [school.start for school in schools]
    ends = [school.end for school in schools]
    gone: set[int] = set()
    found = [span for span in spans if span.type not in _PLACES]
    for address in (span for span in spans if span.type is TextType.ADDRESS):
        first, last = bisect_right(ends, address.start), bisect_left(starts, address.end)
        rest: Span | None = address
        for number in range(first, last):
            if number in gone or rest is None:
                continue
            school = schools[number]
            if school.end < rest.end and school.start >= rest.start:
                gone.add(number)
            elif school.start <= rest.start and rest.end <= school.end:
                rest = None
            elif rest.start < school.start:
                if _leads_up(text[rest.start : school.start]):
                    schools[number] = replace(school, start=rest.start)
                    rest = None
                else:
                    rest = replace(rest, end=school.start)
            else:
                rest = replace(rest, start=school.end)
        if rest is not None:
            found.append(rest)
    return found + [school for number, school in enumerate(schools) if number not in gone]


def _leads_up(before: str) -> bool:
    """Return whether what stands before a school is the divisions it lies in, and no street."""
    return before[-1] in _DIVISION_ENDS and not _HOUSE.intersection(before)


def _inside_a_place(span: Span, places: Sequence[Span]) -> bool:
    if span.type is not TextType.PERSON or span.source is Source.RECORD:
        return False
    before = bisect_right(places, span.start, key=lambda place: place.start) - 1
    return before >= 0 and span.end <= places[before].end


def _greedy(spans: list[Span], text: str, hidden: Sequence[tuple[int, int]]) -> list[Span]:
    """Return the winners and what must stay hidden of the losers, sorted; of ``spans`` the first ones win."""
    covered = bytearray(len(text))  # a byte for each character: linear, however many spans there are
    for start, end in hidden:
        covered[start:end] = _TAKEN * (end - start)
    taken: list[Span] = []
    for span in spans:
        for start, end in _free(span, covered):
            whole = end - start == span.end - span.start
            if whole or _worth(text[start:end], known=certain(span)):
                covered[start:end] = _TAKEN * (end - start)
                taken.append(span if whole else replace(span, start=start, end=end))
    taken.sort(key=lambda one: one.start)
    return taken


def _free(span: Span, covered: bytearray) -> list[tuple[int, int]]:
    """Return the parts of ``span`` that nothing covers yet."""
    pieces = []
    at = covered.find(_FREE, span.start, span.end)
    while at >= 0:
        end = covered.find(_TAKEN, at, span.end)
        end = span.end if end < 0 else end
        pieces.append((at, end))
        at = covered.find(_FREE, end, span.end)
    return pieces


def _worth(piece: str, *, known: bool) -> bool:
    """Return whether a piece that sticks out tells something."""
    return sum(character.isalnum() for character in piece) >= (1 if known else _LEAST_REST)


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Yield the spans; pieces of an address that touch are one address."""
    last: Span | None = None
    for span in spans:
        if last is None:
            last = span
        elif span.type is last.type is TextType.ADDRESS and span.start == last.end:
            last = replace(_better(last, span), start=last.start, end=span.end)
        else:
            yield last
            last = span
    if last is not None:
        yield last
