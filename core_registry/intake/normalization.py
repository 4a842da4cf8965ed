"""Written values to normal ones, column by column: codes, dates, numbers, texts. What cannot be taken is found.

Everything works on whole columns; Python sees distinct values only, and only of columns with few of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import polars as pl

from core_registry.domain.addresses import AddressParser
from core_registry.intake import findings
from core_registry.intake.reader import KIND, TEXT_FACTS, Form
from core_registry.intake.sheets import Kind
from rulebook.records import CodeList, Rulebook

IDENTITY_FIELDS = ("id_number", "member1_id_number", "member2_id_number")
DIGIT_FIELDS = (*IDENTITY_FIELDS, "student_number")
"""Fields whose every character counts and that a float cannot hold."""
NAME_FIELDS = ("name", "former_name", "member1_name", "member2_name")
PHONE_FIELDS = ("member1_phone", "member2_phone")
FACTS = ("school_code", "student_number", "entry_month")
YES_NO = "yes_no"

_BLANKS = r"[\s\x{200B}-\x{200F}\x{2060}\x{FEFF}]+"
_CONTROLS = r"[\s\x{0}-\x{1F}\x{7F}\x{200B}-\x{200F}\x{2060}\x{FEFF}]+"
_DOTS = r"[•‧∙⋅・･᛫]"
_FORMULA = r"^[=+\-@]"
_NAME = r"^[\p{L}\p{M}\x{3007}·.'’\- ]+$"
_PHONE = r"^(?:1[3-9][0-9]{9}|0[1-9][0-9]{1,2}-?[2-9][0-9]{6,7}(?:-[0-9]{1,6})?)$"
_DATE = re.compile(r"(\d{4})(?:(\d{2})(\d{2})|[-/.年](\d{1,2})[-/.月](\d{1,2})日?)(?:T?00:00:00)?")
_MONTH = re.compile(r"(\d{4})(?:(\d{2})(?:\d{2})?|[-/.年](\d{1,2})月?(?:[-/.]?\d{1,2}日?)?)")
_NO_KIND = 255
_NOTHING = frozenset({"无", "没有", "/", "—", "－", "-"})
_OPTIONAL_TEXTS = ("former_name", "member1_employer", "member2_employer", "political_status", *TEXT_FACTS)


_HELD: Final[dict[int, tuple[Rulebook, Normalizer]]] = {}


class Normalizer:
    """The tables of one rule book, built once."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book
        self._codes = {field.code: field.code_list for field in book.fields.values() if field.code_list is not None}
        self._written = {name: written_codes(code_list) for name, code_list in book.code_lists.items()}
        self._parser = AddressParser(book.divisions.by_code.values())
        self.annex = tuple(field.code for field in book.fields.values() if field.number is not None)

    @classmethod
    def of(cls, book: Rulebook) -> Normalizer:
        """Return the tables of ``book``; those of the last one are kept, for several services are made with it."""
        held = _HELD.get(id(book))
        if held is None or held[0] is not book:
            held = (book, cls(book))
            _HELD.clear()
            _HELD[id(book)] = held
        return held[1]

    def normalize(self, form: Form, school: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the values and the findings of a form.

        Values: ``row``, every field of Annex 1, ``school_code``, ``student_number``, ``entry_month`` (``YYYY-MM``),
        ``residence_division`` and ``household_division``. Codes are national codes, ``birth_date`` is a date,
        yes/no fields are bool; null where a cell is blank or wrong. ``blank.<field>`` says that nothing was
        written. ``school`` fills a form without a column of schools. ``awards`` and ``remarks`` only where the form
        has a column for them.
        """
        rows = form.frame["row"]
        values: dict[str, pl.Series] = {"row": rows}
        found = [form.findings]
        codes = (*self.annex, *FACTS, *(code for code in TEXT_FACTS if code in form.fields))
        for code in codes:
            if code not in form.fields:
                filler = school if code == "school_code" else None
                values[code] = pl.repeat(filler, len(rows), dtype=pl.String, eager=True).alias(code)
                values[f"blank.{code}"] = pl.repeat(filler is None, len(rows), dtype=pl.Boolean, eager=True)
                continue
            text = _clean(form.frame[code])
            if code in _OPTIONAL_TEXTS:
                text = text.set(text.is_in(_NOTHING), None)
            values[f"blank.{code}"] = text.is_null()
            text, wrong = self._readable(code, text, form, rows)
            found += wrong
            values[code], wrong = self._take(code, text, rows, form.mapping.values.get(code, {}))
            found += wrong
        for code in codes:
            values[code] = self._typed(code, values[code])
        for code, source in (("residence_division", "residence_address"), ("household_division", "household_address")):
            values[code], wrong = self._division(values[source], rows, source)
            found += wrong
        return pl.DataFrame([column.alias(name) for name, column in values.items()]), findings.join(found)

    def _readable(
        self, code: str, text: pl.Series, form: Form, rows: pl.Series
    ) -> tuple[pl.Series, list[pl.DataFrame]]:
        """Take away cells of a wrong type and those that look like formulas."""
        found: list[pl.DataFrame] = []
        bad = text.str.contains(_FORMULA).fill_null(False)
        if code in PHONE_FIELDS:
            bad &= ~text.str.contains(r"^\+[0-9 ]").fill_null(False)
        if bad.any():
            found.append(findings.at(rows.filter(bad), code, "formula-text"))
        if (kind_name := KIND + code) in form.frame.columns:
            kind = form.frame[kind_name]
            lost = kind == (Kind.INEXACT if code in DIGIT_FIELDS else _NO_KIND)
            accepted = [int(Kind.TEXT), int(Kind.NUMBER)]
            accepted += [int(Kind.DATE)] if code in ("birth_date", "entry_month") else []
            accepted += [int(Kind.BOOL)] if self._codes.get(code) == YES_NO else []
            odd = ~kind.is_in(accepted) & ~lost
            found.append(findings.at(rows.filter(lost), code, "number-lost-digits"))
            found.append(findings.at(rows.filter(odd), code, "not-text"))
            bad |= lost | odd
        return (text.set(bad, None) if bad.any() else text), found

    def _take(
        self, code: str, text: pl.Series, rows: pl.Series, further: Mapping[str, str]
    ) -> tuple[pl.Series, list[pl.DataFrame]]:
        """Return the normal form of a cleaned column as text, and what is wrong with it."""
        if code in self._codes:
            name = self._codes[code]
            return _checked(text, rows, code, "code-unknown", self._coder(name, further))
        if code == "birth_date":
            return _checked(_narrow(text), rows, code, "birth-date-invalid", _iso_date)
        if code == "entry_month":
            return _checked(_narrow(text), rows, code, "entry-month-invalid", _iso_month)
        if code in DIGIT_FIELDS or code == "school_code":
            return _narrow(text).str.to_uppercase(), []
        if code in PHONE_FIELDS:
            return _phone(text, rows, code)
        found: list[pl.DataFrame] = []
        if code in NAME_FIELDS:
            text = _name(text)
            wrong = ~text.str.contains(_NAME).fill_null(True)
            found.append(findings.at(rows.filter(wrong), code, "name-characters"))
        limit = self._book.fields[code].max_length
        if limit is not None:
            found.append(findings.at(rows.filter((text.str.len_chars() > limit).fill_null(False)), code, "too-long"))
        return text, found

    def _coder(self, name: str | None, further: Mapping[str, str]) -> Callable[[str], str | None]:
        table = {**self._written[name or ""], **{_key(value): code for value, code in further.items()}}
        return lambda value: table.get(_key(value))

    def _typed(self, code: str, text: pl.Series) -> pl.Series:
        if code == "birth_date":
            return text.str.to_date("%Y-%m-%d")
        if self._codes.get(code) == YES_NO:
            return text == "1"
        return text

    def _division(self, address: pl.Series, rows: pl.Series, field: str) -> tuple[pl.Series, list[pl.DataFrame]]:
        """Return the division of each address; warn where it is not a county's."""
        # No division has a digit in its name: what stands before house and room numbers is all that is looked at,
        # and of it there are streets, not pupils.
        heads = address.str.slice(0, 32).str.replace(r"(?s)[0-9].*", "")
        distinct = heads.drop_nulls().unique()
        parsed = [self._parser.parse(head) for head in distinct]
        counties = {one.code for one in parsed if one is not None and one.level == "county"}
        codes = pl.Series([one.code if one else None for one in parsed], dtype=pl.String)
        division = heads.replace_strict(distinct, codes, default=None, return_dtype=pl.String)
        vague = address.is_not_null() & ~division.is_in(counties).fill_null(False)
        return division, [findings.at(rows.filter(vague), field, "address-division")]


def written_codes(code_list: CodeList) -> dict[str, str]:
    """Return how the codes of a list may be written -> code: code, label, short name, number without leading zero.

    A way of writing that would mean two codes means none.
    """
    certain: dict[str, str] = {}
    others: dict[str, set[str]] = {}
    for code, label in code_list.labels.items():
        certain[_key(code)] = code
        certain[_key(label)] = code
        loose = {code.lstrip("0") or "0", code_list.attributes.get(code, {}).get("short_name", "")}
        if label.endswith("族"):  # 汉族 is often written 汉
            loose.add(label[:-1])
        for one in loose - {""}:
            others.setdefault(_key(one), set()).add(code)
    return {**{one: next(iter(codes)) for one, codes in others.items() if len(codes) == 1}, **certain}


def _key(value: str) -> str:
    return "".join(unicodedata.normalize("NFKC", value).split()).upper()


def _clean(text: pl.Series) -> pl.Series:
    """Return a column without blanks at the ends or control characters; blank cells are null."""
    trimmed = text.str.strip_chars()
    if trimmed.str.contains(r"[\x{0}-\x{1F}\x{7F}\x{200B}-\x{200F}\x{2060}\x{FEFF}]").any():
        trimmed = trimmed.str.replace_all(_CONTROLS, " ").str.strip_chars()
    return trimmed.set((trimmed == "").fill_null(False), None)


def _narrow(text: pl.Series) -> pl.Series:
    """Return a column in half width without any blank."""
    if (text.str.len_bytes() != text.str.len_chars()).any():
        text = text.str.normalize("NFKC")
    return text.str.replace_all(_BLANKS, "")


def _name(text: pl.Series) -> pl.Series:
    """Return names with one kind of middle dot, without blanks between Chinese characters (张　三)."""
    text = text.str.replace_all(_DOTS, "·")
    if text.str.contains(r"\s").any():
        text = text.str.replace_all(r"\s+", " ")
        for _ in range(2):  # matches do not overlap: 王 小 明 needs two rounds
            text = text.str.replace_all(r"(\p{Han}) (\p{Han})", "${1}${2}")
    return text


def _phone(text: pl.Series, rows: pl.Series, code: str) -> tuple[pl.Series, list[pl.DataFrame]]:
    number = _narrow(text).str.replace_all(r"[\x{2010}-\x{2015}\x{2212}]", "-").str.replace_all(r"[()]", "")
    number = number.str.replace(r"^(?:(?:\+|00)86-?)+", "")
    number = number.str.replace(r"^(1[0-9]{2})-([0-9]{4})-([0-9]{4})$", "${1}${2}${3}")
    wrong = ~number.str.contains(_PHONE).fill_null(True)
    return number, [findings.at(rows.filter(wrong), code, "phone-invalid")]


def _checked(
    text: pl.Series, rows: pl.Series, code: str, finding: str, function: Callable[[str], str | None]
) -> tuple[pl.Series, list[pl.DataFrame]]:
    """Map distinct values; where the function gives ``None`` the cell is wrong."""
    distinct = text.drop_nulls().unique()
    results = pl.Series([function(value) for value in distinct], dtype=pl.String)
    mapped = text.replace_strict(distinct, results, default=None, return_dtype=pl.String)
    return mapped, [findings.at(rows.filter(text.is_not_null() & mapped.is_null()), code, finding)]


def _iso_date(text: str) -> str | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    month, day = match[2] or match[4], match[3] or match[5]
    try:
        return date(int(match[1]), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _iso_month(text: str) -> str | None:
    match = _MONTH.fullmatch(text)
    if match is None:
        return None
    try:
        return f"{date(int(match[1]), int(match[2] or match[3]), 1):%Y-%m}"
    except ValueError:
        return None
