"""Words for the entries of the log about identities and signing in."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

KINDS: Mapping[str, Label] = {
    "identity.offered": Label("提供数字身份", "Identity offered"),
    "identity.ended": Label("终止数字身份", "Identity ended"),
    "identity.issued": Label("签发数字身份", "Identity issued"),
    "identity.presentation_requested": Label("请求出示身份", "Presentation asked for"),
    "identity.presentation_closed": Label("身份出示已答复", "Presentation answered"),
    "identity.presentation_read": Label("读取身份出示结果", "Presentation read"),
    "identity.sign_in_requested": Label("验证方请求登录", "Sign-in asked for"),
    "identity.consent_given": Label("同意登录授权", "Consent given"),
    "identity.consent_withdrawn": Label("撤回登录授权", "Consent withdrawn"),
    "identity.signed_in": Label("登录验证方服务", "Signed in at a relying party"),
    "identity.sign_in_redeemed": Label("兑换登录授权码", "Sign-in redeemed"),
    "identity.userinfo_answered": Label("告知登录属性", "Claims told"),
    "identity.signed_out": Label("退出验证方服务", "Signed out"),
    "identity.logout_told": Label("通知验证方登录已终止", "Relying party told of a sign-in's end"),
    "identity.sign_ins_ended": Label("登录终止", "Sign-ins ended"),
    "identity.verified": Label("核验数字身份", "Identity verified"),
    "identity.key_compromised": Label("签发密钥停用", "Issuer key taken out"),
    "identity.key_ended": Label("终止停用密钥签发的凭证", "Credentials of a lost key ended"),
    "identity.key_published": Label("发布签发密钥", "Issuer key published"),
    "identity.status_changed": Label("身份状态变更", "Identity status changed"),
    "identity.status_published": Label("发布状态列表", "Status list published"),
}
TABLES: Mapping[str, Mapping[str, Label]] = {"kind": KINDS}
