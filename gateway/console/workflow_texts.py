"""Words for the life of applications and grants: phases, steps, acts, members that an edit replaced."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console import texts
from gateway.console.texts import Label

APPLICATION_PHASES: Mapping[str, Label] = {
    **texts.APPLICATION_STATES,
    "resubmitted": Label("已重新提交", "Resubmitted", "wait"),
    "lapsed": Label("逾期未答复，已失效", "Lapsed", "over"),
}
GRANT_PHASES: Mapping[str, Label] = {
    **texts.GRANT_STATES,
    "deletion_due": Label("待销毁", "Deletion due", "wait"),
    "deletion_overdue": Label("逾期未销毁", "Deletion overdue", "bad"),
    "closed": Label("已办结", "Closed", "over"),
}
NEXT: Mapping[str, Label] = {
    **texts.NEXT,
    "resubmitted": Label("等待数据管理员登记依据", "Waits for a data officer to record the legal ground"),
    "withdrawn": Label("已撤回，不再办理", "Withdrawn: nothing more happens"),
    "lapsed": Label("退回后逾期未答复，申请已失效，可重新申请", "Not answered in time: apply anew if still needed"),
    "active": Label("授权有效，可按授权提取", "The grant is in force: extracts are made under it"),
    "suspended": Label("授权已中止，恢复前不得提供", "Suspended: nothing leaves until it is resumed"),
    "expired": Label("使用期限已过", "The period is over"),
    "used_up": Label("次数已用完，最后一次领取 24 小时内可续传", "Used up: the last delivery goes on for 24 hours"),
    "deletion_due": Label("等待数据使用方提交销毁证明", "Waits for the recipient's deletion certificates"),
    "deletion_overdue": Label(
        "数据使用方逾期未提交销毁证明，补交前不再批准其申请",
        "Deletion certificates are overdue: nothing further is granted to the recipient",
    ),
    "closed": Label("已办结：不再提供，应销毁的均已证明销毁", "Closed: nothing leaves, all deletions are certified"),
}
WHO: Mapping[str, Label] = {
    "draft": Label("申请人", "the applicant"),
    "returned": Label("申请人", "the applicant"),
    "submitted": Label("数据管理员", "a data officer"),
    "resubmitted": Label("数据管理员", "a data officer"),
    "basis_recorded": Label("另一名数据管理员或批准人", "another officer"),
    "confirmed": Label("批准人", "the approving officer"),
    "deletion_due": Label("数据使用方", "the recipient"),
    "deletion_overdue": Label("数据使用方", "the recipient"),
}
HISTORY: Mapping[str, Label] = {
    **texts.HISTORY,
    "resubmitted": Label("重新提交", "Resubmitted", "good"),
    "taken_back": Label("申请人撤回", "Taken back by the applicant", "bad"),
    "lapsed": Label("逾期未答复，失效", "Lapsed", "bad"),
    "suspended": Label("中止授权", "Grant suspended", "bad"),
    "resumed": Label("恢复授权", "Grant resumed", "good"),
}
STEPS: Mapping[str, Label] = {
    "record": Label("登记依据", "record the ground"),
    "confirm": Label("确认依据", "confirm the ground"),
    "decide": Label("作出决定", "decide"),
    "answer": Label("答复退回", "answer the return"),
    "deletion_certificate": Label("提交销毁证明", "hand in the deletion certificate"),
}
MEMBERS: Mapping[str, Label] = {
    "recipient_name": Label("单位名称", "Name of the organisation"),
    "responsible": Label("责任人", "Responsible person"),
    "purpose": Label("用途", "Purpose"),
    "profile": Label("提供方案", "Release profile"),
    "level": Label("提供级别", "Level"),
    "fields": Label("信息项", "Fields"),
    "territory": Label("地域", "Territory"),
    "stages": Label("学段", "Stages"),
    "grades": Label("年级", "Grades"),
    "schools": Label("学校", "Schools"),
    "valid_from": Label("起始日期", "First day"),
    "valid_to": Label("终止日期", "Last day"),
    "uses": Label("使用次数", "Uses"),
    "row_cap": Label("每次行数上限", "Rows a delivery"),
    "reason": Label("申请理由", "Reason"),
    "protection": Label("保护措施", "Protection measures"),
    "terms_version": Label("安全条款版本", "Version of the security terms"),
}
ROLES: Mapping[str, Label] = {
    "applicant": Label("申请人", "Applicant"),
    "data_officer": Label("数据管理员", "Data officer"),
    "approving_officer": Label("批准人", "Approving officer"),
    "executor": Label("执行人", "Executor"),
    "registrar": Label("学籍管理员", "Registrar"),
    "principal": Label("校长", "Principal"),
    "guardian": Label("监护人", "Guardian"),
    "pupil": Label("学生", "Pupil"),
    "relying_party": Label("验证方", "Relying party"),
    "system_administrator": Label("系统管理员", "System administrator"),
    "security_administrator": Label("安全管理员", "Security administrator"),
    "inspector": Label("审计检查员", "Inspector"),
}
SIDES: Mapping[str, Label] = {
    "recipient": Label("数据使用方", "Recipient", "plain"),
    "office": Label("主管部门", "Department", "wait"),
}
TABLES: Mapping[str, Mapping[str, Label]] = {
    "application": APPLICATION_PHASES,
    "grant": GRANT_PHASES,
    "next": NEXT,
    "who": WHO,
    "history": HISTORY,
    "step": STEPS,
    "member": MEMBERS,
    "side": SIDES,
    "own_role": ROLES,
    "missing": {
        **texts.MISSING,
        "terms_version": Label("现行版本的安全条款", "The security terms in force"),
        "deletion_certificate": Label("逾期的销毁证明", "The overdue deletion certificates"),
        "recipient_in_force": Label("有效的数据使用方登记", "A recipient that is in force"),
        "grant_state": Label("授权的状态", "The state of the grant"),
        "text": Label("留言内容", "The comment"),
        "comment": Label("意见", "The comment"),
        "authorization_details": Label("与该授权、用法一致的访问令牌", "A token for this grant and use"),
    },
    "kind": {
        "application.resubmitted": Label("重新提交申请", "Application resubmitted"),
        "application.withdrawn": Label("申请人撤回申请", "Application taken back"),
        "application.lapsed": Label("申请逾期失效", "Application lapsed"),
        "application.overdue": Label("申请办理逾期", "Application overdue"),
        "application.commented": Label("申请留言", "Comment on an application"),
        "grant.suspended": Label("中止授权", "Grant suspended"),
        "grant.resumed": Label("恢复授权", "Grant resumed"),
        "grant.deletion_overdue": Label("逾期未销毁", "Deletion overdue"),
        "grant.closed": Label("授权办结", "Grant closed"),
    },
}
"""Tables that these texts add, or extend."""

NOTICES: Mapping[str, Label] = {
    "resubmitted": Label("申请已重新提交。", "Application resubmitted."),
    "taken_back": Label("申请已撤回。", "The application was taken back."),
    "commented": Label("留言已保存，双方可见。", "The comment is kept; both sides see it."),
    "suspended": Label("授权已中止，即刻停止提供。", "Grant suspended: nothing leaves under it."),
    "resumed": Label("授权已恢复。", "The grant goes on."),
}
