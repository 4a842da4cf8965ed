"""Changing the log's key: prepared, brought in by an entry that the old key signs, alone after the overlap.

Each step leaves the old state or the new one. A prepared key is a file that nothing names yet; the commit of the entry
brings it in, and the checkpoint of that very commit carries both signatures. When the overlap ends nothing has to be
done: whoever signs looks at the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.audit.errors import LogKeyMissingError
from gateway.audit.note import NoteSigner, VerifierKey
from gateway.audit.records import LogKeyRecord
from gateway.audit.rotation import KIND, rotation_facts
from gateway.audit.sequencer import LogStore, Sequencer
from gateway.errors import ConflictError, ParameterError
from gateway.instants import micros_text
from gateway.journal import EntryDraft, Reader, Receipt, Tx

LEAST_OVERLAP: Final = timedelta(0)
LONGEST_OVERLAP: Final = timedelta(days=366)


class KeyStore(LogStore, Protocol):
    """What of the database the keys need."""

    def add_log_key(self, tx: Tx, number: int, key: VerifierKey, overlap_until: str) -> None:
        """Add a key; every checkpoint from here on carries its signature."""

    def keep_log_key_entry(self, tx: Tx, key: VerifierKey, index: int) -> None:
        """Write down which entry brought a key."""


class KeyFiles(Protocol):
    """The private keys of the log that this process may use."""

    def first(self) -> VerifierKey:
        """Return the public half of the key that the log began with."""

    def make(self) -> NoteSigner:
        """Make a key and keep it durably; return it."""

    def find(self, key: VerifierKey) -> NoteSigner | None:
        """Return a private key, ``None`` when it is not here."""

    def others(self, known: Sequence[VerifierKey]) -> list[NoteSigner]:
        """Return the private keys that are here and not among ``known``."""


@dataclass(frozen=True, slots=True)
class LogKeyService:
    """What an operator does with the log's key, where that key is."""

    store: KeyStore
    files: KeyFiles
    sequencer: Sequencer
    reader: Reader
    now: Callable[[], datetime]

    def listed(self) -> list[LogKeyRecord]:
        """Return every key of the log, the oldest first."""
        return self._known(self.reader.read(self.store.log_keys))

    def prepare(self) -> VerifierKey:
        """Return the key that comes next, made when there is none: a file to be copied, that signs nothing yet.

        Raises ``ConflictError`` when more than one waits.
        """
        waiting = self.files.others([one.key for one in self.listed()])
        if len(waiting) > 1:
            names = ", ".join(f"log-{one.verifier.id.hex()}.pem" for one in waiting)
            raise ConflictError(
                f"More than one new key waits in the key directory: {names}. Take all but one away.",
                detail_zh=f"密钥目录中有不止一个待用日志密钥：{names}。请只保留一个。",
            )
        return (waiting[0] if waiting else self.files.make()).verifier

    def rotate(self, overlap: timedelta) -> LogKeyRecord:
        """Let the prepared key, or a new one, sign from now on; the present one signs beside it for ``overlap``.

        Raises ``ConflictError`` while an earlier overlap runs, ``LogKeyMissingError`` when the present key is not here,
        ``ParameterError`` for an overlap of less than nothing or more than a year.
        """
        if not LEAST_OVERLAP <= overlap <= LONGEST_OVERLAP:
            raise ParameterError("An overlap is 0 to 366 days.", detail_zh="并行签署期为 0 至 366 天。")
        known = self.listed()
        present = self._present(known)
        old = self.files.find(present.key)
        if old is None:
            raise LogKeyMissingError(present.key.id)
        new = self.files.find(self.prepare())
        if new is None:
            raise ConflictError("The new key is gone from the key directory.", detail_zh="新密钥已不在密钥目录中。")
        until = micros_text(self.now() + overlap)

        def write(tx: Tx) -> None:
            seen = self._known(self.store.log_keys(tx))
            self._present(seen)
            if [one.key for one in seen] != [one.key for one in known]:
                raise ConflictError("The key was changed meanwhile.", detail_zh="日志密钥刚刚已被轮换。")
            if len(seen) == 1:
                self.store.add_log_key(tx, 0, old.verifier, "")
            self.store.add_log_key(tx, len(seen), new.verifier, until)

        def after(tx: Tx, receipt: Receipt) -> None:
            self.store.keep_log_key_entry(tx, new.verifier, receipt.index)

        draft = EntryDraft(KIND, None, facts=rotation_facts(old, new, until))
        self.sequencer.submit(write, draft, after=after).result()
        return self.listed()[-1]

    def _known(self, rows: Sequence[LogKeyRecord]) -> list[LogKeyRecord]:
        return list(rows) or [LogKeyRecord(self.files.first())]

    def _present(self, known: Sequence[LogKeyRecord]) -> LogKeyRecord:
        if micros_text(self.now()) < known[-1].overlap_until:
            raise ConflictError(
                f"Two keys sign the log until {known[-1].overlap_until}; change it again after that.",
                detail_zh=f"新旧日志密钥并行签署至 {known[-1].overlap_until}，到期后方可再次轮换。",
            )
        return known[-1]
