"""``/v1/applications/{id}/plan``: how each column would leave, before anybody decides."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.plans import ReleasePlanOut
from gateway.errors import NotFoundError
from gateway.ids import ApplicationId
from gateway.releases.uses import scope_plan

blueprint = ApiBlueprint("plans", __name__, tag="Applications")


@blueprint.get("/v1/applications/<application_id>/plan")
@blueprint.output(ReleasePlanOut)
def get_plan(application_id: str) -> ReleasePlanOut:
    """Show how each column that was applied for would leave, and under which limits; of levels with rows only."""
    application, book = services().applications.get(principal(), ApplicationId(application_id)), services().book
    if application.scope.profile not in book.profiles:
        raise NotFoundError("The release profile is no more.", detail_zh="该提供方案已不存在。")
    return ReleasePlanOut.of(scope_plan(book, application.scope, matching=True))
