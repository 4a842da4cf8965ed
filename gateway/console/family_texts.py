"""Texts of families: kinds of audit entries, notices, bonds."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

KINDS: Mapping[str, Label] = {
    "family.activation_made": Label("出具家庭账号激活", "Activation made"),
    "family.activation_revoked": Label("作废家庭账号激活", "Activation revoked"),
    "family.activated": Label("激活家庭账号", "Account activated"),
    "family.activation_refused": Label("激活未成功", "Activation refused"),
    "family.sign_in_refused": Label("家庭账号登录未通过", "Family's sign-in refused"),
    "family.passkey_added": Label("添加通行密钥", "Passkey added"),
    "family.passkey_removed": Label("移除通行密钥", "Passkey removed"),
    "family.bond_ended": Label("解除家庭账号关联", "Bond ended"),
    "family.account_closed": Label("关闭学生本人账号", "Pupil's account closed"),
    "family.card_made": Label("制作监护人卡", "Card made"),
    "family.card_checked": Label("核验监护人卡", "Card checked"),
    "family.access_read": Label("家庭查看“谁看过我的孩子”", "Family looked at accesses"),
    "family.question_asked": Label("家庭提出询问", "Family asked"),
    "family.question_read": Label("查看家庭询问", "Questions read"),
    "family.question_answered": Label("答复家庭询问", "Question answered"),
    "family.question_overdue": Label("家庭询问逾期", "Question overdue"),
}
BONDS: Mapping[str, Label] = {
    "guardian": Label("监护人", "Guardian"),
    "self": Label("学生本人", "The pupil"),
}
NOTICES: Mapping[str, Label] = {
    "activated": Label("账号已激活，您已登录。", "The account is active and you are signed in."),
    "child_added": Label("该学生已加入您的账号。", "The pupil was added to your account."),
    "passkey_added": Label("通行密钥已添加，下次可直接登录。", "Passkey added: sign in with it next time."),
    "passkey_removed": Label("通行密钥已移除。", "Passkey removed."),
    "own_account_closed": Label("学生本人账号已关闭。", "The pupil's own account is closed."),
    "bond_ended": Label("账号与学生的关联已解除。", "The account and the pupil belong together no more."),
    "identity_ended": Label("该学生的全部数字身份凭证已终止。", "All credentials of the pupil have ended."),
    "activation_revoked": Label("激活二维码已作废。", "The activation was revoked."),
}
TABLES: Mapping[str, Mapping[str, Label]] = {"kind": KINDS, "bond": BONDS}
