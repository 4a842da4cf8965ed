"""The log's side of its witnesses: hands them checkpoints, takes their cosignatures, and notices when they are silent.

Tasks of the worker. What of the log still waits for the quorum, and since when, lies in one row of the database: faces
that release read it there, without the log's entries. A silent witness is an entry, so that an alert follows from it;
when it lasts, releases of high risk stop. A witness that never cosigned is treated like one that stopped: its first
cosignature ends both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import DamagedLogStopError, MalformedError, ProofError, WitnessSilentError
from gateway.audit.leaves import decode_entry
from gateway.audit.merkle import consistency_proof
from gateway.audit.note import SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy
from gateway.audit.records import Cosignature, Head, StoredEntry, WitnessState
from gateway.audit.served import fetch
from gateway.audit.tiles import nodes_from
from gateway.audit.witness import AddCheckpoint
from gateway.errors import GatewayError
from gateway.instants import instant_of
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx

MAX_ANSWER: Final = 1 << 16
FLOOR_SECONDS: Final = 5
"""How long a witness is waited for before the first write."""
_OK, _CONFLICT, _UNPROCESSABLE = 200, 409, 422
_log = logging.getLogger(__name__)


class WitnessedStore(Protocol):
    """What is read of the log and written of its witnesses."""

    def head(self, tx: Tx) -> Head:
        """Return the head."""

    def tile(self, tx: Tx, level: int, tile: int) -> bytes:
        """Return the hashes of a tile."""

    def checkpoint(self, tx: Tx, size: int | None = None) -> str | None:
        """Return a signed checkpoint, the latest by default."""

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield entries."""

    def cosigned_by(self, tx: Tx, name: str) -> int:
        """Return the largest size that the witness of that name cosigned, 0 for none."""

    def witness_state(self, tx: Tx) -> WitnessState:
        """Return what waits for the witnesses."""

    def set_witness_state(self, tx: Tx, state: WitnessState) -> None:
        """Write what waits for the witnesses."""


class Quorum(Protocol):
    """The inspector's side of the log (``AuditService``)."""

    def add_cosignature(self, size: int, line: str) -> Cosignature:
        """Keep a cosignature."""

    def witnessed(self) -> Checkpoint | None:
        """Return the largest checkpoint that meets the quorum."""


def seen_by_witnesses(policy: TrustPolicy, origin: str) -> Checkpoint | None:
    """Return the largest checkpoint of the log that a witness with an address shows, with its good cosignature.

    A witness that does not answer, or shows nothing, says nothing: its silence is noticed elsewhere. The log's own
    signature is not asked for: a backup from before a change of the log's key does not know the key that signed it.
    """
    best: Checkpoint | None = None
    path = f"{sha256(origin.encode()).hexdigest()}/checkpoint"
    for name, url in policy.urls.items():
        try:
            status, body = fetch(f"{url.rstrip('/')}/{path}", limit=MAX_ANSWER, seconds=FLOOR_SECONDS)
            if status != _OK:
                continue
            content = body.decode(errors="replace")
            note = SignedNote.parse(content)
            checkpoint = Checkpoint.parse_text(note.text)
            if checkpoint.origin != origin or not note.verify([policy.witnesses[name]]):
                continue
        except GatewayError as error:
            _log.warning("witness %s: %s", name, error.detail)
            continue
        if best is None or checkpoint.size > best.size:
            best = checkpoint
    return best


def request_for(store: WitnessedStore, reader: Reader, key: VerifierKey, old: int | None = None) -> AddCheckpoint:
    """Return the request that brings the newest checkpoint to a witness, from ``old`` or what it last cosigned.

    Raises ``MalformedError`` for a log without a checkpoint, and when it has fewer than ``old`` entries.
    """

    def query(tx: Tx) -> AddCheckpoint:
        note = store.checkpoint(tx)
        if note is None:
            raise MalformedError("The log has no checkpoint yet.", detail_zh="日志还没有检查点。")
        size = Checkpoint.parse_text(SignedNote.parse(note).text).size
        start = store.cosigned_by(tx, key.name) if old is None else old
        if start > size:
            raise MalformedError(f"The witness has seen {start} entries, the log has {size}.")
        nodes = nodes_from(lambda level, tile: store.tile(tx, level, tile))
        proof = tuple(consistency_proof(nodes, start, size)) if 0 < start < size else ()
        return AddCheckpoint(start, proof, note)

    return reader.read(query)


@dataclass(frozen=True, slots=True)
class WitnessPush:
    """Brings each witness with an address the newest checkpoint, as C2SP tlog-witness says."""

    store: WitnessedStore
    reader: Reader
    journal: Journal
    quorum: Quorum
    policy: TrustPolicy

    def run(self) -> bool:
        """Ask every witness that has not cosigned the newest checkpoint; say whether one did."""
        return any([self._ask(name) for name in self.policy.urls])

    def _ask(self, name: str) -> bool:
        key = self.policy.witnesses[name]
        size, seen = self.reader.read(lambda tx: (self.store.head(tx).size, self.store.cosigned_by(tx, key.name)))
        if not size or seen >= size:
            return False
        try:
            return self._bring(name, key)
        except GatewayError as error:  # the others are asked all the same; its silence is noticed by the watch
            _log.warning("witness %s: %s", name, error.detail)
            return False

    def _bring(self, name: str, key: VerifierKey) -> bool:
        url = f"{self.policy.urls[name].rstrip('/')}/add-checkpoint"
        request = request_for(self.store, self.reader, key)
        status, body = fetch(url, body=str(request).encode(), limit=MAX_ANSWER)
        if status == _CONFLICT and body.strip().isdigit():
            old = int(body)
            if old > Checkpoint.parse_text(SignedNote.parse(request.checkpoint).text).size:
                self._contradicted(name, old)
                return False
            request = request_for(self.store, self.reader, key, old)
            status, body = fetch(url, body=str(request).encode(), limit=MAX_ANSWER)
        if status in {_CONFLICT, _UNPROCESSABLE}:
            self._contradicted(name, request.old)
            return False
        if status != _OK:
            raise MalformedError(f"It answered {status}.")
        checkpoint = Checkpoint.parse_text(SignedNote.parse(request.checkpoint).text)
        return any([self._keep(checkpoint.size, line, name) for line in body.decode(errors="replace").splitlines()])

    def _keep(self, size: int, line: str, name: str) -> bool:
        try:
            self.quorum.add_cosignature(size, line)
        except (MalformedError, ProofError) as error:  # a signature of a key that is not ours is none to us
            _log.warning("witness %s: %s", name, error.detail)
            return False
        return True

    def _contradicted(self, name: str, seen: int) -> None:
        """Record, once, that a witness has seen what the log does not hold: it was rolled back, or has forked."""
        state = self.reader.read(self.store.witness_state)
        if state.contradicted:
            return
        facts: dict[str, JsonValue] = {"witness": name, "seen_size": seen}
        self.journal.record(
            lambda tx: self.store.set_witness_state(tx, replace(state, contradicted=True)),
            EntryDraft("log.witness_contradicts", None, "failed", facts),
        )


@dataclass(frozen=True, slots=True)
class WitnessWatch:
    """Notices how long entries have waited for the quorum, and records when it is too long."""

    store: WitnessedStore
    reader: Reader
    journal: Journal
    quorum: Quorum
    policy: TrustPolicy
    late_after: timedelta
    now: Callable[[], datetime]
    write: Callable[[Callable[[Tx], None]], None]

    def run(self) -> None:
        """Bring the row up to date; record when silence begins and when it ends."""
        cosigned = self._cosigned()
        state, since, size = self.reader.read(lambda tx: self._look(tx, cosigned))
        late = since is not None and self.now() - instant_of(since) > self.late_after
        fresh = replace(state, cosigned_size=cosigned, waiting_since=since or "", silent=late)
        if not late and fresh.contradicted and cosigned > state.cosigned_size:
            fresh = replace(fresh, contradicted=False)
        if fresh == state:
            return
        if late == state.silent:
            self.write(lambda tx: self.store.set_witness_state(tx, fresh))
            return
        facts: dict[str, JsonValue] = {"cosigned_size": cosigned, "size": size}
        silent, returned = EntryDraft("log.witness_silent", None, "failed", facts), "log.witness_returned"
        entry = silent if late else EntryDraft(returned, None, facts=facts)
        self.journal.record(lambda tx: self.store.set_witness_state(tx, fresh), entry)

    def _cosigned(self) -> int:
        seen = self.quorum.witnessed()
        return 0 if seen is None else seen.size

    def _look(self, tx: Tx, cosigned: int) -> tuple[WitnessState, str | None, int]:
        """Return the row, since when the oldest entry without the quorum waits, and the size of the log."""
        state, size = self.store.witness_state(tx), self.store.head(tx).size
        if self.policy.satisfied_by(()):
            return state, None, size  # nobody has to cosign
        waiting: Sequence[StoredEntry] = list(self.store.entries(tx, cosigned, cosigned + 1))
        return state, str(decode_entry(waiting[0].body)["at"]) if waiting else None, size


class StateReader(Protocol):
    """The one row."""

    def witness_state(self, tx: Tx) -> WitnessState:
        """Return what waits for the witnesses."""


@dataclass(frozen=True, slots=True)
class WitnessGuard:
    """Stops releases of high risk without a witness for longer than ``stop_after``, and while the log is damaged.

    A damage that the watch over the chain has found stops them unless ``damage_stops`` is off.
    """

    store: StateReader
    levels: frozenset[str]
    stop_after: timedelta
    now: Callable[[], datetime]
    damage_stops: bool = True

    def require(self, tx: Tx, level: str) -> None:
        """Return when a release of ``level`` may go on.

        Raises ``DamagedLogStopError`` and ``WitnessSilentError`` when it may not.
        """
        if level not in self.levels:
            return
        state = self.store.witness_state(tx)
        if state.damaged_since and self.damage_stops:
            raise DamagedLogStopError(
                f"The audit log was found damaged at {state.damaged_since}; releases at level '{level}' stop until it "
                "holds again. Let the inspector verify the log (docs/operators.md, section 8).",
                detail_zh=f"{state.damaged_since} 发现审计日志受损，本级别数据停止提供；请联系审计检查员核验日志。",
                missing=("sound_log",),
            )
        since = state.waiting_since
        if since and self.now() - instant_of(since) > self.stop_after:
            raise WitnessSilentError(
                f"No witness has cosigned the audit log since {since}; releases at level '{level}' stop till then. "
                "Let the inspector's office run its witness (docs/operators.md, section 8).",
                detail_zh=f"审计日志自 {since} 起没有见证方会签，本级别数据停止提供；请联系审计检查员恢复见证。",
                missing=("cosignature",),
            )
