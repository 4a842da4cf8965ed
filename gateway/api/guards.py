"""How a route is guarded (I1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gate = Literal["release", "session", "policy", "none"]


@dataclass(frozen=True, slots=True)
class Guard:
    """How a route is guarded.

    ``release``: pupil data leave through ``ReleaseService`` or the ``ReleaseGate``. ``policy``: the service asks
    the decision point. ``session``: only the caller's own things. ``none``: public, and ``reason`` says why.
    """

    gate: Gate
    reason: str
