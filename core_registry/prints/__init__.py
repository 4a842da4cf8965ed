"""The five annexes of the regulation as forms for print: one layout each, read by an HTML and a PDF writer."""

from core_registry.prints.errors import UnprintableError
from core_registry.prints.html import STYLESHEET, render_html
from core_registry.prints.pdf import render_pdf
from core_registry.prints.records import (
    AnnexFive,
    AnnexFour,
    AnnexOne,
    AnnexThree,
    AnnexTwo,
    Form,
    GuardianPart,
    HolderPart,
    MemberPart,
    Opinion,
    PupilPart,
    StubPart,
)

__all__ = [
    "STYLESHEET",
    "AnnexFive",
    "AnnexFour",
    "AnnexOne",
    "AnnexThree",
    "AnnexTwo",
    "Form",
    "GuardianPart",
    "HolderPart",
    "MemberPart",
    "Opinion",
    "PupilPart",
    "StubPart",
    "UnprintableError",
    "render_html",
    "render_pdf",
]
