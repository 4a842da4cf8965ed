"""Ask the worker what only it can answer, through rows that show nothing.

The outside face has no registry database (design 2). It writes a question, sealed; the worker opens it, answers by
the handler of its kind, and seals the answer to that question. Both ends hold the key; what lies between them holds
no personal data in clear (I7), and rows are removed once read, or after a minute.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import ConflictError, ForbiddenError, GatewayError, UnavailableError
from gateway.incidents import report
from gateway.journal import Reader, Scratch, Tx

LIFE_SECONDS = 60
PUPIL = "pupil"
"""The kind of question that asks for a row of the sharing view."""
_NONCE = 12
_BLOCK = 256
"""Questions and answers are padded to a multiple of so many bytes: their length tells no name and no answer."""
_REFUSALS: Mapping[str, type[GatewayError]] = {kind.__name__: kind for kind in (ConflictError, ForbiddenError)}
"""Errors of a handler that are told to who asked; any other is told as unavailable."""

Handler = Callable[[Mapping[str, object]], object]
"""Answers the body of a question with a value of JSON (dates allowed). Raises ``GatewayError``."""


class QuestionStore(Protocol):
    """Rows of questions."""

    def add(self, tx: Tx, identifier: str, question: bytes, asked_at: datetime) -> None:
        """Insert a sealed question."""

    def waiting(self, tx: Tx, limit: int) -> list[tuple[str, bytes]]:
        """Return id and sealed text of questions without an answer, oldest first."""

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
    """Return the key of questions and answers, derived from the key that both ends hold (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji broker v2").derive(shared)


def pupil_handler(source: PupilSource) -> Handler:
    """Return what answers ``PUPIL``: the body is ``{"subject_ref"}``."""
    return lambda body: source.pupil(str(body["subject_ref"]))


@dataclass(frozen=True, slots=True)
class Asker:
    """The face's end. Raises ``UnavailableError`` when nobody answers in time."""

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
        row = cast("dict[str, object] | None", self.ask(PUPIL, {"subject_ref": subject_ref}))
        if row is not None and isinstance(row.get("birth_date"), str):
            row["birth_date"] = date.fromisoformat(str(row["birth_date"]))
        return row

    def ask(self, kind: str, body: Mapping[str, object]) -> object:
        """Return the worker's answer, a value of JSON; raises the ``ForbiddenError`` or ``ConflictError`` it met."""
        identifier = secrets.token_hex(16)
        question = _seal(self.key, _question(identifier), {"kind": kind, "body": body})
        self.scratch.write(lambda tx: self.store.add(tx, identifier, question, self.now()))
        deadline = self.monotonic() + self.wait_seconds
        try:
            while True:
                sealed = self.reader.read(lambda tx: self.store.answered(tx, identifier))
                if sealed is not None:
                    return _told(_open(self.key, _answer(identifier, question), sealed))
                if self.monotonic() >= deadline:
                    raise UnavailableError(
                        "The worker did not answer in time; start 'xueji worker'.",
                        detail_zh="工作进程未及时应答，请检查 xueji worker 是否运行。",
                    )
                self.sleep(self.poll_seconds)
        finally:
            self.scratch.write(lambda tx: self.store.forget(tx, identifier))


@dataclass(frozen=True, slots=True)
class Door:
    """A face that may ask: its key, and the kinds of questions that are answered to it."""

    key: bytes = field(repr=False)
    handlers: Mapping[str, Handler]


@dataclass(frozen=True, slots=True)
class Answerer:
    """The worker's end: one handler for each kind of question. ``further`` faces have other keys and fewer kinds."""

    store: QuestionStore
    reader: Reader
    scratch: Scratch
    handlers: Mapping[str, Handler]
    key: bytes = field(repr=False)
    now: Callable[[], datetime]
    further: Sequence[Door] = ()

    def round(self, limit: int = 100) -> bool:
        """Answer what waits and forget what nobody fetched; say whether there was a question."""
        waiting = self.reader.read(lambda tx: self.store.waiting(tx, limit))
        for identifier, question in waiting:
            self._write(identifier, self._reply(identifier, question))
        old = self.now() - timedelta(seconds=LIFE_SECONDS)
        if self.reader.read(lambda tx: self.store.any_before(tx, old)):
            self.scratch.write(lambda tx: self.store.forget_before(tx, old))
        return bool(waiting)

    def _reply(self, identifier: str, question: bytes) -> bytes:
        """Return the sealed answer; an empty one, which opens for nobody, to a question that is none of ours."""
        opened = self._opened(identifier, question)
        if opened is None:
            return b""
        door, asked = opened
        try:
            found: dict[str, object] = {"answer": self._handle(door, asked)}
        except tuple(_REFUSALS.values()) as error:
            found = {"refused": _refusal(error)}
        except GatewayError:
            found = {"unavailable": True}
        except Exception as error:  # noqa: BLE001  one question must not keep the others waiting
            report("broker", error)
            found = {"unavailable": True}
        return _seal(door.key, _answer(identifier, question), found)

    def _opened(self, identifier: str, question: bytes) -> tuple[Door, Mapping[str, object]] | None:
        """Return whose question it is, and the question; ``None`` when no key opens it."""
        for door in (Door(self.key, self.handlers), *self.further):
            with suppress(UnavailableError):
                return door, cast("dict[str, object]", _open(door.key, _question(identifier), question))
        return None

    def _handle(self, door: Door, asked: Mapping[str, object]) -> object:
        kind = str(asked["kind"])
        if kind not in door.handlers:
            raise UnavailableError("No such question is answered here.", detail_zh="本端不答复此类问题。")
        return door.handlers[kind](cast("Mapping[str, object]", asked["body"]))

    def _write(self, identifier: str, sealed: bytes) -> None:
        self.scratch.write(lambda tx: self.store.answer(tx, identifier, sealed))


def _refusal(error: GatewayError) -> dict[str, object]:
    kind = next(parent.__name__ for parent in type(error).__mro__ if parent.__name__ in _REFUSALS)
    return {
        "kind": kind,
        "detail": error.detail,
        "detail_zh": error.detail_zh,
        "rule": error.rule,
        "missing": list(error.missing),
        "extra": dict(error.extra),
    }


def _told(found: object) -> object:
    """Return what the worker answered, or raise what it met."""
    told = cast("dict[str, object]", found)
    if "answer" in told:
        return told["answer"]
    refused = cast("dict[str, object] | None", told.get("refused"))
    if refused is None:
        raise UnavailableError(
            "The worker cannot answer now. Try again later.", detail_zh="工作进程暂时无法应答，请稍后再试。"
        )
    raise _REFUSALS[str(refused["kind"])](
        str(refused["detail"]),
        detail_zh=str(refused["detail_zh"]),
        rule=cast("str | None", refused["rule"]),
        missing=tuple(cast("list[str]", refused["missing"])),
        extra=cast("dict[str, str | int]", refused["extra"]),
    )


def _question(identifier: str) -> bytes:
    """Return what a question is bound to: its row, so that it is none in another."""
    return b"question\x00" + identifier.encode()


def _answer(identifier: str, question: bytes) -> bytes:
    """Return what an answer is bound to: its question, so that a changed row opens nothing."""
    return b"answer\x00" + identifier.encode() + b"\x00" + hashlib.sha256(question).digest()


def _seal(key: bytes, bound: bytes, value: object) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    plain = json.dumps(value, ensure_ascii=False, default=_plain).encode()
    plain += b" " * (-len(plain) % _BLOCK)  # blanks after a value are none of it
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def _open(key: bytes, bound: bytes, sealed: bytes) -> object:
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise UnavailableError("The worker's answer does not open.", detail_zh="工作进程的应答无法打开。") from error
    return json.loads(plain)


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
