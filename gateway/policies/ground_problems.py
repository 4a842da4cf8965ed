"""Everything that can be wrong with a legal ground, in words: one table, Chinese and English, each with its rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

TEXTS: Final[dict[str, tuple[str, str, str]]] = {
    "legal_basis": (
        "A50-6",
        "依据目录中没有该法律法规；规章和通知不是法律法规，请改用县级以上人民政府批准。",
        "The legal basis is not in the catalogue; departmental rules and notices are no laws or regulations: "
        "use the approval of a people's government instead.",
    ),
    "kind": (
        "A50-6",
        "依据必须是法律、行政法规或地方性法规。",
        "The ground must be a law, an administrative regulation or a local regulation.",
    ),
    "text_unverified": (
        "A50-6",
        "该依据未附条文原文（未核实），不能据以授权；请附上原文并由另一人确认。",
        "The text of the article is not held, so the basis is unverified and carries no grant: "
        "attach the text and have another officer confirm it.",
    ),
    "determined_on": ("A50-6", "依据的认定日期晚于今天。", "The ground was determined on a day to come."),
    "effective": ("A50-6", "该法律法规自{day}起施行。", "The law or regulation takes effect on {day}."),
    "basis_purpose": ("A50-6", "该依据不包含申请的用途。", "The basis does not provide for this purpose."),
    "basis_level": ("A50-6", "该依据不包含申请的提供级别。", "The basis does not provide for this level."),
    "basis_fields": (
        "A50-6",
        "该依据不包含以下字段：{names}。",
        "The basis does not provide for these fields: {names}.",
    ),
    "education_department": (
        "A50-7",
        "教育行政部门无权批准，须由县级以上人民政府批准。",
        "An education department cannot approve: a people's government of county level or above must.",
    ),
    "township": (
        "A50-7",
        "乡镇人民政府、街道办事处无权批准，须由县级以上人民政府批准。",
        "A township or a sub-district cannot approve: a people's government of county level or above must.",
    ),
    "zone": (
        "A50-7",
        "开发区、示范区管理委员会不是人民政府，须由所在市人民政府批准。",
        "The committee of a development zone is no people's government: the city's government must approve.",
    ),
    "government_office": (
        "A50-7",
        "政府办公厅（室）只能以载明“经政府同意”的文件作为批准。",
        "The office of a government counts only with a document that states the government's consent.",
    ),
    "not_a_government": (
        "A50-7",
        "批准机关必须是县级以上人民政府。",
        "The approving body must be a people's government of county level or above.",
    ),
    "division": (
        "A50-7",
        "区划代码不是设有人民政府的县级以上行政区划。",
        "The division code is not that of a county, city or province with a people's government.",
    ),
    "government_name": (
        "A50-7",
        "批准机关名称与区划代码不一致，应为“{expected}”。",
        "The government's name does not agree with the division code: expected {expected}.",
    ),
    "act": (
        "A50-7",
        "批准形式必须是批复、政府办公室文件、会议纪要或签批件。",
        "The act must be a reply, an office document, minutes or a signed sheet.",
    ),
    "document_number": (
        "A50-7",
        "缺少文号或政府登记号。",
        "The document number (文号) or the government's registration number is missing.",
    ),
    "document_number_form": (
        "A50-7",
        "文号格式不正确，应如“并政函〔2026〕12号”，年份不得晚于成文日期。",
        "The document number is not of the form 并政函〔2026〕12号, or its year is after the document's date.",
    ),
    "signatory": ("A50-7", "缺少签发人。", "The signatory is missing."),
    "scope_text": ("A50-7", "缺少批准的范围。", "What was approved is missing, in the document's own words."),
    "dated": ("A50-7", "成文日期晚于今天。", "The document is dated on a day to come."),
    "scan": (
        "A50-7",
        "缺少扫描件或其校验值。",
        "The scan, or its SHA-256 in 64 hexadecimal digits, is missing.",
    ),
    "expired": ("A50-7", "批准已于{day}到期。", "The approval expired on {day}."),
    "validity": (
        "A50-7",
        "批准的有效期（{first}至{last}）不包含申请使用的起始日。",
        "The approval ({first} to {last}) does not cover the first day applied for.",
    ),
    "territory": (
        "A50-7",
        "该人民政府不管辖申请范围内的学校；市管学校和开发区学校须由市级人民政府批准，省管学校须由省级人民政府批准。",
        "This government does not manage the schools applied for; schools managed by a city or in a zone need "
        "the city's government, schools managed by the province need the province's.",
    ),
    "approved_recipient": ("A50-7", "批准的接收方与申请不一致。", "The approval names another recipient."),
    "approved_level": ("A50-7", "批准不包含申请的提供级别。", "The approval does not name this level."),
    "approved_fields": ("A50-7", "批准不包含任何申请的字段。", "The approval names none of these fields."),
}
"""Code -> rule, Chinese text, English text, with places for values that are no personal data."""


@dataclass(frozen=True, slots=True)
class GroundProblem:
    """One thing that is wrong with a ground. ``code`` is stable, for programs; the texts are for people."""

    code: str
    rule: str
    zh: str
    en: str


def problem(code: str, **values: str | date) -> GroundProblem:
    """Return the problem ``code`` of the table with its texts filled in; raises ``KeyError`` for an unknown code."""
    rule, zh, en = TEXTS[code]
    return GroundProblem(code, rule, zh.format(**values), en.format(**values))
