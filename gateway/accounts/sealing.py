"""When an account counts as unused for half a year (A50-3), by civil dates of Asia/Shanghai (T-6)."""

from __future__ import annotations

import calendar
from datetime import date, datetime
from zoneinfo import ZoneInfo

from gateway.errors import ParameterError

SHANGHAI = ZoneInfo("Asia/Shanghai")
HALF_A_YEAR = 6
MONTHS_IN_YEAR = 12


def civil_date(instant: datetime) -> date:
    """Return the civil date of an aware instant in Asia/Shanghai (T-6)."""
    return instant.astimezone(SHANGHAI).date()


def sealing_date(last_use: date, months: int) -> date:
    """Return the first civil date on which an account last used on ``last_use`` is sealed.

    The day of the same number ``months`` later, or the last day of that month where there is none (T-3): 31 August
    and six months make 28 or 29 February. The date itself counts, 半年以上 includes the half year (T-5). T-4 does
    not apply: it moves the end of a time limit for people to a working day, and sealing is an act of the system.

    Raises ``ParameterError`` unless ``months`` is 1 to 6: an authority may only shorten the half year.
    """
    if not 1 <= months <= HALF_A_YEAR:
        raise ParameterError(
            "The sealing period must be 1 to 6 months: Article 50 allows half a year at the most.",
            detail_zh="封存期限应为 1 至 6 个月：第五十条规定半年以上未使用的账号应当封存。",
            rule="A50-3",
        )
    return months_later(last_use, months)


def months_later(day: date, months: int) -> date:
    """Return the day of the same number ``months`` later, or the last day of that month where there is none (T-3)."""
    index = day.year * MONTHS_IN_YEAR + (day.month - 1) + months
    year, month = divmod(index, MONTHS_IN_YEAR)
    month += 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
