"""Who may manage what: asked of the decision point through a protocol, and every refusal is an entry (A50-13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from gateway.accounts.errors import DelegationRefusedError, RoleConflictError
from gateway.errors import ForbiddenError
from gateway.ids import UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue
from gateway.principals import Principal

REFUSALS = (ForbiddenError, RoleConflictError, DelegationRefusedError)


class Authority(Protocol):
    """The decision point, as this room asks it; the composition root fills it. No method asks for a role by name."""

    def manage_accounts(self, actor: Principal, unit: UnitCode | None) -> str:
        """Return the id of the policy by which ``actor`` manages the accounts of ``unit``; raise ``ForbiddenError``."""

    def manage_clients(self, actor: Principal, unit: UnitCode | None) -> str:
        """Return the id of the policy by which ``actor`` keeps recipients that ``unit`` registered, or raise.

        ``None`` stands for a recipient that nobody registered. Raises ``ForbiddenError``.
        """

    def delegate(self, actor: Principal, unit: UnitCode | None) -> str:
        """Return the id of the policy by which ``actor`` lends the approval of ``unit``; raise ``ForbiddenError``."""

    def managed(self, actor: Principal, units: Iterable[UnitCode]) -> frozenset[UnitCode]:
        """Return those of ``units`` whose accounts ``actor`` manages."""

    def above(self, unit: UnitCode) -> tuple[UnitCode, ...]:
        """Return the department ``unit`` itself and those above it, upwards; empty for what is no department."""


@contextmanager
def refusals(journal: Journal, actor: Principal | None, act: str, **about: str | None) -> Iterator[None]:
    """Write an entry when what is inside is refused, and let the refusal go on its way.

    ``about`` names the account, recipient or delegation that the act was for, by its id.
    """
    try:
        yield
    except REFUSALS as error:
        journal.append(refused(actor, act, error, about))
        raise


def refused(
    actor: Principal | None,
    act: str,
    error: ForbiddenError | RoleConflictError | DelegationRefusedError,
    about: Mapping[str, str | None],
) -> EntryDraft:
    """Return the entry of an act that was refused: which act, by which rule and policy, what was missing."""
    facts: dict[str, JsonValue] = {
        "act": act,
        "error": type(error).__name__,
        "rule": error.rule,
        "missing": list(error.missing),
        **{name: value for name, value in about.items() if value is not None},
    }
    policy = error.extra.get("policy")
    return EntryDraft(
        "account.refused_act", actor, outcome="refused", facts=facts, policy=None if policy is None else str(policy)
    )
