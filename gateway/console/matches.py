"""Matches (比对回填): an executor hands in a recipient's list; what is wrong with it is told by row and column."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.console import choices, forms
from gateway.console.entrances import may
from gateway.console.pages import page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.ids import GrantId
from gateway.policies.decision import Action
from gateway.policies.records import Format, GrantState, Level
from gateway.policies.resources import grant_resource
from gateway.problems import Problem
from gateway.releases.matches.lists import HEADERS
from gateway.releases.matches.records import MAX_LIST_BYTES, MatchRequest, Upload

blueprint = Blueprint("matches", __name__)


@blueprint.get("/grants/<grant_id>/matches")
def form(grant_id: str) -> ResponseReturnValue:
    """Show what a list must look like, and the form for it."""
    return _show(GrantId(grant_id), None)


@blueprint.post("/grants/<grant_id>/matches")
def upload(grant_id: str) -> ResponseReturnValue:
    """Seal the list and queue the match; it reserves one use. A list that cannot be taken is not kept."""
    which = GrantId(grant_id)
    matches = services().matches
    if matches is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    try:
        wanted = request.form.get("format", "")
        if wanted not in set(Format):
            raise ParameterError("Choose a file format.", detail_zh="请选择文件格式。", missing=("format",))
        file = request.files.get("file")
        if file is None or not file.filename:
            raise ParameterError("Choose a file.", detail_zh="请选择文件。", missing=("file",))
        fields = forms.chosen("fields") or None
        extract = matches.start(which, MatchRequest(Format(wanted), fields), Upload(file.stream.read()), principal())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    return redirect(url_for("console.extracts.show", extract_id=extract.id))


def _show(which: GrantId, problem: Problem | None) -> ResponseReturnValue:
    who = principal()
    grant = services().applications.grant_for(who, which)
    if grant.scope.level is not Level.MATCH:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    ready = grant.state is GrantState.ACTIVE and may(services(), who, Action.EXECUTE_RELEASE, grant_resource(grant))
    return page(
        "grant_match.html",
        problem=problem,
        wrong=() if problem is None else problem.listed.get("errors", ()),
        grant=grant,
        labels=choices.fields_of(services().book, grant.scope.profile),
        headers={name: sorted(known) for name, known in HEADERS.items()},
        minutes=services().book.parameters.match_list_minutes,
        megabytes=MAX_LIST_BYTES >> 20,
        may_execute=ready,
        formats=list(Format),
    )
