"""The superior's objection to what was filed (Art. 36; Q-27): the act stands until it is withdrawn."""

from __future__ import annotations

from datetime import date

from core_registry.domain.chapters.withdrawal import OBJECTION_CLOCK
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, NewMatter, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState
from core_registry.domain.working_days import Measure, Period

MATTER = "objection"


@rule("A36-2")
def within_the_period(_request: Request, facts: Facts) -> Verdict:
    """A36-2, Q-27: who is informed may object within the working days that the place has set."""
    entry = facts.archive.last(EntryKind.WITHDRAWAL)
    filed = None if entry is None else entry.day("filed_on") or entry.on
    if filed is None:
        return Failure("没有可以提出异议的退学备案。", "No withdrawal is on file to object to.", Party.SCHOOL)
    last = facts.calendar.after(filed, Period(facts.policy.objection_days, Measure.WORKING_DAYS))
    if not last.late(facts.today):
        return True
    return Failure(
        f"异议期已于{last.day.isoformat()}届满。", f"The time to object ended on {last.day}.", Party.REGISTRY_SUPERIOR
    )


def _steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (StepPlan("object", Party.REGISTRY_SUPERIOR, Act.START, 1, "A36-2", act_zh="提出异议"),)


@enforces("A36-2", how="effects")
def _objected(_request: Request, facts: Facts, on: date) -> Effects:
    """Open a matter for the school and stop the clock; the record stays as it was filed."""
    owner = facts.school.central_school or facts.school.code
    return Effects(matters=(NewMatter(MATTER, owner, on, "A36-2"),), met=(OBJECTION_CLOCK,))


OBJECTION = register(
    Procedure(
        kind="objection",
        zh="对退学备案提出异议",
        en="Objection to a filed withdrawal",
        chapter=6,
        article="36",
        fields=(ValueSpec("reason", ValueType.TEXT, "异议理由", "why", personal=True, longest=400),),
        opened_by=frozenset({Party.REGISTRY_SUPERIOR}),
        steps=_steps,
        effects=_objected,
        checks=(within_the_period,),
        needs_evidence=False,  # it changes nothing of the record (A7-1)
        opens_in=frozenset({StudentState.WITHDRAWN.value}),
        waits=False,
    )
)
