"""Sessions, passwords and security rules as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Line, Model


class SessionIn(Model):
    """A person signs in to the API."""

    username: Annotated[Line, Field(min_length=1, max_length=80)]
    password: Annotated[Line, Field(min_length=1, max_length=200)]
    totp: Annotated[str, Field(pattern=r"^[0-9]{6}$")] | None = None


class SessionOut(Model):
    """A bearer token for people; it dies with idleness, log-out and age."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name
    account: str
    roles: list[str]
    duties: list[str]
    """What must be done before anything else: ``change_password``, ``acknowledge_rules``."""


class TokenOut(Model):
    """A fresh session token."""

    token: str


class RulesOut(Model):
    """The security rules of a unit."""

    version: str
    text: str
    responsible: str


class AcknowledgementIn(Model):
    """Which version of the rules is acknowledged."""

    version: Annotated[Line, Field(min_length=1, max_length=128)]


class PasswordIn(Model):
    """The old and the new password."""

    old: Annotated[Line, Field(min_length=1, max_length=200)]
    new: Annotated[Line, Field(min_length=1, max_length=200)]
