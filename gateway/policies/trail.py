"""What this room writes into the audit trail: the chain of responsibility and the facts of a scope (I4, I7)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import ForbiddenError, GatewayError
from gateway.journal import EntryDraft, JsonValue
from gateway.policies.codec import scope_value
from gateway.policies.errors import (
    ApplicationIncompleteError,
    AssessmentRefusedError,
    GrantEndedError,
    GrantInvalidError,
    GroundRefusedError,
    RecipientBarredError,
    ScopeExceededError,
    WrongStateError,
)
from gateway.policies.records import Application, Grant, Scope
from gateway.principals import Principal

REFUSALS = (
    ForbiddenError,
    GroundRefusedError,
    ScopeExceededError,
    ApplicationIncompleteError,
    AssessmentRefusedError,
    GrantInvalidError,
    GrantEndedError,
    RecipientBarredError,
    WrongStateError,
)
"""Errors that are refusals: each goes into the audit trail like an act that was granted (``A50-13``)."""


def application_links(application: Application) -> dict[str, str]:
    """Return the chain of an application as far as it goes: application, people, recipient, responsible."""
    named = {
        "application": application.id,
        "recipient": application.recipient,
        "responsible": application.responsible,
        "ground": application.ground_id,
        "basis_recorder": application.ground_recorder,
        "basis_confirmer": application.ground_confirmer,
        "approver": application.approver,
        "grant": application.grant_id,
    }
    return {name: value for name, value in named.items() if value}


def grant_links(grant: Grant) -> dict[str, str]:
    """Return the whole chain of a grant; a release adds ``extract`` and ``executor`` to it."""
    return {
        "application": grant.application,
        "grant": grant.id,
        "ground": grant.ground_id,
        "basis_recorder": grant.basis_recorder,
        "basis_confirmer": grant.basis_confirmer,
        "approver": grant.approver,
        "recipient": grant.recipient,
        "responsible": grant.responsible,
    }


def scope_facts(scope: Scope) -> dict[str, JsonValue]:
    """Return a scope as facts of an entry: codes, dates and counts."""
    return scope_value(scope)


def stands_in(principal: Principal) -> dict[str, JsonValue]:
    """Return who delegated the approval under which ``principal`` acts, as a fact; nothing for most people."""
    return {} if principal.on_behalf is None else {"on_behalf": principal.on_behalf}


def refused(
    principal: Principal, act: str, error: GatewayError, links: Mapping[str, str], policy_set: str
) -> EntryDraft:
    """Return the entry of an act that was refused: which act, by which rule, what was missing."""
    policy = error.extra.get("policy")
    return EntryDraft(
        kind="application.refused_act",
        actor=principal,
        outcome="refused",
        facts={
            "act": act,
            "error": type(error).__name__,
            "rule": error.rule,
            "missing": list(error.missing),
            **stands_in(principal),
        },
        links=dict(links),
        policy=None if policy is None else str(policy),
        policy_set=None if policy is None else policy_set,
    )
