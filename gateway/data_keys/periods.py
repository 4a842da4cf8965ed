"""Calendar of retention: whole months from the civil day in Asia/Shanghai on which something ended.

What ended on a day is kept through the same day of the month, so many months on (the last one of a shorter month), and
is due from the day after. Pure functions of dates.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_MONTHS: Final = 12


def add_months(day: date, months: int) -> date:
    """Return the day so many calendar months on, or back, clipped to the length of its month."""
    whole = day.year * _MONTHS + day.month - 1 + months
    year, month = divmod(whole, _MONTHS)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def due_on(ended: date, months: int) -> date:
    """Return the first day on which what ended on ``ended`` may be destroyed."""
    return add_months(ended, months) + timedelta(days=1)


def last_ended(today: date, months: int) -> date:
    """Return the latest day such that what ended on it, or before, is due ``today``."""
    day = add_months(today, -months) + timedelta(days=4)  # clipping moves a day by three at the most
    while due_on(day, months) > today:
        day -= timedelta(days=1)
    return day


def end_of_day(day: date) -> datetime:
    """Return the instant at which a civil day is over, in UTC: what ended before it ended on that day or earlier."""
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)


def civil_day(at: datetime) -> date:
    """Return the date in Asia/Shanghai of an aware instant."""
    return at.astimezone(SHANGHAI).date()


def days_of_quarter(year: int, quarter: int) -> tuple[date, date]:
    """Return first and last day of a civil quarter, 1 to 4."""
    first = date(year, 3 * quarter - 2, 1)
    return first, add_months(first, 3) - timedelta(days=1)
