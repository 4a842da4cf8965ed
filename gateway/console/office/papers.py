"""Prints and certificates: the five annexes, a pupil's certificates, voiding one, the public check (Arts. 5, 43)."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import CertificateKey, CertificateLine, PaperDesk, PublicAnswer
from gateway.console import forms
from gateway.console.entrances import may, own_registry
from gateway.console.office.reach import actor, schools_for, unit_names
from gateway.console.pages import notify, page, principal, problem_for, recognize, services
from gateway.errors import GatewayError, ParameterError, UnavailableError
from gateway.policies.decision import Action
from gateway.problems import Problem

blueprint = Blueprint("papers", __name__)
public = Blueprint("certificates", __name__)

ANNEXES = {
    1: ("学生基本信息采集表", "Collection form"),
    2: ("休学、复学申请表", "Suspension and resumption"),
    3: ("普通高中学生退学申请表", "Withdrawal, senior high"),
    4: ("普通高中结业（肄业）证明书", "Completion or incomplete schooling"),
    5: ("学历证明书", "Education proof"),
}
"""Number of an annex -> its title in Chinese and English."""


def papers() -> PaperDesk:
    """Return the desk of papers; raises ``UnavailableError`` on a face without it."""
    found = services().papers
    if found is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return found


@blueprint.get("/office/papers")
def index() -> ResponseReturnValue:
    """Show the page: blank forms, prints by case, certificates."""
    actor(Action.READ_CASES)
    return _page(None, None)


@blueprint.post("/office/papers/pupil")
def pupil() -> ResponseReturnValue:
    """Show a pupil's certificates. A form, so that no reason is in a URL; the reading is recorded before."""
    try:
        return _page(_lines(), None)
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))


@blueprint.post("/office/papers/print")
def print_annex() -> ResponseReturnValue:
    """Return an annex as a PDF to be saved, or as a page for print; the reading is recorded before."""
    reach = frozenset(schools_for(Action.READ_CASES))
    try:
        annex = forms.whole("annex")
        if annex not in ANNEXES:
            raise ParameterError("There are annexes 1 to 5.", detail_zh="附件编号为 1 至 5。", missing=("annex",))
        paper = papers().annex(
            annex,
            actor(Action.READ_CASES),
            forms.text("reason", longest=200),
            reach,
            student_id=forms.text("student_id", longest=64) or None,
            key=CertificateKey(
                forms.text("issuer", longest=10), forms.text("number", longest=60), forms.text("case_id", longest=64)
            ),
        )
        if forms.text("format", longest=4) == "html":
            return Response(paper.html(url_for("console.static", filename="print.css")), mimetype="text/html")
        response = Response(paper.pdf(), mimetype="application/pdf")
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))
    response.headers["Content-Disposition"] = f'attachment; filename="annex-{annex}.pdf"'
    return response


@blueprint.post("/office/papers/void")
def void() -> ResponseReturnValue:
    """Void a certificate of the person's unit: it stays listed, and its number is not given out again (A43-3)."""
    who = actor(Action.HANDLE_CASES)
    try:
        papers().void(who.unit, forms.text("number", longest=60), who, forms.text("reason", longest=200))
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))
    notify("certificate_voided")
    return redirect(url_for("console.papers.index"))


@public.get("/certificates/check")
def check_form() -> ResponseReturnValue:
    """Show the form of the public check; its address stands in the QR code of a certificate."""
    recognize()
    return _check_page(None, None)


@public.post("/certificates/check")
def check() -> ResponseReturnValue:
    """Say what a certificate is worth. A form, so that no number is in a URL."""
    recognize()
    try:
        answer = papers().check(forms.text("number", longest=60), forms.text("issuer", longest=20))
    except (GatewayError, RegistryError) as error:
        return _check_page(None, problem_for(error))
    return _check_page(answer, None)


def _lines() -> list[CertificateLine]:
    reach = frozenset(schools_for(Action.READ_CASES))
    student_id, reason = forms.text("student_id", longest=64), forms.text("reason", longest=200)
    return papers().certificates(student_id, actor(Action.READ_CASES), reason, reach)


def _page(lines: list[CertificateLine] | None, problem: Problem | None) -> ResponseReturnValue:
    who = principal()
    return page(
        "office/papers.html",
        problem=problem,
        annexes=ANNEXES,
        lines=lines,
        names=unit_names(line.issuer for line in lines or ()),
        student_id=request.form.get("student_id", ""),
        values=request.form,
        may_handle=may(services(), who, Action.HANDLE_CASES, own_registry(who), who.unit or ""),
    )


def _check_page(answer: PublicAnswer | None, problem: Problem | None) -> ResponseReturnValue:
    return page("certificates.html", problem=problem, answer=answer, values=request.form)
