"""The entry of a refusal: its kind and reason, never what was presented (A50-13)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import GatewayError
from gateway.identity.errors import CredentialRejectedError, OAuthRefusedError
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, JsonValue
from gateway.principals import Principal


def refusal(
    kind: str,
    error: GatewayError,
    *,
    actor: Principal | None = None,
    subjects: tuple[SubjectRef, ...] = (),
    facts: Mapping[str, JsonValue] | None = None,
    links: Mapping[str, str] | None = None,
) -> EntryDraft:
    """Return the entry of ``error`` at an act of ``kind``."""
    match error:
        case CredentialRejectedError():
            reason = error.reason.value
        case OAuthRefusedError():
            reason = error.reason
        case _:
            reason = type(error).__name__
    policy = error.extra.get("policy")
    return EntryDraft(
        kind,
        actor,
        outcome="refused",
        facts={**(facts or {}), "reason": reason, "rule": error.rule},
        links=links or {},
        policy=None if policy is None else str(policy),
        subjects=subjects,
    )
