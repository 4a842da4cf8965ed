"""Questions of families about who saw a pupil's data, for those who answer."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from gateway.accesses.office import QuestionDesk
from gateway.accesses.records import MAX_TEXT, QuestionId
from gateway.console import forms
from gateway.console.entrances import own_registry
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError
from gateway.policies.decision import Action
from gateway.principals import Principal
from gateway.problems import Problem

blueprint = Blueprint("questions", __name__)


@blueprint.get("/office/questions")
def index() -> ResponseReturnValue:
    """List the questions that wait for the person's territory; the look is recorded."""
    return _index(None)


@blueprint.post("/office/questions/<question_id>")
def answer(question_id: str) -> ResponseReturnValue:
    """Answer a question; the family sees it at once."""
    try:
        _desk().answer(_answering(), QuestionId(question_id), forms.text("answer", longest=MAX_TEXT))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _index(problem_for(error))
    notify("question_answered")
    return redirect(url_for("console.questions.index"), code=303)


def _index(problem: Problem | None) -> ResponseReturnValue:
    questions = _desk().waiting(_answering())
    return page("office/questions.html", problem=problem, questions=questions, longest=MAX_TEXT)


def _answering() -> Principal:
    """Return who is signed in, who handles cases of some unit; a refusal is recorded."""
    who = principal()
    services().applications.enter(who, Action.HANDLE_CASES, own_registry(who), territory=who.unit or "")
    return who


def _desk() -> QuestionDesk:
    found = services().questions
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found
