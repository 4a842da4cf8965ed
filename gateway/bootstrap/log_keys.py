"""The log's private keys of one process: files of the key directory, looked for when the database names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway.audit.bundle import verify_bundle
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import LogDamagedError, MalformedError
from gateway.audit.log_keys import LogKeyService
from gateway.audit.note import ED25519, NoteSigner, VerifierKey
from gateway.audit.records import LogKeyRecord
from gateway.audit.sequencer import LogIdentity
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.succession import opening_entry
from gateway.audit.tiled import CHECKPOINT, FolderFiles
from gateway.bootstrap.parts import Parts
from gateway.db import make_read_only_engine
from gateway.errors import ConfigurationError, ParameterError, UnavailableError
from gateway.journal import EntryDraft
from gateway.keyring import Face, Key, Keyring, create, find_further, further, keep_further
from gateway.keyring import load as load_keys
from gateway.services import Services
from gateway.settings import Settings

PREDECESSOR_FILE = "log-predecessor.txt"
"""In the key directory of a new origin: the checkpoint of the log before that its entry 0 commits to."""


@dataclass(slots=True)
class LogKeyFolder:
    """The log's keys in the key directory: ``log.pem``, and further ones as ``log-ID.pem`` with the key's id.

    A file that comes later is found too: a change of the key needs no restart.
    """

    directory: Path
    anchor: VerifierKey
    """The public half of the first: trust in the log begins there, also when its private half was destroyed."""
    began: NoteSigner = field(repr=False)
    """The private key that the process was started with."""
    _found: dict[VerifierKey, NoteSigner] = field(default_factory=dict, repr=False)

    def first(self) -> VerifierKey:
        """Return the public half of the key that the log began with."""
        return self.anchor

    def make(self) -> NoteSigner:
        """Make a key and keep it durably; return it."""
        private = ed25519.Ed25519PrivateKey.generate()
        signer = NoteSigner(self.anchor.name, private)
        keep_further(self.directory, Key.LOG, signer.verifier.id.hex(), private)
        return signer

    def find(self, key: VerifierKey) -> NoteSigner | None:
        """Return a private key, ``None`` when it is not here; raises ``ConfigurationError`` for a damaged file."""
        if self.began.verifier == key:
            return self.began
        if key not in self._found:
            signer = self._read(key.id.hex())
            if signer is None or signer.verifier != key:
                return None
            self._found[key] = signer
        return self._found[key]

    def others(self, known: Sequence[VerifierKey]) -> list[NoteSigner]:
        """Return the private keys that are here and not among ``known``."""
        found = [signer for signer in map(self._read, further(self.directory, Key.LOG)) if signer is not None]
        return [signer for signer in found if signer.verifier not in known]

    def _read(self, name: str) -> NoteSigner | None:
        private = find_further(self.directory, Key.LOG, name)
        if private is None:
            return None
        if not isinstance(private, ed25519.Ed25519PrivateKey):
            raise _not_ed25519()
        return NoteSigner(self.anchor.name, private)


def log_key(settings: Settings, keyring: Keyring) -> VerifierKey:
    """Return the public key that the log began with, under its origin."""
    key = keyring.verifying(Key.LOG)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise _not_ed25519()
    return VerifierKey(settings.log_origin, ED25519, key.public_bytes_raw())


def log_key_folder(settings: Settings, keyring: Keyring) -> LogKeyFolder:
    """Return the log's keys of a process that may sign."""
    key = keyring.signing(Key.LOG)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise _not_ed25519()
    return LogKeyFolder(settings.keys, log_key(settings, keyring), NoteSigner(settings.log_origin, key))


def log_identity(settings: Settings, keyring: Keyring) -> LogIdentity:
    """Return who signs the log: the key of the start, or what the database names and the key directory holds."""
    folder = log_key_folder(settings, keyring)
    return LogIdentity(settings.log_origin, (folder.began,), folder.find)


def log_key_service(parts: Parts, log: SqlLogStore) -> LogKeyService | None:
    """Return what changes the log's key, ``None`` on a face that does not sign the log."""
    if parts.sequencer is None:
        return None
    return LogKeyService(log, log_key_folder(parts.settings, parts.keyring), parts.sequencer, parts.reader, parts.now)


def log_keys(settings: Settings) -> list[LogKeyRecord]:
    """Return the log's keys, the oldest first, from the key directory and, where there is one, the database."""
    first = LogKeyRecord(log_key(settings, load_keys(settings.keys, Face.ALL)))
    try:
        engine = make_read_only_engine(settings.gateway_url)
        try:
            with DatabaseLogSource(engine) as log:
                return log.keys() or [first]
        finally:
            engine.dispose()
    except UnavailableError:  # no database yet: keys are made before it
        return [first]


def opening(settings: Settings) -> EntryDraft | None:
    """Return the first entry of a log that goes on from another one, as the key directory says; ``None`` for none.

    Raises ``ConfigurationError`` when the file is no checkpoint of another log.
    """
    try:
        text = (settings.keys / PREDECESSOR_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return opening_entry(settings.log_origin, text)
    except MalformedError as error:
        raise ConfigurationError(
            f"{PREDECESSOR_FILE}: {error.detail}", detail_zh=f"{PREDECESSOR_FILE} 不是另一日志的检查点。"
        ) from error


def begin_anew(services: Services, directory: Path) -> Checkpoint:
    """Write into ``directory`` what a new origin begins with, and a copy of the log up to where it ends.

    That is a new log key, the last checkpoint that the quorum cosigned as ``log-predecessor.txt``, and the log to that
    size as the folder ``log``, verified. Nothing of the running gateway is changed. Raises ``ParameterError`` when the
    directory holds something, ``NotFoundError`` when no checkpoint meets the quorum, ``LogDamagedError`` when the log
    does not hold what was cosigned.
    """
    if directory.exists() and any(directory.iterdir()):
        raise ParameterError("The directory is not empty.", detail_zh="目标目录不是空目录。")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = FolderFiles(directory / "log")
    ends = services.audit.mirror(files.write)
    note = files.read(CHECKPOINT)
    if note is None or not verify_bundle(directory / "log", services.audit.trusted()).ok:
        raise LogDamagedError(
            "The log does not hold what its witnesses cosigned: begin from a backup or a package that does.",
            detail_zh="现有日志与见证方已会签的检查点不符，请改用备份或检查包。",
        )
    create(directory, frozenset({Key.LOG}))
    (directory / PREDECESSOR_FILE).write_bytes(note)
    return ends


def _not_ed25519() -> ConfigurationError:
    return ConfigurationError("The log key must be Ed25519.", detail_zh="日志密钥应为 Ed25519。")
