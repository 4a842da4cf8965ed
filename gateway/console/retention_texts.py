"""Words of retention: how a class ends, the state of a hold, kinds of entries."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

ENDS: Mapping[str, Label] = {
    "destroy_key": Label("销毁密钥", "Key destroyed"),
    "delete_row": Label("销毁密钥并删除", "Key destroyed, row deleted"),
    "keep": Label("永久保存", "Kept for good"),
}
ACTS: Mapping[str, Label] = {
    "set": Label("设置留存", "Set"),
    "extended": Label("延长复核", "Extended"),
    "lift_asked": Label("提出解除", "Lifting asked"),
    "lift_declined": Label("不予解除", "Lifting declined"),
    "lifted": Label("解除留存", "Lifted"),
    "review_due": Label("到期复核", "Review due"),
}
NOTICES: Mapping[str, Label] = {
    "hold_set": Label("已设置留存。", "The hold is set."),
    "hold_done": Label("已办理。", "Done."),
}
MISSING: Mapping[str, Label] = {
    "scope": Label("留存对象", "What is held"),
    "data_class": Label("数据类别", "Class of data"),
    "ground": Label("依据", "Ground"),
    "reason": Label("理由", "Reason"),
    "review_on": Label("复核日期", "Day of review"),
    "last_day": Label("截止日", "Last day"),
    "first_day": Label("起始日", "First day"),
}
KINDS: Mapping[str, Label] = {
    "retention.adopted": Label("既有数据纳入密钥管理", "Older data put under keys"),
    "retention.destroyed": Label("到期销毁", "Destroyed at the end of retention"),
    "retention.hold_extended": Label("留存延长复核", "Hold extended"),
    "retention.hold_lift_asked": Label("提出解除留存", "Lifting of a hold asked"),
    "retention.hold_lift_declined": Label("不予解除留存", "Lifting of a hold declined"),
    "retention.hold_lifted": Label("解除留存", "Hold lifted"),
    "retention.hold_review_due": Label("留存到期复核", "Review of a hold due"),
    "retention.hold_set": Label("设置留存", "Hold set"),
    "retention.overdue": Label("到期未销毁", "Destruction overdue"),
    "retention.refused_act": Label("办理留存被拒绝", "Act on a hold refused"),
    "retention.renewed": Label("更换包裹密钥", "Wrapping key renewed"),
    "retention.resumed": Label("恢复到期清理", "Sweeps resumed"),
    "retention.root_destroyed": Label("销毁旧标签根密钥", "Old tag root destroyed"),
    "retention.swept": Label("到期清理完成", "Swept"),
}
TABLES: Mapping[str, Mapping[str, Label]] = {
    "kind": KINDS,
    "retention_end": ENDS,
    "hold_act": ACTS,
    "missing": MISSING,
}
"""Table name, as templates write it, to table; beside ``texts.TABLES``."""
