"""The impact assessment as a form, and the notice to guardians as a page to print."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, recognize, services
from gateway.errors import GatewayError, ParameterError
from gateway.ids import ApplicationId, GrantId
from gateway.policies.assessments import AssessmentDraft, Conclusion, Risk, RiskCode
from gateway.policies.decision import Action
from gateway.policies.resources import application_resource
from gateway.problems import Problem

blueprint = Blueprint("assessments", __name__)


@blueprint.get("/applications/<application_id>/assessment")
def show(application_id: str) -> ResponseReturnValue:
    """Show the newest assessment, and the form to those who may fill it in."""
    return _page(ApplicationId(application_id), None)


@blueprint.post("/applications/<application_id>/assessment")
def record(application_id: str) -> ResponseReturnValue:
    """Record an assessment."""
    which = ApplicationId(application_id)
    try:
        services().applications.record_assessment(principal(), which, _draft(), version=forms.whole("version"))
    except GatewayError as error:
        return _page(which, problem_for(error))
    notify("assessed")
    return redirect(url_for("console.applications.show", application_id=which))


@blueprint.get("/register/<grant_id>/notice")
def notice(grant_id: str) -> ResponseReturnValue:
    """Show the notice to guardians of a grant, to be printed and handed out; it is public."""
    recognize()
    return page("notice.html", grant=grant_id, text=services().applications.notice(GrantId(grant_id)))


def _page(which: ApplicationId, problem: Problem | None) -> ResponseReturnValue:
    who, applications = principal(), services().applications
    application = applications.get(who, which)
    form = applications.assessment_form(who, which)
    return page(
        "assessment.html",
        problem=problem,
        application=application,
        form=form,
        values=request.form if problem is not None else _values(form.latest.body if form.latest else form.draft),
        risks=list(RiskCode),
        conclusions=list(Conclusion),
        may_record=may(services(), who, Action.RECORD_GROUND, application_resource(application)),
    )


def _values(draft: AssessmentDraft) -> Mapping[str, str]:
    found = {
        "necessity": draft.necessity,
        "rights_impact": draft.rights_impact,
        "conclusion": draft.conclusion.value,
        "conditions": draft.conditions,
    }
    for risk in draft.risks:
        found |= {
            f"{risk.code}.likelihood": str(risk.likelihood),
            f"{risk.code}.severity": str(risk.severity),
            f"{risk.code}.measure": risk.measure,
        }
    return found


def _draft() -> AssessmentDraft:
    try:
        conclusion = Conclusion(request.form.get("conclusion", ""))
    except ValueError:
        raise ParameterError(
            "Choose a conclusion.", detail_zh="请选择评估结论。", missing=("conclusion",), rule="A50-9"
        ) from None
    return AssessmentDraft(
        necessity=forms.text("necessity"),
        rights_impact=forms.text("rights_impact"),
        risks=tuple(
            Risk(
                code,
                forms.whole(f"{code}.likelihood"),
                forms.whole(f"{code}.severity"),
                forms.text(f"{code}.measure", longest=1000),
            )
            for code in RiskCode
        ),
        conclusion=conclusion,
        conditions=forms.text("conditions"),
    )
