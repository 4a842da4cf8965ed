"""The release gate for identity: claims and verification answers under a standing grant (I1).

A standing grant is a grant of level ``check``: the ground was recorded, confirmed and decided as for any other
release, and every answer is a use with an intent before it and an outcome after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from gateway.articles import keeps
from gateway.errors import ForbiddenError, GatewayError
from gateway.ids import GrantId, RecipientId
from gateway.journal import EntryDraft, Journal, JsonValue, Tx
from gateway.policies.records import Grant, GrantState, Level
from gateway.policies.scope import UseRequest, civil_date, covers
from gateway.policies.trail import grant_links
from gateway.principals import Principal, Use, errand
from gateway.releases.clock import require_clock
from gateway.releases.refusals import spent
from rulebook import Rulebook

R = TypeVar("R")


def _not_in_mandate() -> ForbiddenError:
    """Return what the policy of the other releases says: no resource stands behind this question yet."""
    return ForbiddenError(
        "An access token that names a grant and a use is good for that grant and that use alone.",
        detail_zh="访问令牌写明了授权和用法的，只能用于该授权的该种用法。",
        rule="A50-9",
        missing=("authorization_details",),
    )


class StandingGrants(Protocol):
    """The grants of a recipient, verified and with their present state."""

    def of_recipient(self, recipient: RecipientId) -> Sequence[Grant]:
        """Return all grants of ``recipient``, newest first."""

    def reserve_use(self, tx: Tx, identifier: GrantId) -> bool:
        """Take one use, atomically; false when none is left."""


@keeps("A50-5", "A50-14")
@dataclass(frozen=True, slots=True)
class StandingGate:
    """Answers questions about one person under a standing grant of level ``check``."""

    grants: StandingGrants
    journal: Journal
    book: Rulebook
    now: Callable[[], datetime]

    def answer(
        self,
        recipient: RecipientId,
        principal: Principal,
        purpose: str,
        claims: frozenset[str],
        run: Callable[[Grant], R],
    ) -> R:
        """Return what ``run`` returns of the grant; decided, and the intent durable, before ``run`` is called.

        Raises ``ForbiddenError`` without a grant that covers purpose and claims: nothing was looked up then.
        """
        try:
            grant = self._covering(recipient, principal, purpose, claims)
            links = {**grant_links(grant), "executor": principal.account}
            self.journal.record(
                lambda tx: self._take(tx, grant),
                EntryDraft(
                    "release.intent",
                    principal,
                    facts={"level": Level.CHECK.value, "purpose": purpose, "claims": list[JsonValue](sorted(claims))},
                    links=links,
                ),
            )
        except GatewayError as error:
            self._refused(recipient, principal, purpose, error)
            raise
        try:
            result = run(grant)
        except BaseException as error:
            self._outcome(principal, links, "error", type(error).__name__)
            raise
        self._outcome(principal, links, "complete", None)
        return result

    def standing(self, recipient: RecipientId, principal: Principal, purpose: str, claims: frozenset[str]) -> Grant:
        """Return the grant under which ``answer`` would run, before anybody is asked anything; takes no use.

        Raises ``ForbiddenError`` as ``answer`` does; the refusal is recorded.
        """
        try:
            return self._covering(recipient, principal, purpose, claims)
        except GatewayError as error:
            self._refused(recipient, principal, purpose, error)
            raise

    def held(self, recipient: RecipientId, principal: Principal) -> Sequence[Grant]:
        """Return the grants of level ``check`` that are in force and that ``principal`` may use, newest first."""
        return [
            grant
            for grant in self.grants.of_recipient(recipient)
            if grant.scope.level is Level.CHECK
            and grant.state is GrantState.ACTIVE
            and (principal.mandate is None or errand(grant.id, Use.CHECK) in principal.mandate)
        ]

    def _covering(self, recipient: RecipientId, principal: Principal, purpose: str, claims: frozenset[str]) -> Grant:
        refusal: GatewayError | None = None
        for grant in self.grants.of_recipient(recipient):
            if grant.scope.level is not Level.CHECK or grant.scope.purpose != purpose:
                continue
            if principal.mandate is not None and errand(grant.id, Use.CHECK) not in principal.mandate:
                refusal = refusal or _not_in_mandate()
                continue
            use = UseRequest(
                recipient=principal.recipient or recipient,
                purpose=purpose,
                profile=grant.scope.profile,
                level=Level.CHECK,
                fields=tuple(sorted(claims)),
                on=civil_date(self.now()),
                rows=1,
            )
            try:
                covers(grant, use, self.book.divisions)
            except GatewayError as error:
                refusal = refusal or error
            else:
                require_clock(self.now(), grant.approved_at)
                return grant
        raise refusal or ForbiddenError(
            "No standing grant of level 'check' covers this: apply for one with a legal ground.",
            detail_zh="没有涵盖此用途的核验授权：请先提出申请，并登记法律依据或政府批准。",
            rule="A50-5",
            missing=("grant",),
        )

    def _take(self, tx: Tx, grant: Grant) -> None:
        if not self.grants.reserve_use(tx, grant.id):
            raise spent()

    def _refused(self, recipient: RecipientId, principal: Principal, purpose: str, error: GatewayError) -> None:
        self.journal.append(
            EntryDraft(
                "release.refused",
                principal,
                outcome="refused",
                facts={
                    "problem": type(error).__name__,
                    "rule": error.rule,
                    "purpose": purpose,
                    "missing": list(error.missing),
                },
                links={"recipient": recipient, "executor": principal.account},
            )
        )

    def _outcome(self, principal: Principal, links: dict[str, str], outcome: str, problem: str | None) -> None:
        self.journal.append(
            EntryDraft(
                "release.outcome",
                principal,
                outcome=outcome,
                facts={"level": Level.CHECK.value, "problem": problem},
                links=links,
            )
        )
