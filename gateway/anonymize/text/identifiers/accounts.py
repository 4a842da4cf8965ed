"""Accounts of WeChat and QQ. A label says that a word or number is one; only ``wxid_`` says it by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.anonymize.text.identifiers.detector import span
from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.identifiers.phones import wechat_phones
from gateway.anonymize.text.identifiers.views import views
from gateway.anonymize.text.spans import Span, TextType

_FILLER = re.compile(
    r"(?:[号码是为叫即就也的名:=\s(\[\"'“‘「【<>加搜请我你他她]|账号|帐号|账户|ID|id|Id|添加|搜索|联系|方式|用户|昵称"
    r"|家长|妈妈|爸爸|老师|->){0,8}+"
)
_ACCOUNT = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{5,30}+(?![A-Za-z0-9_\-]|\s?@)")
_DIGITS = re.compile(r"[0-9]{6,12}+(?![0-9A-Za-z元人次条个名年]|\s?@)")
_ASSIGNS = re.compile(r"[号码是为叫:=]|ID", re.IGNORECASE)
_WXID = re.compile(r"(?<![A-Za-z0-9_])wxid_[A-Za-z0-9]{6,30}+", re.IGNORECASE)
_COMMON_WORDS = frozenset(
    "wechat weixin group public payment pay official account mini program please message friend phone number mobile "
    "iphone android windows pingpong".split()
)
_QQ = re.compile(r"[1-9](?:[ \-]?[0-9]){4,11}(?![0-9A-Za-z元人次条个名年月]|\s?@|[.\-][0-9])")


def find_wechat(page: Page) -> Iterator[Span]:
    """Yield WeChat accounts; a telephone number is one only when the words before it call it so."""
    if not page.has_ascii and not page.runs:
        return
    text = page.text
    for found in _WXID.finditer(text):
        yield span(*found.span(), TextType.WECHAT, 0.98, "wxid")
    labels = page.labels.of_kind("wechat")
    for label in labels:
        filler = _FILLER.match(text, label.end)
        at = filler.end() if filler else label.end
        account = _ACCOUNT.match(text, at)
        if account is not None:
            telling = not account[0].isalpha()
            said = _ASSIGNS.search(text, label.start, at) is not None
            if account[0].casefold() not in _COMMON_WORDS and (telling or said):
                yield span(*account.span(), TextType.WECHAT, 0.9 if said else 0.75, "label")
        elif number := _DIGITS.match(text, at):
            yield span(*number.span(), TextType.WECHAT, 0.8, "label and digits")
    if labels:
        for start, end in wechat_phones(page):
            yield span(start, end, TextType.WECHAT, 0.9, "label and telephone number")


def find_qq(page: Page) -> Iterator[Span]:
    """Yield QQ numbers, and those of groups, that a label names."""
    labels = page.labels.of_kind("qq")
    if not labels:
        return
    fillers = [_FILLER.match(page.text, label.end) for label in labels]
    places = [filler.end() if filler else label.end for filler, label in zip(fillers, labels, strict=True)]
    for script, view in views(page.text):
        for at in places:
            number = _QQ.match(view, at)
            if number is not None:
                yield span(*number.span(), TextType.QQ, 0.9, f"label, {script.value}")
