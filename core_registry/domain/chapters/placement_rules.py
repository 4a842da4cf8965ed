"""The committee's assessment: what promotion, graduation and next stage of a disabled pupil rest on (A23-2)."""

from __future__ import annotations

from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.requests import Request
from core_registry.domain.rules import Failure, Party, Verdict, rule
from core_registry.domain.working_days import add_months

_LEVELS = frozenset({"county", "city", "province", "state"})
_FRESH_MONTHS = 12


def has_assessment(request: Request, facts: Facts) -> bool:
    """Whether a conclusion of the county's committee is at hand: as evidence, or in the archive.

    Reading: a conclusion in the archive serves for twelve months, so that each school year's decision has one.
    """
    if any(
        item.kind == "assessment" and item.issuer_kind == "committee" and item.issuer_level in _LEVELS
        for item in facts.evidence
    ):
        return True
    last = facts.archive.last(EntryKind.ASSESSMENT)
    return last is not None and last.on <= request.on <= add_months(last.on, _FRESH_MONTHS)


@rule("A23-2")
def assessed(request: Request, facts: Facts) -> Verdict:
    """A23-2: promotion, graduation and next stage of a disabled pupil rest on the committee's assessment."""
    if not facts.pupil.disabled:
        return None
    if has_assessment(request, facts):
        return True
    return Failure(
        "须附县级残疾人教育专家委员会的评估结论。",
        "Attach the conclusion of the county's committee of experts.",
        Party.SCHOOL,
    )
