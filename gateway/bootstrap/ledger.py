"""The ledger of releases: only the worker holds the root of its keys."""

from __future__ import annotations

from gateway.accounts.store import SqlBookkeeping
from gateway.bootstrap.parts import Parts
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.releases.ledger.service import Ledger
from gateway.releases.ledger.shelf import RowShelf
from gateway.releases.ledger.store import SqlLedger
from gateway.releases.ledger.tags import LedgerKeys

SWEEP_SECONDS = 600


def release_ledger(parts: Parts) -> Ledger:
    """Return the ledger. Raises ``ConfigurationError`` on a face without the pseudonym root."""
    keys = LedgerKeys(parts.keyring.secret(Key.PSEUDONYM_ROOT))
    rules = parts.book.parameters.ledger
    return Ledger(
        lines=SqlLedger(),
        shelf=RowShelf(parts.settings.files, keys.of_files()),
        keys=keys,
        reader=parts.reader,
        scratch=SqlBookkeeping(parts.engine),
        today=parts.today,
        now=parts.now,
        rules=rules,
    )


def ledger_tasks(ledger: Ledger) -> list[Task]:
    """Return what the worker does for the ledger: destroy what counts no more."""
    return [Task("release ledger", Periodic(ledger.sweep, SWEEP_SECONDS))]
