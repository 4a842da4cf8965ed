"""The errors of accounts. None of them says whether a user name or a client exists."""

from __future__ import annotations

from gateway.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ParameterError,
    UnauthenticatedError,
)


class BadCredentialsError(UnauthenticatedError):
    """User name, password or one-time code do not hold: one answer for all three."""


class LockedOutError(UnauthenticatedError):
    """Too many failed attempts under this user name, known or not; ``extra['retry_after']`` is in seconds."""


class SessionEndedError(UnauthenticatedError):
    """The session is unknown, ended, idle for too long, or its account is sealed: one answer for all."""


class InvalidTokenError(UnauthenticatedError):
    """The access token does not hold: forged, expired, revoked, or its client is sealed."""


class BoundTokenError(InvalidTokenError):
    """A token that is bound to a key came without its proof, or as a bearer token (RFC 9449, section 7.1)."""


class ProofRefusedError(UnauthenticatedError):
    """A DPoP proof does not hold; ``reason`` is a stable code for the audit trail."""

    def __init__(self, detail: str, *, detail_zh: str, reason: str) -> None:
        super().__init__(detail, detail_zh=detail_zh, missing=("dpop_proof",))
        self.reason = reason


class ClientAuthenticationError(UnauthenticatedError):
    """A client did not prove who it is: one text for every cause, so that nobody learns which clients exist."""


class SealedAccountError(ForbiddenError):
    """The account was unused for half a year, or closed by a manager (封存)."""

    rule = "A50-3"


class PasswordExpiredError(ForbiddenError):
    """The password is due for a change (定期更换)."""

    rule = "A50-2"


class RulesNotAcknowledgedError(ForbiddenError):
    """The account has not acknowledged its unit's security rules."""

    rule = "A50-1"


class ScopeRefusedError(ForbiddenError):
    """A client asked for more than its roles, for something unknown, or for nothing."""

    rule = "A50-4"


class DetailsRefusedError(ScopeRefusedError):
    """``authorization_details`` (RFC 9396) that are malformed, or name a grant that the client has not."""

    rule = "A50-9"


class GrantTypeRefusedError(ScopeRefusedError):
    """A client asked by a grant type that it was not registered for."""


class WeakPasswordError(ParameterError):
    """A new password is too short, common, like the user name, or was used before."""

    rule = "A50-2"


class RoleConflictError(ConflictError):
    """Roles that one person may not hold together (三员分立, separation of duties)."""

    rule = "A50-11"


class UsernameTakenError(ConflictError):
    """Another account has this user name."""


class AccountNotFoundError(NotFoundError):
    """There is no such account."""


class CreditCodeError(ParameterError):
    """A text is no 统一社会信用代码 (GB 32100-2015)."""


class RecipientNotFoundError(NotFoundError):
    """No such recipient is registered."""


class RecipientSuspendedError(ForbiddenError):
    """The recipient is suspended: its attestation is overdue, it was renamed, it lay dormant, or a manager said so."""

    rule = "A50-9"


class DelegationRefusedError(ConflictError):
    """An approval cannot be lent like this: to whom, for how long, or by whom."""

    rule = "A50-10"
