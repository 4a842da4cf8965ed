"""Words for the codes of inspection cases, orders to correct, and the accesses that families see."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

CASE_STATES: Mapping[str, Label] = {
    "open": Label("调查中", "Open", "wait"),
    "ordered": Label("已责令改正", "Ordered", "wait"),
    "answered": Label("已答复", "Answered", "plain"),
    "closed": Label("已办结", "Closed", "good"),
}
FINDINGS: Mapping[str, Label] = {
    "no_breach": Label("未发现违规", "No breach"),
    "corrected": Label("已改正", "Corrected"),
    "not_corrected": Label("逾期未改正", "Not corrected"),
    "referred": Label("已移送", "Referred"),
}
ACTS: Mapping[str, Label] = {
    "opened": Label("立案", "Opened"),
    "evidence_added": Label("增加证据", "Evidence added"),
    "noted": Label("记录", "Note"),
    "ordered": Label("责令改正", "Ordered to correct"),
    "extended": Label("延期", "Extended"),
    "answered": Label("答复", "Answered"),
    "overdue": Label("逾期", "Overdue"),
    "hold_set": Label("延后显示", "Held back"),
    "hold_lifted": Label("恢复显示", "Hold lifted"),
    "closed": Label("办结", "Closed"),
}
SUBJECTS: Mapping[str, Label] = {
    "unit": Label("学校或教育行政部门", "School or department"),
    "recipient": Label("数据使用方", "Recipient"),
}
SORTS: Mapping[str, Label] = {
    "read": Label("查看学籍", "Record read"),
    "release": Label("提供数据", "Data released"),
    "check": Label("核验", "Checked"),
    "sign_in": Label("登录", "Sign-in"),
    "verification": Label("身份核验", "Identity verified"),
    "inspection": Label("审计检查", "Inspection"),
}
MISSING: Mapping[str, Label] = {
    "subject": Label("对象代码", "Code of the body"),
    "source": Label("来源", "Source"),
    "title": Label("案由", "Title"),
    "text": Label("说明", "Words"),
    "codes": Label("第五十一条情形", "Situation of Art. 51"),
    "days": Label("工作日数", "Working days"),
    "entry": Label("审计条目", "Entry of the log"),
    "entries": Label("证据条目", "Entries of evidence"),
    "answered": Label("单位的答复", "An answer of the body"),
    "answer": Label("答复", "Answer"),
}
NOTICES: Mapping[str, Label] = {
    "inspection_opened": Label("已立案，所涉条目已作为证据。", "The case is open; its entries are the first evidence."),
    "inspection_done": Label("已记入案卷。", "Recorded in the case."),
    "order_answered": Label("答复已提交检查员。", "The inspector has the answer."),
    "question_asked": Label("询问已提交，将按期答复。", "The question was sent; it is answered by its day."),
    "question_answered": Label("答复已发送给家庭。", "The family has the answer."),
}
KINDS: Mapping[str, Label] = {
    "inspection.opened": Label("立案检查", "Inspection opened"),
    "inspection.evidence_added": Label("增加检查证据", "Evidence added"),
    "inspection.noted": Label("检查记录", "Inspection noted"),
    "inspection.ordered": Label("责令改正", "Ordered to correct"),
    "inspection.extended": Label("改正延期", "Order extended"),
    "inspection.answered": Label("答复责令改正", "Order answered"),
    "inspection.overdue": Label("改正逾期", "Order overdue"),
    "inspection.hold_set": Label("延后向监护人显示", "Entries held back"),
    "inspection.hold_lifted": Label("恢复向监护人显示", "Hold lifted"),
    "inspection.closed": Label("检查办结", "Inspection closed"),
    "inspection.refused_act": Label("办理检查案件被拒绝", "Act on a case refused"),
}
TABLES: Mapping[str, Mapping[str, Label]] = {
    "kind": KINDS,
    "inspection": CASE_STATES,
    "inspection_finding": FINDINGS,
    "inspection_act": ACTS,
    "inspection_subject": SUBJECTS,
    "access": SORTS,
    "missing": MISSING,
}
"""Table name, as templates write it, to table; beside ``texts.TABLES``."""
