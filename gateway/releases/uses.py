"""What a request makes of a grant: the plan, the use, the codes it may name, and the chain it belongs to."""

from __future__ import annotations

import re
from datetime import date

from gateway.anonymize.plan import Plan
from gateway.errors import ForbiddenError, ParameterError
from gateway.ids import ExtractId
from gateway.policies.decision import Circumstances
from gateway.policies.records import Grant, GrantState, Population, Scope
from gateway.policies.scope import Dimension, Use, UseRequest, errand, territory_within
from gateway.policies.trail import grant_links
from gateway.principals import Principal
from gateway.releases.records import ExtractRequest
from rulebook.records import Rulebook

_SCHOOL_CODE = re.compile(r"[0-9]{10}")


def plan_of(book: Rulebook, grant: Grant, request: ExtractRequest) -> Plan:
    """Return the plan of what ``request`` asks under ``grant``.

    Raises ``PlanError`` for a level without rows or a field outside the profile, ``ForbiddenError`` when the rule
    book gives the profile another level than was granted.
    """
    return scope_plan(book, grant.scope, request.fields)


def scope_plan(book: Rulebook, scope: Scope, fields: tuple[str, ...] | None = None, *, matching: bool = False) -> Plan:
    """Return the plan of what leaves under ``scope``, of ``fields`` or of all of it. Raises as ``plan_of``.

    ``matching`` also gives the plan of what comes back for a recipient's list.
    """
    wanted = scope.fields if fields is None else fields
    plan = Plan.of(book.profiles[scope.profile], wanted, book.sha256, matching=matching)
    if plan.level != scope.level:
        raise ForbiddenError(
            f"The profile is of level '{plan.level}' now, the grant of level '{scope.level}': apply for a new grant.",
            detail_zh="提供方案的级别已变更，与授权不符，请重新申请。",
            rule="A50-9",
            missing=("level",),
            extra={"dimension": "level"},
        )
    return plan


def conditions(request: ExtractRequest) -> dict[str, frozenset[str]]:
    """Return the conditions by which a request is narrower than its grant."""
    named = {"stages": request.stages, "grades": request.grades, "schools": request.schools}
    return {name: codes for name, codes in named.items() if codes is not None}


def require_codes(request: ExtractRequest, book: Rulebook) -> None:
    """Refuse what is no code: a request is kept, and must not hold whatever somebody typed (I7)."""
    grades = book.code_lists["grades"]
    known = {"grades": set(grades.labels), "stages": {grades.attributes[code]["stage"] for code in grades.labels}}
    if request.purpose is not None and request.purpose not in book.purposes:
        raise ParameterError("There is no such purpose.", detail_zh="没有该用途。", missing=("purpose",))
    wrong = tuple(
        name
        for name, codes in conditions(request).items()
        if not all(code in known[name] if name in known else _SCHOOL_CODE.fullmatch(code) for code in codes)
    )
    if wrong:
        raise ParameterError(
            f"These are no codes of the code lists: {', '.join(wrong)}.",
            detail_zh=f"以下条件不是有效代码：{'、'.join(wrong)}。",
            missing=wrong,
        )


def note_dimension(error: ForbiddenError, principal: Principal, grant: Grant, state: GrantState) -> None:
    """Say in ``error``, by which the decision point refused, which limit of A50-9 was passed, where it was one."""
    if principal.unit is None and principal.recipient != grant.recipient:
        error.extra.setdefault("dimension", Dimension.RECIPIENT.value)
    elif state is GrantState.EXPIRED:
        error.extra.setdefault("dimension", Dimension.PERIOD.value)


def circumstances_of(principal: Principal, grant: Grant, use: Use, book: Rulebook, separation: str) -> Circumstances:
    """Return what surrounds the ``use`` that ``principal`` makes of ``grant``."""
    within = territory_within(book.divisions, principal.unit, grant.scope.population.territory)
    return Circumstances(separation=separation, territory_within=within, errand=errand(grant.id, use))


def chain(grant: Grant, *, extract: ExtractId | None, executor: str) -> dict[str, str]:
    """Return the chain of responsibility of a release (A50-10, I4)."""
    links = {**grant_links(grant), "executor": executor}
    return links if extract is None else {**links, "extract": extract}


def use_of(grant: Grant, request: ExtractRequest, on: date, rows: int | None = None) -> UseRequest:
    """Return the use that ``request`` makes of ``grant``; what it leaves out is all that was granted."""
    whole = grant.scope.population
    return UseRequest(
        recipient=grant.recipient,
        purpose=grant.scope.purpose if request.purpose is None else request.purpose,
        profile=grant.scope.profile,
        level=grant.scope.level,
        fields=grant.scope.fields if request.fields is None else request.fields,
        on=on,
        rows=rows,
        population=Population(
            whole.territory,
            request.stages if request.stages is not None else whole.stages,
            request.grades if request.grades is not None else whole.grades,
            request.schools if request.schools is not None else whole.schools,
        ),
    )
