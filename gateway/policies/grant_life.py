"""What happens to a grant after it was decided: suspended, resumed, withdrawn (``A50-12``).

Each is effective at once: a release asks for the state of its grant inside its own transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from gateway.articles import keeps
from gateway.ids import GrantId
from gateway.journal import Tx
from gateway.policies.acting import Acting, need_reason
from gateway.policies.decision import Action
from gateway.policies.errors import WrongStateError
from gateway.policies.records import ApplicationState, Grant, GrantState
from gateway.policies.resources import grant_resource
from gateway.policies.trail import grant_links
from gateway.principals import Principal

_WRONG: Final = {
    GrantState.SUSPENDED: (
        "Only an active grant is suspended; this one is suspended already, or has ended.",
        "只有有效的授权可以中止，该授权已中止或已终止。",
    ),
    GrantState.ACTIVE: (
        "Only a suspended grant is resumed, and none that was withdrawn or has expired.",
        "只有已中止的授权可以恢复，已撤回、已到期的不得恢复。",
    ),
    GrantState.WITHDRAWN: ("The grant has been withdrawn already.", "该授权已撤回。"),
}


@keeps("A50-12")
class GrantLife(Acting):
    """Stopping a grant for a time, letting it go on, and ending it."""

    def suspend_grant(self, principal: Principal, grant_id: GrantId, *, reason: str) -> Grant:
        """Suspend an active grant at once; return it. Nothing leaves under it until it is resumed.

        Raises ``NotFoundError``, ``ForbiddenError``, ``ApplicationIncompleteError`` without a reason,
        ``WrongStateError`` when it is not active.
        """
        return self._set(principal, grant_id, Action.SUSPEND_GRANT, "grant.suspended", reason, GrantState.SUSPENDED)

    def resume_grant(self, principal: Principal, grant_id: GrantId, *, reason: str) -> Grant:
        """Let a suspended grant go on; return it. Raises what ``suspend_grant`` raises."""
        return self._set(principal, grant_id, Action.SUSPEND_GRANT, "grant.resumed", reason, GrantState.ACTIVE)

    def withdraw_grant(self, principal: Principal, grant_id: GrantId, *, reason: str) -> Grant:
        """Withdraw a grant at once; return it. Nothing more leaves under it (``A50-12``).

        Raises what ``suspend_grant`` raises; a withdrawal is final.
        """
        return self._set(principal, grant_id, Action.WITHDRAW_GRANT, "grant.withdrawn", reason, GrantState.WITHDRAWN)

    def _set(
        self, principal: Principal, grant_id: GrantId, action: Action, kind: str, reason: str, state: GrantState
    ) -> Grant:
        grant = self.grant(grant_id)
        with self._refusals(principal, action, grant_links(grant)):
            decision = self.authorize(principal, action, grant_resource(grant))
            need_reason(reason)
            if state is not GrantState.WITHDRAWN and self._today() > grant.scope.valid_to:
                raise _wrong(state)
        application = self._application(grant.application)
        ends = state is GrantState.WITHDRAWN
        after = replace(application, state=ApplicationState.WITHDRAWN) if ends else application
        at, why = self._now(), reason.strip()

        def write(tx: Tx) -> None:
            among = _BEFORE[state]
            if not self._store.set_grant_state(
                tx, grant_id, state, among=among, at=at, by=principal.account, reason=why
            ):
                raise _wrong(state)

        act = kind.removeprefix("grant.")
        self._change(principal, application, after, act, reason, decision, kind=kind, also=write)
        return self.grant(grant_id)


_BEFORE: Final[dict[GrantState, Collection[GrantState]]] = {
    GrantState.SUSPENDED: (GrantState.ACTIVE,),
    GrantState.ACTIVE: (GrantState.SUSPENDED,),
    GrantState.WITHDRAWN: (GrantState.ACTIVE, GrantState.SUSPENDED),
}


def _wrong(state: GrantState) -> WrongStateError:
    text, text_zh = _WRONG[state]
    return WrongStateError(text, detail_zh=text_zh, missing=("grant_state",))
