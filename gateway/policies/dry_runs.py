"""What a decision needs of dry runs (design 5). The releases room makes them, the composition root hands them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import NotFoundError
from gateway.ids import ApplicationId, GrantId
from gateway.journal import JsonValue, Tx
from gateway.policies.errors import ApplicationIncompleteError
from gateway.policies.records import Level, Scope
from rulebook.records import Parameters

_ROWS = frozenset({Level.ANONYMOUS, Level.PSEUDONYMOUS, Level.MASKED})


@dataclass(frozen=True, slots=True)
class SeenDryRun:
    """The dry run that an approver saw: what was measured, on which state of the registry."""

    id: str
    snapshot: str
    plan_sha256: str
    scope_sha256: str

    def facts(self) -> dict[str, JsonValue]:
        """Return it as a fact of the decision's entry."""
        return {
            "dry_run": {
                "id": self.id,
                "snapshot": self.snapshot,
                "plan_sha256": self.plan_sha256,
                "scope_sha256": self.scope_sha256,
            }
        }

    def words(self) -> str:
        """Return it as a line of the application's history."""
        return f"试算 dry run {self.id}：快照 snapshot {self.snapshot}，方案 plan {self.plan_sha256[:16] or '—'}"


class DryRunLookup(Protocol):
    """Finished dry runs, for a decision."""

    def seen(self, identifier: str, application: ApplicationId, scope: Scope) -> SeenDryRun:
        """Return a finished dry run of what is about to be granted.

        Raises ``NotFoundError`` for one that is not of ``application``, ``StaleVersionError`` for one that is not
        finished, or that measured another scope or another rule book.
        """

    def decided(self, tx: Tx, application: ApplicationId, seen: SeenDryRun | None, grant: GrantId | None) -> None:
        """Note that ``grant`` was decided upon ``seen``; the samples of the application are destroyed."""


class NoDryRuns:
    """Stands where no dry run can be made or read."""

    def seen(self, _identifier: str, _application: ApplicationId, _scope: Scope) -> SeenDryRun:
        """Raise ``NotFoundError``."""
        raise NotFoundError("There is no such dry run.", detail_zh="没有该试算。")

    def decided(self, _tx: Tx, _application: ApplicationId, _seen: SeenDryRun | None, _grant: GrantId | None) -> None:
        """Have nothing to note."""


def seen_by_approver(
    lookup: DryRunLookup, identifier: str | None, application: ApplicationId, scope: Scope, parameters: Parameters
) -> SeenDryRun | None:
    """Return the dry run that a decision to grant ``scope`` stands on, ``None`` when it needs none and names none.

    Raises what ``DryRunLookup.seen`` raises, and ``ApplicationIncompleteError`` when one is obligatory.
    """
    if identifier:
        return lookup.seen(identifier, application, scope)
    if parameters.dry_run_required and scope.level in _ROWS:
        raise ApplicationIncompleteError(
            "Make a dry run of what is to be granted first, and name it in the decision.",
            detail_zh="批准前须先对拟授权的内容试算，并在决定中注明试算编号。",
            missing=("dry_run",),
        )
    return None
