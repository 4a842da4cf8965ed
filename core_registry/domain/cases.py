"""Cases: the course of a request through its parties. Pure: the store writes what comes out.

A case is opened when no rule stops it (``explain``), goes from step to step, each by its own party within its own
clock, and ends completed, refused or withdrawn. Each change needs the version that the actor saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from core_registry.domain.explaining import explain, procedure_of
from core_registry.domain.facts import Evidence, Facts, SchoolFacts
from core_registry.domain.procedures import (
    ACT_LABELS,
    NO_EFFECTS,
    PROCEDURES,
    Act,
    Effects,
    Procedure,
    StepPlan,
)
from core_registry.domain.requests import Request
from core_registry.domain.rules import PARTY_LABELS, Party, RuleResult, enforces
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import CaseRefusedError, RegisterRuleError, StaleCaseError

Decision = Literal["agree", "refuse"]


class CaseStatus(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    COMPLETED = "completed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


STATUS_LABELS = {
    CaseStatus.OPEN: "办理中",
    CaseStatus.COMPLETED: "已办结",
    CaseStatus.REFUSED: "不予办理",
    CaseStatus.WITHDRAWN: "已撤回",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, for which unit (school code or division code). ``role``: registrar, principal, guardian, system."""

    account: str
    unit: str
    role: Literal["registrar", "principal", "guardian", "system"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case. ``unit`` is the school or department that must act; empty for the guardian.

    ``reached`` is the civil day on which the case reached the party, ``due`` the last day in time; the days are
    counted from ``since`` where the rule names an event, else from ``reached``. ``head`` and ``registrar`` are the
    accounts of principal and registrar of the unit on the day of the act (A3-3), filled by the store.
    """

    name: str
    party: Party
    act: Act
    order: int
    rule: str
    unit: str
    act_zh: str = ""
    days: int | None = None
    reached: date | None = None
    since: date | None = None
    due: date | None = None
    provisional: bool = False
    done_on: date | None = None
    done_at: datetime | None = None
    done_by: str | None = None
    decision: Decision | None = None
    late: bool = False
    note: str = field(default="", repr=False)
    head: str | None = None
    registrar: str | None = None

    @property
    def word(self) -> str:
        """What the party does, in the words of the regulation (核准, 核办, 备案 …)."""
        return self.act_zh or ACT_LABELS[self.act]

    @property
    def party_zh(self) -> str:
        """Who acts, in Chinese."""
        return PARTY_LABELS[self.party]


@dataclass(frozen=True, slots=True)
class Case:
    """A request on its way.

    ``version`` grows with each change; ``results`` are the rules as they were judged at opening.
    """

    id: str
    request: Request
    status: CaseStatus
    steps: tuple[Step, ...]
    opened_by: str
    opened_at: datetime
    version: int = 1
    changed_by: str = ""
    changed_at: datetime | None = None
    closed_on: date | None = None
    results: tuple[RuleResult, ...] = ()
    subject_ref: str | None = None
    closing_note: str = field(default="", repr=False)
    evidence: tuple[Evidence, ...] = ()
    """What was handed in for it; filled by the store."""

    @property
    def procedure(self) -> Procedure:
        """How it goes."""
        return PROCEDURES[self.request.kind]

    @property
    def current(self) -> tuple[Step, ...]:
        """The steps that wait for somebody."""
        if self.status is not CaseStatus.OPEN:
            return ()
        return tuple(step for step in self.steps if step.reached is not None and step.decision is None)


@dataclass(frozen=True, slots=True)
class Change:
    """A case after an act, and what it does to the record."""

    case: Case
    effects: tuple[Effects, ...] = ()


def takes_part(actor: Actor, request: Request, facts: Facts) -> bool:
    """Whether the actor's unit is a party of this request: what rules say of a pupil is for those alone (A3-2)."""
    procedure = procedure_of(request.kind)
    if _parties_of(actor, procedure.opened_by, request, facts, None):
        return True
    try:
        steps = [_planned(plan, request, facts) for plan in procedure.steps(request, facts)]
    except ValueError:  # the request names no receiving school yet
        return False
    return any(actor.unit == step.unit for step in steps if step.unit)


def open_case(case_id: str, request: Request, facts: Facts, actor: Actor, now: datetime, version: int | None) -> Change:
    """Return the new case with the first step done where it is the opener's.

    ``version`` is the version of the record that the opener saw, ``None`` for a new one. Raises ``CaseRefusedError``
    with all results when a rule stops it, ``StaleCaseError`` when the record changed meanwhile, ``RegisterRuleError``
    when the opener is not a party that may open it (A16-2 …).
    """
    procedure = procedure_of(request.kind)
    if facts.student is not None and version is not None and version != facts.student.version:
        raise StaleCaseError(
            "The record was changed meanwhile; look at it again.", detail_zh="该学籍已被他人更新，请重新查看。"
        )
    parties = _parties_of(actor, procedure.opened_by, request, facts, None)
    if not parties:
        names = sorted(procedure.opened_by)
        raise RegisterRuleError(
            f"'{procedure.en}' is opened by: {', '.join(names)}; your unit is none of them here.",
            detail_zh=f"“{procedure.zh}”应由{'、'.join(PARTY_LABELS[p] for p in names)}发起。",
            rule=procedure.steps(request, facts)[0].rule,
        )
    results = explain(request, facts)
    if any(result.stops for result in results):
        raise CaseRefusedError(results)
    plans = procedure.steps(request, facts)
    if len({plan.name for plan in plans}) != len(plans) or not plans:
        raise ValueError(f"the steps of '{request.kind}' have no or equal names")
    steps = tuple(_planned(plan, request, facts) for plan in plans)
    case = Case(
        id=case_id,
        request=request,
        status=CaseStatus.OPEN,
        steps=_reach(steps, facts),
        opened_by=actor.account,
        opened_at=now,
        changed_by=actor.account,
        changed_at=now,
        results=results,
        subject_ref=None if facts.student is None else facts.student.subject_ref,
    )
    # What a guardian signed on paper is put in by the school: the signed form is evidence, the step is the guardian's.
    done: list[Effects] = []
    while case.status is CaseStatus.OPEN:
        own = next((s for s in case.current if s.party in {*parties, Party.GUARDIAN} and s.act in _OPENING), None)
        if own is None:
            break
        change = _done(case, own, "agree", actor, facts, now, "")
        case = replace(change.case, version=1)
        done.extend(change.effects)
    return Change(case, tuple(done))


_OPENING = frozenset({Act.APPLY, Act.START, Act.CONFIRM, Act.FILE})
"""Acts that opening a case performs when they come first and are the opener's."""


def act(
    case: Case,
    step_name: str,
    decision: Decision,
    actor: Actor,
    facts: Facts,
    now: datetime,
    version: int,
    note: str = "",
) -> Change:
    """Return the case after ``actor`` decided the step ``step_name``, with the effects if it was the last.

    Raises ``StaleCaseError`` when somebody changed the case since ``version``, ``RegisterRuleError`` for a step that
    does not wait, another unit's step or a refusal without a reason, ``CaseRefusedError`` when a rule that is judged
    again stops it.
    """
    if version != case.version:
        raise StaleCaseError(
            f"The case was changed meanwhile by {case.changed_by}; look at it again.",
            detail_zh=f"该业务已被 {case.changed_by} 更新，请重新查看后再办理。",
        )
    step = next((s for s in case.current if s.name == step_name), None)
    if step is None:
        raise RegisterRuleError(
            "This step does not wait: it is done, not reached yet, or the case is closed.",
            detail_zh="该环节不在待办状态（已办、未到或业务已办结）。",
            rule="S-3",
        )
    if not _parties_of(actor, frozenset({step.party}), case.request, facts, step):
        raise RegisterRuleError(
            f"This step is for {step.party} ({step.unit or 'the guardian'}), not for your unit.",
            detail_zh=f"该环节应由{PARTY_LABELS[step.party]}办理，不属于您的单位。",
            rule=step.rule,
        )
    if decision == "refuse" and not note.strip():
        raise RegisterRuleError("A refusal needs a reason.", detail_zh="不予办理应当说明理由。", rule=step.rule)
    return _done(case, step, decision, actor, facts, now, note)


def withdraw(case: Case, actor: Actor, facts: Facts, now: datetime, version: int, note: str) -> Change:
    """Return the case withdrawn by the unit that opened it, before the last decision.

    Raises ``StaleCaseError``, ``RegisterRuleError`` for a closed case or another unit.
    """
    if version != case.version:
        raise StaleCaseError(
            f"The case was changed meanwhile by {case.changed_by}; look at it again.",
            detail_zh=f"该业务已被 {case.changed_by} 更新，请重新查看后再办理。",
        )
    opener = next(iter(case.steps))
    if case.status is not CaseStatus.OPEN or not (
        actor.account == case.opened_by or _parties_of(actor, case.procedure.opened_by, case.request, facts, None)
    ):
        raise RegisterRuleError(
            "Only an open case can be withdrawn, by who opened it.",
            detail_zh="只有办理中的业务可以由发起单位撤回。",
            rule=opener.rule,
        )
    undone = case.procedure.undone(case.request, facts, facts.today)
    closed = replace(
        case,
        status=CaseStatus.WITHDRAWN,
        version=case.version + 1,
        changed_by=actor.account,
        changed_at=now,
        closed_on=facts.today,
        closing_note=note,
    )
    return Change(closed, (undone,) if undone != NO_EFFECTS else ())


def _done(case: Case, step: Step, decision: Decision, actor: Actor, facts: Facts, now: datetime, note: str) -> Change:
    on = facts.today
    last = decision == "agree" and all(s.decision == "agree" for s in case.steps if s.name != step.name)
    if last:
        again = tuple(r for check in case.procedure.again if (r := check(case.request, facts)) is not None)
        if any(result.stops for result in again):
            raise CaseRefusedError(again)
    made = replace(
        step,
        done_on=on,
        done_at=now,
        done_by=actor.account,
        decision=decision,
        late=step.due is not None and on > step.due,
        note=note,
    )
    steps = tuple(made if s.name == step.name else s for s in case.steps)
    after = replace(case, steps=steps, version=case.version + 1, changed_by=actor.account, changed_at=now)
    if decision == "refuse":
        undone = case.procedure.undone(case.request, facts, on)
        closed = replace(after, status=CaseStatus.REFUSED, closed_on=on)
        return Change(closed, (undone,) if undone != NO_EFFECTS else ())
    if last:
        closed = replace(after, status=CaseStatus.COMPLETED, closed_on=on)
        return Change(closed, (case.procedure.effects(case.request, facts, on),))
    partial = case.procedure.on_step(step.name, case.request, facts, on)
    after = replace(after, steps=_reach(steps, facts))
    return Change(after, (partial,) if partial != NO_EFFECTS else ())


def _reach(steps: tuple[Step, ...], facts: Facts) -> tuple[Step, ...]:
    """Return the steps with those reached whose turn has come; their clocks start on this day (Q-20)."""
    open_orders = [s.order for s in steps if s.decision is None]
    if not open_orders:
        return steps
    turn = min(open_orders)
    return tuple(
        _with_clock(s, facts) if s.order == turn and s.decision is None and s.reached is None else s for s in steps
    )


def _with_clock(step: Step, facts: Facts) -> Step:
    if step.days is None or step.due is not None:
        return replace(step, reached=facts.today)
    due = facts.calendar.after(facts.today, Period(step.days, Measure.WORKING_DAYS))
    return replace(step, reached=facts.today, due=due.day, provisional=due.provisional)


def _planned(plan: StepPlan, request: Request, facts: Facts) -> Step:
    due = None
    if plan.since is not None and plan.days is not None:
        due = facts.calendar.after(plan.since, Period(plan.days, Measure.WORKING_DAYS))
    return Step(
        name=plan.name,
        party=plan.party,
        act=plan.act,
        order=plan.order,
        rule=plan.rule,
        unit=plan.unit if plan.unit is not None else unit_of(plan.party, request, facts),
        act_zh=plan.act_zh,
        days=plan.days,
        since=None if due is None else plan.since,
        due=None if due is None else due.day,
        provisional=due is not None and due.provisional,
    )


@enforces("A3-1", how="procedure")
def unit_of(party: Party, request: Request, facts: Facts) -> str:
    """Return the unit of a party: a school code or a division code, empty for the guardian.

    Every school has exactly one registry superior and one supervising department. Raises ``ValueError`` where a case
    has no receiving school.
    """
    if party is Party.GUARDIAN:
        return ""
    if party in _RECEIVING and facts.receiving is None:
        raise ValueError(f"'{request.kind}' has no receiving school")
    school = facts.school if party in _HOLDING else facts.receiving or facts.school
    return _UNITS[party](school)


_HOLDING = frozenset({Party.SCHOOL, Party.REGISTRY_SUPERIOR, Party.SUPERVISING_DEPT})
_RECEIVING = frozenset({Party.RECEIVING_SCHOOL, Party.RECEIVING_SUPERIOR, Party.RECEIVING_SUPERVISING_DEPT})
_UNITS: Mapping[Party, Callable[[SchoolFacts], str]] = MappingProxyType(
    {
        Party.SCHOOL: lambda school: school.central_school or school.code,
        Party.REGISTRY_SUPERIOR: lambda school: school.registry_superior,
        Party.SUPERVISING_DEPT: lambda school: school.supervising_dept,
        Party.RECEIVING_SCHOOL: lambda school: school.central_school or school.code,
        Party.RECEIVING_SUPERIOR: lambda school: school.registry_superior,
        Party.RECEIVING_SUPERVISING_DEPT: lambda school: school.supervising_dept,
        Party.COUNTY: lambda school: school.division,
        Party.CITY: lambda school: school.city,
        Party.PROVINCE: lambda school: f"{school.city[:2]}0000",
    }
)


def _parties_of(
    actor: Actor, parties: frozenset[Party], request: Request, facts: Facts, step: Step | None
) -> frozenset[Party]:
    """Return those of ``parties`` for which the actor's unit acts (A3-2, A3-4)."""
    if actor.role == "guardian":
        return parties & {Party.GUARDIAN}
    if step is not None:
        return parties if actor.unit == step.unit and step.unit else frozenset()
    # A step may name its unit itself (the county of a household, A9-5): that one then opens, not the school's.
    planned = {
        plan.party: plan.unit for plan in procedure_of(request.kind).steps(request, facts) if plan.unit is not None
    }
    found = set()
    for party in parties - {Party.GUARDIAN}:
        try:
            if actor.unit == (planned[party] if party in planned else unit_of(party, request, facts)):
                found.add(party)
        except ValueError:
            continue
    return frozenset(found)
