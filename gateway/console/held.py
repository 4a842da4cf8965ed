"""Legal holds on what a page shows, for those who oversee them."""

from __future__ import annotations

from gateway.console.pages import principal, services
from gateway.retention.records import LegalHold


def legal_holds(*, case: str = "", grant: str = "") -> tuple[LegalHold, ...]:
    """Return the holds that name a case or a grant; none for whoever may not see them, and where there are none."""
    found = services().retention
    return () if found is None else found.holds.on(principal(), case=case, grant=grant)
