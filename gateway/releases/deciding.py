"""Who may know of a grant, and whether an act under it is allowed: one way for extracts, matches and statistics."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.errors import ForbiddenError
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint
from gateway.policies.records import Grant
from gateway.policies.resources import grant_resource
from gateway.policies.scope import current_state
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.uses import note_dimension

INSIDE: Final = frozenset({Role.DATA_OFFICER, Role.APPROVING_OFFICER, Role.EXECUTOR, Role.INSPECTOR})
"""Roles of the house that may know of a release, where they may read its grant."""


def may_know(decisions: DecisionPoint, principal: Principal, grant: Grant, around: Circumstances) -> bool:
    """Say whether the caller may know that there is such a grant: its recipient, and officers who read it."""
    if principal.kind is AccountKind.CLIENT or Role.APPLICANT in principal.roles:
        return principal.recipient == grant.recipient
    if not principal.roles & INSIDE:
        return False
    return decisions.decide(principal, Action.READ_APPLICATION, grant_resource(grant), around).allowed


def require(
    decisions: DecisionPoint, principal: Principal, action: Action, grant: Grant, at: datetime, around: Circumstances
) -> Decision:
    """Return the decision that allows ``action`` on ``grant`` as it stands ``at`` that moment.

    Raises ``ForbiddenError`` that names the limit of A50-9 that was passed, where it was one.
    """
    state = current_state(grant, at)
    try:
        return decisions.require(principal, action, grant_resource(replace(grant, state=state)), around)
    except ForbiddenError as error:
        note_dimension(error, principal, grant, state)
        raise
