"""``/v1/applications``: apply, record the ground, confirm it, decide."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import (
    ApplicationEditIn,
    ApplicationIn,
    ApplicationList,
    ApplicationOut,
    ApplicationQuery,
    BasisIn,
    CommentIn,
    CommentList,
    CommentOut,
    ConfirmationIn,
    DecisionIn,
    SubmissionIn,
    TakeBackIn,
    TermsOut,
)
from gateway.api.versions import acted_on
from gateway.ids import ApplicationId
from gateway.policies.records import Application, ApplicationState
from gateway.policies.scope import civil_date
from gateway.policies.terms import terms_on

blueprint = ApiBlueprint("applications", __name__, tag="Applications")


@blueprint.post("/v1/applications")
@blueprint.input(ApplicationIn)
@blueprint.output(ApplicationOut, status_code=201)
def create_application(json_data: ApplicationIn) -> ApplicationOut:
    """Apply for data; submitted at once unless ``draft`` is true."""
    applications = services().applications
    draft = json_data.to_draft()
    make = applications.draft if json_data.draft else applications.create
    return _told(make(principal(), draft))


@blueprint.get("/v1/applications")
@blueprint.input(ApplicationQuery, location="query")
@blueprint.output(ApplicationList)
def list_applications(query_data: ApplicationQuery) -> ApplicationList:
    """List the applications that the caller may see, newest first; ``overdue=true`` those that wait too long."""
    states = None if query_data.state is None else {ApplicationState(query_data.state)}
    found = services().applications.list(principal(), states=states, overdue=query_data.overdue, limit=query_data.limit)
    return ApplicationList(items=[_told(application, listed=True) for application in found])


@blueprint.get("/v1/applications/<application_id>")
@blueprint.output(ApplicationOut)
def get_application(application_id: str) -> ApplicationOut:
    """Show an application with its history, its deadline and what stands in its way."""
    return _told(services().applications.get(principal(), ApplicationId(application_id)))


@blueprint.put("/v1/applications/<application_id>")
@blueprint.input(ApplicationEditIn)
@blueprint.output(ApplicationOut)
def edit_application(application_id: str, json_data: ApplicationEditIn) -> ApplicationOut:
    """Replace what a draft or a returned application says; submit it after."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    return _told(services().applications.edit(who, which, json_data.to_draft(), version=version))


@blueprint.post("/v1/applications/<application_id>/submission")
@blueprint.input(SubmissionIn)
@blueprint.output(ApplicationOut)
def submit_application(application_id: str, json_data: SubmissionIn) -> ApplicationOut:
    """Submit a draft or a returned application."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    return _told(services().applications.submit(who, which, version=version))


@blueprint.post("/v1/applications/<application_id>/basis")
@blueprint.input(BasisIn)
@blueprint.output(ApplicationOut)
def record_basis(application_id: str, json_data: BasisIn) -> ApplicationOut:
    """Record the legal ground: a law or regulation, or a government's approval (Art. 50)."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    ground = json_data.ground.to_record()
    return _told(services().applications.record_ground(who, which, ground, version=version))


@blueprint.post("/v1/applications/<application_id>/confirmation")
@blueprint.input(ConfirmationIn)
@blueprint.output(ApplicationOut)
def confirm_basis(application_id: str, json_data: ConfirmationIn) -> ApplicationOut:
    """Confirm the ground that another person recorded."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    return _told(services().applications.confirm_ground(who, which, version=version, comment=json_data.comment))


@blueprint.post("/v1/applications/<application_id>/decision")
@blueprint.input(DecisionIn)
@blueprint.output(ApplicationOut)
def decide_application(application_id: str, json_data: DecisionIn) -> ApplicationOut:
    """Approve, narrow, return or refuse; an approval makes the grant."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    narrowed = None if json_data.narrowed is None else json_data.narrowed.to_record()
    return _told(
        services().applications.decide(
            who,
            which,
            json_data.decision,
            version=version,
            reason=json_data.reason,
            narrowed=narrowed,
            dry_run=json_data.dry_run,
        )
    )


@blueprint.post("/v1/applications/<application_id>/withdrawal")
@blueprint.input(TakeBackIn)
@blueprint.output(ApplicationOut)
def take_back_application(application_id: str, json_data: TakeBackIn) -> ApplicationOut:
    """Take an own application back before it is decided."""
    who, which = principal(), ApplicationId(application_id)
    version = acted_on(which, json_data.version)
    return _told(services().applications.take_back(who, which, version=version, reason=json_data.reason))


@blueprint.post("/v1/applications/<application_id>/comments")
@blueprint.input(CommentIn)
@blueprint.output(CommentOut, status_code=201)
def comment_on_application(application_id: str, json_data: CommentIn) -> CommentOut:
    """Leave a remark for the other side; remarks are only ever added, and change no version."""
    return CommentOut.of(services().applications.comment(principal(), ApplicationId(application_id), json_data.text))


@blueprint.get("/v1/applications/<application_id>/comments")
@blueprint.output(CommentList)
def list_comments(application_id: str) -> CommentList:
    """List the remarks of both sides, the oldest first."""
    found = services().applications.comments(principal(), ApplicationId(application_id))
    return CommentList(items=[CommentOut.of(comment) for comment in found])


@blueprint.get("/v1/terms")
@blueprint.output(TermsOut)
def security_terms() -> TermsOut:
    """Show the security terms that an application accepts, with all versions by hash."""
    versions = services().book.security_terms
    return TermsOut.of(terms_on(versions, civil_date(services().now())), versions)


def _told(application: Application, *, listed: bool = False) -> ApplicationOut:
    """Return an application with its deadline; a single one with what stands in its way."""
    applications = services().applications
    due, overdue = applications.due(application)
    found = () if listed else applications.hindrances(application)
    return ApplicationOut.of(application, due=due, overdue=overdue, hindrances=found)
