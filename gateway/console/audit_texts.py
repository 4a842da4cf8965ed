"""Words of the audit trail: kinds of entries that no room words itself, their groups, and the steps of a chain."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.console import (
    account_texts,
    canary_texts,
    family_texts,
    ground_texts,
    identity_texts,
    inspection_texts,
    retention_texts,
    texts,
    workflow_texts,
)
from gateway.console.texts import Label

KINDS: Mapping[str, Label] = {
    "access.refused": Label("拒绝访问", "Access refused"),
    "account.token_refused": Label("拒发访问令牌", "Token refused"),
    "account.token_revoked": Label("撤销访问令牌", "Token revoked"),
    "assessment.recorded": Label("登记影响评估", "Impact assessment recorded"),
    "audit.listed": Label("导出查询结果", "Found entries exported"),
    "identity.authorized": Label("授权领取数字身份", "Identity authorized"),
    "identity.notified": Label("数字身份领取回执", "Identity notified"),
    "identity.swept": Label("清理数字身份记录", "Identity records swept"),
    "log.event_refused": Label("学籍事件未能入账", "Registry event refused"),
    "log.key_rotated": Label("日志密钥轮换", "Log key rotated"),
    "log.origin_opened": Label("启用新日志", "New log begun"),
    "log.queue_resumed": Label("后台队列恢复", "Queue resumed"),
    "log.damaged": Label("日志受损", "Log damaged"),
    "log.damage_ended": Label("日志恢复正常", "Log holds again"),
    "log.clock_jumped": Label("时钟跳变", "Clock jumped"),
    "log.queue_stalled": Label("后台队列积压", "Queue stalled"),
    "log.request_refused": Label("入账请求被拒绝", "Log request refused"),
    "log.witness_contradicts": Label("见证方不符", "Witness contradicts"),
    "log.witness_returned": Label("见证恢复", "Witness returned"),
    "log.witness_silent": Label("见证方无响应", "Witness silent"),
    "policy.reload_failed": Label("策略加载失败", "Policies not reloaded"),
    "policy.reloaded": Label("策略已重新加载", "Policies reloaded"),
    "pseudonym.key_created": Label("生成化名密钥", "Pseudonym key made"),
    "pseudonym.key_destroyed": Label("销毁化名密钥", "Pseudonym key destroyed"),
    "release.traced": Label("泄露溯源", "Leak traced"),
}
GROUPS: Mapping[str, Label] = {
    "release.": Label("提供", "Releases"),
    "application.": Label("申请", "Applications"),
    "ground.": Label("依据", "Grounds"),
    "grant.": Label("授权", "Grants"),
    "family.": Label("家庭", "Families"),
    "inspection.": Label("检查", "Inspections"),
    "access.": Label("访问", "Access"),
    "account.": Label("账号", "Accounts"),
    "alert.": Label("预警", "Alerts"),
    "assessment.": Label("影响评估", "Assessments"),
    "audit.": Label("审计", "Audit"),
    "canary.": Label("诱饵学籍", "Decoys"),
    "delegation.": Label("委托", "Delegations"),
    "disclosure.": Label("线下提供", "Disclosures outside"),
    "dry_run.": Label("试算", "Dry runs"),
    "identity.": Label("数字身份", "Identity"),
    "legal_text.": Label("法律文本", "Texts of laws"),
    "log.": Label("日志", "The log"),
    "match.": Label("比对", "Matches"),
    "policy.": Label("策略", "Policies"),
    "pseudonym.": Label("化名密钥", "Pseudonym keys"),
    "recipient.": Label("接收方", "Recipients"),
    "registry.": Label("学籍", "Registry"),
    "retention.": Label("保存期限", "Retention"),
    "scan.": Label("扫描件", "Scans"),
}
"""The first part of a kind, with its dot, as a search takes it for all kinds below."""
FILTERS: Mapping[str, Label] = {
    "kind": Label("事项", "Kind"),
    "outcome": Label("结果", "Outcome"),
    "since": Label("自", "From"),
    "until": Label("至", "To"),
    "person": Label("相关人员编号", "Person, in any part"),
    "actor": Label("操作人编号", "Actor"),
    "unit": Label("操作人单位", "Unit"),
    "rule": Label("规则", "Rule"),
    "problem": Label("错误", "Problem"),
    "policy": Label("策略", "Policy"),
    **texts.LINKS,
}
"""What a search can ask for."""
STEPS: Mapping[str, Label] = {
    "ground": Label("依据", "Ground"),
    "recorded": Label("登记", "Recorded by"),
    "confirmed": Label("确认", "Confirmed by"),
    "approved": Label("批准", "Approved by"),
    "executed": Label("执行", "Executed by"),
    "recipient": Label("接收方", "Recipient"),
    "responsible": Label("接收方责任人", "Responsible there"),
    "file": Label("文件校验值", "File, SHA-256"),
    "rows": Label("行数", "Rows"),
    "proof": Label("提供记录与证明", "Delivery and proof"),
}
GAPS: Mapping[str, Label] = {
    "no_entry": Label("断链：没有条目", "Broken: no entry", "bad"),
    "other_person": Label("断链：经办人与记载不符", "Broken: somebody else did it", "bad"),
    "same_person": Label("断链：同一人办理", "Broken: one person did both", "bad"),
    "contradicted": Label("断链：条目相互矛盾", "Broken: entries disagree", "bad"),
    "no_outcome": Label("断链：有提供无结果", "Broken: no outcome", "bad"),
}
CHAIN_STATES: Mapping[str, Label] = {
    "done": Label("有条目", "Has an entry", "good"),
    "ahead": Label("尚未发生", "Not yet", "wait"),
    "broken": Label("断链", "Broken", "bad"),
}
TABLES_OF_KINDS: tuple[Mapping[str, Label], ...] = (
    texts.KINDS,
    KINDS,
    account_texts.TABLES["kind"],
    canary_texts.TABLES["kind"],
    family_texts.TABLES["kind"],
    ground_texts.TABLES["kind"],
    identity_texts.TABLES["kind"],
    inspection_texts.TABLES["kind"],
    retention_texts.TABLES["kind"],
    workflow_texts.TABLES["kind"],
)
"""Words of kinds stand with the texts of the room that writes them; here stand those of no other."""
ALL_KINDS: Mapping[str, Label] = MappingProxyType(
    {code: word for kinds in TABLES_OF_KINDS for code, word in kinds.items() if "." in code}
)
"""Every kind that has words."""
TABLES: Mapping[str, Mapping[str, Label]] = {
    "kind": KINDS,
    "kind_group": GROUPS,
    "step": STEPS,
    "gap": GAPS,
    "chain_state": CHAIN_STATES,
    "filter": FILTERS,
}
