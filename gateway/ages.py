"""Age in completed years (周岁), as the law counts it: for credentials and for checks."""

from __future__ import annotations

from datetime import date


def age_on(born: date, today: date) -> int:
    """Return the age in completed years (周岁) on ``today``: a year is completed on the day after the birthday.

    Source: Supreme People's Court, 法释〔2006〕1号 art. 2 (周岁 from the day after the birthday); the civil code
    counts years the same way (arts. 200 and 201).
    """
    before = (today.month, today.day) <= (born.month, born.day)
    return today.year - born.year - before
