"""When the regulation applies: from 2026-02-10 for five years (A53-1)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from core_registry.domain.facts import Facts
from core_registry.domain.regulation import REGULATION
from core_registry.domain.requests import Request
from core_registry.domain.rules import RuleResult, Status, enforces

FIRST_DAY = date(2026, 2, 10)
LAST_DAY = date(2031, 2, 9)

Regime = Literal["pre-regulation", "in-force", "expired"]


def regime(event: date) -> Regime:
    """Return under which rules an event falls.

    ``pre-regulation``: history, imported without these checks; ``in-force``: checked; ``expired``: checked all the
    same, with a warning. Source: A53-1.
    """
    if event < FIRST_DAY:
        return "pre-regulation"
    return "in-force" if event <= LAST_DAY else "expired"


@enforces("A53-1", how="check")
def in_force(request: Request, _facts: Facts) -> RuleResult:
    """Judge the day of the event: history is refused as a case (it is imported), an expired regulation is a warning."""
    entry = REGULATION["A53-1"]
    match regime(request.on):
        case "pre-regulation":
            return RuleResult(
                "A53-1",
                Status.FAILED,
                entry.zh,
                entry.en,
                "2026年2月10日以前发生的事项作为历史数据导入，不按本细则办理。",
                "What happened before 2026-02-10 is imported as history and not judged by these rules.",
            )
        case "in-force":
            return RuleResult("A53-1", Status.PASSED, entry.zh, entry.en)
        case _:
            return RuleResult(
                "A53-1",
                Status.PASSED,
                entry.zh,
                entry.en,
                "提示：本细则有效期已满（2031年2月9日），请确认现行规定。",
                "Warning: regulation expired (2031-02-09); make sure which rules hold now.",
            )
