"""Deadlines that are no bar: late action stays possible and is recorded as late (section 1, DEADLINE)."""

from __future__ import annotations

from core_registry.domain.regulation import REGULATION
from core_registry.domain.rules import RuleResult, Status

APPLICATION_CLOCK = "application"
"""A clock that is over when it starts: a late application, shown and alerted until the case is decided."""


def taken_though_late(rule: str, *, late: bool) -> RuleResult:
    """Return the answer of a deadline: passed in either case, with a word where the act is late."""
    entry = REGULATION[rule]
    if not late:
        return RuleResult(rule, Status.PASSED, entry.zh, entry.en)
    zh, en = "申请逾期，照常受理并记为逾期。", "The application is late: taken, and recorded as late."
    return RuleResult(rule, Status.PASSED, entry.zh, entry.en, zh, en)
