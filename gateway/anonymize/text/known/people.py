"""The people of the record: the pupil and the family, in every written form of their names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Final

from gateway.anonymize.text.known.evidence import NAME_TAGS, Evidence
from gateway.anonymize.text.known.forms import Form, Name, latin, names, written
from gateway.anonymize.text.known.search import occurrences
from gateway.anonymize.text.known.surroundings import likely_surnames, ordinary_words, surnames
from gateway.anonymize.text.known.typos import LEAST, Near, Slip, near, sounding
from gateway.anonymize.text.reading import Reading, Word
from gateway.anonymize.text.spans import Source, Span, TextType
from gateway.anonymize.text.squeezed import IGNORED_BUT_STARS, Squeezed, fold, is_han

_SCORES: Final = {
    Form.FULL: 1.0, Form.LATIN: 0.95, Form.PART: 0.9, Form.GIVEN: 0.9, Form.PET: 0.8, Form.TYPO: 0.8,
    Form.INITIALS: 0.7,
}  # fmt: skip
_ORDER: Final = {form: order for order, form in enumerate(Form)}
_WIDEST_GAP: Final = 4
_SHORT: Final = 2
_LONG: Final = 4
_SURE_NAME: Final = 0.8
_RATHER_SURE: Final = 0.65
"""A word of which the model is less sure may be cut by a name that the record knows."""
_ALIKE: Final = frozenset((Slip.SOUND, Slip.HIDDEN, Slip.DOUBLED, Slip.SWAPPED))
_UNSPECIFIC: Final = frozenset((Slip.FIRST, Slip.MIDDLE, Slip.LAST, Slip.EXTRA))
_NEVER_IN_NAMES: Final = frozenset(
    "时系家来谈常先再又曾正记的了着过是在先等说被把与给们这那我你他她它很就都也还没不吗呢吧啊之其或但及从"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A place that reads like a form of a name. Offsets are those of the normalised text."""

    start: int
    end: int
    form: Form
    size: int
    slip: Slip | None = None
    own: bool = True
    """Whether it is the pupil, who goes by the given name alone; family members do only beside their kinship."""
    wrong: int = 0
    """Where the slip is."""
    surname: bool = False
    """Whether the name is one with a surname."""
    whole: bool = False
    """Whether the place has as many characters as the whole name."""
    dotted: bool = False
    """Whether the name is registered with its parts: then it is whole as it stands."""

    @property
    def marked(self) -> bool:
        """Return whether there is a mark or space inside, as one writes in names only."""
        return self.end - self.start > self.size


class RecordPeople:
    """Finds the people of the record."""

    name: Final = "known.people"

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield the places of their names; nothing without a record."""
        record = reading.record
        if record is None or not (record.students or record.guardians):
            return
        people = [(name, True) for text in record.students for name in names(text)]
        people += [(name, False) for text in record.guardians for name in names(text)]
        evidence = Evidence(reading)
        counted = (placed for found in _places(reading, people) if (placed := _judge(found, evidence)))
        yield from _longest(counted)


def _places(reading: Reading, people: Iterable[tuple[Name, bool]]) -> Iterator[_Found]:
    """Yield all places that read like a form of a name, whatever speaks against them."""
    squeezed, source = reading.squeezed, reading.text.text
    starred = Squeezed.of(source, ignored=IGNORED_BUT_STARS) if "*" in source else None
    text = squeezed.text
    characters = set(text)
    letters = not characters.isdisjoint(ascii_lowercase)
    forms: dict[str, tuple[Form, bool, Name]] = {}
    for name, own in people:
        for form, kind in written(name).items():
            if form[0] in characters:
                _note(forms, form, kind, own, name)
        for form, kind in latin(name).items() if letters else ():
            _note(forms, form, kind, own, name)
        yield from _slips(squeezed, characters, name, own)
        if starred is not None:
            yield from (found for found in _slips(starred, {*characters, "*"}, name, own) if found.slip is Slip.HIDDEN)
    for form, start, end in occurrences(text, forms):
        kind, own, name = forms[form]
        if squeezed.widest_gap(start, end) <= _WIDEST_GAP:
            yield _found(squeezed, (start, end), kind, own, name)


def _note(forms: dict[str, tuple[Form, bool, Name]], form: str, kind: Form, own: bool, name: Name) -> None:
    other = forms.get(form)
    if other is None or (not own, _ORDER[kind]) < (not other[1], _ORDER[other[0]]):
        forms[form] = (kind, own, name)


def _slips(squeezed: Squeezed, characters: set[str], name: Name, own: bool) -> Iterator[_Found]:
    found: list[Near] = list(near(squeezed.text, name.full, characters))
    if name.surname:
        found += sounding(squeezed.text, name.full, characters)
        if own and len(name.given) >= _SHORT:
            found += sounding(squeezed.text, name.given, characters)
    for start, end, slip, wrong in found:
        if squeezed.widest_gap(start, end) <= _WIDEST_GAP:
            yield _found(squeezed, (start, end), Form.TYPO, own, name, slip=slip, wrong=squeezed.places[wrong])


def _found(
    squeezed: Squeezed,
    place: tuple[int, int],
    form: Form,
    own: bool,
    name: Name,
    *,
    slip: Slip | None = None,
    wrong: int = 0,
) -> _Found:
    start, end = squeezed.back(*place)
    size = place[1] - place[0]
    return _Found(
        start, end, form, size, slip, own, wrong, bool(name.surname), size == len(name.full), len(name.parts) > 1
    )


def _judge(found: _Found, evidence: Evidence) -> Span | None:
    """Return the span of a place that counts, widened to the longer name that it is a part of."""
    start, end = found.start, found.end
    if not is_han(evidence.text[start]):
        return _span(found, start, end) if _latin_counts(found, evidence) else None
    if found.form is Form.FULL and found.size >= LEAST:
        return _span(found, *_dotted(found, evidence))
    word = evidence.inside(start, end)
    if word and (wider := _wider(found, word, evidence)):
        return _span(found, *wider)
    if found.form is Form.PART:
        counts = found.size >= _LONG or not evidence.torn(start, end)
        return _span(found, *_dotted(found, evidence)) if counts else None
    counts = _typo_counts(found, evidence) if found.slip else _short_counts(found, evidence)
    return _span(found, start, end) if counts else None


def _wider(found: _Found, word: Word, evidence: Evidence) -> tuple[int, int] | None:
    """Return the model's word around a place, when it is rather that name: 李小明 is not the pupil 王小明."""
    size = word.end - word.start
    if size > _LONG or found.size >= LEAST or found.form in {Form.PART, Form.PET}:
        return None
    if word.end == found.end and word.start == found.start - 1 and not found.whole:
        first = evidence.text[word.start]
        if first in likely_surnames() or (first in surnames() and word.confidence >= _SURE_NAME):
            return word.start, word.end
    named = word.tag in NAME_TAGS and word.confidence >= _SURE_NAME and not evidence.role_after(found.end)
    return (word.start, word.end) if named and found.form is Form.FULL and word.start == found.start else None


def _dotted(found: _Found, evidence: Evidence) -> tuple[int, int]:
    """Return a place, with the rest of a name with dots that the model sees around it."""
    start, end = found.start, found.end
    if found.surname or (found.dotted and found.form is not Form.PART):
        return start, end
    text = evidence.text
    if "·" in text[end : end + 1] + text[max(0, start - 1) : start]:
        words = evidence.words(max(0, start - 1), min(end + 2, len(text)))
        if words and all(word.tag in NAME_TAGS or text[word.start : word.end] == "·" for word in words):
            return min(start, words[0].start), max(end, words[-1].end)
    return start, end


def _short_counts(found: _Found, evidence: Evidence) -> bool:
    """Return whether an exact full name of two characters, a given name or a pet name counts where it stands."""
    start, end = found.start, found.end
    if found.form is Form.FULL and found.marked:
        return True
    if evidence.torn(start, end, unless_below=_RATHER_SURE):
        return False
    if evidence.named(start, end) or evidence.role(start, end):
        return True
    # in a text about 高山, 高山 is hidden wherever nothing says that it is a mountain
    if found.form is Form.FULL and not evidence.a_place(start, end) and not evidence.used_as_word(start, end):
        return True
    if not found.own and found.form is not Form.FULL:
        return False
    word = fold(evidence.text[start:end]) in ordinary_words() or evidence.little_words(start, end)
    return (
        not word
        or evidence.acts(end, surely=True)
        or (not evidence.used_as_word(start, end) and evidence.person_like(start, end))
    )


def _typo_counts(found: _Found, evidence: Evidence) -> bool:
    """Return whether a name with a slip counts: the less the slip tells, the more the words around must say."""
    start, end, slip = found.start, found.end, found.slip
    if _impossible(found, evidence):
        return False
    alike = slip in _ALIKE and found.size >= LEAST
    believed = 0.0 if slip in _UNSPECIFIC else _SURE_NAME if alike else _RATHER_SURE
    if evidence.torn(start, end, unless_below=believed):
        return False
    if slip is Slip.HIDDEN or (evidence.one_name(start, end) and slip is not Slip.FIRST):
        return True
    if evidence.little_word(found.wrong):
        return False
    if found.size < LEAST and slip is not Slip.MISSING:
        return _sounds_short(found, evidence)
    likely = evidence.named(start, end) or evidence.role(start, end)
    if slip is Slip.FIRST:
        likely = likely and evidence.text[found.wrong] in likely_surnames()
    elif not likely and not evidence.word_like(start, end):
        likely = alike or evidence.person_like(start, end)
    return likely


def _impossible(found: _Found, evidence: Evidence) -> bool:
    """Return whether a slip is none: a star read as nothing, a word like 的 or 说 taken for a character of a name."""
    if found.slip is Slip.HIDDEN:
        return False
    if "*" in evidence.text[found.start : found.end]:
        return True
    never = found.slip in _UNSPECIFIC and evidence.text[found.wrong] in _NEVER_IN_NAMES
    return never or (found.slip is Slip.LAST and evidence.begins_other_word(found.wrong))


def _sounds_short(found: _Found, evidence: Evidence) -> bool:
    """Return whether two characters that sound like a name of two, or like a given name, count where they stand."""
    start, end = found.start, found.end
    if evidence.role(start, end):
        return True
    likely = evidence.named(start, end) or evidence.acts(end, surely=True)
    if not likely and not evidence.word_like(start, end):
        likely = evidence.acts(end) or (found.whole and evidence.person_like(start, end))
    return likely and not evidence.used_as_word(start, end)


def _latin_counts(found: _Found, evidence: Evidence) -> bool:
    start, end = found.start, found.end
    if not evidence.letters_end(start, end):
        return False
    if found.form is Form.INITIALS:
        return evidence.text[start:end].isupper() and evidence.role(start, end)
    return found.form is not Form.GIVEN or found.own


def _span(found: _Found, start: int, end: int) -> Span:
    why = f"{found.form.value}.{found.slip.value}" if found.slip else found.form.value
    who = "pupil" if found.own else "family"
    return Span(start, end, TextType.PERSON, Source.RECORD, _SCORES[found.form], f"record.{who}.{why}")


def _longest(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans without those that a better or longer one overlaps."""
    kept: list[Span] = []
    starts: list[int] = []
    for span in sorted(spans, key=lambda span: (-_rank(span), span.start - span.end, -span.score, span.start)):
        at = bisect_right(starts, span.start)
        before = kept[at - 1].end if at else 0
        if before <= span.start and (at == len(starts) or span.end <= starts[at]):
            kept.insert(at, span)
            starts.insert(at, span.start)
    yield from kept


def _rank(span: Span) -> int:
    return int(span.score == _SCORES[Form.FULL] and span.end - span.start >= LEAST)
