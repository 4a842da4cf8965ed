"""Civil days, working days and periods (T-1 to T-7; Civil Code arts. 200-204 and 1259)."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum

from core_registry.domain.rules import enforces

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Asia/Shanghai has had one offset since 1991."""
_SATURDAY = 5


@enforces("T-6")
def civil_date(instant: datetime) -> date:
    """Return the civil date of ``instant`` in Asia/Shanghai (T-6). Raises ``ValueError`` for a time without a zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return instant.astimezone(CHINA).date()


class Measure(StrEnum):
    """How a period is counted."""

    WORKING_DAYS = "working_days"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time in one measure."""

    number: int
    measure: Measure

    def __str__(self) -> str:
        return f"{self.number} {self.measure.replace('_', ' ')}"

    @property
    def zh(self) -> str:
        """The period in Chinese."""
        words = {
            Measure.WORKING_DAYS: "个工作日",
            Measure.DAYS: "日",
            Measure.WEEKS: "周",
            Measure.MONTHS: "个月",
            Measure.YEARS: "年",
        }
        return f"{self.number}{words[self.measure]}"


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day on which an act is on time, up to 23:59:59 local time (T-6).

    ``provisional``: a year without a published holiday notice lies within, to be computed anew (T-7).
    """

    day: date
    provisional: bool

    @enforces("T-5", "T-6")
    def late(self, on: date) -> bool:
        """Whether ``on`` is after the last day."""
        return on > self.day


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked. ``exceptions``: day -> worked, for days that a notice moves; all others by the weekday.

    ``known_years`` are years with a published notice.
    """

    exceptions: Mapping[date, bool] = field(repr=False)
    known_years: frozenset[int]

    @enforces("T-2")
    def worked(self, day: date) -> bool:
        """Whether ``day`` is a working day (T-2)."""
        return self.exceptions.get(day, day.weekday() < _SATURDAY)

    @enforces("T-1", "T-4")
    def after(self, event: date, period: Period) -> Deadline:
        """Return the deadline ``period`` after ``event``, whose own day is not counted (T-1).

        Periods in days, weeks, months or years that end on a day off end on the next working day (T-4); months and
        years end on the day of the same number or the last of the month (T-3).
        """
        day = _plain_end(event, period) if period.measure is not Measure.WORKING_DAYS else event
        if period.measure is Measure.WORKING_DAYS:
            left = period.number
            while left:
                day += timedelta(days=1)
                left -= self.worked(day)
        while not self.worked(day) and day != event:
            day += timedelta(days=1)
        return Deadline(day, self.provisional(event, day))

    def working_days_between(self, event: date, day: date) -> int:
        """Return how many working days lie after ``event`` up to and including ``day``; 0 when there are none."""
        count = 0
        while event < day:
            event += timedelta(days=1)
            count += self.worked(event)
        return count

    @enforces("T-7")
    def provisional(self, first: date, last: date) -> bool:
        """Whether a year without a notice lies between the days."""
        return any(year not in self.known_years for year in range(first.year, last.year + 1))


def _plain_end(event: date, period: Period) -> date:
    match period.measure:
        case Measure.DAYS:
            return event + timedelta(days=period.number)
        case Measure.WEEKS:
            return event + timedelta(weeks=period.number)
        case Measure.MONTHS:
            return add_months(event, period.number)
        case _:
            return add_months(event, 12 * period.number)


@enforces("T-3")
def add_months(day: date, months: int) -> date:
    """Return the day of the same number ``months`` later, or the last day of that month (T-3)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def full_years(born: date, on: date) -> int:
    """Return the age in full years on ``on``."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
