"""The verifier's page (核验): what to ask, a QR code for the wallet, and the answer in large letters. For a tablet."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import segno
from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from gateway.console.claim_words import in_words
from gateway.console.pages import page, principal, problem_for, services
from gateway.console.texts import Label
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.identity.claims import ACTIVE, CLAIM_LABELS
from gateway.identity.errors import TEXTS, Reason
from gateway.identity.presenting.records import Choice, PresentationId, Progress, State
from gateway.identity.presenting.responses import Refused
from gateway.identity.presenting.service import PresentationService

blueprint = Blueprint("verifier", __name__)

WAITING: Mapping[State, Label] = {
    State.WAITING: Label("请持有人用钱包扫码", "Have the holder scan the code with the wallet"),
    State.FETCHED: Label("已扫码，等待持有人同意", "Scanned; waiting for the holder to agree"),
}
REFUSED: Mapping[str, Label] = {
    **{reason.value: Label(zh, en) for reason, (en, zh) in TEXTS.items()},
    Refused.DECLINED: Label("持有人未同意出示。", "The holder did not agree."),
    Refused.WALLET_ERROR: Label(
        "钱包未能出示，请确认已领取身份凭证。", "The wallet could not present; is there a credential?"
    ),
    Refused.MALFORMED_RESPONSE: Label("钱包的应答格式不正确。", "The wallet's response is malformed."),
    Refused.NOT_ENCRYPTED: Label("钱包的应答未加密。", "The wallet's response is not encrypted."),
    Refused.NOT_WHAT_WAS_ASKED: Label("出示的不是所请求的凭证。", "This is not the credential that was asked for."),
    Refused.NOT_GRANTED: Label("核验授权已不再有效。", "The standing grant does not cover this any more."),
    Refused.UNAVAILABLE: Label("系统暂时无法核验，请稍后重试。", "The system cannot verify now; try again later."),
}
"""What is said of a reason. Suspended, revoked and ended records are told alike: not confirmed."""
NOT_CONFIRMED = Label("身份凭证当前未能确认。", "The credential is not confirmed now.")
_QUIET = frozenset(
    {Reason.REVOKED, Reason.SUSPENDED, Reason.UNKNOWN_CREDENTIAL, Reason.RECORD_NOT_ACTIVE, Reason.ATTRIBUTE_CHANGED}
)
EXPIRED = Label("已超时，请重新发起。", "Time is up; ask again.")
READ = Label("答复只显示一次，已显示过。", "The answer is shown once and was shown before.")


@blueprint.get("/verify")
def form() -> ResponseReturnValue:
    """Show what the standing grants of one's organisation let one ask for."""
    return page("verify.html", choices=_service().choices(principal()), labels=CLAIM_LABELS, chosen=())


@blueprint.post("/verify")
def ask() -> ResponseReturnValue:
    """Make a request and show it."""
    service, who = _service(), principal()
    claims = tuple(request.form.getlist("claims"))
    try:
        choice = _choice(service.choices(who), request.form.get("grant", ""))
        made = service.make(who, claims, purpose=choice.purpose)
    except GatewayError as error:
        problem = problem_for(error)
        return page("verify.html", problem=problem, choices=service.choices(who), labels=CLAIM_LABELS, chosen=claims)
    return redirect(url_for("console.verifier.show", presentation_id=made.id), code=303)


@blueprint.get("/verify/<presentation_id>")
def show(presentation_id: str) -> ResponseReturnValue:
    """Show the QR code while the request waits, and then what came of it; the answer once."""
    service, who, which = _service(), principal(), PresentationId(presentation_id)
    told = service.progress(which, who)
    made = service.request(which, who)
    if told.state in WAITING:
        left = max(0, int((told.expires_at - services().now()).total_seconds()))
        return page(
            "verify_request.html",
            made=made,
            drawing=_drawing(made.link),
            seconds=left,
            state=told.state,
            words=WAITING,
            labels=CLAIM_LABELS,
        )
    values = (
        [] if told.claims is None else [(CLAIM_LABELS[name], in_words(name, told.claims[name])) for name in told.asked]
    )
    return page(
        "verify_answer.html",
        made=made,
        told=told,
        confirmed=_confirmed(told),
        values=values,
        why=_why(told),
        labels=CLAIM_LABELS,
    )


@blueprint.get("/verify/<presentation_id>/state")
def state(presentation_id: str) -> ResponseReturnValue:
    """Return where the request stands, for the page that waits; nothing of the answer."""
    told = _service().progress(PresentationId(presentation_id), principal(), read=False)
    words = WAITING.get(told.state)
    text = None if words is None else {"zh": words.zh, "en": words.en}
    return jsonify(state=told.state.value, over=words is None, words=text)


def _service() -> PresentationService:
    found = services().presentations
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found


def _choice(choices: Sequence[Choice], grant: str) -> Choice:
    found = next((one for one in choices if one.grant == grant), None)
    if found is None:
        raise ParameterError("Choose one of your grants.", detail_zh="请选择一项核验授权。", missing=("grant",))
    return found


def _drawing(link: str) -> Markup:
    drawing = io.BytesIO()
    segno.make(link, error="m").save(
        drawing, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, svgclass=None, lineclass=None
    )
    return Markup(drawing.getvalue().decode())  # noqa: S704  made by segno


def _confirmed(told: Progress) -> bool:
    """Say whether the large letters are 是: all was shown, every yes-or-no claim is yes, the record is active."""
    if told.claims is None:
        return False
    return all(value is not False for value in told.claims.values()) and (
        told.claims.get("enrolment_status", ACTIVE) == ACTIVE
    )


def _why(told: Progress) -> Label | None:
    if told.state is State.EXPIRED:
        return EXPIRED
    if told.state is State.ANSWERED:
        return READ if told.claims is None else None
    if told.reason in _QUIET:
        return NOT_CONFIRMED
    return REFUSED.get(told.reason or "", NOT_CONFIRMED)
