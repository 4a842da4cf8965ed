"""Ask the worker about one pupil's present state, through rows that show nothing.

The outside face has no registry database (design 2). It writes a question with a ``subject_ref`` as the only
argument; the worker answers with the row of the sharing view, sealed under a key that both hold. Rows hold no
personal data in clear (I7) and are removed once read, or after a minute.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import UnavailableError
from gateway.journal import Reader, Scratch, Tx

LIFE_SECONDS = 60
_NONCE = 12


class QuestionStore(Protocol):
    """Rows of questions."""

    def add(self, tx: Tx, identifier: str, subject_ref: str, asked_at: datetime) -> None:
        """Insert a question."""

    def waiting(self, tx: Tx, limit: int) -> list[tuple[str, str]]:
        """Return id and ``subject_ref`` of questions without an answer, oldest first."""

    def answer(self, tx: Tx, identifier: str, sealed: bytes) -> None:
        """Write the answer of a question."""

    def answered(self, tx: Tx, identifier: str) -> bytes | None:
        """Return the answer, ``None`` while there is none."""

    def forget(self, tx: Tx, identifier: str) -> None:
        """Remove a question."""

    def any_before(self, tx: Tx, moment: datetime) -> bool:
        """Say whether a question was asked before ``moment``."""

    def forget_before(self, tx: Tx, moment: datetime) -> int:
        """Remove questions asked before ``moment``; return how many."""


class PupilSource(Protocol):
    """Where the worker looks (``core_registry.sharing.SharingView``)."""

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return one row, ``None`` when there is none."""


def broker_key(shared: bytes) -> bytes:
    """Return the key of answers, derived from the key that both ends hold (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji broker v1").derive(shared)


@dataclass(frozen=True, slots=True)
class Asker:
    """The face's end: a ``PupilView`` that asks. Raises ``UnavailableError`` when nobody answers in time."""

    store: QuestionStore
    reader: Reader
    scratch: Scratch
    key: bytes = field(repr=False)
    now: Callable[[], datetime]
    wait_seconds: float = 5.0
    poll_seconds: float = 0.02
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return the pupil's row of the sharing view, ``None`` when there is none."""
        identifier = secrets.token_hex(16)
        self.scratch.write(lambda tx: self.store.add(tx, identifier, subject_ref, self.now()))
        deadline = self.monotonic() + self.wait_seconds
        try:
            while True:
                sealed = self.reader.read(lambda tx: self.store.answered(tx, identifier))
                if sealed is not None:
                    return _open(self.key, _bound(identifier, subject_ref), sealed)
                if self.monotonic() >= deadline:
                    raise UnavailableError(
                        "The worker did not answer in time; start 'xueji worker'.",
                        detail_zh="工作进程未及时应答，请检查 xueji worker 是否运行。",
                    )
                self.sleep(self.poll_seconds)
        finally:
            self.scratch.write(lambda tx: self.store.forget(tx, identifier))


@dataclass(frozen=True, slots=True)
class Answerer:
    """The worker's end."""

    store: QuestionStore
    reader: Reader
    scratch: Scratch
    source: PupilSource
    key: bytes = field(repr=False)
    now: Callable[[], datetime]

    def round(self, limit: int = 100) -> bool:
        """Answer what waits and forget what nobody fetched; say whether there was a question."""
        waiting = self.reader.read(lambda tx: self.store.waiting(tx, limit))
        for identifier, subject_ref in waiting:
            sealed = _seal(self.key, _bound(identifier, subject_ref), self.source.pupil(subject_ref))
            self._write(identifier, sealed)
        old = self.now() - timedelta(seconds=LIFE_SECONDS)
        if self.reader.read(lambda tx: self.store.any_before(tx, old)):
            self.scratch.write(lambda tx: self.store.forget_before(tx, old))
        return bool(waiting)

    def _write(self, identifier: str, sealed: bytes) -> None:
        self.scratch.write(lambda tx: self.store.answer(tx, identifier, sealed))


def _bound(identifier: str, subject_ref: str) -> bytes:
    """Return what an answer is bound to: its question and its pupil, so that a changed row opens nothing."""
    return f"{identifier}\x00{subject_ref}".encode()


def _seal(key: bytes, bound: bytes, row: Mapping[str, object] | None) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    plain = json.dumps(row, ensure_ascii=False, default=_plain).encode()
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def _open(key: bytes, bound: bytes, sealed: bytes) -> dict[str, object] | None:
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except InvalidTag as error:
        raise UnavailableError("The worker's answer does not open.", detail_zh="工作进程的应答无法打开。") from error
    row = cast("dict[str, object] | None", json.loads(plain))
    if row is not None and isinstance(row.get("birth_date"), str):
        row["birth_date"] = date.fromisoformat(str(row["birth_date"]))
    return row


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
