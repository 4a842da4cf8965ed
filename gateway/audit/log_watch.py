"""The watch over the chain: verifies the whole log again and again, a bounded part of the machine at a time.

A task of the worker. Each step checks the next entries behind where the last one ended (``verify_part``); how far it
came is kept, so that a worker that starts anew goes on. At the end it follows the log as it grows, until the next pass
is due. Where something does not hold, a whole verification says what and where: it becomes the entry ``log.damaged``,
once for each damage, and the faces that release are told. A pass that ends clean takes that back.

Its own row lies in the database that it watches: whoever owns that could forge the progress, never what is signed.
It is an early warning; the proof is the inspector's own verification with the checkpoints that they kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.audit.findings import Damage, Finding
from gateway.audit.log_watch_records import WatchState
from gateway.audit.policy import TrustPolicy
from gateway.audit.records import Head
from gateway.audit.tiles import Edge
from gateway.audit.verify import LogSource, Part, verify_log, verify_part
from gateway.errors import GatewayError
from gateway.instants import instant_of, micros_text, seconds_text
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx

CHUNK: Final = 4096
"""Entries of one step, about."""
IDLE_SECONDS: Final = 30
"""How often the end of the log is looked at between two passes."""
SOON: Final = timedelta(hours=1)
"""How long after a damage the log is looked through again, where passes are further apart."""
_NOT_DAMAGE: Final = frozenset({Damage.UNWITNESSED, Damage.INDEX})
"""A witness that is late is told of elsewhere; the search index is a cache."""
OpenSource = Callable[[int], AbstractContextManager[LogSource]]
"""Opens one consistent state of the log, with the checkpoints above a size."""


class WatchRow(Protocol):
    """What the watch keeps."""

    def watch_state(self, tx: Tx) -> WatchState:
        """Return the row."""

    def set_watch_state(self, tx: Tx, state: WatchState) -> None:
        """Write the row."""

    def set_damaged(self, tx: Tx, since: str) -> None:
        """Say to the faces that release since when the log is known to be damaged."""


class WatchedLog(Protocol):
    """The head of the log."""

    def head(self, tx: Tx) -> Head:
        """Return it."""

    def checkpoint(self, tx: Tx, size: int | None = None) -> str | None:
        """Return a signed checkpoint, the latest by default."""


@keeps("A50-10")
@dataclass(slots=True)
class LogWatch:
    """Looks through the log. ``every``: from the begin of one pass to that of the next; ``share``: percent of time."""

    row: WatchRow
    log: WatchedLog
    reader: Reader
    journal: Journal
    scratch: Scratch
    open: OpenSource
    policy: TrustPolicy
    every: timedelta
    share: int
    now: Callable[[], datetime]
    timer: Callable[[], float]
    chunk: int = CHUNK
    _state: WatchState | None = None
    _not_before: float = 0.0
    _seen: int = field(default=-1)
    """The size of the log when its end was checked last."""

    def run(self) -> bool:
        """Check the next entries, if it is time; never asks for more time at once."""
        began = self.timer()
        if began < self._not_before:
            return False
        try:
            idle = self.step()
        finally:
            ended = self.timer()
            self._not_before = ended + max(ended - began, 0.0) * (100 / self.share - 1)
        if idle:
            self._not_before = max(self._not_before, ended + IDLE_SECONDS)
        return False

    def step(self) -> bool:
        """Check the next entries; say whether there is nothing to do for a while."""
        state = self._state or self.reader.read(self.row.watch_state)
        if self._due(state):
            state = replace(state, started_at=micros_text(self.now()), size=0, levels=(), passed_at="")
            self._seen = -1
        self._state = state
        if state.passed_at and (state.damage or self.reader.read(self.log.head).size == self._seen):
            return True
        with self.open(state.size or -1) as source:
            part = verify_part(source, self.policy, _edge(state), self.chunk, witnessed=_kept(state))
        if not part.sound:
            return self._look_closer(state)
        if not part.ended:
            self._keep(_behind(state, part.edge))
            return False
        self._end(state, part)
        return True

    def _due(self, state: WatchState) -> bool:
        """Say whether a new pass begins: none has, or the last one ended and began long enough ago."""
        if not state.started_at:
            return True
        apart = min(self.every, SOON) if state.damage else self.every
        age = self.now() - instant_of(state.started_at)
        return bool(state.passed_at) and not timedelta() <= age < apart

    def _keep(self, state: WatchState) -> None:
        if state != self._state:
            self.scratch.write(lambda tx: self.row.set_watch_state(tx, state))
        self._state = state

    def _end(self, state: WatchState, part: Part) -> None:
        """Remember that all holds up to the end; take back what was told of a damage that is no more."""
        size = self._seen = part.size
        done = _behind(state, part.edge)
        if not state.passed_at:
            note = self.reader.read(lambda tx: self.log.checkpoint(tx, size)) or "" if size else ""
            done = replace(done, passed_at=micros_text(self.now()), passed_size=size, kept=note, damage="")
        if not state.damage:
            self._keep(done)
            return

        def write(tx: Tx) -> None:
            self._require_news(tx, done)
            self.row.set_watch_state(tx, done)
            self.row.set_damaged(tx, "")

        with suppress(_ToldError):
            self.journal.record(write, EntryDraft("log.damage_ended", None, facts={"size": size}))
        self._state = done

    def _look_closer(self, state: WatchState) -> bool:
        """Verify all of the log and record what is wrong, unless that was told already."""
        with self.open(-1) as source:
            report = verify_log(source, self.policy, witnessed=_kept(state))
        findings = [one for one in report.findings if one.damage not in _NOT_DAMAGE]
        if not findings:  # the progress that was kept was wrong: begin anew
            self._keep(replace(state, started_at="", size=0, levels=(), passed_at=""))
            return True
        told = replace(state, passed_at=micros_text(self.now()), damage=_fingerprint(findings))
        if told.damage == state.damage:
            self._keep(told)
            return True
        since = seconds_text(self.now())

        def write(tx: Tx) -> None:
            self._require_news(tx, told)
            self.row.set_watch_state(tx, told)
            self.row.set_damaged(tx, since)

        try:
            with suppress(_ToldError):
                self.journal.record(write, EntryDraft("log.damaged", None, "failed", _facts(findings, report.size)))
        except GatewayError:
            # a log that cannot be written to cannot tell; the faces that release are told all the same
            self.scratch.write(lambda tx: self.row.set_damaged(tx, since))
            raise
        self._state = told
        return True

    def _require_news(self, tx: Tx, state: WatchState) -> None:
        """Raise ``_ToldError`` when another worker told the same in between."""
        if self.row.watch_state(tx).damage == state.damage:
            raise _ToldError


class _ToldError(Exception):
    """Another worker told it; undoes the write."""


def _edge(state: WatchState) -> Edge:
    return Edge.of(state.size, state.levels)


def _kept(state: WatchState) -> tuple[str, ...]:
    return (state.kept,) if state.kept else ()


def _behind(state: WatchState, edge: Edge) -> WatchState:
    return replace(state, size=edge.size, levels=tuple(tuple(level) for level in edge.hashes()))


def _fingerprint(findings: Sequence[Finding]) -> str:
    """Return what makes a damage the same one: which kinds, and where."""
    places = sorted({(one.damage.value, -1 if one.index is None else one.index) for one in findings})
    return sha256(json.dumps(places).encode()).hexdigest()


def _facts(findings: Sequence[Finding], size: int) -> dict[str, JsonValue]:
    indexes = [one.index for one in findings if one.index is not None]
    return {
        "first_index": min(indexes, default=None),
        "damage": [*sorted({one.damage.value for one in findings})],
        "findings": len(findings),
        "size": size,
    }
