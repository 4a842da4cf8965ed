"""``/v1/applications/{id}/assessment`` and the public notice of each grant."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import AssessmentFormOut, AssessmentIn, AssessmentOut, NoticeOut
from gateway.api.versions import acted_on
from gateway.ids import ApplicationId, GrantId

blueprint = ApiBlueprint("assessments", __name__, tag="Applications")


@blueprint.get("/v1/applications/<application_id>/assessment")
@blueprint.output(AssessmentFormOut)
def get_assessment(application_id: str) -> AssessmentFormOut:
    """Show whether an impact assessment is needed, what follows from the application, and the newest one."""
    who, which = principal(), ApplicationId(application_id)
    applications = services().applications
    form = applications.assessment_form(who, which)
    return AssessmentFormOut.of(form, applications.get(who, which).scope.valid_to)


@blueprint.post("/v1/applications/<application_id>/assessment")
@blueprint.input(AssessmentIn)
@blueprint.output(AssessmentOut, status_code=201)
def record_assessment(application_id: str, json_data: AssessmentIn) -> AssessmentOut:
    """Record an impact assessment; the newest one counts (PIPL arts. 55 and 56)."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    made = services().applications.record_assessment(who, which, json_data.to_record(), version=version)
    return AssessmentOut.of(made)


@blueprint.get("/v1/register/<grant_id>/notice")
@blueprint.output(NoticeOut)
def guardian_notice(grant_id: str) -> NoticeOut:
    """Return the notice to guardians of a grant; it is public and names no pupil."""
    return NoticeOut.of(grant_id, services().applications.notice(GrantId(grant_id)))
