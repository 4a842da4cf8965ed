"""Cases: the list, one case with its steps, decisions, withdrawal, and the files that prove it (arts. 7 to 46)."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import (
    EVIDENCE_SUFFIXES,
    OTHER_FILE,
    REGULATION,
    Case,
    ValueType,
)
from gateway.console import forms
from gateway.console.entrances import may, own_registry
from gateway.console.office.reach import actor, desk, schools_for, unit_names
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.policies.decision import Action
from gateway.problems import Problem

blueprint = Blueprint("cases", __name__)

_LINES = 50
_STATUSES = frozenset({"open", "completed", "refused", "withdrawn"})


@blueprint.get("/office/cases")
def index() -> ResponseReturnValue:
    """Show the cases of the person's unit and schools, newest first."""
    reach = frozenset(schools_for(Action.READ_CASES))
    status = request.args.get("status", "")
    kind, after = request.args.get("kind", "")[:64], request.args.get("after", "")[:64]
    kinds = {one.kind: one for one in desk().procedures()}
    lines = desk().cases(
        actor(Action.READ_CASES),
        reach,
        status=status if status in _STATUSES else None,
        kind=kind if kind in kinds else None,
        after=forms.readable("after", after),
        limit=_LINES,
    )
    return page(
        "office/cases.html",
        lines=lines,
        kinds=kinds,
        status=status,
        kind=kind,
        names=unit_names(line.school_code for line in lines),
        after=lines[-1].id if len(lines) == _LINES else None,
        may_handle=_may_handle(),
    )


@blueprint.get("/office/cases/<case_id>")
def show(case_id: str) -> ResponseReturnValue:
    """Show a case: who did what when, what waits for whom until when, and what the rules said."""
    return case_page(_case(case_id), None)


@blueprint.post("/office/cases/<case_id>/decision")
def decide(case_id: str) -> ResponseReturnValue:
    """Decide the step that waits for the person's unit."""
    who = actor(Action.HANDLE_CASES)
    refused = forms.text("decision", longest=8) == "refuse"
    try:
        desk().act(
            case_id,
            forms.text("step", longest=64),
            "refuse" if refused else "agree",
            who,
            forms.whole("version"),
            forms.text("note", longest=500),
        )
    except RegistryError as error:
        return case_page(_case(case_id), problem_for(error))
    notify("case_refused" if refused else "case_decided")
    return redirect(url_for("console.cases.show", case_id=case_id))


@blueprint.post("/office/cases/<case_id>/withdrawal")
def withdraw(case_id: str) -> ResponseReturnValue:
    """Take an open case back."""
    who = actor(Action.HANDLE_CASES)
    try:
        desk().withdraw(case_id, who, forms.whole("version"), forms.text("note", longest=500))
    except RegistryError as error:
        return case_page(_case(case_id), problem_for(error))
    notify("case_withdrawn")
    return redirect(url_for("console.cases.show", case_id=case_id))


@blueprint.get("/office/evidence/<evidence_id>")
def evidence(evidence_id: str) -> ResponseReturnValue:
    """Return a file to be saved; the reading is recorded before. Its bytes come from outside and are never shown."""
    reach = frozenset(schools_for(Action.READ_CASES))
    media_type, content = desk().evidence_file(evidence_id, actor(Action.READ_CASES), reach)
    known = EVIDENCE_SUFFIXES.get(media_type)
    response = Response(content, mimetype=media_type if known else OTHER_FILE)
    response.headers["Content-Disposition"] = f'attachment; filename="evidence.{known or "bin"}"'
    return response


def case_page(case: Case, problem: Problem | None) -> ResponseReturnValue:
    """Return the page of a case; what was typed stays when ``problem`` is about it."""
    who = principal()
    handles = _may_handle()
    mine = [step for step in case.current if step.unit and step.unit == who.unit]
    opener = case.opened_by == who.account or case.steps[0].unit == who.unit or case.request.school == who.unit
    return page(
        "office/case.html",
        problem=problem,
        case=case,
        values=_shown(case),
        names=unit_names([step.unit for step in case.steps] + [case.request.school]),
        rules=REGULATION,
        mine=mine if handles else [],
        may_withdraw=handles and opener and case.status.value == "open",
        typed=request.form,
        files={kind.code: kind.label for kind in services().book.evidence_kinds.values()},
    )


def _case(case_id: str) -> Case:
    reach = frozenset(schools_for(Action.READ_CASES))
    return desk().case(case_id, actor(Action.READ_CASES), reach)


def _may_handle() -> bool:
    who = principal()
    return may(services(), who, Action.HANDLE_CASES, own_registry(who), who.unit or "")


def _shown(case: Case) -> list[tuple[str, str, str]]:
    """Return the values that were given: Chinese and English name, and the value in words."""
    grades = services().book.code_lists["grades"].labels
    found = []
    for spec in case.procedure.fields:
        value = case.request.values.get(spec.name)
        if value is None or value == "":
            continue
        text = str(value)
        if spec.choices:
            text = spec.choices.get(text, (text, ""))[0]
        elif spec.kind is ValueType.GRADE:
            text = grades.get(text, text)
        elif isinstance(value, bool):
            text = "是" if value else "否"
        found.append((spec.zh, spec.en, text))
    return found
