"""What an application must satisfy before people spend time on it, and what a decision may grant at the most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from gateway.articles import keeps
from gateway.errors import ForbiddenError
from gateway.ids import AccountId
from gateway.policies.errors import ApplicationIncompleteError
from gateway.policies.grounds import ceiling
from gateway.policies.records import Application, Ground, GroundId, Scope
from gateway.policies.scope import (
    Ceiling,
    Dimension,
    check_shape,
    exceeded,
    intersect,
    narrow,
    profile_ceiling,
    purpose_ceiling,
    scope_exceeded,
)
from gateway.policies.screening import require_no_numbers
from gateway.policies.terms import require_terms
from rulebook.records import Rulebook

_CREDIT_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")


def require_complete(application: Application, book: Rulebook, today: date) -> None:
    """Return when ``application`` can be submitted on the civil date ``today``.

    Raises ``ApplicationIncompleteError`` that names the missing parts, or ``ScopeExceededError`` that names
    the dimensions in which it asks for nothing, for the past, or for more than purpose and profile allow.
    """
    require_texts(application)
    parts: Mapping[str, object] = {
        "recipient": _CREDIT_CODE.fullmatch(application.recipient),
        "recipient_name": application.recipient_name,
        "responsible": application.responsible,
        "reason": application.reason,
        "protection": application.protection,
        "terms_accepted": application.terms_accepted,
    }
    missing = tuple(name for name, value in parts.items() if not value)
    if missing:
        raise ApplicationIncompleteError(
            f"The application is not complete: {', '.join(missing)}. Fill these in and submit again.",
            detail_zh=f"申请不完整，请补充：{'、'.join(missing)}。",
            missing=missing,
        )
    require_terms(application, book.security_terms, today)
    scope = application.scope
    check_shape(scope)
    if scope.population.territory not in book.divisions.by_code:
        raise scope_exceeded((Dimension.TERRITORY,), "There is no such division", "没有该行政区划")
    _require_time_left(scope, today)
    beyond = tuple(dict.fromkeys(d for limit in ceilings(scope, book) for d in exceeded(scope, limit)))
    if beyond:
        raise scope_exceeded(beyond, "The purpose or the profile does not allow this", "超出用途或方案的上限")


def require_texts(application: Application) -> None:
    """Refuse numbers of a person in what is written down; two of the texts go into the audit trail (I7)."""
    require_no_numbers(
        {
            "recipient_name": application.recipient_name,
            "responsible": application.responsible,
            "reason": application.reason,
            "protection": application.protection,
        }
    )


def ceilings(scope: Scope, book: Rulebook) -> tuple[Ceiling, Ceiling]:
    """Return the ceilings of purpose and profile; raises ``ScopeExceededError`` when there is no such one."""
    purpose = book.purposes.get(scope.purpose)
    profile = book.profiles.get(scope.profile)
    if purpose is None:
        raise scope_exceeded((Dimension.PURPOSE,), "There is no such purpose", "没有该用途")
    if profile is None:
        raise scope_exceeded((Dimension.PROFILE,), "There is no such release profile", "没有该提供方案")
    return purpose_ceiling(purpose), profile_ceiling(profile)


def granted_scope(scope: Scope, ground: Ground, book: Rulebook, today: date, narrowed: Scope | None = None) -> Scope:
    """Return application ∩ purpose ∩ profile ∩ basis ∩ territory, narrowed further if asked (I6).

    Raises ``ScopeExceededError`` when nothing is left, when ``narrowed`` reaches beyond the intersection, or
    when the period is over.
    """
    limits = [*ceilings(scope, book), ceiling(ground, book)]
    granted = intersect(scope, limits, book.divisions)
    if narrowed is not None:
        granted = narrow(granted, narrowed, book.divisions)
    _require_time_left(granted, today)
    return granted


@keeps("A50-11")
def require_different_people(
    application: Application, approver: AccountId, separation: str, *, on_behalf: AccountId | None = None
) -> tuple[GroundId, AccountId, AccountId]:
    """Return ground, recorder and confirmer of an application that ``approver`` may turn into a grant.

    Where a person acted for one who had delegated the approval, both count: neither may have had another part.
    The policies say the same; this is the floor that no edited policy file can remove (I1, ``A50-11``).
    Raises ``ForbiddenError`` when the ground is not complete or the people are not different ones.
    """
    ground, recorder, confirmer = application.ground_id, application.ground_recorder, application.ground_confirmer
    if ground is not None and recorder is not None and confirmer is not None:
        applicants = {application.applicant}
        recorders = _people(recorder, application.recorder_for)
        confirmers = _people(confirmer, application.confirmer_for)
        approvers = _people(approver, on_behalf)
        apart = (
            recorders.isdisjoint(approvers | applicants)
            and confirmers.isdisjoint(recorders | applicants)
            and approvers.isdisjoint(applicants)
            and (separation == "two" or confirmers.isdisjoint(approvers))
        )
        if apart:
            return ground, recorder, confirmer
    raise ForbiddenError(
        "Applicant, recorder, confirmer and approver must be the different people that the profile asks for.",
        detail_zh="申请、登记、确认、批准须由规定的不同人员办理。",
        rule="A50-11",
        missing=("another_person",),
        extra={"policy": "invariant-i1"},
    )


def _people(*accounts: AccountId | None) -> set[AccountId]:
    return {account for account in accounts if account is not None}


def _require_time_left(scope: Scope, today: date) -> None:
    if scope.valid_to < today:
        raise scope_exceeded((Dimension.PERIOD,), "The period applied for is over", "申请的使用期限已过")
