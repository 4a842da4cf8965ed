"""What was refused on the road out: the entry of a refusal, and who is told what (A50-9, A50-13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gateway.errors import ForbiddenError, GatewayError, NotFoundError
from gateway.journal import EntryDraft, Journal, JsonValue
from gateway.policies.records import Grant
from gateway.principals import Principal


def refusal(
    principal: Principal | None, error: GatewayError, links: Mapping[str, str], **noted: JsonValue
) -> EntryDraft:
    """Return the entry of a refusal: which problem, by which rule, what was missing, which limit of the grant.

    ``noted`` are facts that only some refusals have; ``None`` for ``principal`` is the worker.
    """
    facts: dict[str, JsonValue] = {
        "problem": type(error).__name__,
        "rule": error.rule,
        "missing": list(error.missing),
        "dimension": error.extra.get("dimension"),
        **noted,
    }
    policy = error.extra.get("policy")
    return EntryDraft(
        "release.refused",
        principal,
        outcome="refused",
        facts=facts,
        links=links,
        policy=None if policy is None else str(policy),
    )


@contextmanager
def refusals_recorded(
    journal: Journal, principal: Principal, grant: Grant, links: Mapping[str, str], **noted: JsonValue
) -> Iterator[None]:
    """Record what is refused within, with the facts ``noted``, and raise it.

    Who is neither of the house nor the grant's recipient does not learn that there is such a grant: they get
    ``NotFoundError``, whatever it was.
    """
    try:
        yield
    except GatewayError as error:
        journal.append(refusal(principal, error, links, **noted))
        if principal.unit is None and principal.recipient != grant.recipient:
            raise no_such_grant() from None
        raise


def no_such_grant() -> NotFoundError:
    """Return the error of a grant that is not there, or that the caller may not know of."""
    return NotFoundError("There is no such grant.", detail_zh="没有该授权。")


def spent() -> ForbiddenError:
    """Return the error of a grant without a use left."""
    return ForbiddenError(
        "All uses of this grant are spent: apply for a new one.",
        detail_zh="该授权的使用次数已用完，请重新申请。",
        rule="A50-9",
        missing=("uses",),
        extra={"dimension": "uses"},
    )
