"""``/v1/applications``: apply, record the ground, confirm it, decide."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import (
    ApplicationEditIn,
    ApplicationIn,
    ApplicationList,
    ApplicationOut,
    BasisIn,
    ConfirmationIn,
    DecisionIn,
    SubmissionIn,
)
from gateway.ids import ApplicationId

blueprint = ApiBlueprint("applications", __name__, tag="Applications")


@blueprint.post("/v1/applications")
@blueprint.input(ApplicationIn)
@blueprint.output(ApplicationOut, status_code=201)
def create_application(json_data: ApplicationIn) -> ApplicationOut:
    """Apply for data; submitted at once unless ``draft`` is true."""
    applications = services().applications
    draft = json_data.to_draft()
    make = applications.draft if json_data.draft else applications.create
    return ApplicationOut.of(make(principal(), draft))


@blueprint.get("/v1/applications")
@blueprint.output(ApplicationList)
def list_applications() -> ApplicationList:
    """List the applications that the caller may see, newest first."""
    found = services().applications.list(principal())
    return ApplicationList(items=[ApplicationOut.of(application) for application in found])


@blueprint.get("/v1/applications/<application_id>")
@blueprint.output(ApplicationOut)
def get_application(application_id: str) -> ApplicationOut:
    """Show an application with its history."""
    return ApplicationOut.of(services().applications.get(principal(), ApplicationId(application_id)))


@blueprint.put("/v1/applications/<application_id>")
@blueprint.input(ApplicationEditIn)
@blueprint.output(ApplicationOut)
def edit_application(application_id: str, json_data: ApplicationEditIn) -> ApplicationOut:
    """Replace what a draft or a returned application says; submit it after."""
    who, which = principal(), ApplicationId(application_id)
    version = _version(which, json_data.version)
    return ApplicationOut.of(services().applications.edit(who, which, json_data.to_draft(), version=version))


@blueprint.post("/v1/applications/<application_id>/submission")
@blueprint.input(SubmissionIn)
@blueprint.output(ApplicationOut)
def submit_application(application_id: str, json_data: SubmissionIn) -> ApplicationOut:
    """Submit a draft or a returned application."""
    who, which = principal(), ApplicationId(application_id)
    version = _version(which, json_data.version)
    return ApplicationOut.of(services().applications.submit(who, which, version=version))


@blueprint.post("/v1/applications/<application_id>/basis")
@blueprint.input(BasisIn)
@blueprint.output(ApplicationOut)
def record_basis(application_id: str, json_data: BasisIn) -> ApplicationOut:
    """Record the legal ground: a law or regulation, or a government's approval (Art. 50)."""
    who, which = principal(), ApplicationId(application_id)
    version = _version(which, json_data.version)
    ground = json_data.ground.to_record()
    return ApplicationOut.of(services().applications.record_ground(who, which, ground, version=version))


@blueprint.post("/v1/applications/<application_id>/confirmation")
@blueprint.input(ConfirmationIn)
@blueprint.output(ApplicationOut)
def confirm_basis(application_id: str, json_data: ConfirmationIn) -> ApplicationOut:
    """Confirm the ground that another person recorded."""
    who, which = principal(), ApplicationId(application_id)
    version = _version(which, json_data.version)
    return ApplicationOut.of(
        services().applications.confirm_ground(who, which, version=version, comment=json_data.comment)
    )


@blueprint.post("/v1/applications/<application_id>/decision")
@blueprint.input(DecisionIn)
@blueprint.output(ApplicationOut)
def decide_application(application_id: str, json_data: DecisionIn) -> ApplicationOut:
    """Approve, narrow, return or refuse; an approval makes the grant."""
    who, which = principal(), ApplicationId(application_id)
    version = _version(which, json_data.version)
    narrowed = None if json_data.narrowed is None else json_data.narrowed.to_record()
    return ApplicationOut.of(
        services().applications.decide(
            who, which, json_data.decision, version=version, reason=json_data.reason, narrowed=narrowed
        )
    )


def _version(application_id: ApplicationId, seen: int | None) -> int:
    """Return the version to act on: the one that the caller saw, or the present one."""
    return services().applications.get(principal(), application_id).version if seen is None else seen
