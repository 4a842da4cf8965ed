"""Which version of an application an act is about: acts on an older one are conflicts."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.ids import ApplicationId


def acted_on(application_id: ApplicationId, seen: int | None) -> int:
    """Return the version that the caller saw, or the present one; raises ``NotFoundError`` as reading it does."""
    return services().applications.get(principal(), application_id).version if seen is None else seen
