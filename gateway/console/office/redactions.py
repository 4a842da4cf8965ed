"""What the redaction of a text would hide, shown with the found pieces marked by kind. Nothing of the text is kept."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import StudentId
from gateway.anonymize.previews import Preview, check_size, pieces
from gateway.anonymize.text.spans import TextType
from gateway.console import forms
from gateway.console.office.reach import registry, schools_for
from gateway.console.pages import page, principal, problem_for, services
from gateway.console.texts import Label
from gateway.errors import GatewayError, UnavailableError
from gateway.policies.decision import Action
from gateway.problems import Problem

blueprint = Blueprint("redactions", __name__)
REASON = "文本脱敏预览 preview of a redaction"
"""Why the record is read, in the log."""
_LONGEST = 102_400

_PERSON, _PLACE, _NUMBER = "person", "place", "number"
KINDS = {
    TextType.PERSON: Label("姓名", "Person", _PERSON),
    TextType.ADDRESS: Label("地址", "Address", _PLACE),
    TextType.SCHOOL: Label("学校", "School", _PLACE),
    TextType.CN_ID: Label("身份证件号", "ID number", _NUMBER),
    TextType.STUDENT_NO: Label("学籍号", "Student number", _NUMBER),
    TextType.PHONE: Label("电话", "Phone", _NUMBER),
    TextType.BANK_CARD: Label("银行卡号", "Bank card", _NUMBER),
    TextType.PASSPORT: Label("护照号", "Passport", _NUMBER),
    TextType.PERMIT: Label("通行证号", "Travel permit", _NUMBER),
    TextType.PLATE: Label("车牌号", "Number plate", _NUMBER),
    TextType.WECHAT: Label("微信号", "WeChat", _NUMBER),
    TextType.QQ: Label("QQ号", "QQ", _NUMBER),
    TextType.EMAIL: Label("电子邮箱", "E-mail", _NUMBER),
    TextType.BIRTH_DATE: Label("出生日期", "Birth date", _NUMBER),
}
"""Kinds in words; the tone is the colour of the mark, which always stands beside the word."""


@blueprint.get("/office/redactions")
def form() -> ResponseReturnValue:
    """Show the form: a text, and the pupil whom it is about."""
    schools_for(Action.READ_REGISTRY)
    return _page(None, "", None)


@blueprint.post("/office/redactions")
def show() -> ResponseReturnValue:
    """Show what would be hidden; with a pupil, the reading of the record is recorded before."""
    schools = schools_for(Action.READ_REGISTRY)
    who = principal()
    try:
        text = forms.text("text", longest=_LONGEST)
        check_size(text)
        texts = services().texts
        if texts is None:
            raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
        texts.ready()
        named = forms.text("student_id", longest=64)
        context = registry().text_context(
            StudentId(named) if named else None, who.account, REASON, schools=frozenset(schools), own=who.unit or ""
        )
        found = texts.preview(text, context.known, context.roster)
    except (GatewayError, RegistryError) as error:
        return _page(None, "", problem_for(error))
    return _page(found, text, None)


def _page(found: Preview | None, text: str, problem: Problem | None) -> ResponseReturnValue:
    counted = Counter(TextType(span.type) for span in found.spans) if found else Counter()
    return page(
        "office/redactions.html",
        problem=problem,
        values=request.form,
        found=found,
        pieces=pieces(text, found.spans) if found else [],
        counted=[(KINDS[kind], count) for kind, count in counted.most_common()],
        kinds={kind.value: label for kind, label in KINDS.items()},
    )
