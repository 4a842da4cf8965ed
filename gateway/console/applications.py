"""Applications: list, one with its history, the form of an applicant, the ground, the confirmation, the decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, cast

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from gateway.console import choices, forms, grounds
from gateway.console.choices import Way
from gateway.console.entrances import may, own_application
from gateway.console.life import line, phase_word
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.ids import ApplicationId
from gateway.policies.applying import UNDECIDED
from gateway.policies.decision import Action
from gateway.policies.phases import application_phase
from gateway.policies.queries import GrantLifeView
from gateway.policies.records import Application, ApplicationDraft, ApplicationState, Level, Population, Scope
from gateway.policies.resources import application_resource
from gateway.policies.scope import civil_date
from gateway.policies.terms import terms_on
from gateway.problems import Problem

blueprint = Blueprint("applications", __name__)

_FIRST_DAYS = 90
_ROWS = 100_000
Values = MultiDict[str, str]


@blueprint.get("/applications")
def index() -> ResponseReturnValue:
    """List the applications that the person may read, newest first, in one state or overdue alone if asked."""
    who, applications = principal(), services().applications
    chosen = request.args.get("state", "")
    only_overdue = request.args.get("overdue") == "yes"
    states = {ApplicationState(chosen)} if chosen in set(ApplicationState) else None
    found = applications.list(who, states=states, overdue=only_overdue)
    return page(
        "applications.html",
        rows=[(one, application_phase(one), *applications.due(one)) for one in found],
        states=list(ApplicationState),
        chosen=chosen,
        only_overdue=only_overdue,
        may_apply=may(services(), who, Action.APPLY, own_application(who)),
    )


@blueprint.get("/applications/new")
def new() -> ResponseReturnValue:
    """Show the purposes and profiles to choose from, or the form of the chosen one."""
    services().applications.authorize(principal(), Action.APPLY, own_application(principal()))
    chosen = _chosen_way(request.args)
    if chosen is None:
        return page("application_choice.html", ways=choices.ways(services().book))
    return _form(chosen, _first_values(chosen), None)


@blueprint.post("/applications/new")
def create() -> ResponseReturnValue:
    """Keep a draft, or submit it at once."""
    chosen = _need_way(request.form)
    applications, who = services().applications, principal()
    submit = request.form.get("act") == "submit"
    try:
        make = applications.create if submit else applications.draft
        application = make(who, _draft(chosen))
    except GatewayError as error:
        return _form(chosen, request.form, problem_for(error))
    return _done(application.id, "submitted" if submit else "drafted")


@blueprint.get("/applications/<application_id>")
def show(application_id: str) -> ResponseReturnValue:
    """Show an application with its history and the forms of the acts that are the person's to take."""
    return _show(ApplicationId(application_id), None)


@blueprint.get("/applications/<application_id>/edit")
def edit_form(application_id: str) -> ResponseReturnValue:
    """Show the form of a draft or a returned application."""
    application = services().applications.get(principal(), ApplicationId(application_id))
    scope = application.scope
    chosen = _need_way({"purpose": scope.purpose, "profile": scope.profile})
    return _form(chosen, _values_of(application), None, application)


@blueprint.post("/applications/<application_id>/edit")
def edit(application_id: str) -> ResponseReturnValue:
    """Replace what a draft or a returned application says; submit it when that is asked for."""
    applications, who = services().applications, principal()
    application = applications.get(who, ApplicationId(application_id))
    chosen = _need_way(request.form)
    submit = request.form.get("act") == "submit"
    try:
        edited = applications.edit(who, application.id, _draft(chosen), version=forms.whole("version"))
        if submit:
            applications.submit(who, application.id, version=edited.version)
    except GatewayError as error:
        fresh = applications.get(who, application.id)
        return _form(chosen, request.form, problem_for(error), fresh)
    told = "resubmitted" if application.round else "submitted"
    return _done(application.id, told if submit else "drafted")


@blueprint.post("/applications/<application_id>/submission")
def submit(application_id: str) -> ResponseReturnValue:
    """Submit a draft or a returned application as it is."""
    return _act(
        application_id,
        "submitted",
        lambda which: services().applications.submit(principal(), which, version=forms.whole("version")),
    )


@blueprint.post("/applications/<application_id>/withdrawal")
def take_back(application_id: str) -> ResponseReturnValue:
    """Take an own application back before it is decided."""
    return _act(
        application_id,
        "taken_back",
        lambda which: services().applications.take_back(
            principal(), which, version=forms.whole("version"), reason=forms.text("reason")
        ),
    )


@blueprint.post("/applications/<application_id>/comments")
def comment(application_id: str) -> ResponseReturnValue:
    """Leave a remark for the other side."""
    return _act(
        application_id,
        "commented",
        lambda which: services().applications.comment(principal(), which, forms.text("text")),
    )


@blueprint.get("/applications/<application_id>/ground")
def ground_form(application_id: str) -> ResponseReturnValue:
    """Show the form of the legal ground: law or regulation, or a government's approval."""
    return grounds.form_page(ApplicationId(application_id), MultiDict(), None)


@blueprint.post("/applications/<application_id>/ground")
def record_ground(application_id: str) -> ResponseReturnValue:
    """Record the legal ground (A50-5 to A50-7)."""
    which = ApplicationId(application_id)
    try:
        grounds.record(which)
    except GatewayError as error:
        return grounds.form_page(which, request.form, problem_for(error))
    return _done(which, "ground_recorded")


@blueprint.post("/applications/<application_id>/confirmation")
def confirm(application_id: str) -> ResponseReturnValue:
    """Confirm the ground that another person recorded."""
    return _act(
        application_id,
        "ground_confirmed",
        lambda which: services().applications.confirm_ground(
            principal(), which, version=forms.whole("version"), comment=forms.text("comment")
        ),
    )


@blueprint.post("/applications/<application_id>/return")
def send_back(application_id: str) -> ResponseReturnValue:
    """Return an application to the applicant with a reason."""
    return _act(
        application_id,
        "returned",
        lambda which: services().applications.return_application(
            principal(), which, version=forms.whole("version"), reason=forms.text("reason")
        ),
    )


@blueprint.post("/applications/<application_id>/decision")
def decide(application_id: str) -> ResponseReturnValue:
    """Approve, narrow or refuse; an approval signs the grant."""
    kind = request.form.get("decision", "")
    if kind not in {"approve", "narrow", "refuse"}:
        problem = ParameterError("Choose a decision.", detail_zh="请选择决定。", missing=("decision",))
        return _show(ApplicationId(application_id), problem_for(problem))
    return _act(
        application_id,
        "refused" if kind == "refuse" else "granted",
        lambda which: services().applications.decide(
            principal(),
            which,
            cast("Literal['approve', 'narrow', 'refuse']", kind),
            version=forms.whole("version"),
            reason=forms.text("reason"),
            narrowed=_narrowed(which) if kind == "narrow" else None,
            dry_run=forms.text("dry_run", longest=40) or None if kind == "approve" else None,
        ),
    )


def _act(application_id: str, notice: str, run: Callable[[ApplicationId], object]) -> ResponseReturnValue:
    which = ApplicationId(application_id)
    try:
        run(which)
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    return _done(which, notice)


def _done(which: ApplicationId, notice: str) -> ResponseReturnValue:
    notify(notice)
    return redirect(url_for("console.applications.show", application_id=which))


def _show(which: ApplicationId, problem: Problem | None) -> ResponseReturnValue:
    applications, who, book = services().applications, principal(), services().book
    application = applications.get(who, which)
    resource = application_resource(application)
    life = _life_of(application)
    due, overdue = applications.due(application)
    return page(
        "application.html",
        problem=problem,
        application=application,
        acts=applications.acts(who, application),
        line=line(application, life),
        life=life,
        phase=phase_word(application, life),
        due=due,
        overdue=overdue,
        waiting=application.state in UNDECIDED,
        hindrances=applications.hindrances(application),
        comments=applications.comments(who, which),
        may_comment=may(services(), who, Action.COMMENT_APPLICATION, resource),
        may_take_back=application.state in UNDECIDED and may(services(), who, Action.APPLY, resource),
        scan=grounds.scan_state(application),
        way=choices.way(book, application.scope.purpose, application.scope.profile),
        labels=choices.fields_of(book, application.scope.profile),
        places=choices.places(book),
    )


def _life_of(application: Application) -> GrantLifeView | None:
    """Return where the grant of an application stands; whoever may read the one may read the other."""
    if application.grant_id is None:
        return None
    applications = services().applications
    return applications.lives([applications.grant(application.grant_id)])[application.grant_id]


def _form(
    chosen: Way, values: Values, problem: Problem | None, application: Application | None = None
) -> ResponseReturnValue:
    book = services().book
    return page(
        "application_form.html",
        problem=problem,
        way=chosen,
        values=values,
        application=application,
        places=choices.places(book),
        grades=choices.grades(book),
        terms=terms_on(book.security_terms, civil_date(services().now())),
    )


def _chosen_way(given: MultiDict[str, str] | dict[str, str]) -> Way | None:
    return choices.way(services().book, given.get("purpose", ""), given.get("profile", ""))


def _need_way(given: MultiDict[str, str] | dict[str, str]) -> Way:
    found = _chosen_way(given)
    if found is None:
        raise ParameterError(
            "Choose a purpose and one of its release profiles.",
            detail_zh="请选择用途及其提供方案。",
            missing=("purpose", "profile"),
        )
    return found


def _draft(chosen: Way) -> ApplicationDraft:
    """Return what was typed; raises ``ParameterError`` for a value that cannot be read."""
    return ApplicationDraft(
        recipient_name=forms.text("recipient_name", longest=120),
        responsible=forms.text("responsible", longest=120),
        scope=Scope(
            purpose=chosen.purpose.code,
            profile=chosen.profile.code,
            level=Level(chosen.profile.level),
            fields=forms.chosen("fields"),
            population=Population(
                forms.text("territory", longest=6), forms.some("stages"), forms.some("grades"), _schools()
            ),
            valid_from=forms.day("valid_from"),
            valid_to=forms.day("valid_to"),
            uses=forms.whole("uses"),
            row_cap=forms.whole("row_cap"),
        ),
        reason=forms.text("reason"),
        protection=forms.text("protection"),
        terms_accepted=forms.ticked("terms_accepted"),
        terms_version=forms.text("terms_version", longest=40) or None,
    )


def _schools() -> frozenset[str] | None:
    codes = frozenset(forms.text("schools", longest=8000).replace(",", " ").replace("，", " ").split())
    if not all(code.isascii() and code.isdigit() and len(code) == 10 for code in codes):  # noqa: PLR2004
        raise ParameterError(
            "A school is its code of ten digits; separate several by blanks.",
            detail_zh="学校标识码为 10 位数字，多个请用空格分隔。",
            missing=("schools",),
        )
    return codes or None


def _narrowed(which: ApplicationId) -> Scope:
    """Return the scope of the application with what the approving officer took away."""
    scope = services().applications.get(principal(), which).scope
    population = scope.population
    return Scope(
        purpose=scope.purpose,
        profile=scope.profile,
        level=scope.level,
        fields=forms.chosen("fields"),
        population=Population(
            forms.text("territory", longest=6) or population.territory,
            population.stages,
            population.grades,
            population.schools,
        ),
        valid_from=scope.valid_from,
        valid_to=forms.day("valid_to"),
        uses=forms.whole("uses"),
        row_cap=forms.whole("row_cap"),
    )


def _first_values(chosen: Way) -> Values:
    today = civil_date(services().now())
    until = today + timedelta(days=min(_FIRST_DAYS, chosen.purpose.max_days) - 1)
    return MultiDict(
        [
            ("purpose", chosen.purpose.code),
            ("profile", chosen.profile.code),
            ("valid_from", today.isoformat()),
            ("valid_to", until.isoformat()),
            ("uses", "1"),
            ("row_cap", str(min(_ROWS, chosen.max_rows))),
        ]
    )


def _accepts_present_terms(application: Application) -> bool:
    """Say whether the accepted terms are those in force; others are accepted anew, by hand."""
    now = terms_on(services().book.security_terms, civil_date(services().now()))
    return application.terms_accepted and application.terms_version == now.version


def _values_of(application: Application) -> Values:
    scope, where = application.scope, application.scope.population
    several = {"fields": scope.fields, "stages": where.stages or (), "grades": where.grades or ()}
    return MultiDict(
        [
            ("purpose", scope.purpose),
            ("profile", scope.profile),
            ("recipient_name", application.recipient_name),
            ("responsible", application.responsible),
            ("territory", where.territory),
            ("schools", " ".join(sorted(where.schools or ()))),
            ("valid_from", scope.valid_from.isoformat()),
            ("valid_to", scope.valid_to.isoformat()),
            ("uses", str(scope.uses)),
            ("row_cap", str(scope.row_cap)),
            ("reason", application.reason),
            ("protection", application.protection),
            ("terms_accepted", "yes" if _accepts_present_terms(application) else ""),
            *((name, value) for name, found in several.items() for value in sorted(found)),
        ]
    )
