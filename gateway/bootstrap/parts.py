"""What every face is made of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from core_registry.sharing import SharingView
from gateway.anonymize.withholding import FailClosedRedactor
from gateway.audit.epoch_keys import EpochKeys
from gateway.audit.errors import LogDamagedError, LogKeyMissingError, RolledBackError
from gateway.audit.sequencer import Sequencer
from gateway.audit.witnessing import WitnessGuard
from gateway.data_keys.service import DataKeys
from gateway.db import DatabaseReader
from gateway.errors import ConfigurationError, UnavailableError
from gateway.ids import GrantId, RecipientId
from gateway.jobs import Worker
from gateway.journal import GroupJournal, Tx
from gateway.keyring import Face, Keyring
from gateway.policies.decision import DecisionPoint
from gateway.policies.records import Grant
from gateway.policies.scope import civil_date
from gateway.policies.service import ApplicationService
from gateway.policies.store import SqlPolicyStore
from gateway.services import Services
from gateway.settings import Settings
from rulebook import Rulebook

if TYPE_CHECKING:
    from gateway.anonymize.text.redactor import TextRedactor


_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Process:
    """One running process: its services, its worker if it has one, and what must be closed."""

    services: Services
    worker: Worker | None
    _closers: list[Callable[[], None]] = field(default_factory=list)
    sequencer: Sequencer | None = None
    """Of a process that signs the log."""
    parts: Parts | None = None
    """What it is made of, for the host's own commands."""

    def require_log(self) -> None:
        """Return when the log may be written to by this process; for the start of a server or worker.

        Raises ``RolledBackError`` when it is behind its witness: an old backup was restored. Raises
        ``LogKeyMissingError`` when its key was changed and this process has the old one alone. A log that is damaged
        otherwise, or cannot be written just now, is served all the same: it has to be read, and nothing is written.
        """
        if self.sequencer is None:
            return
        try:
            self.sequencer.check()
        except (RolledBackError, LogKeyMissingError):
            raise
        except (LogDamagedError, UnavailableError) as error:
            _log.error("%s", error.detail)

    def close(self) -> None:
        """Stop the worker, commit what is queued, close the databases."""
        if self.worker is not None:
            self.worker.stop()
        for closer in reversed(self._closers):
            closer()


@dataclass(frozen=True, slots=True)
class GrantDesk:
    """What releases need of grants: verified records from the service, uses from the store."""

    service: ApplicationService
    store: SqlPolicyStore
    reader: DatabaseReader
    now: Callable[[], datetime]
    witnesses: WitnessGuard
    """Asked at the moment of a release: whether it may go on without them."""

    def grant(self, identifier: GrantId) -> Grant:
        """Return a verified grant."""
        return self.service.grant(identifier)

    def grant_in(self, tx: Tx, identifier: GrantId) -> Grant:
        """Return a verified grant as the transaction sees it, at the moment of a release.

        Raises ``WitnessSilentError`` when no release of its level may go on without the log's witnesses.
        """
        grant = self.service.grant_in(tx, identifier)
        self.witnesses.require(tx, grant.scope.level.value)
        return grant

    def of_recipient(self, recipient: RecipientId) -> Sequence[Grant]:
        """Return the verified grants of a recipient, newest first."""
        found = self.reader.read(lambda tx: self.store.grants(tx, recipient=recipient))
        return [self.service.grant(grant.id) for grant in found]

    def reserve_use(self, tx: Tx, identifier: GrantId) -> bool:
        """Take one use, atomically."""
        return self.store.reserve_use(tx, identifier, self.now())

    def reserve_uses(self, tx: Tx, identifier: GrantId, count: int) -> bool:
        """Take ``count`` uses, all or none, atomically."""
        return self.store.reserve_uses(tx, identifier, count, self.now())

    def release_use(self, tx: Tx, identifier: GrantId) -> None:
        """Give one use back."""
        self.store.release_use(tx, identifier)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every face is made of."""

    settings: Settings
    face: Face
    book: Rulebook
    keyring: Keyring
    engine: Engine
    reader: DatabaseReader
    journal: GroupJournal
    sequencer: Sequencer | None
    registry: Engine | None
    sharing: SharingView | None
    now: Callable[[], datetime]
    owner: str
    decisions: DecisionPoint
    texts: FailClosedRedactor[TextRedactor] | None = None
    """Redacts free text, on the faces that hold the registry's keys."""
    data_keys: DataKeys | None = None
    """Keys of what lies beside the log; office and worker."""
    epochs: EpochKeys | None = None
    """Keys of the log's tags, on the same faces."""

    def today(self) -> date:
        """Return the civil date in Asia/Shanghai."""
        return civil_date(self.now())


def es256(key: object) -> ec.EllipticCurvePrivateKey:
    """Return the key if it is on P-256; raises ``ConfigurationError``."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError("This key must be on the curve P-256.", detail_zh="该密钥应为 P-256 曲线。")
    return key
