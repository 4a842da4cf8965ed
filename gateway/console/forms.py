"""What was typed into a form, as values; a value that cannot be read is refused with its name."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, time

from flask import request

from gateway.errors import ParameterError
from gateway.policies.scope import SHANGHAI

MAX_TEXT = 2000
_DIGITS = 10
_FIRST_YEAR, _LAST_YEAR = 1949, 2199


def text(name: str, *, longest: int = MAX_TEXT) -> str:
    """Return a text without blanks around it; raises ``ParameterError`` when it is longer than ``longest``."""
    typed = readable(name, request.form.get(name, ""))
    if len(typed) > longest:
        raise _unreadable(name, f"at most {longest} characters", f"不得超过 {longest} 字")
    return typed


def readable(name: str, typed: str) -> str:
    """Return ``typed`` without blanks around it; raises ``ParameterError`` for control characters but line ends."""
    if any(unicodedata.category(one) in {"Cc", "Cs"} and one not in "\r\n\t" for one in typed):
        raise _unreadable(name, "text without control characters", "不得含控制字符")
    return typed.strip()


def chosen(name: str) -> tuple[str, ...]:
    """Return the boxes that were ticked under ``name``, sorted, each once."""
    return tuple(sorted(set(request.form.getlist(name))))


def some(name: str) -> frozenset[str] | None:
    """Return the boxes that were ticked, ``None`` for none: no condition."""
    return frozenset(request.form.getlist(name)) or None


def ticked(name: str) -> bool:
    """Say whether a single box was ticked."""
    return request.form.get(name) == "yes"


def whole(name: str) -> int:
    """Return a whole number of at most ten digits; raises ``ParameterError``."""
    typed = request.form.get(name, "").strip().replace(",", "")
    if not (typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS):
        raise _unreadable(name, "a whole number", "应为整数")
    return int(typed)


def day(name: str) -> date:
    """Return a civil date; raises ``ParameterError``."""
    found = optional_day(name, request.form.get(name, ""))
    if found is None:
        raise _unreadable(name, "a date", "请填写日期")
    return found


def optional_day(name: str, typed: str) -> date | None:
    """Return the civil date that ``typed`` spells, ``None`` when it is blank; raises ``ParameterError``."""
    if not typed.strip():
        return None
    try:
        found = date.fromisoformat(typed.strip())
    except ValueError as error:
        raise _unreadable(name, "a date as 2026-11-23", "日期格式应为 2026-11-23") from error
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise _unreadable(name, f"a date from {_FIRST_YEAR} to {_LAST_YEAR}", f"年份应为 {_FIRST_YEAR} 至 {_LAST_YEAR}")
    return found


def start_of(day: date) -> datetime:
    """Return the instant in UTC at which ``day`` begins in Shanghai."""
    return datetime.combine(day, time.min, SHANGHAI).astimezone(UTC)


def _unreadable(name: str, what: str, what_zh: str) -> ParameterError:
    return ParameterError(f"'{name}' cannot be read: give {what}.", detail_zh=f"填写有误：{what_zh}。", missing=(name,))
