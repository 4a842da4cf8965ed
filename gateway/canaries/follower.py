"""The log followed as it grows: an entry that carries a decoy's tag becomes ``canary.touched``, once.

An entry tells of pupils by tags of its quarter, in the leaf or, above 64, in the list beside the log. Here they are
held against the tags that the decoys have in that quarter. The entry names the index, kind, actor and links of the one
that touched, and decoys by their own ids; never a pupil, and no tag. It commits with the cursor, so that a restart, a
second worker or an index built anew raises nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from gateway.articles import keeps
from gateway.audit.entries import tag_list_of
from gateway.audit.errors import MalformedError
from gateway.audit.leaves import decode_entry
from gateway.audit.records import StoredEntry
from gateway.audit.tags import EpochState, Tagger
from gateway.canaries.ports import CanaryStore, Followed, Units
from gateway.canaries.records import CanaryId, CanaryState, Secret
from gateway.canaries.sealing import SecretBox
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx

CURSOR: Final = "canaries"
BATCH: Final = 500
_TAGGED: Final = b'"tags":{"'
"""Only a leaf with tags is read: in canonical JSON they stand so, and a text cannot hold a bare quote."""
Content = Mapping[str, JsonValue]
Watched = Sequence[tuple[CanaryId, Secret, SubjectRef]]


@keeps("A50-16")
@dataclass(frozen=True, slots=True)
class TouchFollower:
    """Writes ``canary.touched``."""

    store: CanaryStore
    box: SecretBox
    log: Followed
    tagger: Tagger = field(repr=False)
    units: Units
    reader: Reader
    journal: Journal
    scratch: Scratch
    _tag: Callable[[str, str], bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tag", lru_cache(maxsize=4096)(self.tagger.tag))

    def round(self) -> bool:
        """Take the next entries of the log; say whether there were any."""
        position = self.reader.read(lambda tx: self.log.cursor(tx, CURSOR))
        found = self.reader.read(lambda tx: list(self.log.entries(tx, position, position + BATCH)))
        if not found:
            return False
        watched: Watched | None = None
        try:
            for stored in found:
                if _TAGGED not in stored.body:
                    continue
                if watched is None:
                    watched = self._watched()
                if watched and (draft := self._touched(stored, watched)) is not None:
                    self._record(draft, position, stored.index + 1)
                    position = stored.index + 1
            if found[-1].index >= position:
                self._move(position, found[-1].index + 1)
        except _OvertakenError:
            return True  # another worker was quicker: look again
        return True

    def _watched(self) -> Watched:
        """Return the decoys that lie in the registry."""
        found = []
        for one in self.reader.read(self.store.all):
            if one.state is CanaryState.CONFIRMED:
                secret = self.box.open(one)
                if secret.subject is not None:
                    found.append((one.id, secret, secret.subject))
        return found

    def _touched(self, stored: StoredEntry, watched: Watched) -> EntryDraft | None:
        """Return the entry that says so when ``stored`` is a use of decoys, else ``None``."""
        try:
            content = decode_entry(stored.body)
        except MalformedError:
            return None  # the log is damaged: verify-log and the watch over the chain say so, and this goes on
        listed = tag_list_of(content)
        if listed is None:
            listed = self.reader.read(lambda tx: self.log.tag_list(tx, stored.index))
        if listed is None:
            return None  # the list was deleted after its time, which it never is so early
        tags, epoch = listed.tags, listed.epoch
        if self.tagger.state(epoch) is not EpochState.STANDING:
            return None  # its key is destroyed: an entry of years ago, read again after its cursor was lost
        hit = [(canary, secret) for canary, secret, subject in watched if self._tag(epoch, subject) in tags]
        school = self._school_of_list(content) if hit else None
        touched = [canary for canary, secret in hit if school is None or secret.school != school]
        if not touched:
            return None
        return _draft(stored.index, content, touched)

    def _school_of_list(self, content: Content) -> str | None:
        """Return the unit of whoever listed pupils: a school's own list of all it ever had is its daily business."""
        facts, actor = content["facts"], content["actor"]
        if content["kind"] != "registry.read" or not isinstance(facts, Mapping) or facts.get("act") != "list":
            return None
        return self.units.unit_of_account(str(actor["id"])) if isinstance(actor, Mapping) else None

    def _record(self, draft: EntryDraft, expected: int, position: int) -> None:
        self.journal.record(lambda tx: self._step(tx, expected, position), draft)

    def _move(self, expected: int, position: int) -> None:
        self.scratch.write(lambda tx: self._step(tx, expected, position))

    def _step(self, tx: Tx, expected: int, position: int) -> None:
        if not self.log.hold_cursor(tx, CURSOR, expected):
            raise _OvertakenError
        self.log.move_cursor(tx, CURSOR, expected, position)


def _draft(index: int, content: Content, touched: Sequence[CanaryId]) -> EntryDraft:
    facts, actor, links = content["facts"], content["actor"], content["links"]
    named = {str(name): str(value) for name, value in links.items()} if isinstance(links, Mapping) else {}
    told: dict[str, JsonValue] = {
        "entry": index,
        "touching": str(content["kind"]),
        "canaries": [*touched],
        "count": len(touched),
    }
    account = actor.get("id") if isinstance(actor, Mapping) else named.get("executor")
    if account is not None:
        told["account"] = str(account)
    if isinstance(actor, Mapping) and "unit" in actor:
        told["unit"] = str(actor["unit"])
    if isinstance(facts, Mapping) and isinstance(facts.get("act"), str):
        told["act"] = facts["act"]
    return EntryDraft("canary.touched", None, facts=told, links=named)


class _OvertakenError(Exception):
    """Another worker moved the cursor first."""
