"""Refusals of the issuing endpoints, by the codes of the standards. Each text says what to change."""

from __future__ import annotations

from gateway.accounts.errors import ProofRefusedError
from gateway.errors import GatewayError
from gateway.identity.errors import CredentialRejectedError, KeyReuseError, ProofError, WalletRefusedError

INVALID_TOKEN = "invalid_token"  # noqa: S105  an error code
INVALID_DPOP = "invalid_dpop_proof"


def invalid_grant() -> WalletRefusedError:
    """Return the refusal of a code that is unknown, used, expired or spent: one answer for all (section 6.3)."""
    return WalletRefusedError(
        "invalid_grant",
        "The code is unknown, used or expired, or the transaction code is wrong; ask the school for a new offer.",
        "领取码无效、已使用或已过期，或验证码不符；必要时请向学校重新申领。",
    )


def invalid_request(text: str, text_zh: str) -> WalletRefusedError:
    """Return the refusal of a token request that lacks a part (section 6.3)."""
    return WalletRefusedError("invalid_request", text, text_zh)


def invalid_details() -> WalletRefusedError:
    """Return the refusal of ``authorization_details`` (RFC 9396 section 5)."""
    return WalletRefusedError(
        "invalid_authorization_details",
        "authorization_details must name exactly the credential configuration of the offer, with type "
        "openid_credential.",
        "authorization_details 须为 openid_credential 类型，且仅限所发放的凭证配置。",
    )


def invalid_token() -> WalletRefusedError:
    """Return the refusal of an access token, whatever is wrong with it (RFC 6750 section 3.1)."""
    return WalletRefusedError(
        INVALID_TOKEN,
        "The access token does not hold: it is unknown, expired, used, or bound to a key that was not proven.",
        "访问令牌无效、已过期、已使用，或其绑定密钥未被证明。",
    )


def dpop_refused(error: ProofRefusedError) -> WalletRefusedError:
    """Return the refusal of a DPoP proof (RFC 9449 sections 5 and 7.1)."""
    return WalletRefusedError(INVALID_DPOP, error.detail, error.detail_zh, reason=f"dpop_{error.reason}")


def invalid_credential_request(text: str, text_zh: str) -> WalletRefusedError:
    """Return the refusal of a malformed credential request (section 8.3.1.2)."""
    return WalletRefusedError("invalid_credential_request", text, text_zh)


def unknown_configuration() -> WalletRefusedError:
    """Return the refusal of a configuration that the issuer has not, or that the token is not for."""
    return WalletRefusedError(
        "unknown_credential_configuration",
        "The issuer has no such credential configuration, or the token is not for it.",
        "没有该凭证配置，或访问令牌不适用于该配置。",
    )


def unknown_identifier() -> WalletRefusedError:
    """Return the refusal of a credential identifier that the token response did not name."""
    return WalletRefusedError(
        "unknown_credential_identifier",
        "The token response named no such credential identifier.",
        "令牌响应中没有该凭证标识。",
    )


def unencrypted() -> WalletRefusedError:
    """Return the refusal of an encrypted response, which the issuer does not offer."""
    return WalletRefusedError(
        "invalid_encryption_parameters",
        "The issuer does not encrypt credential responses; leave credential_response_encryption out.",
        "签发方不支持加密响应，请去掉 credential_response_encryption。",
    )


def invalid_notification(*, known: bool) -> WalletRefusedError:
    """Return the refusal of a notification (section 11.3): of its id where the request is well-formed."""
    if known:
        return WalletRefusedError(
            "invalid_notification_request", "The notification is malformed or names no known event.", "通知格式不正确。"
        )
    return WalletRefusedError(
        "invalid_notification_id", "The notification_id belongs to no batch of this token.", "通知标识不属于该令牌。"
    )


def as_wallet_error(error: GatewayError) -> GatewayError:
    """Return what is wrong with a credential request in the words of section 8.3.1.2; other errors as they are."""
    match error:
        case ProofError():
            code = "invalid_nonce" if error.missing == ("nonce",) else "invalid_proof"
            reason = f"{code}_{error.missing[0]}" if error.missing and code == "invalid_proof" else code
            return WalletRefusedError(code, error.detail, error.detail_zh, reason=reason.replace(".", "_"))
        case KeyReuseError():
            return WalletRefusedError(
                "invalid_proof", error.detail, error.detail_zh, reason="key_reused", rule=error.rule
            )
        case CredentialRejectedError():
            return WalletRefusedError(
                "credential_request_denied",
                error.detail,
                error.detail_zh,
                reason=error.reason.value,
                rule=error.rule,
            )
        case _:
            return error
