"""A log whose key changes, as processes with a key directory sign it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.findings import VerifyReport
from gateway.audit.log_keys import LogKeyService
from gateway.audit.note import NoteSigner, SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy
from gateway.audit.publication import LogPublisher
from gateway.audit.sequencer import LogIdentity, Sequencer, SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.tags import Tagger
from gateway.audit.verify import verify_log
from gateway.bootstrap.log_keys import LogKeyFolder
from gateway.db import DatabaseReader, make_engine
from gateway.ids import AccountId
from gateway.journal import EntryDraft
from gateway.principals import AccountKind, Principal, Role
from tests.factories.journal import LOG_KEY, ORIGIN, RULEBOOK, TAG_ROOT, make_reader, make_schema

OVERLAP = timedelta(days=30)
INSPECTOR = Principal(AccountId("st-i"), AccountKind.STAFF, frozenset({Role.INSPECTOR}))
FIRST = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(LOG_KEY))
STRANGER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    at: datetime = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at


def key_folder(folder: Path) -> Path:
    """Make a key directory with the first key of the test log."""
    folder.mkdir(parents=True, exist_ok=True)
    pem = FIRST.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "log.pem").write_bytes(pem)
    return folder


@dataclass
class Signed:
    """One process that signs the log on ``url`` with the keys below ``folder``."""

    url: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    store_type: type[SqlLogStore] = SqlLogStore
    engine: Engine = field(init=False)
    store: SqlLogStore = field(init=False)
    reader: DatabaseReader = field(init=False)
    sequencer: Sequencer = field(init=False)
    keys: LogKeyService = field(init=False)

    def __post_init__(self) -> None:
        self.engine = make_engine(self.url)
        make_schema(self.engine)
        self.store, self.reader = self.store_type(self.engine), make_reader(self.engine)
        files = LogKeyFolder(self.folder, FIRST.verifier, FIRST)
        self.sequencer = Sequencer(
            self.store,
            identity=LogIdentity(ORIGIN, (FIRST,), files.find),
            tagger=Tagger.from_root(TAG_ROOT),
            rulebook=lambda: RULEBOOK,
            now=self.clock,
        )
        self.keys = LogKeyService(self.store, files, self.sequencer, self.reader, self.clock)

    def append(self, count: int = 1, **facts: int) -> None:
        """Append entries, each in a commit of its own."""
        for number in range(count):
            draft = EntryDraft("test.fact", None, facts={"n": number, **facts})
            self.sequencer.submit(lambda _tx: None, draft).result()

    def rotate(self) -> VerifierKey:
        """Change the key; return the new one."""
        return self.keys.rotate(OVERLAP).key

    def end_overlap(self) -> None:
        """Let the overlap be over."""
        self.clock.at += OVERLAP

    def notes(self) -> dict[int, SignedNote]:
        """Return the checkpoints by size."""
        return self.reader.read(
            lambda tx: {size: SignedNote.parse(note) for size, _, note in self.store.checkpoints(tx)}
        )

    def signers(self) -> dict[int, set[bytes]]:
        """Return the ids of the keys that signed each size."""
        return {size: {one.key_id for one in note.signatures} for size, note in self.notes().items()}

    def audit(self, policy: TrustPolicy | None = None) -> AuditService:
        """Return the inspector's side of the log."""
        trusted = policy or TrustPolicy((FIRST.verifier,))
        journal = SequencerJournal(self.sequencer)
        return AuditService(self.store, self.reader, journal, ORIGIN, trusted, None, self.clock)

    def publisher(self) -> LogPublisher:
        """Return the public side of the log."""
        return LogPublisher(self.reader, self.store)

    def verify(self, *trusted: VerifierKey, witnessed: tuple[str, ...] = ()) -> VerifyReport:
        """Rebuild the log from the database under the trust in these keys."""
        with DatabaseLogSource(self.engine) as source:
            return verify_log(source, TrustPolicy(trusted), witnessed=witnessed)

    def close(self) -> None:
        """End the process."""
        self.sequencer.close()
        self.engine.dispose()


def rotated(url: str, folder: Path) -> tuple[Signed, VerifierKey]:
    """Return a log of nine entries: three under the first key, the change and three in the overlap, two after it."""
    made = Signed(url, key_folder(folder))
    made.append(3)
    new = made.rotate()
    made.append(3)
    made.end_overlap()
    made.append(2)
    return made, new


def signed_by(size: int, root: bytes, *signers: NoteSigner) -> str:
    """Return a checkpoint of the test log with these signatures."""
    return str(Checkpoint(ORIGIN, size, root).sign(signers))
