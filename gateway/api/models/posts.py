"""Posts of principals and registrars as JSON (A3-3, A48)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Model

Day = Annotated[date, Field(ge=date(1980, 1, 1), le=date(2099, 12, 31))]
UnitId = Annotated[str, Field(pattern=r"^([0-9]{6}|[0-9]{10})$")]


class PostIn(Model):
    """A post to be filed with the department above the unit (备案)."""

    account: Code
    unit: UnitId
    """School code or division code."""
    post: Literal["registrar", "head"]
    """学籍管理员 or 校长."""
    since: Day
    on_establishment: bool
    """在编 (A48-1)."""
    trained_on: Day | None = None
    """A registrar is trained before the first day (A48-3)."""


class PostEndIn(Model):
    """A post ends."""

    unit: UnitId
    until: Day
    """The last day."""
    handed_over_to: Code | None = None
    """The successor's account; a registrar names one (A48-4)."""


class PostListIn(Model):
    """Whose posts are listed."""

    unit: UnitId


class PostOut(Model):
    """A post on file."""

    id: int
    account: str
    unit: str
    post: Literal["registrar", "head"]
    since: date
    until: date | None
    on_establishment: bool
    trained_on: date | None
    filed_on: date | None
    filed_with: str | None
    handed_over_to: str | None


class PostFiledOut(Model):
    """A post was filed; ``too_many_changes``: the unit changed its registrar more than once in a year (A48-4)."""

    id: int
    too_many_changes: bool


class PostList(Model):
    """The posts of a unit, oldest first."""

    items: list[PostOut]
