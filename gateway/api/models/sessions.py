"""Sessions, passwords and security rules as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Line, Model


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


class SessionLineOut(Model):
    """A session of the caller's own; it tells no token and no address."""

    id: str
    created_at: datetime
    seen_at: datetime
    this_one: bool
    acting: str | None
    """The delegation of another unit's approval that the session is for."""


class SessionList(Model):
    """The caller's sessions, newest first."""

    items: list[SessionLineOut]


class SessionsEndedOut(Model):
    """How many sessions ended."""

    ended: int


class ActingIn(Model):
    """Under which delegation the session approves for another unit; ``null``: none, the caller is themself again."""

    delegation: Code | None


class ActingOut(Model):
    """Who the caller is in this session from now on."""

    account: str
    roles: list[str]
    unit: str | None
    on_behalf: str | None


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
