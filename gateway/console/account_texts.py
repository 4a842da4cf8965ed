"""Words for accounts, recipients and delegations."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

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
STANDINGS: Mapping[str, Label] = {
    "in_force": Label("有效", "In force", "good"),
    "manager": Label("已暂停", "Suspended by a manager", "bad"),
    "renamed": Label("已更名，待核验", "Renamed: attest it", "bad"),
    "attestation_overdue": Label("年度核验逾期", "Attestation overdue", "bad"),
    "dormant": Label("长期未使用，已停用", "Dormant", "bad"),
    "unregistered": Label("未登记", "Not registered", "bad"),
}
ENDED: Mapping[str, Label] = {
    "revoked": Label("已撤销", "Revoked", "over"),
    "period": Label("已到期", "Over", "over"),
    "delegator": Label("委托人不再履职", "Who lent it approves no longer", "over"),
    "deputy": Label("代行人不再符合条件", "The deputy is not fit any more", "over"),
}
ACTS: Mapping[str, Label] = {
    "seal": Label("封存", "Sealed", "bad"),
    "unseal": Label("启封", "Reopened", "good"),
    "reset": Label("重置登录凭据", "Credentials reset", "plain"),
    "register": Label("登记", "Registered", "good"),
    "attest": Label("核验", "Attested", "good"),
    "rename": Label("更名", "Renamed", "bad"),
    "suspend": Label("暂停", "Suspended", "bad"),
    "resume": Label("恢复", "Resumed", "good"),
}
KINDS: Mapping[str, Label] = {
    "account.refused_act": Label("账号管理被拒绝", "Act on accounts refused"),
    "account.roles_changed": Label("变更角色", "Roles changed"),
    "account.trained": Label("备案与培训登记", "Filing and training recorded"),
    "account.rules_published": Label("发布安全制度", "Security rules published"),
    "account.credentials_reset": Label("重置登录凭据", "Credentials reset"),
    "account.sessions_revoked": Label("退出全部登录", "Signed out everywhere"),
    "account.client_keys_replaced": Label("更换客户端公钥", "Client keys replaced"),
    "recipient.registered": Label("登记数据使用方", "Recipient registered"),
    "recipient.attested": Label("核验数据使用方", "Recipient attested"),
    "recipient.renamed": Label("数据使用方更名", "Recipient renamed"),
    "recipient.suspended": Label("停用数据使用方", "Recipient suspended"),
    "recipient.resumed": Label("恢复数据使用方", "Recipient resumed"),
    "recipient.attestation_due": Label("年度核验即将到期", "Attestation ends soon"),
    "delegation.made": Label("委托代行批准", "Approval delegated"),
    "delegation.acting": Label("以代行身份办理", "Acting as a deputy"),
    "delegation.ended": Label("委托结束", "Delegation ended"),
}
MISSING: Mapping[str, Label] = {
    "name": Label("名称或姓名", "Name"),
    "post": Label("岗位", "Post"),
    "unit": Label("单位", "Unit"),
    "evidence": Label("核验材料", "Evidence"),
    "attestation": Label("核验", "An attestation"),
    "own_approval": Label("本人的批准职责", "An approval of one's own"),
    "redirect_uris": Label("登录回调地址", "Redirect URIs"),
    "backchannel_logout_uri": Label("退出通知地址", "Told of the end of a sign-in"),
    "post_logout_redirect_uris": Label("退出后返回地址", "Addresses after signing out"),
    "sector_identifier": Label("主机名", "Sector identifier"),
    "another_period": Label("其他日期", "Other days"),
    "text": Label("正文", "Text"),
    **{code: label for code, label in STANDINGS.items() if code != "in_force"},
}
NOTICES: Mapping[str, Label] = {
    "roles_changed": Label("角色已变更，该账号的登录已全部退出。", "Roles changed; the account's sessions have ended."),
    "sealed": Label("账号已封存，登录和令牌即刻失效。", "Sealed: sessions and tokens have ended."),
    "unsealed": Label("客户端已启封。", "The client is reopened."),
    "trained": Label("备案和培训日期已登记。", "Filing and training are recorded."),
    "rules_published": Label(
        "安全制度已发布，本单位账号须重新确认。", "Rules published; the unit's accounts acknowledge them."
    ),
    "recipient_registered": Label("数据使用方已登记。", "Recipient registered."),
    "recipient_changed": Label("已办理，即刻生效。", "Done, with effect at once."),
    "client_registered": Label("系统客户端已登记。", "Client registered."),
    "keys_replaced": Label("公钥已更换。", "Keys replaced."),
    "delegated": Label("委托已登记，到期自动结束。", "Delegated; it ends by itself."),
    "delegation_revoked": Label("委托已撤销，即刻生效。", "Delegation revoked, with effect at once."),
    "acting": Label("现以代行身份办理。", "You act as a deputy now."),
    "not_acting": Label("已恢复本人身份。", "You are yourself again."),
    "session_ended": Label("该登录已退出。", "That session has ended."),
}
TABLES: Mapping[str, Mapping[str, Label]] = {
    "held_role": ROLES,
    "standing": STANDINGS,
    "ended": ENDED,
    "managed_act": ACTS,
    "kind": KINDS,
    "missing": MISSING,
}
"""Table name, as templates write it, to the entries that stand here beside those of ``texts``."""
