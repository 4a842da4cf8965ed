"""Dry runs (design 5): what a grant would release, measured before the decision, as frozen values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId
from gateway.policies.codec import dump, scope_value
from gateway.policies.records import ApplicationState, GroundId, Level, Scope

DryRunId = NewType("DryRunId", str)

PENDING: Final = frozenset({ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED})
"""States of an application that waits for a decision: only then something is tried out, or rows are shown."""
ROW_LEVELS: Final = frozenset({Level.ANONYMOUS, Level.PSEUDONYMOUS, Level.MASKED})
"""Levels at which rows leave. At the others a dry run counts whom the grant would reach."""
_UNMEASURED: Final = frozenset({"valid_from", "valid_to", "uses"})
"""Members of a scope that say when and how often, not what leaves in a delivery."""


class DryRunState(StrEnum):
    """Where a dry run stands. A failed one says that the release would have been stopped too."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DryRun:
    """One dry run, pinned to snapshot, plan, scope and rule book. Its figures are exact; show ``dry_run_figures``."""

    id: DryRunId
    application: ApplicationId
    recipient: RecipientId
    requested_by: AccountId
    requested_at: datetime
    state: DryRunState
    scope: Scope
    scope_sha256: str
    rulebook_sha256: str
    ground: GroundId | None
    """The ground whose ceiling was applied; ``None`` before one was recorded."""
    plan_sha256: str = ""
    """Empty at a level without rows."""
    snapshot: str = ""
    report: str = field(default="", repr=False)
    """The release report's own figures, as JSON."""
    holdings: str = field(default="", repr=False)
    """What the recipient held at that moment, as JSON."""
    sample: bytes = field(default=b"", repr=False)
    """Ten rows as they would leave, sealed; empty when there are none, or none any more."""
    failure: str = ""
    """Error class of what would stop the release; never a text with data in it."""
    rule: str = ""
    rows_done: int = 0
    rows_total: int = 0
    finished_at: datetime | None = None
    grant: GrantId | None = None
    """The grant that was decided upon it."""

    @property
    def over(self) -> bool:
        """Whether it has come to an end."""
        return self.state in {DryRunState.DONE, DryRunState.FAILED}

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100; a count of rows would be exact."""
        if self.state is DryRunState.DONE:
            return 100
        return min(99, 100 * self.rows_done // self.rows_total) if self.rows_total else 0


def measured_scope_sha256(scope: Scope) -> str:
    """Return the SHA-256, hexadecimal, of the part of ``scope`` that says what leaves in a delivery.

    Purpose, profile, level, fields, population and row cap; not the period and the number of uses, which change no
    figure of a dry run.
    """
    value = {name: part for name, part in scope_value(scope).items() if name not in _UNMEASURED}
    return hashlib.sha256(dump(value).encode()).hexdigest()
