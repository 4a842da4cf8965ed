"""The errors of the gateway. HTTP status and wording live in one table, ``gateway.problems``."""

from __future__ import annotations

from collections.abc import Mapping


class GatewayError(Exception):
    """The root of all errors that the gateway raises on purpose.

    ``detail`` says in one English sentence what to change; ``detail_zh`` the same in Chinese.
    Neither may hold personal data (I7). ``rule`` is the rule of the regulation that was applied,
    ``missing`` names the parts that are not there, ``extra`` holds further public members.
    """

    rule: str | None = None

    def __init__(
        self,
        detail: str,
        *,
        detail_zh: str = "",
        rule: str | None = None,
        missing: tuple[str, ...] = (),
        extra: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.detail_zh = detail_zh
        self.rule = rule or type(self).rule
        self.missing = missing
        self.extra = dict(extra or {})


class ParameterError(GatewayError):
    """An argument lies outside what the function takes."""


class NotFoundError(GatewayError):
    """There is no such thing, or the caller may not know that there is: one answer for both."""


class ForbiddenError(GatewayError):
    """The decision point said no. ``extra['policy']`` is the id of the deciding policy."""


class ConflictError(GatewayError):
    """The thing is in a state that does not allow the act."""


class UnauthenticatedError(GatewayError):
    """No credential, or one that does not hold."""


class UnavailableError(GatewayError):
    """A part that the act needs is gone (database, key, rate-limit store): fail closed (I8)."""


class ConfigurationError(GatewayError):
    """The program cannot start as configured; the text says what to change."""
