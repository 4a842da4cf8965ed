"""Marks of releases, and who traces a file by them: only processes with the root of their keys do."""

from __future__ import annotations

from gateway.bootstrap.parts import GrantDesk, Parts
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.releases.ledger.store import SqlLedger
from gateway.releases.store import ExtractStore
from gateway.releases.tracing.service import Tracing
from gateway.releases.tracing.shelf import MarkShelf

SWEEP_SECONDS = 600


def mark_shelf(parts: Parts) -> MarkShelf:
    """Return where marks lie. Raises ``ConfigurationError`` on a face without the pseudonym root."""
    return MarkShelf(parts.settings.files, parts.keyring.secret(Key.PSEUDONYM_ROOT))


def tracing_service(parts: Parts, grants: GrantDesk) -> Tracing | None:
    """Return who traces a file, ``None`` on a face without the root of the marks' keys."""
    if not parts.keyring.has(Key.PSEUDONYM_ROOT):
        return None
    return Tracing(mark_shelf(parts), SqlLedger(), ExtractStore(), grants, parts.journal, parts.reader)


def tracing_tasks(tracing: Tracing | None) -> list[Task]:
    """Return what the worker does for marks: destroy those whose release has left the ledger."""
    return [] if tracing is None else [Task("marks of releases", Periodic(tracing.sweep, SWEEP_SECONDS))]
