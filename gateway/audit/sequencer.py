"""The sequencer: one leader thread that commits facts and their entries in groups.

The leader takes what is queued, without waiting for more, and in ONE transaction runs each write in a
savepoint, appends the entries, the tiles that changed and one signed checkpoint, and moves the head row
(locked on PostgreSQL, fenced by its old size and root). Then it wakes the callers. An error in one write
undoes that write alone; an error of the database undoes all, and every caller gets ``UnavailableError``.

The search index is written behind the log: when the leader has nothing to do, or once it is far behind.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.entries import Clock, check_draft, encode_entry
from gateway.audit.errors import LogDamagedError, LogKeyMissingError, RolledBackError
from gateway.audit.merkle import leaf_hash, root_hash
from gateway.audit.note import NoteSigner, VerifierKey
from gateway.audit.records import Batch, EncodedEntry, Head, LogKeyRecord
from gateway.audit.tags import Tagger
from gateway.audit.tiles import Edge, nodes_from
from gateway.errors import ConfigurationError, UnavailableError
from gateway.instants import micros_text
from gateway.journal import EntryDraft, Receipt, Tx

R = TypeVar("R")

IDLE_SECONDS: Final = 0.05
"""How long the leader waits for the next entry before it turns to the search index."""
FAR_BEHIND: Final = 512
"""Entries that the search index may lack, some milliseconds of a search, before the leader writes it in between."""
_log = logging.getLogger(__name__)


class TransactionLostError(UnavailableError):
    """The database dropped the whole transaction: nothing was written."""


class CommitUnknownError(UnavailableError):
    """The database went away during the commit: the checkpoint row tells whether it happened."""


class LogStore(Protocol):
    """What the sequencer needs of the database."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """Open a write transaction."""

    def savepoint(self, tx: Tx) -> AbstractContextManager[None]:
        """Run one write: an error undoes it alone."""

    def lock_head(self, tx: Tx) -> Head:
        """Lock and return the head."""

    def append(self, tx: Tx, expected: Head, batch: Batch) -> None:
        """Write a batch behind ``expected``."""

    def tile(self, tx: Tx, level: int, tile: int) -> bytes:
        """Return the hashes of a tile."""

    def checkpoint(self, tx: Tx, size: int | None = None) -> str | None:
        """Return a signed checkpoint."""

    def index_more(self, tx: Tx, limit: int) -> int:
        """Take the next entries into the search index; return how many."""

    def log_keys(self, tx: Tx) -> list[LogKeyRecord]:
        """Return the keys of the log, the oldest first; none before the first change."""


def _no_further(_key: VerifierKey) -> NoteSigner | None:
    """Know no key but those that the process began with."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Who signs: the origin, and the log's signing keys. Key names equal the origin.

    ``signers`` sign while the key was never changed; ``find`` returns further ones, as they appear in the key
    directory: which of them sign is what the database says at each commit.
    """

    origin: str
    signers: tuple[NoteSigner, ...] = field(repr=False)
    find: Callable[[VerifierKey], NoteSigner | None] = field(default=_no_further, repr=False)

    def __post_init__(self) -> None:
        """Refuse an identity that cannot sign, or under another name (tlog-policy: the key name is the origin)."""
        if not self.signers or any(signer.name != self.origin for signer in self.signers):
            raise ConfigurationError("The log needs a signing key, and the name of a log key is the origin.")

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The public keys."""
        return tuple(signer.verifier for signer in self.signers)

    def signing(self, keys: Sequence[LogKeyRecord], at: str) -> tuple[NoteSigner, ...]:
        """Return who signs at the instant ``at``: the newest of ``keys``, and the one before in the overlap.

        Raises ``LogKeyMissingError`` when the newest is not here: a process that only has an older one must not sign.
        """
        if not keys:
            return self.signers
        newest = keys[-1]
        signer = self.signer(newest.key)
        if signer is None:
            raise LogKeyMissingError(newest.key.id)
        before = self.signer(keys[-2].key) if len(keys) > 1 and at < newest.overlap_until else None
        return (signer,) if before is None else (before, signer)

    def signer(self, key: VerifierKey) -> NoteSigner | None:
        """Return the private half of ``key``, ``None`` when it is not here."""
        return next((one for one in self.signers if one.verifier == key), None) or self.find(key)


@dataclass(slots=True)
class _Job:
    write: Callable[[Tx], Any]
    entry: EntryDraft | Callable[[Any], EntryDraft]
    occurred: str | None
    after: Callable[[Tx, Receipt], None] | None
    future: Future[tuple[Any, Receipt]]
    checked: bool = False
    """Whether its entry was known, and passed, when it was queued."""
    failure: Exception | None = None
    """Why its savepoint was undone."""


@dataclass(slots=True)
class _Prepared:
    job: _Job
    result: Any
    leaf: bytes
    entry: EncodedEntry


class Sequencer:
    """Appends to the log. One in a process; several processes take turns through the head row."""

    def __init__(
        self,
        store: LogStore,
        *,
        identity: LogIdentity,
        tagger: Tagger,
        rulebook: Callable[[], str],
        now: Clock,
        floor: Callable[[], Checkpoint | None] = lambda: None,
        opening: Callable[[], EntryDraft | None] = lambda: None,
        max_batch: int = 512,
    ) -> None:
        """``floor`` returns the witness's latest checkpoint: a log behind it, or against it, is not written to.

        It is asked once, before the first write. ``opening`` returns the first entry of an empty log that goes on
        from another one; the first write goes behind it, in the same commit.
        """
        self._store = store
        self._identity = identity
        self._tagger = tagger
        self._rulebook = rulebook
        self._now = now
        self._floor: Callable[[], Checkpoint | None] | None = floor
        self._opening = opening
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[tuple[_Job, ...] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._leader: threading.Thread | None = None
        self._closed = False
        self._edge: Edge | None = None
        self._unindexed = 1  # another process may have left some

    def submit(
        self,
        write: Callable[[Tx], R],
        entry: EntryDraft | Callable[[R], EntryDraft],
        *,
        occurred: str | None = None,
        after: Callable[[Tx, Receipt], None] | None = None,
    ) -> Future[tuple[R, Receipt]]:
        """Queue a write with its entry; the future holds the result and the receipt, or the error.

        ``occurred`` is when the fact happened, if it came through a queue. ``after`` runs in the same
        transaction once the receipt is known; an error in it undoes the whole group.
        """
        if not callable(entry):
            check_draft(entry)  # refused at once, before it costs a transaction
        future: Future[tuple[R, Receipt]] = Future()
        self._enqueue((_Job(write, entry, occurred, after, future, checked=not callable(entry)),))
        return future

    def submit_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> Future[tuple[R, Receipt]]:
        """Queue a write with its entries, in one transaction; the future is of the last entry and settled with all.

        The entries behind the first hold only if ``write`` held: its error undoes them all, and is the future's.
        """
        for entry in entries:
            check_draft(entry)
        held: list[R] = []

        def first(tx: Tx) -> R:
            held.append(write(tx))
            return held[-1]

        def behind(_tx: Tx) -> R:
            if jobs[0].failure is not None:
                raise jobs[0].failure
            return held[-1]

        jobs = tuple(
            _Job(behind if place else first, entry, None, None, Future(), checked=True)
            for place, entry in enumerate(entries)
        )
        self._enqueue(jobs)
        return jobs[-1].future

    def check(self) -> None:
        """Ask all that the first write asks, and write nothing: for the start of a process.

        Raises ``RolledBackError`` for a log that is behind its witness, as after the restore of an old backup, other
        ``LogDamagedError``s, ``LogKeyMissingError``, ``UnavailableError``.
        """

        def look(tx: Tx) -> None:
            self._identity.signing(self._store.log_keys(tx), micros_text(self._now()))
            raise _LookedError

        try:
            self.submit(look, _no_entry).result()
        except _LookedError:
            return

    def _enqueue(self, jobs: tuple[_Job, ...]) -> None:
        with self._lock:
            if self._closed:
                raise UnavailableError("The audit log is closed.", detail_zh="审计日志已关闭。")
            if self._leader is None or not self._leader.is_alive():
                self._leader = threading.Thread(target=self._lead, name="audit-sequencer", daemon=True)
                self._leader.start()
            elif threading.current_thread() is self._leader:
                raise RuntimeError("A write must not write to the journal itself: it would wait for itself.")
            self._queue.put(jobs)

    def close(self) -> None:
        """Commit what is queued, then stop; further submissions are refused."""
        with self._lock:
            self._closed = True
            leader = self._leader
            if leader is not None:
                self._queue.put(None)
        if leader is not None and leader is not threading.current_thread():
            leader.join()

    def _lead(self) -> None:
        stop = False
        while not stop:
            queued = self._next()
            jobs: list[_Job] = []
            while True:
                if queued is None:
                    stop = True
                    break
                jobs += [job for job in queued if job.future.set_running_or_notify_cancel()]
                if len(jobs) >= self._max_batch:
                    break
                try:
                    queued = self._queue.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                self._commit(jobs)
        if self._unindexed:
            self._index()

    def _next(self) -> tuple[_Job, ...] | None:
        """Return what is queued next; meanwhile, and when many entries wait for it, the search index is written."""
        while self._unindexed:
            if self._unindexed >= FAR_BEHIND:
                self._index()
            try:
                return self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                self._index()
        return self._queue.get()

    def _index(self) -> None:
        """Take some entries into the search index: searches read the others from the log, so it may fail."""
        try:
            with self._store.transaction() as tx:
                taken = self._store.index_more(tx, FAR_BEHIND)
        except Exception as error:  # noqa: BLE001  whatever it is, the log goes on
            told = "The search index could not be written; run 'xueji audit index --check'."
            _log.warning(told, exc_info=not isinstance(error, UnavailableError))
            taken = 0
        self._unindexed = max(self._unindexed - taken, 1) if taken == FAR_BEHIND else 0

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """Run one group: every future of ``jobs`` is settled at the end, after the commit."""
        failed: list[tuple[_Job, Exception]] = []
        prepared: list[_Prepared] = []
        edge = Edge()
        start = 0
        try:
            try:
                self._tagger.prepare(self._now)
                with self._store.transaction() as tx:
                    head = self._store.lock_head(tx)
                    start = head.size
                    edge = self._edge_at(tx, head)
                    opened = None if head.size else self._opening()
                    if opened is not None:
                        jobs = (_Job(_no_write, opened, None, None, Future()), *jobs)
                    at = self._prepare(tx, jobs, head, prepared, failed)
                    if len(prepared) == (opened is not None):
                        raise _NothingToWriteError  # leaves the transaction without a commit
                    self._write(tx, head, edge, at, prepared)
            except CommitUnknownError:
                if not self._committed(edge):
                    raise
        except _NothingToWriteError:
            pass
        except Exception as error:  # noqa: BLE001  every caller is told
            self._edge = None
            reported = error if isinstance(error, UnavailableError | LogDamagedError) else _unavailable(error)
            undone = {id(job) for job, _ in failed}
            failed += [(job, reported) for job in jobs if id(job) not in undone]
            prepared = []
        for job, reason in failed:
            job.future.set_exception(reason)
        if prepared:
            self._edge = edge
            self._unindexed += len(prepared)
            root = edge.root()
            for at_index, done in enumerate(prepared, start=start):
                done.job.future.set_result((done.result, Receipt(at_index, done.leaf, edge.size, root)))

    def _prepare(
        self,
        tx: Tx,
        jobs: Sequence[_Job],
        head: Head,
        prepared: list[_Prepared],
        failed: list[tuple[_Job, Exception]],
    ) -> str:
        """Run each write in its savepoint and encode its entry; return the time of the last entry."""
        at = head.at
        rulebook = self._rulebook()
        for job in jobs:
            try:
                with nullcontext() if job.write is _no_write else self._store.savepoint(tx):
                    result = job.write(tx)
                    draft = job.entry(result) if callable(job.entry) else job.entry
                    now = self._now()
                    entry = encode_entry(
                        draft,
                        at=now,
                        rulebook=rulebook,
                        tagger=self._tagger,
                        previous=at,
                        occurred=job.occurred,
                        checked=job.checked,
                    )
            except TransactionLostError:
                raise
            except Exception as error:  # noqa: BLE001  it belongs to the caller, and is raised there
                job.failure = error
                failed.append((job, error))
            else:
                at = micros_text(now)
                prepared.append(_Prepared(job, result, leaf_hash(entry.body), entry))
        return at

    def _write(self, tx: Tx, head: Head, edge: Edge, at: str, prepared: Sequence[_Prepared]) -> None:
        tiles: dict[tuple[int, int], bytes] = {}
        edge.extend([done.leaf for done in prepared], tiles)
        tiles.update(edge.partial_tiles(head.size))
        checkpoint = Checkpoint(self._identity.origin, edge.size, edge.root())
        batch = Batch(
            start=head.size,
            entries=tuple((done.leaf, done.entry) for done in prepared),
            tiles=tiles,
            head=Head(edge.size, checkpoint.root, at),
            checkpoint=str(checkpoint.sign(self._identity.signing(self._store.log_keys(tx), at))),
        )
        self._store.append(tx, head, batch)
        for index, done in enumerate(prepared, start=head.size):
            if done.job.after is not None:
                done.job.after(tx, Receipt(index, done.leaf, edge.size, checkpoint.root))

    def _edge_at(self, tx: Tx, head: Head) -> Edge:
        """Return the right edge at ``head``: the one in memory, or read again and checked."""
        if self._edge is not None and self._edge.size == head.size and self._edge.root() == head.root:
            return self._edge.copy()
        edge = Edge.load(head.size, lambda level, tile: self._store.tile(tx, level, tile))
        if edge.root() != head.root:
            raise LogDamagedError(
                "The tiles of the log do not lead to its head; run 'xueji verify-log'.",
                detail_zh="审计日志的哈希块与日志头不一致，请运行 xueji verify-log。",
            )
        note = self._store.checkpoint(tx)
        if head.size:
            if note is None:
                raise LogDamagedError("The log has entries and no checkpoint.", detail_zh="审计日志缺少检查点。")
            changed = self._store.log_keys(tx)
            keys = (changed[-1].key,) if changed else self._identity.keys
            latest = open_checkpoint(note, keys, origin=self._identity.origin)
            if (latest.size, latest.root) != (head.size, head.root):
                raise LogDamagedError(
                    f"The last checkpoint has size {latest.size}, the head of the log {head.size}.",
                    detail_zh="最后的检查点与日志头不一致。",
                )
        elif note is not None:
            raise LogDamagedError("The log is empty and has a checkpoint.", detail_zh="日志为空却有检查点。")
        if self._floor is not None:
            floor = self._floor()
            if floor is not None:
                self._check_floor(tx, head, floor)
            self._floor = None
        return edge

    def _check_floor(self, tx: Tx, head: Head, floor: Checkpoint) -> None:
        """Refuse to write when the log is behind the witness, or says something else: it would sign a fork."""
        held = head.size >= floor.size and floor.root == root_hash(
            nodes_from(lambda level, tile: self._store.tile(tx, level, tile)), floor.size
        )
        if not held:
            raise RolledBackError(
                f"The log (size {head.size}) does not contain what the witness cosigned (size {floor.size}). "
                "Import the missing entries from a mirror or bundle, or open a new origin.",
                detail_zh=f"日志（{head.size} 条）落后于见证方已会签的检查点（{floor.size} 条），拒绝写入。",
            )

    def _committed(self, edge: Edge) -> bool:
        """Ask on a new connection whether the commit that was not answered has happened."""
        try:
            with self._store.transaction() as tx:
                note = self._store.checkpoint(tx, edge.size)
        except UnavailableError:
            return False
        return note is not None and Checkpoint.parse_text(note.partition("\n\n")[0] + "\n").root == edge.root()


class _LookedError(Exception):
    """The log may be written to."""


def _no_entry(_result: None) -> EntryDraft:
    raise _LookedError


class _NothingToWriteError(Exception):
    """Every write of the group failed."""


def _unavailable(error: Exception) -> UnavailableError:
    unavailable = UnavailableError("The audit log cannot be written.", detail_zh="审计日志无法写入，操作未执行。")
    unavailable.__cause__ = error
    return unavailable


def _no_write(_tx: Tx) -> None:
    """Write nothing: for an entry that goes with no fact."""


@dataclass(frozen=True, slots=True)
class SequencerJournal:
    """``gateway.journal.Journal`` where the log key is: in the worker, or in the one process of ``all``."""

    sequencer: Sequencer

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        """Run ``write`` and append ``entry`` in one transaction."""
        return self.sequencer.submit(write, entry).result()

    def append(self, entry: EntryDraft) -> Receipt:
        """Append an entry that goes with no fact."""
        return self.sequencer.submit(_no_write, entry).result()[1]

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        """Run ``write`` and append ``entries`` in one transaction."""
        return self.sequencer.submit_all(write, entries).result()[0]

    def close(self) -> None:
        """Commit what is queued and stop."""
        self.sequencer.close()
