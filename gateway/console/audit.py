"""The audit trail for inspectors: search, one entry with its proof drawn, the inspection package (A50-10, A51)."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from gateway.audit.records import LINKS, SearchPage, SearchQuery
from gateway.console import figures, forms, texts
from gateway.console.pages import page, principal, problem_for, services
from gateway.errors import ForbiddenError, GatewayError, ParameterError
from gateway.policies.decision import Action
from gateway.policies.resources import audit_log_resource
from gateway.principals import Principal
from gateway.problems import Problem

blueprint = Blueprint("audit", __name__)

_PAGE = 50
_INDEX_DIGITS = 15
_ASKED = frozenset({"kind", "outcome", "actor", "unit", "since", "until", "before", *LINKS})


@blueprint.get("/audit")
def index() -> ResponseReturnValue:
    """Show the search form; with a question also what was found. The search itself is logged."""
    _may(Action.READ_AUDIT)
    problem: Problem | None = None
    found: SearchPage | None = None
    if _ASKED & set(request.args):
        try:
            found = services().audit.search(principal(), _query())
        except ForbiddenError:
            raise
        except GatewayError as error:
            problem = problem_for(error)
    again = {name: value for name, value in request.args.items() if value and name in _ASKED - {"before"}}
    return page(
        "audit.html",
        problem=problem,
        found=found,
        asked=request.args,
        again=again,
        kinds=texts.KINDS,
        outcomes=texts.OUTCOMES,
        links=texts.LINKS,
    )


@blueprint.get("/audit/entries/<int:index>")
def entry(index: int) -> ResponseReturnValue:
    """Show one entry, its proof verified here and drawn; the reading is logged."""
    proven = services().audit.entry(_may(Action.READ_AUDIT), index)
    return page("audit_entry.html", proven=proven, entry=proven.entry, path=figures.inclusion(proven))


@blueprint.post("/audit/entries/<int:index>/receipt")
def receipt(index: int) -> ResponseReturnValue:
    """Return the proof of an entry as a file that a stranger can verify (c2sp.org/tlog-proof)."""
    proven = services().audit.entry(_may(Action.READ_AUDIT), index)
    response = Response(proven.receipt, mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="entry-{index}.tlog-proof"'
    return response


@blueprint.post("/audit/package")
def package() -> ResponseReturnValue:
    """Return an inspection package: the chosen entries with their proofs, or the whole log."""
    wanted = [index for value in request.form.getlist("entry") if (index := _index(value)) is not None]
    whole = forms.ticked("whole")
    if not wanted and not whole:
        raise ParameterError("Choose entries, or the whole log.", detail_zh="请勾选条目，或选择导出全部日志。")
    content = services().audit.export(_may(Action.EXPORT_AUDIT), None if whole else wanted)
    response = Response(content, mimetype="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="inspection.zip"'
    return response


def _index(text: str) -> int | None:
    """Return the number of an entry, ``None`` for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _INDEX_DIGITS else None


def _query() -> SearchQuery:
    given = {name: forms.readable(name, value) for name, value in request.args.items() if value.strip()}
    since, until = (forms.optional_day(name, given.get(name, "")) for name in ("since", "until"))
    before = given.get("before", "")
    return SearchQuery(
        kind=given.get("kind"),
        outcome=given.get("outcome"),
        actor=given.get("actor"),
        unit=given.get("unit"),
        links={name: given[name] for name in LINKS if name in given},
        since=None if since is None else forms.start_of(since),
        until=None if until is None else forms.start_of(until + timedelta(days=1)),
        before=_index(before),
        limit=_PAGE,
    )


def _may(action: Action) -> Principal:
    """Return who is signed in, whom the policies let do ``action`` on the log; raises ``ForbiddenError``."""
    who = principal()
    services().applications.enter(who, action, audit_log_resource())
    return who
