"""Display masks (design 6.1): total, idempotent, of a length that tells nothing about the value.

Shown at most: the surname, the first four digits of a resident identity number, the first three of a phone
number, an address down to the county, nothing of a student number, e-mail address, bank card, date or free text. What
a rule does not recognise shows less. ``ColumnMasks`` gives the same results for cells, whole columns and spans of a
text; it implements ``core_registry.sharing.Masker``. Which item of Annex 1 has which mask stands in
``config/fields.toml``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.arrays import column
from gateway.anonymize.plain_texts import FIRST_HAN, LAST_HAN, Words, plain_names, plain_numbers
from gateway.anonymize.withholding import WITHHELD
from gateway.articles import keeps
from gateway.errors import ParameterError

if TYPE_CHECKING:
    from rulebook.records import Divisions

MaskKind = Literal["name", "id_number", "phone", "student_number", "address", "email", "bank_card", "date", "text"]

NAME_STARS = "**"
ID_STARS = "*" * 14
PHONE_STARS = "*" * 8
ADDRESS_STARS = "***"
STUDENT_NUMBER_MASK = "*" * 19
HIDDEN_ID = "*" * 18
HIDDEN_PHONE = "*" * 11
EMAIL_MASK = "***@***"
BANK_CARD_MASK = "*" * 16
DATE_MASK = "****-**-**"
TEXT_MASK = WITHHELD

COMPOUND_SURNAMES = frozenset(
    (
        "欧阳 司马 上官 诸葛 夏侯 东方 皇甫 尉迟 公羊 澹台 公冶 宗政 濮阳 淳于 太叔 申屠 公孙 仲孙 轩辕 令狐 "
        "钟离 宇文 长孙 慕容 鲜于 闾丘 司徒 司空 亓官 司寇 子车 颛孙 端木 巫马 公西 漆雕 壤驷 公良 拓跋 夹谷 "
        "宰父 百里 东郭 南门 呼延 羊舌 微生 东门 西门 南宫 第五 独孤 纳兰 完颜 赫连 贺兰 万俟 闻人 达奚 哥舒 "
        "屈突 叱干 宿勤 "
    ).split()
)
"""Surnames of two characters. Pairs that are more often a surname and a given name (乐正, 梁丘, 谷梁, 单于) are left
out on purpose: they then show one character, which is less."""

_COMPOUND_NAME_LENGTH = 3
_SEPARATORS = frozenset("·•・‧∙⋅．.")
_RESIDENT_ID = re.compile(r"[0-9]{17}[0-9Xx]|[0-9]{15}")
_MASKED_ID = re.compile(r"[0-9]{4}\*{14}")
_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_LANDLINE = re.compile(r"0[1-9][0-9]{8,10}")
_MASKED_PHONE = re.compile(r"[0-9]{3}\*{8}")
_PLAIN_ADDRESS = "^[!-~一-鿿]*$"
"""Characters that NFKC and the taking away of spaces leave as they are."""
_CODE = 6
_DIVISION = re.compile(r"[0-9]{6}")
_PAPERS = "^[0-9A-Za-z]+$"
"""Numbers of other documents, where they are no identity number: nothing of them is shown."""
_ALPHANUMERIC = re.compile("[0-9A-Za-z]")
_SAMPLE = 1_000
_REGION = 2
"""Characters of a name by which those that cannot stand in a column are left out."""
_PHONE_PUNCTUATION = str.maketrans("", "", "-()")

MASK_SHAPES: Mapping[str, str] = {
    "name": rf"^(?:\p{{L}}|{'|'.join(sorted(COMPOUND_SURNAMES))})?\*\*$",
    "id_number": r"^(?:[0-9]{4}\*{14}|\*{18})$",
    "phone": r"^(?:[0-9]{3}\*{8}|\*{11})$",
    "student_number": r"^\*{19}$",
    "address": r"^\p{Han}{0,40}\*\*\*$",
    "email": r"^\*\*\*@\*\*\*$",
    "bank_card": r"^\*{16}$",
    "date": r"^\*{4}-\*\*-\*\*$",
    "text": f"^{TEXT_MASK}$",
}
"""The shape of each mask's output as a pattern of Rust's regular expressions, for the leak scan."""


def mask_name(value: str) -> str:
    """Return the surname and ``**``: ``王**``, ``欧阳**``.

    A name with a separator (买买提·艾力) shows its first character only, since what stands first is the given
    name. A compound surname counts from three characters on. Anything that does not begin with a letter gives
    ``**``. Source: A50-8; design 6.1.
    """
    name = _plain(value)
    if not name or not name[0].isalpha():
        return NAME_STARS
    if len(name) >= _COMPOUND_NAME_LENGTH and name[:2] in COMPOUND_SURNAMES and not _SEPARATORS.intersection(name):
        return name[:2] + NAME_STARS
    return name[0] + NAME_STARS


def mask_id_number(value: str) -> str:
    """Return the first four digits and fourteen ``*``; eighteen ``*`` for what is no resident identity number.

    Passports and permits have no public first digits, so nothing of them is shown. Source: A50-8; design 6.1.
    """
    number = _plain(value)
    if _RESIDENT_ID.fullmatch(number) or _MASKED_ID.fullmatch(number):
        return number[:4] + ID_STARS
    return HIDDEN_ID


def mask_phone(value: str) -> str:
    """Return the first three digits and eight ``*``; eleven ``*`` for what is no phone number of the mainland."""
    number = _plain(value).translate(_PHONE_PUNCTUATION)
    mobile = _MOBILE.fullmatch(number)
    if mobile:
        return mobile.group(1)[:3] + PHONE_STARS
    if _LANDLINE.fullmatch(number) or _MASKED_PHONE.fullmatch(number):
        return number[:3] + PHONE_STARS
    return HIDDEN_PHONE


def mask_student_number(value: str) -> str:  # noqa: ARG001  nothing of the value may be shown
    """Return nineteen ``*`` whatever the value: a student number contains the identity number (design 4)."""
    return STUDENT_NUMBER_MASK


def mask_nothing_shown(mask: str) -> Callable[[str], str]:
    """Return the mask that gives ``mask`` whatever the value."""
    return lambda value: mask  # noqa: ARG005  nothing of the value may be shown


class AddressMask:
    """The mask of addresses over the divisions of ``full_names``: six-digit code -> name from the province down."""

    def __init__(self, full_names: Mapping[str, str]) -> None:
        self._by_code = dict(full_names)
        self._by_start = {name: name for name in full_names.values()}
        provinces = {code[:2]: name for code, name in full_names.items() if code.endswith("0000")}
        short: dict[str, set[str]] = {}
        for code, name in full_names.items():
            province = provinces.get(code[:2], "")
            if province and name != province and name.startswith(province):
                short.setdefault(name.removeprefix(province), set()).add(name)
        # of what begins below the province, a city's name must stand first: names of counties alone are ambiguous
        cities = {name.removeprefix(provinces.get(code[:2], "")) for code, name in full_names.items() if _is_city(code)}
        lengths = sorted({len(city) for city in cities if city})
        for start, names in short.items():
            if len(names) == 1 and any(start[:length] in cities for length in lengths):
                self._by_start.setdefault(start, *names)
        self._starts = sorted(self._by_start, key=len, reverse=True)
        self._longest = max(map(len, self._by_start), default=0)

    def __call__(self, value: str) -> str:
        """Return ``山西省太原市小店区***`` for a division code or an address that begins with its name, else ``***``.

        What can come out are the names of the divisions and nothing else: street and house never pass. A masked
        address is returned as it is. Source: A50-8; design 6.1.
        """
        text = _plain(value)
        name = self._by_code.get(text)
        if name is None:
            ends = range(min(len(text), self._longest), 0, -1)
            name = next((self._by_start[text[:end]] for end in ends if text[:end] in self._by_start), "")
        return name + ADDRESS_STARS

    def codes(self) -> Fast | None:
        """Return the fast way for codes of divisions, known and unknown ones, and for other letters and digits.

        ``None`` where a code is not six digits, or a name begins with a letter or digit that is no Chinese one.
        """
        known = [*self._by_code]
        if not all(map(_DIVISION.fullmatch, known)) or any(map(_ALPHANUMERIC.match, self._starts)):
            return None
        shown = pl.Series(["", *self._by_code.values()]) + ADDRESS_STARS
        places = np.zeros(10**_CODE, dtype=np.uint32)
        places[[int(code) for code in known]] = np.arange(1, len(known) + 1)

        def fast(values: pl.Series) -> _Shown:
            found = plain_numbers(values, _CODE, _CODE)
            nameless = values.gather(column(found.odd)).str.contains(_PAPERS).fill_null(value=False)
            return _Shown(shown, places.take(found.starts), found.odd[~nameless.to_numpy()])

        return fast

    def column(self, values: pl.Series) -> pl.Series:
        """Return the masks of many texts at once: the same as one by one; nulls stay null."""
        text, head = pl.col("text"), pl.col("text").str.slice(0, self._longest + 1)
        frame = values.rename("text").to_frame()
        regions = frame.select(text.str.slice(0, _REGION).unique()).to_series().to_list()
        wanted = frozenset(region for region in regions if region)
        starts = [start for start in self._starts if start[:_REGION] in wanted]
        found = pl.lit(None, dtype=pl.String)
        if starts:
            names = [self._by_start[start] for start in starts]
            # of several that fit the longest stands first; to find a name, not to replace one
            found = text.str.extract(f"^({'|'.join(map(re.escape, starts))})").replace_strict(starts, names)
        if frame.select((text.str.len_chars() == _CODE).any()).item():
            codes, full = [*self._by_code], [*self._by_code.values()]
            found = pl.coalesce(text.replace_strict(codes, full, default=None, return_dtype=pl.String), found)
        quick = pl.when(text.is_not_null()).then(found.fill_null("") + ADDRESS_STARS)
        work = frame.select(quick.alias("masked"), (~head.str.contains(_PLAIN_ADDRESS)).alias("odd"))
        if not work["odd"].any():
            return work["masked"]
        odd = work["odd"].fill_null(value=False)
        slow = [self(value) for value in values.filter(odd).to_list()]
        return work["masked"].scatter(odd.arg_true(), pl.Series(slow, dtype=pl.String))


def _is_city(code: str) -> bool:
    return code.endswith("00") and not code.endswith("0000")


def mask_address(value: str, full_names: Mapping[str, str]) -> str:
    """Return ``AddressMask(full_names)(value)``, for a single address."""
    return AddressMask(full_names)(value)


def _plain(value: str) -> str:
    """Return ``value`` in NFKC without spaces, control and format characters."""
    text = unicodedata.normalize("NFKC", value)
    if text.isprintable():  # then there is no other white space, and no character of a class C
        return text.replace(" ", "")
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c)[0] != "C")


SCALARS: Mapping[MaskKind, Callable[[str], str]] = {
    "name": mask_name,
    "id_number": mask_id_number,
    "phone": mask_phone,
    "student_number": mask_student_number,
    "email": mask_nothing_shown(EMAIL_MASK),
    "bank_card": mask_nothing_shown(BANK_CARD_MASK),
    "date": mask_nothing_shown(DATE_MASK),
    "text": mask_nothing_shown(TEXT_MASK),
}
"""The masks of single values, but for addresses: these need the divisions (``AddressMask``)."""

_VALUE = pl.col("value")
_PHONE_START = (
    pl.when(_VALUE.str.contains("^(?:1[3-9]|0[1-9])")).then(_VALUE + PHONE_STARS).otherwise(pl.lit(HIDDEN_PHONE))
)
"""The mask of eleven digits by the first three: a mobile phone, a landline with its area code, or neither."""
_DOT = "·"
_ONE_CHARACTER = len(f"王{NAME_STARS}".encode())


def _constant(mask: str) -> tuple[pl.Expr, Quick]:
    shown = pl.when(_VALUE.is_not_null()).then(pl.lit(mask))
    return _VALUE.is_not_null(), lambda values: _told(values, shown)


def _start(length: int, stars: str) -> Quick:
    return lambda values: _by_prefix(values, length, lambda prefixes: prefixes + stars)


def _surnames(values: pl.Series) -> pl.Series:
    """Return plain names as masked: the first two characters tell what is shown, mostly."""
    compound = pl.Series(sorted(COMPOUND_SURNAMES)).implode()
    surname = pl.when(_VALUE.is_in(compound)).then(_VALUE).otherwise(_VALUE.str.slice(0, 1))
    masked = _by_prefix(values, 2, lambda prefixes: _told(prefixes, surname + NAME_STARS))
    two = masked.str.len_bytes() > _ONE_CHARACTER
    places = two.arg_true()
    names = values.gather(places)
    # compound only where more stands behind it, and where the first part is no given name
    wrong = ((names.str.len_chars() < _COMPOUND_NAME_LENGTH) | names.str.contains(_DOT, literal=True)).arg_true()
    if not wrong.len():
        return masked
    return masked.scatter(places.gather(wrong), names.gather(wrong).str.slice(0, 1) + NAME_STARS)


def _told(values: pl.Series, expression: pl.Expr) -> pl.Series:
    return values.rename("value").to_frame().select(expression).to_series()


def _by_prefix(values: pl.Series, length: int, told: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return what ``told`` makes of the first ``length`` characters, made once for each different beginning."""
    beginnings = pl.Categorical(pl.Categories.random())
    coded = values.str.slice(0, length).cast(beginnings)  # categories live as long as a column of them
    return told(beginnings.categories.to_series()).gather(coded.to_physical())


@dataclass(frozen=True, slots=True)
class _Shown:
    """Masks, and which of them the plain values of a column have."""

    masks: pl.Series
    codes: Words
    """Row by row; 0 in the odd ones."""
    odd: NDArray[np.int64]
    """Where the others stand, whose masks are still to be made."""

    def column(self, others: pl.Series | None) -> pl.Series:
        """Return the masks of all values; ``others`` are those of the odd ones."""
        if others is None:
            return self.masks.gather(column(self.codes))
        self.codes[self.odd] = self.masks.len() + np.arange(self.odd.size, dtype=np.uint32)
        return pl.concat([self.masks, others.rename(self.masks.name)], rechunk=True).gather(column(self.codes))


def _numbered(length: int, start: int, told: pl.Expr, *, checked: bool = False) -> Fast:
    """Return the fast way for numbers of ``length`` digits, whose first ``start`` tell all of the mask."""
    shown = _told(pl.Series(range(10**start)).cast(pl.String).str.zfill(start), told)

    def fast(values: pl.Series) -> _Shown:
        found = plain_numbers(values, length, start, checked=checked)
        return _Shown(shown, found.starts, found.odd)

    return fast


def _named() -> Fast:
    """Return the fast way for names of Chinese characters alone."""
    compound = sorted(COMPOUND_SURNAMES)
    many = LAST_HAN + 1 - FIRST_HAN
    shown = pl.Series([*map(chr, range(FIRST_HAN, LAST_HAN + 1)), *compound]) + NAME_STARS
    # for the two characters of each compound surname a small number, 0 for all others; of both the place of the mask
    places: list[NDArray[np.uint8]] = []
    for turn in (0, 1):
        place = np.zeros(many, dtype=np.uint8)
        characters = sorted({ord(two[turn]) - FIRST_HAN for two in compound})
        place[characters] = np.arange(1, len(characters) + 1)
        places.append(place)
    firsts, seconds = places
    width = int(seconds.max()) + 1
    both = np.zeros((int(firsts.max()) + 1) * width, dtype=np.uint32)
    for number, two in enumerate(compound):
        first, second = (int(place[ord(two[turn]) - FIRST_HAN]) for turn, place in enumerate(places))
        both[first * width + second] = many + number

    def fast(values: pl.Series) -> _Shown:
        found = plain_names(values)
        codes = found.first
        perhaps = np.flatnonzero(firsts.take(codes))
        perhaps = perhaps[found.longer(_COMPOUND_NAME_LENGTH - 1, perhaps)]
        begun = firsts.take(codes[perhaps]).astype(np.intp)
        hit = both.take(begun * width + seconds.take(found.second(perhaps)))
        codes[perhaps] = np.where(hit, hit, codes[perhaps])
        return _Shown(shown, codes, found.odd)

    return fast


Quick = Callable[[pl.Series], pl.Series]
Fast = Callable[[pl.Series], _Shown]
# For each kind with a common form: what is shown of a column, but for the rows that do not have the form.
_FAST: Mapping[MaskKind, Callable[[], Fast]] = {
    "name": cache(_named),
    "id_number": cache(lambda: _numbered(18, 4, _VALUE + ID_STARS, checked=True)),
    "phone": cache(lambda: _numbered(11, 3, _PHONE_START)),
}
# For each kind: which values are plain enough for whole columns, and their masks, null for null. All others go through
# the scalar function, once for each distinct value, so that column and cell agree by construction.
_QUICK: Mapping[MaskKind, tuple[pl.Expr, Quick]] = {
    "name": (_VALUE.str.contains("^[一-鿿][一-鿿·]*$"), _surnames),
    "id_number": (_VALUE.str.contains("^(?:[0-9]{17}[0-9Xx]|[0-9]{15})$"), _start(4, ID_STARS)),
    "phone": (
        _VALUE.str.contains("^(?:1[3-9][0-9]{9}|0[1-9][0-9]{1,2}-?[0-9]{7,8})$"),
        _start(3, PHONE_STARS),
    ),
    "student_number": _constant(STUDENT_NUMBER_MASK),
    "email": _constant(EMAIL_MASK),
    "bank_card": _constant(BANK_CARD_MASK),
    "date": _constant(DATE_MASK),
    "text": _constant(TEXT_MASK),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of a text that are a value of ``kind``."""

    start: int
    end: int
    kind: MaskKind


@keeps("A50-8")
class ColumnMasks:
    """The masks for columns. ``full_names`` maps division codes to full names (``of`` takes the rule book's)."""

    def __init__(self, full_names: Mapping[str, str]) -> None:
        self._address = AddressMask(full_names)
        self._cells: dict[MaskKind, Callable[[str], str]] = {**SCALARS, "address": self._address}
        self._divisions = cache(self._address.codes)

    @classmethod
    def of(cls, divisions: Divisions) -> ColumnMasks:
        """Return the masks over the divisions of the rule book."""
        return cls({code: division.full_name for code, division in divisions.by_code.items()})

    def cell(self, kind: MaskKind, value: str) -> str:
        """Return the mask of one value. Raises ``ParameterError`` for an unknown kind."""
        if kind not in self._cells:
            raise ParameterError(f"There is no mask '{kind}'; use one of {', '.join(self._cells)}.")
        return self._cells[kind](value)

    def mask(self, kind: MaskKind, values: pl.Series) -> pl.Series:
        """Return the masked column, named like ``values``: value by value what ``cell`` gives.

        Nulls stay null. A column that is not text is taken as its text. Raises ``ParameterError`` for an unknown kind.
        """
        if kind not in self._cells:
            raise ParameterError(f"There is no mask '{kind}'; use one of {', '.join(self._cells)}.")
        text = values.cast(pl.String)
        fast = self._fast(kind)
        if fast is None:
            return self._plain(kind, text)
        shown = fast(text)
        if shown.odd.size == text.len():
            return self._plain(kind, text)
        others = text.gather(column(shown.odd)) if shown.odd.size else None
        if others is not None and others.null_count() < others.len():
            others = self._plain(kind, others)
        return shown.column(others).rename(values.name)

    def _fast(self, kind: MaskKind) -> Fast | None:
        if kind == "address":
            return self._divisions()
        return _FAST[kind]() if kind in _FAST else None

    def _plain(self, kind: MaskKind, text: pl.Series) -> pl.Series:
        """Return the masks, of plain values by whole columns and of the others one by one."""
        if kind not in _QUICK:
            return self._slow(kind, text)
        plain, quick = _QUICK[kind]
        odd = _told(text, ~plain)
        masked = quick(text).rename(text.name)
        if not odd.any():  # a null is neither plain nor odd: it stays null
            return masked
        where = odd.arg_true()
        return masked.scatter(where, self._slow(kind, text.gather(where)))

    def mask_address(self, divisions: pl.Series) -> pl.Series:
        """Return the masked addresses of a column of division codes or addresses; nulls stay null."""
        return self.mask("address", divisions)

    def text(self, value: str, spans: Iterable[Span]) -> str:
        """Return ``value`` with each of ``spans`` replaced by the mask of what stands there, as ``cell`` gives it.

        Spans that overlap are taken together, and show nothing where their kinds differ. Raises ``ParameterError`` for
        a span outside the text or an unknown kind.
        """
        merged: list[Span] = []
        for span in sorted(spans, key=lambda span: (span.start, span.end)):
            if not 0 <= span.start < span.end <= len(value):
                raise ParameterError("A span lies outside its text, or holds nothing.")
            if merged and span.start < merged[-1].end:
                last = merged.pop()
                kind: MaskKind = last.kind if last == span else "text"
                span = Span(last.start, max(last.end, span.end), kind)  # noqa: PLW2901  the two are one now
            merged.append(span)
        out, done = [], 0
        for span in merged:
            out += [value[done : span.start], self.cell(span.kind, value[span.start : span.end])]
            done = span.end
        return "".join([*out, value[done:]])

    def _slow(self, kind: MaskKind, text: pl.Series) -> pl.Series:
        """Return the mask of each value, computed once for each distinct one."""
        if kind == "id_number" and bool(text.str.contains(_PAPERS).all()):
            return pl.Series(text.name, [HIDDEN_ID], dtype=pl.String).new_from_index(0, text.len())
        if kind == "address" and text.head(_SAMPLE).n_unique() > _SAMPLE // 2:
            return self._address.column(text).rename(text.name)
        scalar = self._cells[kind]
        values = pl.Categorical(pl.Categories.random())
        coded = text.cast(values)  # categories live as long as a column of them
        masked = [scalar(value) for value in values.categories.to_series().to_list()]
        return pl.Series(text.name, masked, dtype=pl.String).gather(coded.to_physical())
