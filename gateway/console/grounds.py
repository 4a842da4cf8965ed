"""The legal ground as a form (A50-5 to A50-7): what was typed, what is still missing, and the scan of an approval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final, Literal, cast

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from gateway.console import choices, forms
from gateway.console.entrances import may
from gateway.console.pages import page, principal, services
from gateway.errors import ForbiddenError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import ApplicationId
from gateway.policies.decision import Action
from gateway.policies.grounds import ACTS
from gateway.policies.legal_texts import BasisStatus
from gateway.policies.records import Application, GovernmentApproval, Ground, StatuteGround
from gateway.policies.resources import text_resource
from gateway.policies.scans import SUFFIXES, Scan, ScanService
from gateway.policies.scope import civil_date
from gateway.problems import Problem

blueprint = Blueprint("grounds", __name__)
"""Office only: the trial of a ground, and scans."""

CHECK: Final = "console.grounds.check"
_NO_END: Final = date(2199, 12, 31)
_SCAN_CODES: Final = frozenset({"scan", "scan_not_held"})
Values = MultiDict[str, str]


@blueprint.post("/applications/<application_id>/ground/check")
def check(application_id: str) -> ResponseReturnValue:
    """Say what is still missing in a ground that is being typed; nothing is kept. Answers a script of the form."""
    found: list[dict[str, str]] = []
    ground: Ground | None = None
    try:
        ground = _typed(found)
    except ParameterError as error:
        found.append(_line(error.missing[:1], error.detail_zh, error.detail, error.rule))
    if ground is not None:
        problems = services().applications.ground_problems(principal(), ApplicationId(application_id), ground)
        chosen = forms.ticked("scan_chosen")
        told = {one["code"] for one in found}
        found += [
            _line((one.code,), one.zh, one.en, one.rule)
            for one in problems
            if not (chosen and one.code in _SCAN_CODES) and one.code not in told
        ]
    return jsonify(holds=not found, problems=found)


@blueprint.get("/applications/<application_id>/scans/<scan_id>")
def scan(application_id: str, scan_id: str) -> ResponseReturnValue:
    """Return a scan to be saved; the reading is recorded before. Its bytes come from outside and are never shown."""
    held, content = _scans().content(principal(), ApplicationId(application_id), scan_id)
    response = Response(content, mimetype=held.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{held.id}.{SUFFIXES[held.media_type]}"'
    return response


def form_page(which: ApplicationId, values: Values, problem: Problem | None) -> ResponseReturnValue:
    """Return the form of the ground: laws with their status and text, or a government's approval."""
    application = services().applications.get(principal(), which)
    book = services().book
    return page(
        "ground.html",
        problem=problem,
        application=application,
        values=values,
        today=civil_date(services().now()),
        labels=choices.fields_of(book, application.scope.profile),
        bases=_bases(application),
        places=choices.places(book),
        scans=held_scans(application),
        check_url=(url_for(CHECK, application_id=application.id) if CHECK in current_app.view_functions else None),
        may_attach=may(services(), principal(), Action.ATTACH_TEXT, text_resource()),
    )


def record(which: ApplicationId) -> None:
    """Record what was typed; a scan that was uploaded is kept first. Raises ``GatewayError``."""
    ground = parse()
    if isinstance(ground, GovernmentApproval):
        uploaded = _upload(which)
        if uploaded is not None:
            ground = replace(ground, scan_sha256=uploaded.sha256)
    services().applications.record_ground(principal(), which, ground, version=forms.whole("version"))


def parse() -> Ground:
    """Return the ground that was typed; raises ``ParameterError`` for a value that cannot be read.

    What is missing is left to the service: it names every part at once.
    """
    kind = request.form.get("kind")
    if kind == "statute":
        return StatuteGround(
            forms.text("legal_basis", longest=64),
            forms.day("determined_on"),
            reasoning=forms.text("reasoning"),
            determined_by=forms.text("determined_by", longest=120),
        )
    if kind != "government":
        raise _no_kind()
    return _approval(forms.day("dated"), forms.day("valid_to"))


def held_scans(application: Application) -> tuple[Scan, ...]:
    """Return the scans of an application for whoever may read them; none for the others."""
    scans = services().scans
    if scans is None:
        return ()
    try:
        return scans.listed(principal(), application.id)
    except (ForbiddenError, NotFoundError):
        return ()  # who may not read scans is not told that there are some


def scan_state(application: Application) -> dict[str, object]:
    """Return what a page says of the scan of a recorded approval: whether it is held, and its id to read it."""
    ground = application.ground
    held = services().applications.scan_held(application)
    sha256 = ground.scan_sha256 if isinstance(ground, GovernmentApproval) else ""
    found = next((one for one in held_scans(application) if one.sha256 == sha256), None)
    return {"held": held, "scan": found}


def _typed(found: list[dict[str, str]]) -> Ground:
    """Return what was typed so far; a date that is not there is told and taken as if it were no problem."""
    kind = request.form.get("kind")
    today = civil_date(services().now())
    if kind == "statute":
        return StatuteGround(
            forms.text("legal_basis", longest=64),
            _day("determined_on", today, "请填写认定日期。", found),
            reasoning=forms.text("reasoning"),
            determined_by=forms.text("determined_by", longest=120),
        )
    if kind != "government":
        raise _no_kind()
    return _approval(
        _day("dated", today, "请填写成文日期。", found), _day("valid_to", _NO_END, "请填写有效期。", found)
    )


def _day(name: str, otherwise: date, zh: str, found: list[dict[str, str]]) -> date:
    try:
        return forms.day(name)
    except ParameterError:
        found.append(_line((name,), zh, "Fill in the date.", "A50-7"))
        return otherwise


def _approval(dated: date, valid_to: date) -> GovernmentApproval:
    act = request.form.get("act", "")
    if act not in ACTS:
        raise ParameterError("Choose the kind of act.", detail_zh="请选择批准形式。", missing=("act",), rule="A50-7")
    met = forms.optional_day("meeting_date", request.form.get("meeting_date", ""))
    named = forms.text("approved_recipients", longest=1200).replace(",", " ").replace("，", " ").replace("、", " ")
    return GovernmentApproval(
        act=cast('Literal["reply", "office_document", "minutes", "signed_sheet"]', act),
        government=forms.text("government", longest=80),
        division=forms.text("division", longest=12),
        document_number=forms.text("document_number", longest=80),
        signatory=forms.text("signatory", longest=80),
        dated=dated,
        valid_to=valid_to,
        scope_text=forms.text("scope_text", longest=4000),
        scan_sha256=forms.text("held_scan", longest=64) or forms.text("scan_sha256", longest=64),
        fields=forms.some("approved_fields"),
        levels=forms.some("approved_levels"),
        purposes=forms.some("approved_purposes"),
        recipients=frozenset(named.upper().split()) or None,
        population_text=forms.text("population_text"),
        states_consent=forms.ticked("states_consent"),
        meeting_date=met,
    )


def _upload(which: ApplicationId) -> Scan | None:
    """Keep the scan that was uploaded and return it, ``None`` without one."""
    sent = request.files.get("scan")
    if sent is None or not sent.filename:
        return None
    content = sent.read()
    sent.close()  # its own temporary file, if it was large
    return _scans().hand_in(principal(), which, sent.mimetype, content)


def _scans() -> ScanService:
    found = services().scans
    if found is None:
        raise UnavailableError("This face holds no scans.", detail_zh="本端不保存批准文件扫描件。")
    return found


def _bases(application: Application) -> list[BasisStatus]:
    texts = services().legal_texts
    if texts is None:
        return []
    return [one for one in texts.catalogue() if application.scope.purpose in one.basis.purposes]


def _line(codes: Iterable[str], zh: str, en: str, rule: str | None) -> dict[str, str]:
    return {"code": next(iter(codes), ""), "zh": zh, "en": en, "rule": rule or "A50-7"}


def _no_kind() -> ParameterError:
    return ParameterError(
        "Choose the kind of ground: law or regulation, or a government's approval.",
        detail_zh="请选择依据种类：法律法规，或人民政府批准。",
        missing=("ground",),
        rule="A50-5",
    )
