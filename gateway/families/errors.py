"""The errors of families. None tells an unknown code from a used one, or a wrong passkey from an unknown one."""

from __future__ import annotations

from gateway.errors import ConflictError, ForbiddenError


class ActivationRefusedError(ForbiddenError):
    """An activation does not hold: unknown, used, revoked, expired, spent, or the code is wrong. One answer for all."""


class PasskeyRefusedError(ForbiddenError):
    """A passkey does not hold: unknown, wrong signature, challenge, origin or count, unverified. One answer for all."""


class StrongerSignInError(ForbiddenError):
    """The act needs a session that was opened with a passkey."""


class LastPasskeyError(ConflictError):
    """The last passkey is removed only by who says so: after that, only the school opens the account again."""


def activation_refused() -> ActivationRefusedError:
    """Return the one answer to every activation that does not hold."""
    return ActivationRefusedError(
        "The link or the code does not hold, or it was used or has expired. Check the digits, or ask the school for a "
        "new one.",
        detail_zh="激活链接或确认码无效、已使用或已过期。请核对数字，必要时请学校重新出具。",
    )


def passkey_refused() -> PasskeyRefusedError:
    """Return the one answer to every passkey that does not hold."""
    return PasskeyRefusedError(
        "The passkey does not hold here. Try again with the passkey of this account, or ask the school for a new "
        "activation.",
        detail_zh="通行密钥未通过验证。请使用本账号的通行密钥重试，或请学校重新出具激活二维码。",
    )
