"""State of the service and kinds of problems as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.api.models.base import Model


class HealthOut(Model):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyOut(Model):
    """Part -> ``ok``, or the kind of what is wrong with it."""

    status: Literal["ok", "unavailable"]
    parts: dict[str, str]
    degraded: dict[str, str] = Field(default_factory=dict)
    """Parts without which the face goes on and does less, safely; a face with such a part is ready all the same."""


class ProblemTypeOut(Model):
    """A kind of problem: what it means and what to do about it."""

    type: str
    status: int
    title_zh: str
    title: str
    advice_zh: str
    advice: str


class ProblemTypeList(Model):
    """Every kind of problem, by name."""

    items: list[ProblemTypeOut]


class LogKeyOut(Model):
    """A public key of the log and the checkpoints that it signs."""

    vkey: str
    signs_from: int
    """The smallest tree size whose checkpoint it signs."""
    signs_until: str | None
    """Up to when it signs beside the key that follows; ``null`` while none does."""
    entry: int | None
    """The entry that brought it; ``null`` for the first."""
    body: str | None
    """That entry in base64: in it the key before signed this one."""


class LogKeysOut(Model):
    """The keys of the log, the oldest first; empty while its key was never changed."""

    format: str
    origin: str
    keys: list[LogKeyOut]


class ConsistencyOut(Model):
    """Proof that the log of ``new`` leaves extends the one of ``old``; hashes in base64."""

    old: int
    new: int
    old_root: str
    new_root: str
    proof: list[str]
