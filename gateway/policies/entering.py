"""The doors of rooms that keep no refusals of their own: the registry's pages and the reading of the audit trail.

``authorize`` asks and leaves no trace, as for a menu; ``enter`` is for somebody who stands at the door: whoever is
refused there is in the trail like whoever is let in (``A50-13``).
"""

from __future__ import annotations

from gateway.articles import keeps
from gateway.errors import ForbiddenError
from gateway.journal import EntryDraft
from gateway.policies.acting import Acting
from gateway.policies.decision import Action, Decision, Resource
from gateway.policies.trail import stands_in
from gateway.principals import Principal


class Entering(Acting):
    """Asks the decision point for other rooms, and records who was refused."""

    @keeps("A50-13")
    def enter(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        """Return the decision that allows ``action``, as ``authorize`` does; a refusal is recorded, then raised."""
        try:
            return self.authorize(principal, action, resource, territory=territory)
        except ForbiddenError as error:
            policy = error.extra.get("policy")
            self._journal.append(
                EntryDraft(
                    "access.refused",
                    principal,
                    outcome="refused",
                    facts={
                        "act": action.value,
                        "resource": resource.type,
                        "rule": error.rule,
                        "missing": list(error.missing),
                        **stands_in(principal),
                    },
                    policy=None if policy is None else str(policy),
                )
            )
            raise
