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
        "依据必须是法律、行政法规或地方性法规（含自治条例、单行条例）；规章和通知请改用县级以上人民政府批准。",
        "The ground must be a law, an administrative, local, autonomous or separate regulation; "
        "for a rule or a notice use the approval of a people's government.",
    ),
    "text_unverified": (
        "A50-6",
        "该依据未附条文原文（未核实），不能据以授权；请附上原文并由另一人确认。",
        "The text of the article is not held, so the basis is unverified and carries no grant: "
        "attach the text and have another officer confirm it.",
    ),
    "text_changed": (
        "A50-6",
        "依据登记后，该条文原文已更换或停用；请退回申请，按现行条文重新登记依据。",
        "The article's text was replaced or retired since the ground was recorded: "
        "return the application and record the ground anew on the present text.",
    ),
    "reasoning": (
        "A50-6",
        "请说明该接收方和该用途为何属于该条规定的情形（不少于{least}字）。",
        "Say in at least {least} characters why this recipient and this purpose fall under the article.",
    ),
    "repealed": (
        "A50-6",
        "该法律法规自{day}起废止或不再适用，不能据以提供；请改用现行规定或政府批准。",
        "The law or regulation is no longer in force since {day}: use the present one, or a government's approval.",
    ),
    "determined_on": (
        "A50-6",
        "依据的认定日期晚于今天，请改正。",
        "The ground was determined on a day to come: correct the date.",
    ),
    "effective": (
        "A50-6",
        "该法律法规自{day}起施行，此前不能作为依据。",
        "The law or regulation takes effect on {day}, and is no ground before.",
    ),
    "basis_purpose": (
        "A50-6",
        "该依据不包含申请的用途；请选择适用的依据，或取得政府批准。",
        "The basis does not provide for this purpose: choose one that does, or get a government's approval.",
    ),
    "basis_level": (
        "A50-6",
        "该依据不包含申请的提供级别；请退回申请改用其包含的级别，或取得政府批准。",
        "The basis does not provide for this level: have the application changed, or get a government's approval.",
    ),
    "basis_fields": (
        "A50-6",
        "该依据不包含以下字段：{names}；请退回申请去掉这些字段，或取得政府批准。",
        "The basis does not provide for these fields: {names}. Have them taken out, or get a government's approval.",
    ),
    "party_organ": (
        "A50-7",
        "党的机关不是人民政府，其文件不能代替县级以上人民政府的批准。",
        "A party organ is no people's government: the approval of a government of county level or above is needed.",
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
    "consent_not_stated": (
        "A50-7",
        "政府办公室文件须载明经政府同意；请核对原件，勾选“载明经政府同意”或在批准的范围中引用该句。",
        "An office document counts only if it says that the government agreed: check the original, then set "
        "'states_consent' or quote the sentence in 'scope_text'.",
    ),
    "meeting_date": (
        "A50-7",
        "会议纪要须填写会议日期，且不晚于成文日期。",
        "Minutes need the date of the meeting, not after the date of the document.",
    ),
    "registration_number": (
        "A50-7",
        "签批件须填写政府登记号（如“并政办登2026-015”），由政府办公室登记取得。",
        "A signed sheet needs the government's registration number, like 并政办登2026-015 (no 文号): get one there.",
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
        "文号格式不正确，应如“并政函〔2026〕12号”（会议纪要可用“第3次常务会议纪要”），年份不得晚于成文日期。",
        "The document number is not of the form 并政函〔2026〕12号 (minutes: the number of the meeting), "
        "or its year is after the document's date.",
    ),
    "signatory": ("A50-7", "缺少签发人，请按原件填写。", "The signatory is missing: copy it from the document."),
    "scope_text": ("A50-7", "缺少批准的范围。", "What was approved is missing, in the document's own words."),
    "dated": ("A50-7", "成文日期晚于今天，请改正。", "The document is dated on a day to come: correct the date."),
    "scan": (
        "A50-7",
        "缺少扫描件或其校验值。",
        "The scan, or its SHA-256 in 64 hexadecimal digits, is missing.",
    ),
    "scan_not_held": (
        "A50-7",
        "尚未收存该校验值的扫描件；请先上传批准文件扫描件再登记。",
        "No scan with this SHA-256 is held for the application: upload the scan of the document first.",
    ),
    "expired": ("A50-7", "批准已于{day}到期，请取得新的批准。", "The approval expired on {day}: get a new one."),
    "validity": (
        "A50-7",
        "批准的有效期（{first}至{last}）不包含申请使用的起始日。",
        "The approval ({first} to {last}) does not cover the first day applied for.",
    ),
    "territory": (
        "A50-7",
        "该人民政府不管辖申请范围内的学校；市管学校和开发区学校须由市级人民政府批准，省管学校须由省级人民政府批准。"
        "跨县由市、跨市由省级人民政府批准，或按行政区划分别申请，各附当地人民政府的批准。",
        "This government does not manage the schools applied for; schools managed by a city or in a zone need "
        "the city's government, schools managed by the province need the province's. For several counties get the "
        "city's approval, for several cities the province's, or make one application for each with its own approval.",
    ),
    "approved_recipient": (
        "A50-7",
        "批准文件列明的接收方不包括申请单位；请取得对该单位的批准。",
        "The approval does not name this recipient: get an approval that does.",
    ),
    "approved_purpose": (
        "A50-7",
        "批准文件列明的用途不包括申请的用途；请按批准的用途重新申请，或取得新的批准。",
        "The approval does not name this purpose: apply for one that it names, or get another approval.",
    ),
    "approved_level": (
        "A50-7",
        "批准不包含申请的提供级别；请按批准的级别重新申请。",
        "The approval does not name this level: apply for one that it names.",
    ),
    "approved_fields": (
        "A50-7",
        "批准不包含任何申请的字段；请按批准的字段重新申请。",
        "The approval names none of these fields: apply for fields that it names.",
    ),
    "approved_unknown": (
        "A50-7",
        "以下代码不在规则目录中，请改正：{names}。",
        "These codes are not in the rule book, correct them: {names}.",
    ),
}
"""Code -> rule, Chinese text, English text, with places for values that are no personal data."""


@dataclass(frozen=True, slots=True)
class GroundProblem:
    """One thing that is wrong with a ground. ``code`` is stable, for programs; the texts are for people."""

    code: str
    rule: str
    zh: str
    en: str


def problem(code: str, **values: str | int | date) -> GroundProblem:
    """Return the problem ``code`` of the table with its texts filled in; raises ``KeyError`` for an unknown code."""
    rule, zh, en = TEXTS[code]
    return GroundProblem(code, rule, zh.format(**values), en.format(**values))
