"""Texts that people write into a record: there, not too long, and without a number of a person (I7).

Telephones and document numbers are found with full-width digits and with blanks, dots or hyphens between the
digits; dates are none. What passes here may still be somebody's name: people read these texts, the trail never
holds them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from gateway.errors import ParameterError

_RUN: Final = re.compile(r"\d{7,}")
"""Longer than any date in one piece, or any count that somebody would write without separators."""
_DATE: Final = re.compile(r"(?<!\d)(?:19|20)\d{2}[-./年]\d{1,2}[-./月]\d{1,2}日?(?!\d)")
_COMPACT_DATE: Final = re.compile(r"(?<!\d)(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)")
_GAP: Final = re.compile(r"(?<=\d)[\s\-\u2010-\u2015._·]+(?=\d)")
_LONG: Final = re.compile(r"\d{11,}")
_ID: Final = re.compile(r"\d{17}[\dXx]")


def holds_number(text: str) -> bool:
    """Say whether ``text`` holds what may be a telephone, an ID number or a student number.

    A run of seven digits that is no date does; so do eleven digits with separators between them.
    """
    plain = unicodedata.normalize("NFKC", text)
    if _ID.search(_GAP.sub("", plain)):
        return True
    undated = _COMPACT_DATE.sub("日", _DATE.sub("日", plain))
    return bool(_RUN.search(undated) or _LONG.search(_GAP.sub("", undated)))


def said(
    name: str, text: str, *, longest: int, needed: bool = True, screened: bool = True, rule: str | None = None
) -> str:
    """Return ``text`` without blanks around it.

    Raises ``ParameterError``, which names ``name`` and ``rule``, when it is needed and missing or has more than
    ``longest`` characters; and by A50-8 when it is ``screened`` and holds what may be a number of a person. Only a text
    that is sealed and goes to the family itself is not screened.
    """
    bare = text.strip()
    if needed and not bare:
        raise ParameterError(
            f"Say in words: {name}. It is part of the record.",
            detail_zh="请用文字说明，将记入案卷。",
            rule=rule,
            missing=(name,),
        )
    if len(bare) > longest:
        raise ParameterError(
            f"{name}: at most {longest} characters.",
            detail_zh=f"文字不得超过 {longest} 字。",
            rule=rule,
            missing=(name,),
        )
    if screened and holds_number(bare):
        raise ParameterError(
            f"Write no telephone, ID number or student number here: {name}. Name an account, a post or an entry of the "
            "log instead.",
            detail_zh="请不要填写电话、证件号码或学籍号，可写明账号、岗位或审计条目的序号。",
            rule="A50-8",
            missing=(name,),
        )
    return bare
