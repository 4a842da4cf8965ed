"""What a text was probably meant to be: the nearest of known ones, and the form in which look-alikes are equal."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence

_MANY = 5_000
_INVISIBLE = frozenset(("Cf", "Cc", "Zl", "Zp"))


def plain(text: str) -> str:
    """Return ``text`` in the form in which look-alikes are equal.

    NFKC (composed, full width as half width), without control and format characters (zero width, byte order mark,
    direction marks), every run of white space one space, none at the ends.
    """
    if text.isascii() and text.isprintable() and "  " not in text and text == text.strip():
        return text
    composed = unicodedata.normalize("NFKC", text)
    spaced = "".join(" " if c.isspace() else c for c in composed)
    visible = "".join(c for c in spaced if unicodedata.category(c) not in _INVISIBLE)
    return unicodedata.normalize("NFKC", " ".join(visible.split()))


def nearest(text: str, known: Iterable[str]) -> str | None:
    """Return which of ``known`` ``text`` was probably meant to be, ``None`` when nothing comes near.

    Numbers are near by value, other texts by spelling. At most the first 5,000 of ``known`` are compared by spelling.
    """
    candidates = [one for one in known if one != text]
    wanted = plain(text).casefold()
    for one in candidates:
        if plain(one).casefold() == wanted:
            return one
    number = _number(text)
    if number is not None:
        numbered = [(abs(value - number), one) for one in candidates if (value := _number(one)) is not None]
        return min(numbered)[1] if numbered else None
    close = difflib.get_close_matches(text, candidates[:_MANY], n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(text: str, known: Sequence[str]) -> tuple[str, str]:
    """Return a half sentence that suggests the nearest of ``known``, in English and Chinese; empty without one."""
    found = nearest(text, known)
    if found is None:
        return ("", "")
    if plain(found) == plain(text):
        return (
            f"; '{found}' differs from it in characters that one hardly sees",
            f"；“{found}”与之仅有不易看见的字符差别",
        )
    return (f"; did you mean '{found}'?", f"；是否应为“{found}”？")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
