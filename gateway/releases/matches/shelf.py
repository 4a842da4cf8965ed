"""Lists at rest: sealed from the first byte on, and destroyed as soon as nobody needs them.

A list is destroyed by destroying its key, in the transaction of the entry that says so; then its file goes. What a
kill leaves behind, a file without a key or a key without need, the sweep takes away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from gateway.articles import keeps
from gateway.errors import UnavailableError
from gateway.ids import ExtractId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.releases.clock import SKEW
from gateway.releases.errors import LeaseLostError, ListGoneError
from gateway.releases.matches.lists import decode, encode
from gateway.releases.matches.records import HeldList, Listed
from gateway.releases.places import sealed_in, take_away
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import Extract, ExtractState
from gateway.releases.uses import chain
from gateway.releases.vault import FileKey, SealedSink, SealedSource

FOLDER = "lists"
_UNOWNED = timedelta(minutes=10)
"""A file without a row is one that is being handed in now, or one whose hand-in died: told apart by its age."""
_WAITING = frozenset({ExtractState.QUEUED, ExtractState.PREPARING})

Reason = Literal["matched", "failed", "overdue"]


class MatchLists(Protocol):
    """Rows of lists."""

    def add(self, tx: Tx, held: HeldList) -> None:
        """Insert a list, in the transaction of its extract."""

    def get(self, tx: Tx, extract: ExtractId) -> HeldList | None:
        """Return the list of an extract."""

    def destroy(self, tx: Tx, extract: ExtractId, at: datetime) -> bool:
        """Destroy the key of a list; false when that was done before."""

    def standing(self, tx: Tx) -> list[HeldList]:
        """Return the lists that were not destroyed, oldest first."""


@keeps("A50-12")
@dataclass(frozen=True, slots=True)
class ListShelf:
    """Sealed lists below ``files``. ``minutes`` is how long one may stand."""

    lists: MatchLists
    extracts: Extracts
    grants: Grants
    journal: Journal
    reader: Reader
    files: Path
    delivery_key: bytes | None = field(repr=False)
    """``None`` on a face that takes no lists."""
    minutes: int
    now: Callable[[], datetime]

    def seal(self, extract: ExtractId, people: Sequence[Listed]) -> HeldList:
        """Write a list sealed, durable under its name, and return its row, which the caller inserts.

        Until then nobody has the key: a kill in between leaves a file that opens for nobody.
        """
        if self.delivery_key is None:
            raise UnavailableError("This face takes no lists.", detail_zh="本端不接收名单。")
        key = FileKey.new(_bound(extract))
        with SealedSink(self.file_of(extract), key) as sink:
            sink.write(encode(people))
            sink.commit()
            size = sink.size
        digest = hashlib.sha256(self.file_of(extract).read_bytes()).hexdigest()
        return HeldList(extract, len(people), size, digest, key.wrap(self.delivery_key), self.now())

    def open(self, extract: ExtractId) -> tuple[Listed, ...]:
        """Return the people of a list. Raises ``ListGoneError`` when it was destroyed."""
        held = self.reader.read(lambda tx: self.lists.get(tx, extract))
        if held is None or held.destroyed_at is not None or self.delivery_key is None:
            raise ListGoneError(
                "The list was destroyed before it was matched; hand it in again.",
                detail_zh="名单在比对前已销毁，请重新上传。",
            )
        key = FileKey.unwrap(_bound(extract), held.wrapped_key, self.delivery_key)
        with SealedSource(self.file_of(extract), key, held.size) as source:
            return decode(source.read())

    def forsake(self, extract: ExtractId) -> None:
        """Take the file of a list away that was never taken: it has no row."""
        self.file_of(extract).unlink(missing_ok=True)

    def destroy(self, extract: Extract, reason: Reason) -> bool:
        """Destroy a list, with an entry that says so; false when it was destroyed before."""
        held = self.reader.read(lambda tx: self.lists.get(tx, extract.id))
        if held is None:
            return False

        def write(tx: Tx) -> None:
            if not self.lists.destroy(tx, extract.id, self.now()):
                raise LeaseLostError("The list was destroyed before.", detail_zh="名单此前已销毁。")

        facts: dict[str, JsonValue] = {"list_rows": held.rows, "sealed_sha256": held.sealed_sha256, "reason": reason}
        links = chain(self.grants.grant(extract.grant), extract=extract.id, executor=extract.executor)
        try:
            self.journal.record(write, EntryDraft("match.list_destroyed", None, facts=facts, links=links))
        except LeaseLostError:
            return False
        finally:
            # whether this call or another one destroyed the key: the file opens for nobody any more
            self._unlink_destroyed(extract.id)
        return True

    def sweep(self) -> bool:
        """Destroy lists whose match is over or overdue, and files that nobody can open; say whether there were any."""
        done = [self._sweep_one(held) for held in self.reader.read(self.lists.standing)]
        for file in sorted((self.files / FOLDER).glob("*.sealed")) + sorted((self.files / FOLDER).glob("*.part")):
            self._sweep_file(file)
        return any(done)

    def file_of(self, extract: ExtractId) -> Path:
        """Return where the sealed list of an extract lies."""
        return sealed_in(self.files / FOLDER, extract)

    def _sweep_one(self, held: HeldList) -> bool:
        extract = self.reader.read(lambda tx: self.extracts.get(tx, held.extract))
        if extract is None:
            return False
        if extract.state not in _WAITING:
            return self.destroy(extract, "failed" if extract.state is ExtractState.FAILED else "matched")
        age = self.now() - held.received_at
        if -SKEW <= age < timedelta(minutes=self.minutes):  # a clock that went back must not lengthen it
            return False
        return self._give_up(extract)

    def _give_up(self, extract: Extract) -> bool:
        """End an extract whose list is overdue, give its use back, and destroy the list."""

        def write(tx: Tx) -> None:
            if self.extracts.close(tx, extract.id, ExtractState.FAILED, among=_WAITING) is None:
                raise LeaseLostError("The extract ended meanwhile.", detail_zh="提取已结束。")
            self.grants.release_use(tx, extract.grant)

        facts: dict[str, JsonValue] = {"problem": ListGoneError.__name__, "rule": None, "incident": None}
        links = chain(self.grants.grant(extract.grant), extract=extract.id, executor=extract.executor)
        try:
            self.journal.record(write, EntryDraft("release.failed", None, outcome="failed", facts=facts, links=links))
        except LeaseLostError:
            return False
        return self.destroy(extract, "overdue")

    def _sweep_file(self, file: Path) -> None:
        extract = ExtractId(file.stem)
        held = self.reader.read(lambda tx: self.lists.get(tx, extract))
        try:
            old = datetime.fromtimestamp(file.stat().st_mtime, tz=self.now().tzinfo) < self.now() - _UNOWNED
            if (held is None and old) or (held is not None and (held.destroyed_at is not None or old_part(file))):
                file.unlink(missing_ok=True)
        except FileNotFoundError:
            return  # somebody else took it away

    def _unlink_destroyed(self, extract: ExtractId) -> None:
        held = self.reader.read(lambda tx: self.lists.get(tx, extract))
        if held is not None and held.destroyed_at is not None:
            take_away(self.file_of(extract))


def old_part(file: Path) -> bool:
    """Say whether ``file`` is a half file beside a list that was taken: the whole one has replaced it."""
    return file.suffix == ".part"


def _bound(extract: ExtractId) -> ExtractId:
    """Return what the list's key is bound to: not what the key of the answer is bound to."""
    return ExtractId(f"{extract}.list")
