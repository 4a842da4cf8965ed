"""The audit trail for inspectors: search, one entry with its proof drawn, the inspection package (A50-10, A51)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from core_registry.sharing import PupilLine
from gateway.audit.listing import LISTING_TYPES, ListingForm
from gateway.audit.pupils import Numbered
from gateway.audit.records import LINKS, SearchPage, SearchQuery
from gateway.console import audit_pupils, audit_texts, chains, figures, forms, texts
from gateway.console.pages import page, principal, problem_for, services
from gateway.console.texts import Label
from gateway.errors import ForbiddenError, GatewayError, ParameterError
from gateway.policies.decision import Action
from gateway.policies.resources import audit_log_resource
from gateway.principals import Principal
from gateway.problems import Problem

blueprint = Blueprint("audit", __name__)

_PAGE = 50
_INDEX_DIGITS = 15
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_ASKED = frozenset({*audit_texts.FILTERS, "before"})


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition that is in force: in words, and the address of the same search without it."""

    name: Label
    value: str
    without: str


@blueprint.get("/audit")
def index() -> ResponseReturnValue:
    """Show the search form; with a question also what was found. The search itself is logged."""
    _may(Action.READ_AUDIT)
    problem: Problem | None = None
    found: SearchPage | None = None
    if _ASKED & set(request.args):
        try:
            found = services().audit.search(principal(), _query(request.args))
        except ForbiddenError:
            raise
        except GatewayError as error:
            problem = problem_for(error)
    return _searched(found, problem)


@blueprint.post("/audit/pupil")
def by_pupil() -> ResponseReturnValue:
    """Show which entries are about a pupil; name and number come in a form, since addresses are written down."""
    who = _may(Action.READ_AUDIT)
    subject, reason = forms.text("subject", longest=40), forms.text("reason", longest=400)
    wanted = audit_pupils.question()
    if wanted is None:
        return _about(who, subject, reason)
    _may(Action.EXPORT_AUDIT)  # to name a child is more than to read the trail
    found = audit_pupils.pupils().find(who, wanted, reason)
    if len(found) == 1:
        number = wanted.number if isinstance(wanted, Numbered) else ""
        return _about(who, found[0].subject_ref, reason, number)
    return _searched(None, None, candidates=found, reason=reason)


def _about(who: Principal, subject: str, reason: str, number: str = "") -> ResponseReturnValue:
    if not _SUBJECT.fullmatch(subject):
        raise ParameterError(
            "Give a number, a name with school or day of birth, or the pupil's reference (32 hexadecimal digits).",
            detail_zh="请填写学籍号或身份证件号码、姓名及学校（出生日期），或 32 位学生引用号（数字和小写 a 至 f）。",
            missing=("number", "subject"),
        )
    query = SearchQuery(subject=subject, before=_index(request.form.get("before", "")), limit=_PAGE)
    return _searched(services().audit.search(who, query), None, subject=subject, reason=reason, number=number)


@blueprint.post("/audit/presence")
def presence() -> ResponseReturnValue:
    """Show whether a pupil is in an entry or in an extract's file, with the proof to take along; it is logged."""
    who = _may(Action.EXPORT_AUDIT)
    subject, reason = audit_pupils.subject(), forms.text("reason", longest=400)
    extract, entry_index = forms.text("extract", longest=64), _index(request.form.get("prove", ""))
    if extract:
        issued = audit_pupils.proofs().prove_extract(who, extract, subject, reason)
    elif entry_index is not None:
        issued = audit_pupils.proofs().prove(who, entry_index, subject, reason)
    else:
        raise ParameterError("Say which entry or extract.", detail_zh="请指明条目或提取。", missing=("entry",))
    return page("audit_presence.html", issued=issued, files=audit_pupils.files(issued))


@blueprint.post("/audit/listing")
def listing() -> Response:
    """Return what a search finds as a file; question and file are logged."""
    who = _may(Action.EXPORT_AUDIT)
    form = ListingForm.JSON if request.form.get("format") == ListingForm.JSON else ListingForm.CSV
    response = Response(services().audit.listing(who, _query(request.form), form), mimetype=LISTING_TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="entries.{form.value}"'
    return response


@blueprint.get("/audit/chains/<identifier>")
def chain(identifier: str) -> ResponseReturnValue:
    """Show the chain of responsibility of an application, a grant or an extract; the reading is logged."""
    found = services().audit.chain(_may(Action.READ_AUDIT), identifier)
    return page("audit_chain.html", chain=found, picture=chains.drawn(found))


@blueprint.get("/audit/entries/<int:index>")
def entry(index: int) -> ResponseReturnValue:
    """Show one entry, its proof verified here and drawn; the reading is logged."""
    proven = services().audit.entry(_may(Action.READ_AUDIT), index)
    return page(
        "audit_entry.html",
        proven=proven,
        entry=proven.entry,
        path=figures.inclusion(proven),
        tagged="tags" in proven.entry.content,
    )


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


def _searched(
    found: SearchPage | None,
    problem: Problem | None,
    *,
    subject: str = "",
    reason: str = "",
    number: str = "",
    candidates: Sequence[PupilLine] | None = None,
) -> ResponseReturnValue:
    asked = {name: value for name, value in request.args.items() if value.strip() and name in audit_texts.FILTERS}
    return page(
        "audit.html",
        problem=problem,
        found=found,
        asked=asked,
        chips=[_chip(asked, name) for name in audit_texts.FILTERS if name in asked],
        subject=subject,
        reason=reason,
        number=number,
        candidates=candidates,
        kinds=audit_texts.ALL_KINDS,
        groups=audit_texts.GROUPS,
        outcomes=texts.OUTCOMES,
        links=texts.LINKS,
    )


def _chip(asked: Mapping[str, str], name: str) -> Chip:
    words = {"kind": {**audit_texts.ALL_KINDS, **audit_texts.GROUPS}, "outcome": texts.OUTCOMES}.get(name, {})
    known = words.get(asked[name])
    rest = {other: value for other, value in asked.items() if other != name}
    told = asked[name] if known is None else known.zh
    return Chip(audit_texts.FILTERS[name], told, f"{url_for('console.audit.index')}?{urlencode(rest)}")


def _query(asked: Mapping[str, str]) -> SearchQuery:
    given = {name: forms.readable(name, value) for name, value in asked.items() if value.strip() and name in _ASKED}
    since, until = (forms.optional_day(name, given.get(name, "")) for name in ("since", "until"))
    before = given.get("before", "")
    return SearchQuery(
        kind=given.get("kind"),
        outcome=given.get("outcome"),
        actor=given.get("actor"),
        person=given.get("person"),
        unit=given.get("unit"),
        policy=given.get("policy"),
        rule=given.get("rule"),
        problem=given.get("problem"),
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
