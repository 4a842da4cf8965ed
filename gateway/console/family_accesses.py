"""谁看过我的孩子: who had what of a pupil, why and when, and the family's questions about it."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.accesses.ports import AccessDesk
from gateway.accesses.records import MAX_TEXT
from gateway.console import forms
from gateway.console.family import families
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.families.records import Member
from gateway.policies.scope import civil_date
from gateway.problems import Problem

blueprint = Blueprint("family_accesses", __name__)

_DIGITS = 15


@blueprint.get("/family/children/<bond_id>/access")
def show(bond_id: str) -> ResponseReturnValue:
    """Show a page of accesses, newest first, and the questions; the look is recorded."""
    return _page(_member(bond_id), None)


@blueprint.post("/family/children/<bond_id>/questions")
def ask(bond_id: str) -> ResponseReturnValue:
    """Ask about the accesses, or about one of them."""
    member, entry = _member(bond_id), request.form.get("entry", "").strip()
    try:
        text = forms.text("question", longest=MAX_TEXT)
        _desk().ask(principal(), member.child.subject_ref, text, None if not entry else _index(entry))
    except GatewayError as error:
        return _page(member, problem_for(error))
    notify("question_asked")
    return redirect(url_for("console.family_accesses.show", bond_id=bond_id), code=303)


def _page(member: Member, problem: Problem | None) -> ResponseReturnValue:
    before = request.args.get("before", "").strip()
    found = _desk().page(principal(), member.child.subject_ref, None if not before else _index(before))
    return page(
        "family/accesses.html",
        problem=problem,
        member=member,
        found=found,
        today=civil_date(services().now()),
        longest=MAX_TEXT,
    )


def _member(bond_id: str) -> Member:
    """Return the child of a bond of the account: the address names no pupil (I7). Raises ``NotFoundError``."""
    found = next((one for one in families().members(principal().account) if one.bond.id == bond_id), None)
    if found is None:
        raise NotFoundError("There is no such pupil on this account.", detail_zh="本账号下没有该学生。")
    return found


def _index(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS):
        raise ParameterError("Choose a line of the list.", detail_zh="请从列表中选择。", missing=("entry",))
    return int(typed)


def _desk() -> AccessDesk:
    found = services().accesses
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found
