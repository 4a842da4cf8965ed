"""Texts that people write into an application hold no number of a person: what is refused, and what to write instead.

Telephones and document numbers are found with full-width digits and with blanks, dots or hyphens between the
digits; dates are none. What passes here may still be somebody's name: people read these texts, the trail never
holds them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from gateway.policies.errors import ApplicationIncompleteError

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


def require_no_numbers(texts: Mapping[str, str]) -> None:
    """Return when no text holds a number of a person; raise ``ApplicationIncompleteError`` that names those that do."""
    found = tuple(name for name, text in texts.items() if holds_number(text))
    if found:
        raise ApplicationIncompleteError(
            f"Write no telephone, ID number or student number here: {', '.join(found)}. Name a post instead.",
            detail_zh="请不要填写电话、证件号码或学籍号，可写明职务或岗位。",
            rule="A50-8",
            missing=found,
        )
