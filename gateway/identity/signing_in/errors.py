"""Refusals of signing in, by the codes of the standards. Each text says what to change."""

from __future__ import annotations

from gateway.accounts.errors import ProofRefusedError
from gateway.identity.errors import SignInRefusedError

INVALID_TOKEN = "invalid_token"  # noqa: S105  an error code
INVALID_DPOP = "invalid_dpop_proof"
INSUFFICIENT_SCOPE = "insufficient_scope"


def invalid_request(name: str, text: str, text_zh: str) -> SignInRefusedError:
    """Return the refusal of a pushed request whose parameter ``name`` does not fit (RFC 9126 section 2.3)."""
    return SignInRefusedError("invalid_request", f"{name}: {text}", f"{name}：{text_zh}", reason=name)


def unsupported(code: str, text: str, text_zh: str) -> SignInRefusedError:
    """Return the refusal of something that this provider does not do, under a code of its own."""
    return SignInRefusedError(code, text, text_zh)


def invalid_scope(text: str, text_zh: str, *, reason: str = "scope") -> SignInRefusedError:
    """Return the refusal of a scope or a claim that the relying party may not ask for."""
    return SignInRefusedError("invalid_scope", text, text_zh, reason=reason, rule="A50-14")


def unauthorized_client() -> SignInRefusedError:
    """Return the refusal of a client at which nobody may sign in."""
    return SignInRefusedError(
        "unauthorized_client",
        "Nobody signs in at this client: it needs the role relying_party and registered redirect_uris.",
        "该客户端不能用于登录：须为验证方（relying_party）并已登记回调地址。",
        rule="A50-14",
    )


def unknown_request() -> SignInRefusedError:
    """Return the refusal of a ``request_uri``: unknown, used, expired, another client's, one text for all."""
    return SignInRefusedError(
        "invalid_request_uri",
        "The sign-in was not started, was used, or took too long. Go back to the service and start again.",
        "该登录请求不存在、已使用或已超时，请返回所要登录的服务重新开始。",
    )


def over() -> SignInRefusedError:
    """Return the refusal of a page of a sign-in that is over, or that another browser holds."""
    return SignInRefusedError(
        "invalid_request",
        "This sign-in is over, or was begun in another browser. Go back to the service and start again.",
        "本次登录已结束，或是在另一浏览器中开始的，请返回所要登录的服务重新开始。",
        reason="over",
    )


def invalid_grant(reason: str) -> SignInRefusedError:
    """Return the refusal of a code; ``reason`` is for the log, the caller gets one text for all (RFC 6749, 5.2)."""
    return SignInRefusedError(
        "invalid_grant",
        "The code is unknown, used, expired or not for this client, redirect_uri, code_verifier or key; or who signed "
        "in withdrew. Start a new sign-in.",
        "授权码无效、已使用、已过期，或与客户端、回调地址、校验码、密钥不符，或登录人已撤回。请重新发起登录。",
        reason=reason,
    )


def invalid_token(reason: str) -> SignInRefusedError:
    """Return the refusal of an access token, whatever is wrong with it (RFC 6750 section 3.1)."""
    return SignInRefusedError(
        INVALID_TOKEN,
        "The access token does not hold: it is unknown, expired, ended, or bound to a key that was not proven.",
        "访问令牌无效、已过期、已终止，或其绑定密钥未被证明。",
        reason=reason,
    )


def not_granted() -> SignInRefusedError:
    """Return the refusal of claims that no standing grant covers any more (RFC 6750 section 3.1)."""
    return SignInRefusedError(
        INSUFFICIENT_SCOPE,
        "No standing grant of your organisation covers this now: it was withdrawn, is used up or has expired.",
        "贵单位现无涵盖此内容的有效授权：已撤回、已用完或已到期。",
        reason="grant",
        rule="A50-5",
    )


def not_granted_code() -> SignInRefusedError:
    """Return the refusal of a code for which no standing grant is there any more."""
    return SignInRefusedError(
        "invalid_grant",
        "No standing grant of your organisation covers this now: it was withdrawn, is used up or has expired.",
        "贵单位现无涵盖此内容的有效授权：已撤回、已用完或已到期。",
        reason="grant",
        rule="A50-5",
    )


def dpop_refused(error: ProofRefusedError) -> SignInRefusedError:
    """Return the refusal of a DPoP proof (RFC 9449 sections 5 and 7.1)."""
    return SignInRefusedError(INVALID_DPOP, error.detail, error.detail_zh, reason=f"dpop_{error.reason}")


def bad_hint() -> SignInRefusedError:
    """Return the refusal of a sign-out whose ``id_token_hint`` is none of ours."""
    return SignInRefusedError(
        "invalid_request",
        "The service did not show a valid id_token_hint; sign out here, then close the service.",
        "该服务未出示有效的登录凭据（id_token_hint）；可在此退出，再关闭该服务。",
        reason="id_token_hint",
    )


def bad_return() -> SignInRefusedError:
    """Return the refusal of a sign-out that would lead to an address that was not registered."""
    return SignInRefusedError(
        "invalid_request",
        "post_logout_redirect_uri is not registered for this service; sign out here, then close the service.",
        "退出后的返回地址未登记；可在此退出，再关闭该服务。",
        reason="post_logout_redirect_uri",
    )
