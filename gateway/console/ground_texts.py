"""Words for grounds: texts of laws, scans, the register of disclosures, and what is missing in a ground."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

TEXT_STATES: Mapping[str, Label] = {
    "pending": Label("待核对", "Waits for another officer", "wait"),
    "confirmed": Label("已核对", "Confirmed", "good"),
    "retired": Label("已停用", "Retired", "over"),
}
BODY_KINDS: Mapping[str, Label] = {
    "court": Label("人民法院", "Court"),
    "procuratorate": Label("人民检察院", "Procuratorate"),
    "police": Label("公安机关", "Police"),
    "state_security": Label("国家安全机关", "State security"),
    "supervision": Label("监察机关", "Supervision commission"),
    "other": Label("其他有权机关", "Another entitled body"),
}
PUPIL_RANGES: Mapping[str, Label] = {
    "1": Label("1 人", "one"),
    "2-9": Label("2—9 人", "2 to 9"),
    "10-99": Label("10—99 人", "10 to 99"),
    "100-999": Label("100—999 人", "100 to 999"),
    "1000+": Label("1000 人及以上", "1000 or more"),
}
DELIVERY_FORMS: Mapping[str, Label] = {
    "paper": Label("纸质材料", "On paper"),
    "read_on_site": Label("现场查阅", "Read on site"),
    "sealed_medium": Label("加密介质", "Encrypted medium"),
    "dedicated_line": Label("专线传输", "Dedicated line"),
    "oral": Label("口头答复", "By word of mouth"),
}
GOVERNMENT_LEVELS: Mapping[str, Label] = {
    "state": Label("国家", "State"),
    "province": Label("省级", "Province"),
    "city": Label("市级", "City"),
    "county": Label("县级", "County"),
}
MISSING: Mapping[str, Label] = {
    "party_organ": Label("县级以上人民政府批准", "Approval of a people's government"),
    "township": Label("县级以上人民政府批准", "Approval of a people's government"),
    "zone": Label("所在市人民政府批准", "Approval of the city's government"),
    "government_office": Label("载明经政府同意的文件", "A document that states the government's consent"),
    "consent_not_stated": Label("载明经政府同意", "Statement of the government's consent"),
    "meeting_date": Label("会议日期", "Day of the meeting"),
    "registration_number": Label("政府登记号", "Registration number"),
    "scan_not_held": Label("已收存的扫描件", "The scan, held here"),
    "expired": Label("有效的批准", "An approval in force"),
    "validity": Label("批准有效期", "Validity of the approval"),
    "approved_recipient": Label("批准的接收方", "Recipient that was approved"),
    "approved_purpose": Label("批准的用途", "Purpose that was approved"),
    "approved_level": Label("批准的级别", "Level that was approved"),
    "approved_fields": Label("批准的信息项", "Fields that were approved"),
    "approved_unknown": Label("规则目录中的代码", "Codes of the rule book"),
    "kind": Label("法律、行政法规或地方性法规", "A law or regulation"),
    "text_changed": Label("现行条文原文", "The present text"),
    "reasoning": Label("适用理由", "Why the article applies"),
    "repealed": Label("现行有效的法律法规", "A law in force"),
    "effective": Label("已施行的法律法规", "A law in force"),
    "basis_purpose": Label("依据所及的用途", "A purpose of the article"),
    "basis_level": Label("依据所及的级别", "A level of the article"),
    "basis_fields": Label("依据所及的信息项", "Fields of the article"),
    "text": Label("条文原文", "Text of the article"),
    "source": Label("原文出处", "Source of the text"),
    "published_on": Label("版本日期", "Date of the version"),
    "own_copy": Label("自行抄录的原文", "Own copy of the text"),
    "sha256": Label("校验值", "SHA-256"),
    "law": Label("法律依据", "Law"),
    "article": Label("条款", "Article"),
    "law_kind": Label("依据种类", "Kind of law"),
    "body_kind": Label("机关类别", "Kind of body"),
    "requesting_body": Label("要求提供的机关", "Body that asked"),
    "approver": Label("批准人", "Approver"),
    "approver_account": Label("批准人账号", "Approver's account"),
    "executor": Label("经办人", "Executor"),
    "pupils": Label("学生人数", "Number of pupils"),
    "handed_over_on": Label("提供日期", "Day of delivery"),
    "delivery_form": Label("提供方式", "Form of delivery"),
    "remarks": Label("备注", "Remarks"),
    "correction_reason": Label("更正原因", "Reason for the correction"),
}
KINDS: Mapping[str, Label] = {
    "ground.refused_act": Label("操作被拒绝", "Act refused"),
    "legal_text.attached": Label("录入条文原文", "Text attached"),
    "legal_text.confirmed": Label("核对条文原文", "Text confirmed"),
    "legal_text.retired": Label("停用条文原文", "Text retired"),
    "scan.handed_in": Label("上传批准扫描件", "Scan handed in"),
    "scan.read": Label("查看批准扫描件", "Scan read"),
    "disclosure.registered": Label("线下提供登记", "Disclosure registered"),
    "disclosure.read": Label("查看线下提供登记", "Disclosures read"),
}
NOTICES: Mapping[str, Label] = {
    "text_attached": Label("原文已录入，等待另一人核对。", "Text attached; another officer compares it."),
    "text_confirmed": Label("原文已核对，即日起可据以授权。", "Text confirmed: grants can stand on it now."),
    "text_retired": Label("原文已停用，不再据以授权。", "Text retired: nothing new is granted on it."),
    "disclosure_registered": Label("已登记，内容不可更改。", "Registered; it cannot be changed any more."),
}
TABLES: Mapping[str, Mapping[str, Label]] = {
    "text_state": TEXT_STATES,
    "body_kind": BODY_KINDS,
    "pupils": PUPIL_RANGES,
    "delivery_form": DELIVERY_FORMS,
    "government_level": GOVERNMENT_LEVELS,
    "missing": MISSING,
    "kind": KINDS,
}
"""Table name, as templates write it, to table; beside ``texts.TABLES``, to whose tables of that name it adds."""
