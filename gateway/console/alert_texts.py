"""Words for the codes of alerts."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

ALERT_STATES: Mapping[str, Label] = {
    "open": Label("待认领", "Open", "wait"),
    "acknowledged": Label("办理中", "Taken up", "plain"),
    "closed": Label("已办结", "Closed", "good"),
}
SEVERITIES: Mapping[str, Label] = {
    "high": Label("紧急", "High", "bad"),
    "medium": Label("重要", "Medium", "wait"),
    "low": Label("一般", "Low", "plain"),
}
DUE_COLUMNS: Mapping[str, Label] = {
    "late": Label("已逾期", "Overdue", "bad"),
    "today": Label("今天", "Today"),
    "tomorrow": Label("明天", "Tomorrow"),
    "soon": Label("3天内", "3 days"),
    "week": Label("7天内", "7 days"),
    "later": Label("更晚", "Later"),
}
FINDINGS: Mapping[str, Label] = {
    "handled": Label("已处置", "Put right"),
    "explained": Label("情况正常", "As it should be"),
    "false_alarm": Label("误报", "False alarm"),
    "case_opened": Label("已立案", "A case was opened"),
}
ALERT_ACTS: Mapping[str, Label] = {
    "raised": Label("预警", "Raised"),
    "acknowledged": Label("认领", "Taken up"),
    "reassigned": Label("转办", "Reassigned"),
    "overdue": Label("逾期", "Overdue"),
    "escalated": Label("升级", "Escalated"),
    "closed": Label("办结", "Closed"),
}
SUPPRESSION_STATES: Mapping[str, Label] = {
    "waiting": Label("待另一人确认", "Waits for a second person", "wait"),
    "active": Label("暂停中", "Holds", "plain"),
    "lifted": Label("已解除", "Lifted", "good"),
    "ended": Label("已期满", "Ended", "good"),
}
OWNERS: Mapping[str, Label] = {
    "data_officer": Label("数据管理员", "Data officer"),
    "approving_officer": Label("批准人", "Approving officer"),
    "security_administrator": Label("安全管理员", "Security administrator"),
    "system_administrator": Label("系统管理员", "System administrator"),
    "inspector": Label("审计检查员", "Inspector"),
}
NOTICES: Mapping[str, Label] = {
    "alert_acknowledged": Label("已认领，请核查后办结。", "Taken up: close it when it was looked into."),
    "alert_closed": Label("预警已办结。", "The alert is closed."),
    "alert_suppressed": Label("已暂停该分组的预警，次数照记。", "Suppressed; hits are counted."),
    "alert_suppression_asked": Label(
        "已申请，须另一人确认后生效。", "Asked for: it holds when somebody else confirms."
    ),
    "suppression_confirmed": Label("已确认，暂停生效。", "Confirmed: it holds."),
    "suppression_lifted": Label("已解除暂停。", "The suppression is lifted."),
    "alert_reassigned": Label("已转办，期限不变。", "Reassigned; the deadline stays."),
}
TABLES: Mapping[str, Mapping[str, Label]] = {
    "alert": ALERT_STATES,
    "severity": SEVERITIES,
    "due": DUE_COLUMNS,
    "finding": FINDINGS,
    "alert_act": ALERT_ACTS,
    "owner": OWNERS,
    "suppression": SUPPRESSION_STATES,
}
"""Table name, as templates write it, to table; beside ``texts.TABLES``."""
