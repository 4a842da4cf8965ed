"""Telephone numbers of guardians: a mobile number of 11 digits, or area code and number (Annex 1 no. 26)."""

from __future__ import annotations

import re
import unicodedata

MOBILE = r"1[3-9][0-9]{9}"
"""A mainland mobile number."""
LANDLINE = r"0[1-9][0-9]{1,2}-?[2-9][0-9]{6,7}(?:-[0-9]{1,6})?"
"""Area code of three or four digits, seven or eight digits, at times an extension."""

_PHONE = re.compile(f"(?:{MOBILE}|{LANDLINE})")
_FILLER = re.compile(r"[\s()\u2010-\u2015\u2212]")
_COUNTRY = re.compile(r"^(?:\+|00)86-?")
_MOBILE_GROUPS = re.compile(r"^1[0-9]{2}-[0-9]{4}-[0-9]{4}$")


def normalize_phone(text: str) -> str:
    """Return ``text`` in half width without blanks, brackets or the country code 86. Total and idempotent."""
    while (normal := _step(text)) != text:
        text = normal  # without its blanks a text may compose anew
    return text


def _step(text: str) -> str:
    half = unicodedata.normalize("NFKC", text)
    bare = _FILLER.sub(lambda found: "" if found[0].isspace() or found[0] in "()" else "-", half)
    bare = _COUNTRY.sub("", bare, count=1)
    return bare.replace("-", "") if _MOBILE_GROUPS.match(bare) else bare


def is_phone(text: str) -> bool:
    """Return whether a *normalised* text is a mainland mobile or landline number."""
    return _PHONE.fullmatch(text) is not None
