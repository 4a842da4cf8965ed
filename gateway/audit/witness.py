"""The witness (C2SP tlog-witness): run by the inspector's office, it cosigns only what extends what it has seen.

The state is a directory a log: ``checkpoint`` is the latest cosigned one, ``history/SIZE`` keeps all of them, ``keys``
what changed the log's key since. A cosignature is answered only after the state is on the disk; check and set is one
step under a file lock.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import Clock
from gateway.audit.errors import ForkSeenError, InconsistentError, MalformedError, ProofError, WitnessConflictError
from gateway.audit.merkle import HASH_BYTES, verify_consistency
from gateway.audit.note import COSIGNATURE, NoteSigner, Signature, SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy
from gateway.audit.rotation import ProvenRotation, decode_proven, encode_proven, rotations_of
from gateway.errors import ConfigurationError, NotFoundError, ParameterError, UnavailableError

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_MAX_HASHES = 63
_log = logging.getLogger(__name__)


class WitnessedLog(Protocol):
    """A log as the witness sees it."""

    def checkpoint(self) -> str:
        """Return the latest signed checkpoint."""

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency proof."""

    def rotations(self, size: int) -> Sequence[ProvenRotation]:
        """Return what changed the log's key below ``size``, with proofs."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The request ``add-checkpoint``: the size the witness is thought to have, a proof, and the new checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        """Return the request body."""
        hashes = "".join(f"{base64.b64encode(node).decode()}\n" for node in self.proof)
        return f"old {self.old}\n{hashes}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> AddCheckpoint:
        """Read a request body; raises ``MalformedError``."""
        head, separator, checkpoint = text.partition("\n\n")
        first, *lines = head.split("\n")
        match = _OLD.fullmatch(first)
        if not separator or match is None or len(lines) > _MAX_HASHES:
            raise MalformedError("The request says 'old' and a size, then at most 63 hashes, then a checkpoint.")
        try:
            proof = tuple(base64.b64decode(line, validate=True) for line in lines)
        except (binascii.Error, ValueError):
            raise MalformedError("A hash of the request is not base64.") from None
        if any(len(node) != HASH_BYTES for node in proof):
            raise MalformedError("A hash of the request has not 32 bytes.")
        return cls(int(match[1]), proof, checkpoint)


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness with its key and the logs that it watches, by origin: the keys of each, the oldest first."""

    directory: Path
    signer: NoteSigner = field(repr=False)
    logs: Mapping[str, tuple[VerifierKey, ...]]
    now: Clock

    def __post_init__(self) -> None:
        """Refuse a key that is not for cosignatures."""
        if self.signer.algorithm != COSIGNATURE:
            raise ConfigurationError("A witness signs with a cosignature key (type 0x04).")

    def latest(self, origin: str) -> Checkpoint | None:
        """Return the last checkpoint cosigned for a log, ``None`` before the first: its floor after a restore."""
        return last_seen(self.directory, origin)

    def latest_note(self, origin: str) -> str | None:
        """Return the last checkpoint as a note, with the log's signature and the witness's own."""
        return _last_note(self._folder(origin))

    def history(self, origin: str) -> Iterator[str]:
        """Yield every checkpoint that was cosigned, by size: evidence against a rewritten log."""
        folder = self._folder(origin) / "history"
        if folder.is_dir():
            for path in sorted(folder.iterdir(), key=lambda found: int(found.name)):
                yield path.read_text(encoding="utf-8")

    def add_checkpoint(self, request: AddCheckpoint) -> Signature:
        """Return the cosignature of a checkpoint that extends the last one.

        Raises ``NotFoundError`` for an unknown log (404), ``InconsistentError`` for a bad proof (422),
        ``ForkSeenError`` for another root of the size last seen (409), any other ``ProofError`` for a bad signature
        (403), ``WitnessConflictError`` when ``old`` is not the size last seen (409), ``ParameterError`` when old is
        above the new size (400), ``UnavailableError`` when the state cannot be kept.
        """
        note = SignedNote.parse(request.checkpoint)
        told = Checkpoint.parse_text(note.text)
        if told.origin not in self.logs:
            raise NotFoundError("This witness does not know the log.", detail_zh="见证方不认识该日志。")
        checkpoint = self._policy(told.origin).open(request.checkpoint)
        if request.old > checkpoint.size:
            raise ParameterError("The old size is above the size of the checkpoint.")
        with self._locked(checkpoint.origin) as folder:
            seen = self.latest(checkpoint.origin)
            size = 0 if seen is None else seen.size
            if request.old != size:
                raise WitnessConflictError(
                    f"The witness has seen size {size}, the proof starts from {request.old}.",
                    detail_zh=f"见证方已见到规模 {size}，而证明从 {request.old} 开始。",
                    extra={"size": size},
                )
            _require_extension(seen, checkpoint, request.proof)
            self._require_newest(checkpoint.origin, note)
            signature = self.signer.cosign(note.text, _seconds(self.now()))
            self._keep(folder, checkpoint.size, str(note.with_signatures([signature])))
        return signature

    def once(self, log: WitnessedLog, origin: str) -> tuple[Checkpoint, Signature]:
        """Fetch the latest checkpoint of ``log``, check that it extends the last one, cosign it.

        Returns the checkpoint and the cosignature for the log to keep.
        """
        note = log.checkpoint()
        checkpoint = Checkpoint.parse_text(SignedNote.parse(note).text)
        if checkpoint.origin != origin:
            raise ProofError("The checkpoint belongs to another log.", detail_zh="检查点属于另一日志。")
        seen = self.latest(origin)
        size = 0 if seen is None else seen.size
        if checkpoint.size < size:
            raise InconsistentError(
                f"The log went back from size {size} to {checkpoint.size}: entries were cut off.",
                detail_zh=f"日志规模由 {size} 退回到 {checkpoint.size}：有条目被截除。",
            )
        self.learn(note, log.rotations(checkpoint.size))
        proof = tuple(log.consistency(size, checkpoint.size)) if 0 < size < checkpoint.size else ()
        return checkpoint, self.add_checkpoint(AddCheckpoint(size, proof, note))

    def learn(self, note: str, rotations: Sequence[ProvenRotation]) -> None:
        """Keep what changed the key of a log, where the checkpoint ``note`` holds it and the keys known lead to it.

        From then on checkpoints need the newest key. Raises ``ProofError`` when an entry is not in the checkpoint, or
        no key that was known before leads to it or signed the checkpoint.
        """
        told = Checkpoint.parse_text(SignedNote.parse(note).text)
        if told.origin not in self.logs or not rotations:
            return
        changed = [one.read(told.size, told.root) for one in rotations]
        policy = self._policy(told.origin).following(changed)
        if policy.chain(told.origin).rotations == self._policy(told.origin).chain(told.origin).rotations:
            return
        policy.open(note)
        with self._locked(told.origin) as folder:
            try:
                _replace(folder / "keys", encode_proven(ProvenRotation(one.index, one.body) for one in rotations))
            except OSError as error:
                raise _unwritable(error) from error

    def _policy(self, origin: str) -> TrustPolicy:
        """Return the keys of a log: those that the witness was given, and what it learnt that they lead to."""
        policy = TrustPolicy(self.logs[origin])
        try:
            kept = (self._folder(origin) / "keys").read_text(encoding="ascii")
        except FileNotFoundError:
            return policy
        except OSError as error:
            raise UnavailableError("The witness cannot read its state.", detail_zh="见证方无法读取其状态。") from error
        learnt = decode_proven(kept)
        return policy.following(rotations_of(((one.index, one.body) for one in learnt), _log_bad))

    def _require_newest(self, origin: str, note: SignedNote) -> None:
        """Refuse a checkpoint without the signature of a key that is listed later and signed the one before."""
        kept = self.latest_note(origin)
        keys = self._policy(origin).chain(origin).keys
        before = () if kept is None else SignedNote.parse(kept).verify(keys)
        if before and max(map(keys.index, before)) > max(map(keys.index, note.verify(keys))):
            raise ProofError(
                "The log went back to a key that was replaced.", detail_zh="日志改回使用已被轮换的旧密钥签名。"
            )

    def _folder(self, origin: str) -> Path:
        return _folder_of(self.directory, origin)

    @contextmanager
    def _locked(self, origin: str) -> Iterator[Path]:
        folder = self._folder(origin)
        try:
            (folder / "history").mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(descriptor)

    def _keep(self, folder: Path, size: int, note: str) -> None:
        """Write the checkpoint and its copy in the history, and wait until both are on the disk."""
        try:
            _replace(folder / "history" / str(size), note)
            _replace(folder / "checkpoint", note)
        except OSError as error:
            raise _unwritable(error) from error


def _log_bad(index: int, reason: str) -> None:
    _log.error("the key of the log that entry %d brought is not believed: %s", index, reason)


def _require_extension(seen: Checkpoint | None, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Return when ``new`` extends what was seen; raise ``InconsistentError`` otherwise."""
    if seen is None or not seen.size:
        if proof:
            raise InconsistentError("From size 0 the proof must be empty.")
        return
    if new.size == seen.size and new.root != seen.root:
        raise ForkSeenError(
            f"The log signed two different roots of size {new.size}: it has forked.",
            detail_zh=f"日志对规模 {new.size} 签署了两个不同的根：已分叉。",
        )
    try:
        verify_consistency(seen.size, new.size, proof, seen.root, new.root)
    except ProofError as error:
        raise InconsistentError(error.detail, detail_zh="一致性证明不成立：新检查点不是已见检查点的延续。") from error


def last_seen(directory: Path, origin: str) -> Checkpoint | None:
    """Return the last checkpoint that the witness in ``directory`` cosigned for a log; needs no key.

    Raises ``UnavailableError`` when it is there and cannot be read.
    """
    note = _last_note(_folder_of(directory, origin))
    return None if note is None else Checkpoint.parse_text(SignedNote.parse(note).text)


def _folder_of(directory: Path, origin: str) -> Path:
    return directory / hashlib.sha256(origin.encode()).hexdigest()


def _last_note(folder: Path) -> str | None:
    try:
        return (folder / "checkpoint").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError("The witness cannot read its state.", detail_zh="见证方无法读取其状态。") from error


def _replace(path: Path, content: str) -> None:
    # the history holds only sizes, so the unfinished file lies one folder up or beside 'checkpoint'
    temporary = path.with_name("unfinished") if path.name == "checkpoint" else path.parent.parent / "unfinished"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _unwritable(error: OSError) -> UnavailableError:
    unavailable = UnavailableError(
        "The witness cannot keep its state; nothing was cosigned.", detail_zh="见证方无法保存状态，未会签。"
    )
    unavailable.__cause__ = error
    return unavailable
