"""Legal holds on what a page shows, for those who may see retention."""

from __future__ import annotations

from gateway.console.entrances import may
from gateway.console.pages import principal, services
from gateway.policies.decision import Action
from gateway.policies.resources import retention_resource
from gateway.retention.records import LegalHold


def legal_holds(*, case: str = "", grant: str = "") -> tuple[LegalHold, ...]:
    """Return the holds that name a case or a grant; none for whoever may not see them, and where there are none."""
    found = services().retention
    if found is None or not may(services(), principal(), Action.READ_RETENTION, retention_resource()):
        return ()
    return found.holds.on(case=case, grant=grant)
