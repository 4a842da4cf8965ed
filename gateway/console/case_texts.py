"""Words of the registry's cases, work lists and archive: states, who issues evidence, entries of a record."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

CASE_STATES: Mapping[str, Label] = {
    "open": Label("办理中", "Open", "wait"),
    "completed": Label("已办结", "Completed", "good"),
    "refused": Label("不予办理", "Refused", "bad"),
    "withdrawn": Label("已撤回", "Withdrawn", "over"),
}
WORK_STATES: Mapping[str, Label] = {
    "open": Label("待办", "Open", "plain"),
    "due-soon": Label("即将到期", "Due soon", "wait"),
    "overdue": Label("已超期", "Overdue", "bad"),
}
RULE_STATES: Mapping[str, Label] = {
    "passed": Label("符合", "Holds", "good"),
    "failed": Label("不符合", "Does not hold", "bad"),
    "exception_possible": Label("原则上不予，可报批例外", "Needs an exception", "wait"),
    "excepted": Label("已批准例外", "Excepted", "wait"),
}
ISSUERS: Mapping[str, Label] = {
    "hospital": Label("医院", "Hospital"),
    "police": Label("公安", "Police"),
    "civil-affairs": Label("民政", "Civil affairs"),
    "housing": Label("住房、不动产登记", "Housing"),
    "education": Label("教育行政部门", "Education department"),
    "committee": Label("残疾人教育专家委员会", "Expert committee"),
    "school": Label("学校", "School"),
    "guardian": Label("监护人", "Guardian"),
    "other": Label("其他", "Other"),
}
ISSUER_LEVELS: Mapping[str, Label] = {
    "": Label("不适用", "None"),
    "township": Label("乡镇级", "Township"),
    "county": Label("县级", "County"),
    "city": Label("市级", "City"),
    "province": Label("省级", "Province"),
    "state": Label("国家级", "State"),
}
ENTRIES: Mapping[str, Label] = {
    "enrolment": Label("建籍", "Enrolment"),
    "data-change": Label("信息变更", "Data changed"),
    "assessment": Label("评估结论", "Assessment"),
    "placement": Label("就读方式", "Placement"),
    "suspension": Label("休学", "Suspension"),
    "resumption": Label("复学", "Resumption"),
    "contact": Label("联系监护人", "Contact with the guardian"),
    "absence": Label("旷课记录", "Absence"),
    "withdrawal": Label("退学", "Withdrawal"),
    "death": Label("注销", "Cancelled"),
    "transfer": Label("转学", "Transfer"),
    "backup": Label("转出备份", "Backup"),
    "grade": Label("年级", "Grade set"),
    "abroad": Label("出境", "Went abroad"),
    "return": Label("返回就读", "Returned"),
    "graduation-conditions": Label("毕业条件", "Graduation conditions"),
    "classification": Label("毕结肄业分类", "Classification"),
    "certificate": Label("证书", "Certificate"),
    "award": Label("奖励", "Award"),
    "sanction": Label("处分", "Sanction"),
    "sanction-end": Label("处分解除", "Sanction ended"),
    "paper-copy": Label("打印纸质档案", "Paper copy"),
    "correction": Label("更正", "Correction"),
    "number": Label("学籍号", "Student number"),
    "admission": Label("录取", "Admission"),
}
ENTRY_FACTS: Mapping[str, str] = {
    "from": "起",
    "until": "止",
    "to": "至",
    "since": "自",
    "on": "日期",
    "before": "原",
    "after": "现",
    "why": "原因",
    "grade": "年级",
    "stage": "学段",
    "school": "学校",
    "fields": "栏目",
    "source": "来源",
    "medium": "介质",
    "effective": "已生效",
    "unmet": "未满足的条件",
    "of": "所指记录",
    "outcome": "结果",
    "number": "编号",
}
"""Names of facts that the archive itself writes; those that a procedure asks for are named by it."""
TABLES: Mapping[str, Mapping[str, Label]] = {
    "case": CASE_STATES,
    "work": WORK_STATES,
    "rule": RULE_STATES,
    "issuer": ISSUERS,
    "issuer_level": ISSUER_LEVELS,
    "entry": ENTRIES,
}
"""Table name, as templates write it, to table; beside ``texts.TABLES``."""
