"""Display masks (design 6.1): total, idempotent, of a length that tells nothing about the value.

Shown at most: the surname, the first four digits of a resident identity number, the first three of a phone
number, an address down to the county, nothing of a student number. What a rule does not recognise shows less.
``ColumnMasks`` gives the same results for whole columns; it implements ``core_registry.sharing.Masker``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import polars as pl

from gateway.articles import keeps
from gateway.errors import ParameterError

if TYPE_CHECKING:
    from rulebook.records import Divisions

MaskKind = Literal["name", "id_number", "phone", "student_number"]

NAME_STARS = "**"
ID_STARS = "*" * 14
PHONE_STARS = "*" * 8
ADDRESS_STARS = "***"
STUDENT_NUMBER_MASK = "*" * 19
HIDDEN_ID = "*" * 18
HIDDEN_PHONE = "*" * 11

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
_PHONE_PUNCTUATION = str.maketrans("", "", "-()")

MASK_SHAPES: Mapping[str, str] = {
    "name": rf"^(?:\p{{L}}|{'|'.join(sorted(COMPOUND_SURNAMES))})?\*\*$",
    "id_number": r"^(?:[0-9]{4}\*{14}|\*{18})$",
    "phone": r"^(?:[0-9]{3}\*{8}|\*{11})$",
    "student_number": r"^\*{19}$",
    "address": r"^\p{Han}{0,40}\*\*\*$",
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


def mask_address(value: str, full_names: Mapping[str, str]) -> str:
    """Return ``山西省太原市小店区***`` for the division code ``value``, ``***`` for a code not in ``full_names``.

    ``full_names`` maps six-digit codes to names from the province down. A masked address is returned as it
    is. Free text never passes: what can come out are the names of ``full_names`` and nothing else.
    """
    name = full_names.get(value)
    if name is not None:
        return name + ADDRESS_STARS
    if value.endswith(ADDRESS_STARS) and value.removesuffix(ADDRESS_STARS) in frozenset(full_names.values()):
        return value
    return ADDRESS_STARS


def _plain(value: str) -> str:
    """Return ``value`` in NFKC without spaces, control and format characters."""
    text = unicodedata.normalize("NFKC", value)
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c)[0] != "C")


SCALARS: Mapping[MaskKind, Callable[[str], str]] = {
    "name": mask_name,
    "id_number": mask_id_number,
    "phone": mask_phone,
    "student_number": mask_student_number,
}

_VALUE = pl.col("value")
# For each kind: which values are plain enough for an expression, and that expression. All others go through
# the scalar function, once for each distinct value, so that column and cell agree by construction.
_QUICK: Mapping[MaskKind, tuple[pl.Expr, pl.Expr]] = {
    "name": (
        _VALUE.str.contains("^[一-鿿]+$"),
        pl.when(
            (_VALUE.str.len_chars() >= _COMPOUND_NAME_LENGTH)
            & _VALUE.str.slice(0, 2).is_in(pl.lit(pl.Series(sorted(COMPOUND_SURNAMES))).implode())
        )
        .then(_VALUE.str.slice(0, 2))
        .otherwise(_VALUE.str.slice(0, 1))
        + NAME_STARS,
    ),
    "id_number": (
        _VALUE.str.contains("^(?:[0-9]{17}[0-9Xx]|[0-9]{15})$"),
        _VALUE.str.slice(0, 4) + ID_STARS,
    ),
    "phone": (_VALUE.str.contains("^1[3-9][0-9]{9}$"), _VALUE.str.slice(0, 3) + PHONE_STARS),
    "student_number": (_VALUE.is_not_null(), pl.lit(STUDENT_NUMBER_MASK)),
}


@keeps("A50-8")
class ColumnMasks:
    """The masks for columns. ``full_names`` maps division codes to full names (``of`` takes the rule book's)."""

    def __init__(self, full_names: Mapping[str, str]) -> None:
        self._full_names = dict(full_names)

    @classmethod
    def of(cls, divisions: Divisions) -> ColumnMasks:
        """Return the masks over the divisions of the rule book."""
        return cls({code: division.full_name for code, division in divisions.by_code.items()})

    def mask(self, kind: MaskKind, values: pl.Series) -> pl.Series:
        """Return the masked column, named like ``values``: value by value what the scalar function gives.

        Nulls stay null. A column that is not text is taken as its text. Raises ``ParameterError`` for an unknown kind.
        """
        if kind not in SCALARS:
            raise ParameterError(f"There is no mask '{kind}'; use one of {', '.join(SCALARS)}.")
        plain, quick = _QUICK[kind]
        frame = values.cast(pl.String).rename("value").to_frame()
        work = frame.with_columns(plain=plain | _VALUE.is_null()).with_columns(
            masked=pl.when(_VALUE.is_not_null() & pl.col("plain")).then(quick)
        )
        if work["plain"].all():
            return work["masked"].rename(values.name)
        odd = work.filter(~pl.col("plain"))["value"].unique()
        scalar = SCALARS[kind]
        masked = pl.Series([scalar(value) for value in odd.to_list()], dtype=pl.String)
        slow = _VALUE.replace_strict(odd, masked, default=None)
        return work.select(pl.when("plain").then("masked").otherwise(slow).alias(values.name)).to_series()

    def mask_address(self, divisions: pl.Series) -> pl.Series:
        """Return the masked addresses of a column of division codes; nulls stay null."""
        codes = divisions.cast(pl.String)
        distinct = codes.drop_nulls().unique()
        masked = pl.Series([mask_address(code, self._full_names) for code in distinct.to_list()], dtype=pl.String)
        return codes.replace_strict(distinct, masked, default=None, return_dtype=pl.String).rename(divisions.name)
