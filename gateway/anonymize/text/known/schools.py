"""The school of the record, by its registered name and the short names it goes by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.anonymize.text.known.evidence import PLACE_TAGS, Evidence
from gateway.anonymize.text.known.school_names import GENERIC, School, parse
from gateway.anonymize.text.known.search import leftmost_longest
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType

_WIDEST_GAP: Final = 2
_SHORT: Final = 3
_LONG: Final = 5
_RATHER_SURE: Final = 0.5
_LEVELS: Final = "省市县区"
_BRANCH: Final = re.compile(
    r"\s?(?:[(（][\u3400-\u9fff]{1,5}(?:校区|分校|校|部)[)）]|[\u3400-\u9fff]{1,4}?(?:校区|分校)|[东西南北]校(?!园|门))"
)
_REST: Final = re.compile(r"(?:学校|校)(?![长园舍区内外门车服医史庆徽方])")
_BEFORE_NO_SCHOOL: Final = frozenset("其之第万初高年级百十九八七六五四三二一上下每同当本那集0123456789")
_AFTER_NO_SCHOOL: Final = re.compile(r"全会|国|午|间|心|等|旬|期|考|组|队|班|年|个|的?时候|型|于|途|止|学生时代|学期")


class RecordSchool:
    """Finds the school of the record."""

    name: Final = "known.school"

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield the places of the school's names; nothing without a record."""
        record = reading.record
        if record is None or not record.schools:
            return
        schools = [parse(text) for text in record.schools]
        forms = {core: school for school in reversed(schools) for core in school.cores}
        text = reading.text.text
        squeezed = reading.squeezed
        evidence = Evidence(reading)
        for core, begin, last in leftmost_longest(squeezed.text, forms):
            first, leads = _with_divisions(squeezed.text, begin, forms[core])
            if (core in GENERIC and not leads) or squeezed.widest_gap(first, last) > _WIDEST_GAP:
                continue
            start, end = squeezed.back(first, last)
            if last - first >= _LONG or _counts(text, start, end, last - first, evidence):
                score = 1.0 if last - first >= _LONG else 0.9
                yield Span(start, _end(text, end), TextType.SCHOOL, Source.RECORD, score, "record.school")


def _with_divisions(text: str, first: int, school: School) -> tuple[int, bool]:
    """Return where the name begins with its divisions, and whether the last of these stands right before the core."""
    start = first
    leads = False
    for whole, short in reversed(school.divisions):
        for form in (whole, short):
            if text.endswith(form, 0, start):
                leads = leads or (start == first and (whole, short) == school.divisions[-1])
                start -= len(form)
                break
    if start == first and first and text[first - 1] in _LEVELS and _has_level(school.divisions, text[first - 1]):
        start -= 1  # 县一中
    return start, leads


def _has_level(divisions: Sequence[tuple[str, str]], level: str) -> bool:
    return any(whole.endswith(level) for whole, _ in divisions)


def _end(text: str, end: int) -> int:
    """Return where the name ends, with its branch: 太原五中东校区."""
    if text[end - 1] not in "校园" and (rest := _REST.match(text, end)):
        end = rest.end()
    branch = _BRANCH.match(text, end)
    return branch.end() if branch else end


def _counts(text: str, start: int, end: int, size: int, evidence: Evidence) -> bool:
    """Return whether a short name counts where it stands: as a word of its own (not 五中全会)."""
    if start and text[start - 1] in _BEFORE_NO_SCHOOL:
        return False
    if _AFTER_NO_SCHOOL.match(text, end):
        return False
    if size > _SHORT or not evidence.torn(start, end, unless_below=_RATHER_SURE):
        return True
    return all(word.tag in PLACE_TAGS for word in evidence.words(start, end) if word.start < start or word.end > end)
