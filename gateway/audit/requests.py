"""Entries that come through the database: from faces without the log key, and from the registry's outbox.

A face commits its fact together with a request row (a transactional outbox); the sequencer of the worker
takes requests in order, exactly once, and writes the receipt. The face waits for it before it goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from core_registry.sharing import Outbox, OutboxEvent
from gateway.audit.entries import Clock, check_draft, check_fits
from gateway.audit.errors import EntryRefusedError, MalformedError
from gateway.audit.records import QueuedRequest, RequestOutcome
from gateway.audit.sequencer import Sequencer
from gateway.audit.tags import check_subjects
from gateway.errors import GatewayError, ParameterError, UnavailableError
from gateway.ids import AccountId, RecipientId, SubjectRef, UnitCode
from gateway.instants import micros_text
from gateway.journal import EntryDraft, JsonValue, Reader, Receipt, Tx
from gateway.principals import AccountKind, Principal, Role

R = TypeVar("R")
REGISTRY = "registry"
_KINDS = {"st": AccountKind.STAFF, "gd": AccountKind.GUARDIAN, "pu": AccountKind.PUPIL, "cl": AccountKind.CLIENT}


class QueueStore(Protocol):
    """What both ends of the queue need of the database."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """Open a write transaction."""

    def add_request(self, tx: Tx, draft: str) -> int:
        """Queue a request."""

    def pending_requests(self, tx: Tx, limit: int) -> list[QueuedRequest]:
        """Return requests without an entry, oldest first."""

    def finish_requests(self, tx: Tx, done: Sequence[tuple[int, RequestOutcome]]) -> None:
        """Write what became of requests."""

    def request_outcome(self, tx: Tx, number: int) -> RequestOutcome | None:
        """Return what became of a request."""

    def receipt(self, tx: Tx, index: int, tree_size: int) -> Receipt | None:
        """Return the receipt of an entry under the checkpoint of ``tree_size``."""

    def cursor(self, tx: Tx, name: str) -> int:
        """Return how far an outbox was applied."""

    def move_cursor(self, tx: Tx, name: str, expected: int, position: int) -> None:
        """Move a cursor that is at ``expected``."""


def encode_draft(draft: EntryDraft, occurred: str) -> str:
    """Return a draft as JSON text for the request row."""
    actor = draft.actor
    return json.dumps(
        {
            "kind": draft.kind,
            "outcome": draft.outcome,
            "facts": draft.facts,
            "links": dict(draft.links),
            "policy": draft.policy,
            "policy_set": draft.policy_set,
            "subjects": list(draft.subjects),
            "occurred": occurred,
            "actor": None
            if actor is None
            else {
                "account": actor.account,
                "kind": actor.kind,
                "roles": sorted(actor.roles),
                "unit": actor.unit,
                "post": actor.post,
                "recipient": actor.recipient,
                "assurance": actor.assurance,
            },
        },
        ensure_ascii=False,
        sort_keys=True,
        default=dict,
    )


def decode_draft(text: str) -> tuple[EntryDraft, str]:
    """Return the draft of a request row and when it was asked for; raises ``MalformedError``."""
    try:
        told = json.loads(text)
        actor = told["actor"]
        principal = None
        if actor is not None:
            principal = Principal(
                account=AccountId(actor["account"]),
                kind=AccountKind(actor["kind"]),
                roles=frozenset(Role(role) for role in actor["roles"]),
                unit=None if actor["unit"] is None else UnitCode(actor["unit"]),
                post=actor["post"],
                recipient=None if actor["recipient"] is None else RecipientId(actor["recipient"]),
                assurance=actor["assurance"],
            )
        draft = EntryDraft(
            kind=told["kind"],
            actor=principal,
            outcome=told["outcome"],
            facts=told["facts"],
            links=told["links"],
            policy=told["policy"],
            subjects=tuple(SubjectRef(subject) for subject in told["subjects"]),
            policy_set=told.get("policy_set"),  # a request of an older program has none
        )
        return draft, str(told["occurred"])
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"A queued audit request cannot be read ({type(error).__name__}).") from None


@dataclass(frozen=True, slots=True)
class QueuedJournal:
    """``gateway.journal.Journal`` for a face without the log key.

    Fact and request commit together; the entry follows. When the receipt does not come within
    ``wait_seconds``, ``UnavailableError`` is raised: the fact stands and its entry will come, but
    nothing may be released on it.
    """

    store: QueueStore
    reader: Reader
    now: Clock
    wait_seconds: float = 10.0
    poll_seconds: float = 0.02
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        """Commit ``write`` with a request for ``entry``, and wait for the receipt."""
        with self.store.transaction() as tx:
            result = write(tx)
            draft = entry(result) if callable(entry) else entry
            check_fits(draft)
            number = self.store.add_request(tx, encode_draft(draft, micros_text(self.now())))
        return result, self._receipt(number)

    def append(self, entry: EntryDraft) -> Receipt:
        """Ask for an entry that goes with no fact, and wait for the receipt."""
        return self.record(lambda _tx: None, entry)[1]

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        """Commit ``write`` with a request for each entry, and wait for the last receipt: they come in order."""
        with self.store.transaction() as tx:
            result = write(tx)
            numbers = []
            for draft in entries:
                check_fits(draft)
                numbers.append(self.store.add_request(tx, encode_draft(draft, micros_text(self.now()))))
        self._receipt(numbers[-1])
        return result

    def _receipt(self, number: int) -> Receipt:
        deadline = self.monotonic() + self.wait_seconds
        while True:
            outcome = self.reader.read(lambda tx: self.store.request_outcome(tx, number))
            if outcome is not None:
                break
            if self.monotonic() >= deadline:
                raise UnavailableError(
                    "The audit log did not confirm in time; start 'xueji worker'. The request stays queued.",
                    detail_zh="审计日志未及时确认，请检查 xueji worker 是否运行；请求仍在排队。",
                    extra={"request": number},
                )
            self.sleep(self.poll_seconds)
        if outcome.error is not None:
            raise UnavailableError(
                "The audit log could not take the entry.",
                detail_zh="审计日志未能接受该条目。",
                extra={"request": number},
            )
        index, size = outcome.index, outcome.tree_size
        receipt = self.reader.read(lambda tx: self.store.receipt(tx, index, size))
        if receipt is None:
            raise UnavailableError("The receipt of the entry is not there.", detail_zh="未找到该条目的回执。")
        return receipt


def _nobody_known(_account: AccountId) -> Principal | None:
    return None


@dataclass(frozen=True, slots=True)
class Intake:
    """The worker's end: turns requests and outbox events into entries, each exactly once, in order."""

    store: QueueStore
    reader: Reader
    sequencer: Sequencer
    person: Callable[[AccountId], Principal | None] = _nobody_known
    """Finds unit and post of whoever the registry names by account; ``None`` for an unknown account."""

    def drain_requests(self, limit: int = 256) -> int:
        """Append the entries that other faces asked for; return how many. Raises ``UnavailableError``."""
        pending = self.reader.read(lambda tx: self.store.pending_requests(tx, limit))
        settled: list[tuple[QueuedRequest, Future[Any]]] = []
        for request in pending:
            try:
                draft, occurred = decode_draft(request.draft)
                future = self._submit_request(request.id, draft, occurred, None)
            except (MalformedError, EntryRefusedError) as error:
                future = self._refuse_request(request.id, error)
            settled.append((request, future))
        done = 0
        for request, future in settled:
            try:
                future.result()
                done += 1
            except _AlreadyDoneError:
                continue  # another worker was quicker
            except EntryRefusedError as error:
                self._refuse_request(request.id, error).result()
                done += 1
        return done

    def _submit_request(
        self, number: int, draft: EntryDraft, occurred: str | None, error: str | None
    ) -> Future[tuple[None, Receipt]]:
        def claim(tx: Tx) -> None:
            if self.store.request_outcome(tx, number) is not None:
                raise _AlreadyDoneError

        def finish(tx: Tx, receipt: Receipt) -> None:
            self.store.finish_requests(tx, [(number, RequestOutcome(receipt.index, receipt.tree_size, error))])

        return self.sequencer.submit(claim, draft, occurred=occurred, after=finish)

    def _refuse_request(self, number: int, error: GatewayError) -> Future[tuple[None, Receipt]]:
        """Record that a request could not be written: its fact stands, and must not go unseen."""
        reason = type(error).__name__
        facts: dict[str, JsonValue] = {"request": number, "reason": reason}
        return self._submit_request(number, EntryDraft("log.request_refused", None, "failed", facts), None, reason)

    def apply_outbox(self, outbox: Outbox, limit: int = 500) -> int:
        """Append an entry for each registry event not applied yet; return how many.

        The cursor moves in the transaction of the entry. An event that may not be written as it is (I7) leaves
        a ``log.event_refused`` with its number, so that the outbox never stalls on it.
        """
        position = self.reader.read(lambda tx: self.store.cursor(tx, REGISTRY))
        futures: list[Future[Any]] = []
        people: dict[str, Principal | None] = {}
        for event in outbox.pending(position, limit):
            if event.sequence <= position:
                raise ParameterError("The outbox gave an event twice or out of order.")
            if event.actor not in people:
                people[event.actor] = self._actor(event.actor)
            draft = _draft_of(event, people[event.actor])
            try:
                check_draft(draft)
                check_subjects(draft.subjects)
            except EntryRefusedError:
                draft = _refused_event(event)
            futures.append(
                self.sequencer.submit(self._mover(position, event.sequence), draft, occurred=micros_text(event.at))
            )
            position = event.sequence
        for future in futures:
            future.result()
        return len(futures)

    def _actor(self, named: str) -> Principal | None:
        """Return who acted, with unit and post where the account is known; ``None`` for the registry itself."""
        kind = _KINDS.get(named.partition("-")[0])
        if kind is None:
            return None
        account = AccountId(named)
        found = self.person(account) if kind is AccountKind.STAFF else None
        if found is None:
            return Principal(account, kind, frozenset())
        return Principal(account, kind, frozenset(), unit=found.unit, post=found.post)

    def _mover(self, expected: int, position: int) -> Callable[[Tx], None]:
        def move(tx: Tx) -> None:
            self.store.move_cursor(tx, REGISTRY, expected, position)

        return move


def _draft_of(event: OutboxEvent, actor: Principal | None) -> EntryDraft:
    facts: dict[str, JsonValue] = {**event.facts, "sequence": event.sequence}
    if actor is None:
        facts["by"] = event.actor
    return EntryDraft(event.kind, actor, facts=facts, subjects=tuple(SubjectRef(s) for s in event.subjects))


def _refused_event(event: OutboxEvent) -> EntryDraft:
    subjects = []
    for subject in event.subjects:
        try:
            check_subjects((subject,))
        except EntryRefusedError:
            continue
        subjects.append(SubjectRef(subject))
    facts: dict[str, JsonValue] = {"source": REGISTRY, "sequence": event.sequence}
    return EntryDraft("log.event_refused", None, "failed", facts, subjects=tuple(subjects))


class _AlreadyDoneError(Exception):
    """The request has its entry."""
