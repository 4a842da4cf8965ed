"""The decision point that follows the policy files: a valid set is swapped in whole, a broken one changes nothing.

The files are looked at between requests, at most every few seconds. A new set is parsed, validated, held against
the floor and recorded in the audit trail *before* it decides anything; a request keeps the set that it began with.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from gateway.errors import ConfigurationError, UnavailableError
from gateway.incidents import report
from gateway.journal import EntryDraft, GroupJournal, Journal, JsonValue, Receipt, Tx
from gateway.policies.decision import ACTIONS, DecisionPoint
from gateway.policies.floor import check_floor
from gateway.policies.policy_set import LoadedSet, PolicySetError, load_set
from rulebook.loader import digest
from rulebook.policies import load_policies, policy_files
from rulebook.records import RulebookError

R = TypeVar("R")

LOOK_SECONDS: Final = 2.0
"""How long an edited set may lie unseen while requests come in."""
_SETTLED: Final = 2_000_000_000
"""Nanoseconds after which a file time is trusted: within one tick of the clock two writes may look like one."""
_KNOWN_BROKEN: Final = 256
"""So many broken digests are remembered; after that they are reported anew."""
_FILE_NAME: Final = re.compile(r"policies/[A-Za-z0-9_.-]{1,64}")
_log = logging.getLogger(__name__)


def read_set(directory: Path) -> LoadedSet:
    """Return the set in ``directory`` as the program would use it.

    Raises ``PolicySetError``, ``RulebookError`` or ``UnreadableError`` that says what to change: as ``load_set`` and
    ``check_floor`` do, and when there is no policy file, no schema, or one that is empty or cannot be read.
    """
    return _checked(*_read(directory))


class LiveDecisionPoint(DecisionPoint):
    """One for all services of a process. ``face`` says in the audit trail which process it was."""

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        *,
        face: str,
        look_seconds: float = LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        """Load the set of ``directory``, or raise what ``read_set`` raises: the program does not start without one."""
        self._directory = directory
        self._journal = journal
        self._face = face
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._wall = wall
        self._lock = threading.Lock()
        self._due = monotonic() + look_seconds
        self._seen: object = None
        self._reported: dict[str, None] = {}
        contents, unreadable = _read(directory)
        self._loaded = _checked(contents, unreadable)
        self._held = digest(contents)

    @contextmanager
    def pinned(self, loaded: LoadedSet | None = None) -> Iterator[LoadedSet]:
        """Look at the files if that is due, then let one set decide everything in the block."""
        if loaded is None:
            self.look()
        with super().pinned(loaded) as held:
            yield held

    def look(self) -> None:
        """Follow the files, unless that was done a moment ago or is being done; never raises.

        To be called where no transaction is open: an entry may be written.
        """
        if self._monotonic() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            self._due = self._monotonic() + self._look_seconds
            self._follow()
        except Exception as error:  # noqa: BLE001  whatever is wrong with the files, requests go on with the set there is
            report("policy files", error)
        finally:
            self._lock.release()

    def refresh(self) -> bool:
        """Follow the files now; return whether another set decides since. Raises ``UnavailableError``."""
        with self._lock:
            self._due = self._monotonic() + self._look_seconds
            return self._follow()

    def _follow(self) -> bool:
        before = _times(self._directory)
        if before == self._seen:
            return False
        contents, unreadable = _read(self._directory)
        if _times(self._directory) != before:
            return False  # being written at this moment: the next look sees the end of it
        changed = self._take(contents, unreadable)
        # only now: what could not be recorded is looked at again
        self._seen = before if self._wall() - max(before.values(), default=(0, 0, 0))[0] > _SETTLED else None
        return changed

    def _take(self, contents: Mapping[str, bytes], unreadable: tuple[str, ...]) -> bool:
        found = digest(contents)
        if found == self._held or found in self._reported:
            return False
        try:
            loaded = _checked(contents, unreadable)
        except (ConfigurationError, RulebookError) as error:
            self._report_broken(found, error)
            return False
        if loaded.sha256 == self._loaded.sha256:
            self._held = found
            return False
        facts: dict[str, JsonValue] = {
            "face": self._face,
            "from": self._loaded.sha256,
            "policies": len(loaded.by_id),
            "to": loaded.sha256,
        }
        self._record(EntryDraft("policy.reloaded", None, facts=facts))
        self._loaded, self._held = loaded, found
        self._reported.clear()
        return True

    def _report_broken(self, found: str, error: Exception) -> None:
        """Write the one entry of a broken set: classes of problems and names of files, never text out of them."""
        codes, files = {type(error).__name__}, set[str]()
        match error:
            case PolicySetError():
                codes = {problem.code for problem in error.problems}
                files = {problem.file for problem in error.problems if problem.file}
            case RulebookError():
                codes, files = {"file"}, {error.file}
            case UnreadableError():
                codes = {"unreadable"}
        facts: dict[str, JsonValue] = {
            "face": self._face,
            "files": list[JsonValue](sorted(name if _FILE_NAME.fullmatch(name) else "other" for name in files)),
            "files_sha256": found,
            "kept": self._loaded.sha256,
            "problems": list[JsonValue](sorted(codes)),
        }
        self._record(EntryDraft("policy.reload_failed", None, outcome="failed", facts=facts))
        if len(self._reported) >= _KNOWN_BROKEN:
            self._reported.clear()
        self._reported[found] = None
        _log.error("the policy files do not hold; the set %s stays in force", self._loaded.sha256[:12])

    def _record(self, entry: EntryDraft) -> None:
        try:
            self._journal.append(entry)
        except UnavailableError as error:
            if "request" not in error.extra:
                raise
            # the entry is queued and will come: asking for it again would write it twice


class AttributingJournal:
    """A journal that adds to every entry with a deciding policy the set that the policy was taken from.

    The set is that of the process and request in which the entry is drafted, whoever writes it later; the write, which
    may run in another thread, decides by the same set.
    """

    def __init__(self, inner: GroupJournal, decisions: DecisionPoint) -> None:
        self._inner = inner
        self._decisions = decisions

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        """Run ``write`` and append ``entry`` in one transaction."""
        held = self._decisions.current

        def pinned(tx: Tx) -> R:
            with self._decisions.pinned(held):
                return write(tx)

        if callable(entry):
            drafted = entry
            return self._inner.record(pinned, lambda result: _attributed(drafted(result), held))
        return self._inner.record(pinned, _attributed(entry, held))

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        """Run ``write`` and append several entries, all or none."""
        held = self._decisions.current

        def pinned(tx: Tx) -> R:
            with self._decisions.pinned(held):
                return write(tx)

        return self._inner.record_all(pinned, [_attributed(entry, held) for entry in entries])

    def append(self, entry: EntryDraft) -> Receipt:
        """Append an entry that goes with no fact."""
        return self._inner.append(_attributed(entry, self._decisions.current))


def _attributed(entry: EntryDraft, loaded: LoadedSet) -> EntryDraft:
    if entry.policy is None or entry.policy_set is not None:
        return entry
    return replace(entry, policy_set=loaded.sha256)


class UnreadableError(ConfigurationError):
    """A file of the set is there and cannot be read."""


def _checked(contents: Mapping[str, bytes], unreadable: tuple[str, ...]) -> LoadedSet:
    """Return the set, or raise what ``read_set`` raises."""
    if unreadable:
        raise UnreadableError(
            f"A policy file cannot be read: {', '.join(unreadable)}.",
            detail_zh=f"策略文件无法读取：{'、'.join(unreadable)}。",
        )
    return _held_to_the_floor(tuple(sorted(contents.items())))


@lru_cache(maxsize=4)
def _held_to_the_floor(contents: tuple[tuple[str, bytes], ...]) -> LoadedSet:
    """Return the set of these files: parsing it and asking it the questions of the floor takes a fifth of a second."""
    source = load_policies(dict(contents))
    loaded = load_set(source, ACTIONS)
    check_floor(loaded, source.files)
    return loaded


def _times(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Return for each file of the set the latest of its times (nanoseconds), its size and its inode."""
    found = {}
    for path in _paths(directory):
        try:
            stat = path.stat()
        except OSError:
            found[path.name] = (0, 0, 0)
        else:
            found[path.name] = (max(stat.st_mtime_ns, stat.st_ctime_ns), stat.st_size, stat.st_ino)
    return found


def _read(directory: Path) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files of the set by name, and the names of those that cannot be read (their content is empty)."""
    contents: dict[str, bytes] = {}
    unreadable = []
    for path in _paths(directory):
        try:
            contents[path.name] = path.read_bytes()
        except OSError:
            contents[path.name] = b""
            unreadable.append(path.name)
    return contents, tuple(unreadable)


def _paths(directory: Path) -> tuple[Path, ...]:
    try:
        return policy_files(directory)
    except OSError:
        return ()
