"""Why a code, a key proof or a presentation was not accepted. Every text is safe to show (I7)."""

from __future__ import annotations

from enum import StrEnum

from gateway.errors import ConflictError, GatewayError


class Reason(StrEnum):
    """Stable reason codes: a relying party may program against them."""

    MALFORMED = "malformed"
    WRONG_TYPE = "wrong_type"
    WRONG_ALGORITHM = "wrong_algorithm"
    UNKNOWN_KEY = "unknown_key"
    UNTRUSTED_CERTIFICATE = "untrusted_certificate"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_VCT = "wrong_vct"
    WRONG_HASH_ALGORITHM = "wrong_hash_algorithm"
    MALFORMED_DISCLOSURE = "malformed_disclosure"
    WEAK_SALT = "weak_salt"
    RESERVED_CLAIM_NAME = "reserved_claim_name"
    CLAIM_COLLISION = "claim_collision"
    REPEATED_DIGEST = "repeated_digest"
    UNREFERENCED_DISCLOSURE = "unreferenced_disclosure"
    MISSING_CLAIM = "missing_claim"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    KEY_BINDING_MISSING = "key_binding_missing"
    KEY_BINDING_TYPE = "key_binding_type"
    KEY_BINDING_SIGNATURE = "key_binding_signature"
    KEY_BINDING_TIME = "key_binding_time"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_NONCE = "wrong_nonce"
    KEY_BINDING_HASH = "key_binding_hash"
    REPLAYED = "replayed"
    STATUS_LIST_MALFORMED = "status_list_malformed"
    STATUS_LIST_TYPE = "status_list_type"
    STATUS_LIST_SIGNATURE = "status_list_signature"
    STATUS_LIST_SUBJECT = "status_list_subject"
    STATUS_LIST_EXPIRED = "status_list_expired"
    STATUS_LIST_STALE = "status_list_stale"
    STATUS_INDEX = "status_index"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    RECORD_NOT_ACTIVE = "record_not_active"
    ATTRIBUTE_CHANGED = "attribute_changed"


TEXTS: dict[Reason, tuple[str, str]] = {
    Reason.MALFORMED: ("The token is not a compact SD-JWT with Key Binding.", "凭证出示格式不正确。"),
    Reason.WRONG_TYPE: ("The credential's typ must be dc+sd-jwt.", "凭证类型（typ）必须为 dc+sd-jwt。"),
    Reason.WRONG_ALGORITHM: ("Only ES256 signatures are accepted.", "只接受 ES256 签名算法。"),
    Reason.UNKNOWN_KEY: (
        "No pinned issuer key has this kid; fetch the issuer's JWKS again.",
        "签发公钥集中没有该 kid，请重新获取签发方公钥集。",
    ),
    Reason.UNTRUSTED_CERTIFICATE: (
        "No certificate of the issuer (x5c) leads to a pinned trust anchor.",
        "签发方证书（x5c）无法追溯到所指定的信任锚。",
    ),
    Reason.BAD_SIGNATURE: ("The issuer's signature does not hold.", "签发方签名验证失败。"),
    Reason.WRONG_ISSUER: ("The credential is from another issuer.", "凭证的签发方不符。"),
    Reason.WRONG_VCT: ("The credential is of another type (vct).", "凭证种类（vct）不符。"),
    Reason.WRONG_HASH_ALGORITHM: ("_sd_alg must be sha-256.", "摘要算法（_sd_alg）必须为 sha-256。"),
    Reason.MALFORMED_DISCLOSURE: ("A disclosure is malformed.", "披露项格式不正确。"),
    Reason.WEAK_SALT: ("A disclosure's salt has less than 128 bits.", "披露项的盐值不足 128 位。"),
    Reason.RESERVED_CLAIM_NAME: (
        "A disclosure uses a name that may not be selectively disclosed.",
        "披露项使用了不得选择性披露的名称。",
    ),
    Reason.CLAIM_COLLISION: ("A disclosed claim is there twice.", "披露的属性重复出现。"),
    Reason.REPEATED_DIGEST: ("A digest is there more than once.", "同一摘要出现多次。"),
    Reason.UNREFERENCED_DISCLOSURE: (
        "A disclosure was altered or does not belong to this credential.",
        "有披露项被改动或不属于该凭证。",
    ),
    Reason.MISSING_CLAIM: ("A claim that is needed was not disclosed or is missing.", "缺少所需的属性。"),
    Reason.NOT_YET_VALID: ("The credential is not valid yet; check the clock.", "凭证尚未生效，请检查时钟。"),
    Reason.EXPIRED: ("The credential has expired; ask for a fresh one.", "凭证已过期，请重新领取。"),
    Reason.KEY_BINDING_MISSING: ("The holder's Key Binding JWT is missing.", "缺少持有人密钥绑定（KB-JWT）。"),
    Reason.KEY_BINDING_TYPE: ("The Key Binding JWT's typ must be kb+jwt.", "密钥绑定的类型（typ）必须为 kb+jwt。"),
    Reason.KEY_BINDING_SIGNATURE: ("The holder's signature does not hold.", "持有人签名验证失败。"),
    Reason.KEY_BINDING_TIME: (
        "The Key Binding JWT is too old or from the future; present again.",
        "密钥绑定的时间超出允许范围，请重新出示。",
    ),
    Reason.WRONG_AUDIENCE: ("The presentation was made for another verifier.", "该出示不是面向本验证方的。"),
    Reason.WRONG_NONCE: ("The presentation was made for another transaction.", "该出示的随机数（nonce）不符。"),
    Reason.KEY_BINDING_HASH: (
        "The presentation was altered after the holder signed it.",
        "出示内容在持有人签名后被改动。",
    ),
    Reason.REPLAYED: ("This presentation was used before; ask for a new one.", "该出示已被使用过，请重新出示。"),
    Reason.STATUS_LIST_MALFORMED: ("The status list token cannot be read.", "状态列表无法读取。"),
    Reason.STATUS_LIST_TYPE: ("The status list's typ must be statuslist+jwt.", "状态列表类型必须为 statuslist+jwt。"),
    Reason.STATUS_LIST_SIGNATURE: ("The status list's signature does not hold.", "状态列表签名验证失败。"),
    Reason.STATUS_LIST_SUBJECT: (
        "The status list is not the one that the credential names.",
        "状态列表与凭证所指的不一致。",
    ),
    Reason.STATUS_LIST_EXPIRED: ("The status list has expired; fetch it again.", "状态列表已过期，请重新获取。"),
    Reason.STATUS_LIST_STALE: (
        "The status list is older than its ttl; fetch it again or accept its age on purpose.",
        "状态列表已超过更新周期，请重新获取，或明示接受其时效。",
    ),
    Reason.STATUS_INDEX: ("The status index lies outside the list.", "状态索引超出列表范围。"),
    Reason.REVOKED: ("The credential was revoked.", "凭证已被撤销。"),
    Reason.SUSPENDED: ("The credential is suspended.", "凭证已被暂停。"),
    Reason.UNKNOWN_CREDENTIAL: ("This system did not issue the credential.", "本系统未签发该凭证。"),
    Reason.RECORD_NOT_ACTIVE: ("The student record is not active.", "学籍当前不在有效状态。"),
    Reason.ATTRIBUTE_CHANGED: (
        "An attribute is no longer as the credential says; ask for a fresh one.",
        "属性已变更，请重新领取凭证。",
    ),
}


class CredentialRejectedError(GatewayError):
    """A presentation, credential or status list was not accepted; ``reason`` says why, in a stable code."""

    def __init__(self, reason: Reason, *, missing: tuple[str, ...] = (), rule: str | None = None) -> None:
        detail, detail_zh = TEXTS[reason]
        super().__init__(detail, detail_zh=detail_zh, missing=missing, rule=rule, extra={"reason": reason.value})
        self.reason = reason


class OAuthRefusedError(GatewayError):
    """A request was refused as OAuth says it (RFC 6749 section 5.2); ``code`` is the ``error`` of the standard.

    ``reason`` is for the log alone, where it may be finer than what the caller is told.
    """

    def __init__(self, code: str, detail: str, detail_zh: str, *, reason: str = "", rule: str | None = None) -> None:
        super().__init__(detail, detail_zh=detail_zh, rule=rule, extra={"error": code})
        self.code = code
        self.reason = reason or code


class WalletRefusedError(OAuthRefusedError):
    """A wallet's request was refused; ``code`` is the error of OpenID4VCI 1.0, RFC 6749, 6750, 9396 or 9449."""


class SignInRefusedError(OAuthRefusedError):
    """A step of signing in was refused; ``code`` is the error of OpenID Connect, RFC 6749, 6750, 9126 or 9449."""


class ProofError(GatewayError):
    """A key proof (``openid4vci-proof+jwt``) does not hold. OpenID4VCI 1.0, appendix F.4."""


class KeyReuseError(ConflictError):
    """A holder key was used for a credential before: one-time credentials need fresh keys (A50-14)."""
