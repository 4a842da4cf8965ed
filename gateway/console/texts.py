"""Words for codes: Chinese first, English second, with the tone in which a state is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.releases.reports import words


class Label(NamedTuple):
    """A code in words. ``tone``: plain, wait, good, bad, or over (ended without blame)."""

    zh: str
    en: str
    tone: str = "plain"


APPLICATION_STATES: Mapping[str, Label] = {
    "draft": Label("草稿", "Draft", "plain"),
    "submitted": Label("已提交", "Submitted", "wait"),
    "returned": Label("已退回", "Returned", "bad"),
    "basis_recorded": Label("依据已登记", "Ground recorded", "wait"),
    "confirmed": Label("依据已确认", "Ground confirmed", "wait"),
    "granted": Label("已授权", "Granted", "good"),
    "refused": Label("不予批准", "Refused", "bad"),
    "withdrawn": Label("已撤回", "Withdrawn", "over"),
}
NEXT: Mapping[str, Label] = {
    "draft": Label("等待申请人提交", "Waits for the applicant to submit it"),
    "submitted": Label("等待数据管理员登记依据", "Waits for a data officer to record the legal ground"),
    "returned": Label("等待申请人修改后重新提交", "Waits for the applicant to correct it"),
    "basis_recorded": Label("等待另一名工作人员确认依据", "Waits for another officer to confirm the ground"),
    "confirmed": Label("等待批准人决定", "Waits for the approving officer's decision"),
    "granted": Label("已授权，可在授权页面办理提取", "Granted: extracts are made under the grant"),
    "refused": Label("已办结，未予批准", "Closed without a grant"),
    "withdrawn": Label("授权已撤回，不得再提供", "The grant was withdrawn: nothing more leaves"),
}
GRANT_STATES: Mapping[str, Label] = {
    "active": Label("有效", "Active", "good"),
    "suspended": Label("已中止", "Suspended", "bad"),
    "withdrawn": Label("已撤回", "Withdrawn", "bad"),
    "expired": Label("已到期", "Expired", "over"),
    "used_up": Label("次数已用完", "Used up", "over"),
}
EXTRACT_STATES: Mapping[str, Label] = {
    "queued": Label("排队中", "Queued", "wait"),
    "preparing": Label("准备中", "Preparing", "wait"),
    "ready": Label("可领取", "Ready", "good"),
    "failed": Label("准备失败", "Failed", "bad"),
    "expired": Label("已过期", "Expired", "over"),
    "deleted": Label("已销毁", "Deleted", "over"),
}
DRY_RUN_STATES: Mapping[str, Label] = {
    "queued": Label("排队中", "Queued", "wait"),
    "running": Label("试算中", "Running", "wait"),
    "done": Label("已完成", "Done", "good"),
    "failed": Label("无法提供", "Would be stopped", "bad"),
}
DRY_RUN_FAILURES: Mapping[str, Label] = {
    "TooManyRowsError": Label("行数超出申请的上限", "More rows than applied for"),
    "SearchError": Label("无论如何泛化都达不到要求的 k", "No generalisation reaches the demanded k"),
    "LeakSuspectedError": Label("结果中发现标识信息", "Identifiers stand in the result"),
    "UnknownLeafError": Label("有数据值不在层级表中", "A value fits no hierarchy"),
    "TransformError": Label("有数据不能按方案处理", "Data cannot be treated as planned"),
    "JointLimitError": Label(
        "与接收方已持有的数据合并后，须留下的行过多", "Too many rows would be withheld, with what the recipient holds"
    ),
    "LedgerDamagedError": Label("提供台账损坏，须先恢复", "The ledger of releases must be restored first"),
    "UnexpectedError": Label("系统内部错误，请告知运维人员", "Something went wrong inside; tell the operator"),
}
HOLDING_WARNINGS: Mapping[str, Label] = {
    "overlap": Label(
        "接收方手中未销毁的数据涉及同一批学生。",
        "The recipient holds undeleted data of some of the same pupils.",
        "wait",
    ),
    "combination": Label(
        "两批数据可按共有的信息项对接，合并后多于本次申请。",
        "Both can be joined by what they have in common, and together say more than is applied for.",
        "bad",
    ),
    "relink": Label(
        "接收方已有级别更宽的数据，可能用来认出本次数据中的学生。",
        "The recipient holds data of a laxer level, by which pupils in these data may be recognised.",
        "bad",
    ),
    "not_deleted": Label(
        "接收方尚有未提交销毁证明的数据。", "Not all that was delivered is certified as deleted.", "wait"
    ),
}
LEVELS: Mapping[str, Label] = {
    "check": Label("核验", "Check"),
    "match": Label("比对回填", "Match"),
    "statistics": Label("统计", "Statistics"),
    "anonymous": Label("匿名", "Anonymous"),
    "pseudonymous": Label("去标识", "Pseudonymous"),
    "masked": Label("脱敏", "Masked"),
}
FORMATS: Mapping[str, Label] = {
    "csv": Label("CSV 文本", "CSV"),
    "xlsx": Label("Excel 工作簿", "Excel workbook"),
    "parquet": Label("Parquet 列式", "Parquet"),
    "ndjson": Label("逐行 JSON", "NDJSON"),
}
STAGES: Mapping[str, Label] = {
    "primary": Label("小学", "Primary"),
    "junior": Label("初中", "Junior"),
    "senior": Label("高中", "Senior"),
}
HISTORY: Mapping[str, Label] = {
    "drafted": Label("起草", "Drafted"),
    "edited": Label("修改", "Edited"),
    "submitted": Label("提交申请", "Submitted", "good"),
    "ground_recorded": Label("登记依据", "Ground recorded", "good"),
    "ground_confirmed": Label("确认依据", "Ground confirmed", "good"),
    "approved": Label("批准", "Approved", "good"),
    "narrowed": Label("缩小范围后批准", "Approved, narrowed", "good"),
    "returned": Label("退回", "Returned", "bad"),
    "refused": Label("不予批准", "Refused", "bad"),
    "withdrawn": Label("撤回授权", "Grant withdrawn", "bad"),
}
ACTIONS: Mapping[str, Label] = {
    "apply": Label("提出申请", "Apply for data"),
    "submit": Label("提交申请", "Submit an application"),
    "read_application": Label("查看申请", "Read applications"),
    "return_application": Label("退回申请", "Return an application"),
    "record_ground": Label("登记依据", "Record the ground"),
    "confirm_ground": Label("确认依据", "Confirm the ground"),
    "decide_application": Label("决定申请", "Decide the application"),
    "withdraw_grant": Label("撤回授权", "Withdraw the grant"),
    "manage_clients": Label("管理数据使用方和客户端", "Manage recipients and clients"),
    "delegate": Label("委托代行批准", "Delegate the approval"),
    "suspend_grant": Label("中止或恢复授权", "Suspend or resume the grant"),
    "dry_run": Label("试算", "Dry run"),
    "comment_application": Label("留言", "Comment on an application"),
    "execute_release": Label("执行提取", "Run an extract"),
    "deliver_release": Label("领取文件", "Take delivery"),
    "verify_identity": Label("核验数字身份", "Verify identities"),
    "issue_identity": Label("签发数字身份", "Issue identities"),
    "read_registry": Label("查看学籍", "Read the registry"),
    "import_registry": Label("导入学籍", "Import records"),
    "read_cases": Label("查看学籍业务", "Read registry cases"),
    "handle_cases": Label("办理学籍业务", "Handle registry cases"),
    "attach_text": Label("录入条文原文", "Attach texts of laws"),
    "confirm_text": Label("核对条文原文", "Confirm texts of laws"),
    "register_disclosure": Label("登记线下提供", "Register disclosures"),
    "read_disclosures": Label("查看线下提供登记", "Read the register of disclosures"),
    "read_alerts": Label("查看预警", "Read alerts"),
    "read_canaries": Label("查看诱饵学籍", "See decoys"),
    "keep_canaries": Label("提出、撤回诱饵学籍", "Propose and withdraw decoys"),
    "confirm_canaries": Label("确认诱饵学籍", "Confirm decoys"),
    "handle_alerts": Label("处理预警", "Handle alerts"),
    "read_audit": Label("查阅审计日志", "Read the audit trail"),
    "export_audit": Label("导出审计证据", "Export the audit trail"),
    "manage_accounts": Label("管理账号", "Manage accounts"),
    "manage_keys": Label("管理密钥", "Manage keys"),
    "configure": Label("配置系统", "Configure the system"),
    "read_retention": Label("查看保存期限与留存", "See retention and holds"),
    "hold_data": Label("设置留存", "Hold data"),
    "lift_hold": Label("解除留存", "Lift holds"),
}
RESOURCES: Mapping[str, Label] = {
    "LegalText": Label("条文原文", "Text of a law"),
    "Disclosure": Label("线下提供登记", "Register of disclosures"),
    "Application": Label("申请", "Application"),
    "Grant": Label("授权", "Grant"),
    "Registry": Label("学籍库", "Registry"),
    "Identity": Label("数字身份", "Identity"),
    "AuditLog": Label("审计日志", "Audit log"),
    "Canary": Label("诱饵学籍", "Decoys"),
    "System": Label("系统", "System"),
    "Retention": Label("保存期限", "Retention"),
}
KINDS: Mapping[str, Label] = {
    "dry_run.requested": Label("发起试算", "Dry run requested"),
    "dry_run.done": Label("试算完成", "Dry run done"),
    "dry_run.failed": Label("试算未能完成", "Dry run stopped"),
    "dry_run.read": Label("查看试算样例", "Sample of a dry run read"),
    "dry_run.cleared": Label("销毁试算样例", "Sample of a dry run destroyed"),
    "release.requested": Label("发起提取", "Extract requested"),
    "release.preparing": Label("开始准备", "Preparing"),
    "release.prepared": Label("准备完成", "Prepared"),
    "release.intent": Label("提供（意图）", "Delivery intent"),
    "release.outcome": Label("提供（结果）", "Delivery outcome"),
    "release.refused": Label("拒绝提供", "Release refused"),
    "release.guess_limited": Label("核验猜测受限", "Guess limit reached"),
    "match.list_destroyed": Label("名单已销毁", "List destroyed"),
    "release.failed": Label("准备失败", "Preparation failed"),
    "release.expired": Label("文件到期删除", "File expired"),
    "release.deleted": Label("提交销毁证明", "Deletion certified"),
    "application.drafted": Label("起草申请", "Application drafted"),
    "application.edited": Label("修改申请", "Application edited"),
    "application.submitted": Label("提交申请", "Application submitted"),
    "application.returned": Label("退回申请", "Application returned"),
    "application.approved": Label("批准", "Approved"),
    "application.narrowed": Label("缩小范围后批准", "Approved, narrowed"),
    "application.refused": Label("不予批准", "Application refused"),
    "application.refused_act": Label("操作被拒绝", "Act refused"),
    "ground.recorded": Label("登记依据", "Ground recorded"),
    "ground.confirmed": Label("确认依据", "Ground confirmed"),
    "grant.withdrawn": Label("撤回授权", "Grant withdrawn"),
    "account.login": Label("登录", "Log-in"),
    "account.login_failed": Label("登录失败", "Log-in failed"),
    "account.logout": Label("退出", "Log-out"),
    "account.created": Label("开设账号", "Account opened"),
    "account.password_changed": Label("修改密码", "Password changed"),
    "account.rules_acknowledged": Label("确认安全制度", "Rules acknowledged"),
    "account.sealed": Label("账号封存", "Account sealed"),
    "account.unsealed": Label("账号启封", "Account unsealed"),
    "account.client_registered": Label("登记系统客户端", "Client registered"),
    "account.client_sign_in_replaced": Label("更换登录回调地址", "Sign-in addresses replaced"),
    "account.token_issued": Label("签发访问令牌", "Token issued"),
    "registry.assign": Label("待办分派", "Work assigned"),
    "registry.case": Label("学籍业务办理", "Act in a case"),
    "registry.certificate": Label("证书作废", "Certificate voided"),
    "registry.clocks": Label("期限检查", "Nightly clocks"),
    "registry.exception": Label("例外批准", "Exception granted"),
    "registry.exchange": Label("与全国系统核对", "National exchange"),
    "registry.guardian": Label("监护人关联", "Guardian linked"),
    "registry.import": Label("学籍导入", "Registry import"),
    "registry.matter": Label("跟踪事项", "Matter"),
    "registry.overdue": Label("逾期提醒", "Overdue"),
    "registry.plan": Label("招生名单", "Admission list"),
    "registry.post": Label("任职备案", "Post filed or ended"),
    "registry.redaction": Label("文本重新脱敏", "Texts redacted anew"),
    "registry.read": Label("查看学籍", "Registry read"),
    "registry.school_act": Label("整校办理", "Act on a school"),
    "registry.state": Label("学籍状态变更", "Record state changed"),
    "registry.verification": Label("学期核验", "Term verification"),
    "alert.raised": Label("预警", "Alert raised"),
    "alert.acknowledged": Label("认领预警", "Alert taken up"),
    "alert.reassigned": Label("转办预警", "Alert reassigned"),
    "alert.overdue": Label("预警逾期", "Alert overdue"),
    "alert.escalated": Label("预警升级", "Alert escalated"),
    "alert.suppression_asked": Label("申请暂停预警", "Suppression asked for"),
    "alert.suppressed": Label("暂停预警", "Alerts suppressed"),
    "alert.suppression_lifted": Label("解除暂停", "Suppression lifted"),
    "alert.suppression_ended": Label("暂停期满", "Suppression ended"),
    "alert.closed": Label("办结预警", "Alert closed"),
    "alert.refused_act": Label("办理预警被拒绝", "Act on an alert refused"),
    "grant.expiring": Label("授权即将到期", "Grant about to expire"),
    "audit.read": Label("查阅审计日志", "Audit read"),
    "audit.exported": Label("导出审计证据", "Audit exported"),
}
OUTCOMES: Mapping[str, Label] = {
    "done": Label("完成", "Done", "good"),
    "complete": Label("完整提供", "Complete", "good"),
    "refused": Label("拒绝", "Refused", "bad"),
    "failed": Label("失败", "Failed", "bad"),
    "error": Label("出错", "Error", "bad"),
    "client_gone": Label("接收方中断", "Client gone", "wait"),
    "unknown": Label("结果不明", "Unknown", "wait"),
}
LINKS: Mapping[str, Label] = {
    "application": Label("申请", "Application"),
    "ground": Label("依据", "Ground"),
    "basis_recorder": Label("依据登记人", "Ground recorded by"),
    "basis_confirmer": Label("依据确认人", "Ground confirmed by"),
    "approver": Label("批准人", "Approver"),
    "grant": Label("授权", "Grant"),
    "executor": Label("执行人", "Executor"),
    "extract": Label("提取", "Extract"),
    "recipient": Label("接收方", "Recipient"),
    "responsible": Label("接收方责任人", "Responsible there"),
}
TECHNIQUES: Mapping[str, Label] = {code: Label(*word) for code, word in words.TECHNIQUES.items()}
FIELD_ROLES: Mapping[str, Label] = {code: Label(*word) for code, word in words.ROLES.items()}
APPROVAL_ACTS: Mapping[str, Label] = {
    "reply": Label("批复", "Reply"),
    "office_document": Label("政府办公室文件（载明经政府同意）", "Office document stating the government's consent"),
    "minutes": Label("会议纪要", "Minutes"),
    "signed_sheet": Label("签批件", "Signed sheet"),
}
BASIS_KINDS: Mapping[str, Label] = {
    "law": Label("法律", "Law"),
    "administrative_regulation": Label("行政法规", "Administrative regulation"),
    "local_regulation": Label("地方性法规", "Local regulation"),
    "autonomous_regulation": Label("自治条例", "Autonomous regulation"),
    "separate_regulation": Label("单行条例", "Separate regulation"),
}
GROUND_KINDS: Mapping[str, Label] = {
    "statute": Label("法律法规", "Law or regulation"),
    "government": Label("人民政府批准", "Government approval"),
}
DECISIONS: Mapping[str, Label] = {
    "approve": Label("批准", "Approve"),
    "narrow": Label("缩小范围后批准", "Approve, narrowed"),
    "refuse": Label("不予批准", "Refuse"),
}
MISSING: Mapping[str, Label] = {
    "recipient": Label("接收方统一社会信用代码", "Recipient's credit code"),
    "recipient_name": Label("接收方名称", "Recipient's name"),
    "responsible": Label("接收方责任人", "Responsible person"),
    "reason": Label("理由", "Reason"),
    "protection": Label("保护措施", "Protection measures"),
    "terms_accepted": Label("接受安全条款", "Acceptance of the terms"),
    "ground": Label("提供依据", "Legal ground"),
    "another_person": Label("另一名工作人员", "Another person"),
    "second_factor": Label("第二因素登录", "Second factor"),
    "active_grant": Label("有效的授权", "An active grant"),
    "one_role_only": Label("单一管理角色", "One administrator's role only"),
    "csrf": Label("有效的表单", "A valid form"),
    "purpose": Label("用途", "Purpose"),
    "profile": Label("提供方案", "Release profile"),
    "level": Label("提供级别", "Level"),
    "fields": Label("信息项", "Fields"),
    "territory": Label("地域", "Territory"),
    "stages": Label("学段", "Stages"),
    "grades": Label("年级", "Grades"),
    "schools": Label("学校", "Schools"),
    "period": Label("使用期限", "Period"),
    "valid_from": Label("起始日期", "First day"),
    "valid_to": Label("终止日期", "Last day"),
    "uses": Label("使用次数", "Uses"),
    "rows": Label("行数", "Rows"),
    "row_cap": Label("行数上限", "Row limit"),
    "legal_basis": Label("法律法规", "Law or regulation"),
    "text_unverified": Label("条文原文（另一人核对）", "The article's text, confirmed by another"),
    "determined_on": Label("认定日期", "Day of determination"),
    "document_number": Label("文号或登记号", "Document number"),
    "document_number_form": Label("文号格式", "Form of the document number"),
    "signatory": Label("签发人", "Signatory"),
    "scope_text": Label("批准的范围", "What was approved"),
    "dated": Label("成文日期", "Date of the document"),
    "scan": Label("扫描件", "Scan"),
    "division": Label("行政区划", "Division"),
    "government_name": Label("批准机关名称", "Name of the government"),
    "education_department": Label("县级以上人民政府批准", "Approval of a people's government"),
    "not_a_government": Label("县级以上人民政府", "A people's government of county level or above"),
    "act": Label("批准形式", "Kind of act"),
    "file": Label("文件", "File"),
    "list": Label("名单", "List"),
    "school": Label("学校", "School"),
}
ASSESSMENT_REASONS: Mapping[str, Label] = {
    "sensitive_fields": Label("含敏感信息项", "sensitive fields"),
    "under_14": Label("含不满十四周岁未成年人", "children under 14"),
    "provision": Label("向其他个人信息处理者提供", "provided to another handler"),
}
RISKS: Mapping[str, Label] = {
    "reidentification": Label("被重新识别", "Re-identification"),
    "leak": Label("接收方泄露", "Leak at the recipient"),
    "misuse": Label("超目的使用", "Use beyond the purpose"),
    "unfairness": Label("不公平对待", "Unfair treatment"),
    "safety": Label("人身安全", "Personal safety"),
}
ASSESSMENT_CONCLUSIONS: Mapping[str, Label] = {
    "acceptable": Label("可接受", "Acceptable", "good"),
    "conditional": Label("附条件可接受", "Acceptable under conditions", "wait"),
    "not_acceptable": Label("不可接受", "Not acceptable", "bad"),
}
RESIDUALS: Mapping[str, Label] = {
    "low": Label("低", "low", "good"),
    "medium": Label("中", "medium", "wait"),
    "high": Label("高", "high", "bad"),
}
NOTICES: Mapping[str, Label] = {
    "dry_run_started": Label("试算已排队，完成后显示结果。", "The dry run is queued; its result appears by itself."),
    "consent_withdrawn": Label("已撤回，即时生效。", "The consent is withdrawn; it took effect at once."),
    "signed_out": Label("已安全退出。", "You are signed out."),
    "password_changed": Label("密码已修改，其他登录均已退出。", "Password changed; all other sessions have ended."),
    "rules_acknowledged": Label("已确认安全管理制度。", "Security rules acknowledged."),
    "drafted": Label("草稿已保存，尚未提交。", "Draft saved, not submitted yet."),
    "submitted": Label("申请已提交。", "Application submitted."),
    "returned": Label("已退回申请人。", "Returned to the applicant."),
    "ground_recorded": Label("依据已登记，等待另一名工作人员确认。", "Ground recorded; another officer confirms it."),
    "ground_confirmed": Label("依据已确认，等待批准人决定。", "Ground confirmed; the approving officer decides."),
    "granted": Label("已批准，授权已签名生效。", "Approved: the grant is signed and in force."),
    "refused": Label("已作出不予批准的决定。", "The application was refused."),
    "assessed": Label("影响评估已保存。", "The impact assessment was recorded."),
    "withdrawn": Label("授权已撤回，即刻停止提供。", "Grant withdrawn: nothing more leaves under it."),
    "deleted": Label("销毁证明已提交。", "The deletion certificate was handed in."),
    "imported": Label("导入完成。", "Import finished."),
    "case_opened": Label("业务已受理。", "The case is open."),
    "case_decided": Label("已办理，业务进入下一环节或办结。", "Done: the case moved on or is closed."),
    "case_refused": Label("已作出不予办理的决定。", "The case was refused."),
    "case_withdrawn": Label("业务已撤回。", "The case was withdrawn."),
    "certificate_voided": Label("证书已作废，编号不再使用。", "The certificate is void; its number is not used again."),
    "assigned": Label("待办已分派。", "The item was assigned."),
    "exception_granted": Label("已批准例外，可凭此受理一次。", "Exception granted, for one request."),
}

TABLES: Mapping[str, Mapping[str, Label]] = {
    "application": APPLICATION_STATES,
    "next": NEXT,
    "grant": GRANT_STATES,
    "extract": EXTRACT_STATES,
    "dry_run": DRY_RUN_STATES,
    "dry_run_failure": DRY_RUN_FAILURES,
    "holding_warning": HOLDING_WARNINGS,
    "level": LEVELS,
    "format": FORMATS,
    "stage": STAGES,
    "history": HISTORY,
    "action": ACTIONS,
    "resource": RESOURCES,
    "kind": KINDS,
    "outcome": OUTCOMES,
    "link": LINKS,
    "technique": TECHNIQUES,
    "field_role": FIELD_ROLES,
    "approval_act": APPROVAL_ACTS,
    "basis_kind": BASIS_KINDS,
    "ground_kind": GROUND_KINDS,
    "decision": DECISIONS,
    "missing": MISSING,
    "assessment_reason": ASSESSMENT_REASONS,
    "assessment_conclusion": ASSESSMENT_CONCLUSIONS,
    "residual": RESIDUALS,
    "risk": RISKS,
}
"""Table name, as templates write it, to table."""
