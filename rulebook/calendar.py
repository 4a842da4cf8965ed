"""The holiday notices of the State Council: config/calendar/cn_holidays.csv."""

from __future__ import annotations

from datetime import date

from rulebook.codes import read_sources
from rulebook.records import CalendarDay
from rulebook.source import Sources


def read_calendar(sources: Sources) -> dict[date, CalendarDay]:
    """Return the moved days by date. Raises ``RulebookError``."""
    read_sources(sources, "calendar")
    found: dict[date, CalendarDay] = {}
    for row in sources.csv("calendar/cn_holidays.csv", ("date", "name", "is_off_day", "notice_url"), exact=True):
        day = row.day("date")
        if day in found:
            row.fail("the day stands twice; remove one / 日期重复")
        off = row.choice("is_off_day", ("0", "1")) == "1"
        found[day] = CalendarDay(day, row.text("name"), off, row.text("notice_url"))
    return found
