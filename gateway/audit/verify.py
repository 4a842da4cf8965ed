"""Verifies a whole log: rebuilds it from its entries and says which index is wrong, and how.

Nothing stored is believed but what the log's key signed: every leaf is hashed again, every tile computed
again, every checkpoint compared. What the operator could rewrite together with its own signature is caught
only by a checkpoint that somebody else kept: ``witnessed``.

The log is read once, in order, in memory that does not grow with it (a damaged stretch is kept to be explained).
Three trees grow side by side once entries and tiles disagree: of the entries, of the hashes in the tiles, and of what
two of entry, tile and the hash beside the entry agree on. The signed roots decide which of them is believed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.audit.alignment import explain, unsigned
from gateway.audit.cache import Cached
from gateway.audit.contents import Contents
from gateway.audit.findings import Damage, Finding, VerifyReport
from gateway.audit.following import LogKeys
from gateway.audit.merkle import HASH_BYTES, CompactRange, leaf_hashes
from gateway.audit.note import VerifierKey
from gateway.audit.policy import TrustPolicy
from gateway.audit.records import Head, TagList
from gateway.audit.rotation import is_marked, is_rotation
from gateway.audit.signed import SignedRoot, SignedRoots
from gateway.audit.tiles import HEIGHT, WIDTH, Edge, TileId, split_hashes, tile_width
from gateway.audit.trees import InnerTiles, Tree

MAX_FINDINGS: Final = 1000
"""Of each kind of damage; more are counted."""
MAX_EXPLAINED: Final = 1 << 20
"""Leaves of a damaged stretch that are kept to be explained."""
FIRST: Final = -(2**63)
_READ: Final = 16 * WIDTH
_NOTHING: Final = bytes(HASH_BYTES)

_OF_ENTRIES: Final = frozenset(
    {
        Damage.ALTERED,
        Damage.MISSING,
        Damage.INSERTED,
        Damage.REORDERED,
        Damage.REWRITTEN,
        Damage.TRUNCATED,
        Damage.UNSIGNED,
    }
)
Row = tuple[int, bytes, bytes]
"""Index, the hash kept beside the entry, the entry."""


class LogSource(Protocol):
    """One consistent state of a log, from a database, a file or a server."""

    def head(self) -> Head | None:
        """Return the head row; ``None`` where there is no such thing."""

    def rows(self, start: int, limit: int) -> Sequence[Row]:
        """Return the first ``limit`` rows whose index is ``start`` or more, ascending."""

    def tile(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile, as many as there are."""

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield size and note of the checkpoints, ascending."""

    def cosignatures(self) -> Iterator[tuple[int, str]]:
        """Yield size and signature line of every cosignature that is kept apart from the checkpoints, ascending."""

    def rotations(self) -> Sequence[tuple[int, bytes]]:
        """Return the entries that changed the log's key, where they are kept beside the log as well; unverified."""

    def tag_list(self, index: int) -> TagList | None:
        """Return the tag list beside an entry; ``None`` when it is not there."""

    def cached(self) -> Cached | None:
        """Return the search index; ``None`` where there is none, or nobody asked for it."""


def trust(vkey: str) -> TrustPolicy:
    """Return the policy that trusts one log key and asks for no witness."""
    return TrustPolicy((VerifierKey.parse(vkey),))


def verify_log(
    source: LogSource,
    policy: TrustPolicy,
    *,
    witnessed: Iterable[str] = (),
    progress: Callable[[int], object] = lambda _count: None,
    hashes_only: bool = False,
    helper: bool = False,
) -> VerifyReport:
    """Return the report on the whole log of ``source``.

    ``policy`` holds the keys of log and witnesses and the quorum; ``witnessed`` are checkpoints that somebody
    else kept (a witness's directory, an earlier bundle). ``progress`` hears how many more entries were read.
    Every entry is hashed and read, none is sampled; with ``hashes_only`` none is read: the public part of a log,
    whose tiles are held against its checkpoints. ``helper`` reads the entries of a large log in a second process.
    Raises only when the source itself cannot be read.
    """
    verifier = _Verifier(source, policy, progress, hashes_only=hashes_only, helper=helper)
    verifier.signed.keep(witnessed)
    try:
        return verifier.run()
    finally:
        verifier.contents.close()


@dataclass(frozen=True, slots=True)
class Part:
    """What a look at the next entries of a log came to: where to go on, and whether all of them held."""

    edge: Edge
    """The edge of the tree at the last full tile that was checked."""
    sound: bool
    ended: bool
    """Whether the end of the log was reached."""
    size: int
    """How many entries were there, as far as it came."""


def verify_part(
    source: LogSource, policy: TrustPolicy, begun: Edge, limit: int, *, witnessed: Iterable[str] = ()
) -> Part:
    """Check the entries behind ``begun``, an edge at a full tile: about ``limit`` of them, whole tiles.

    The same steps as ``verify_log``, for a log that is checked bit by bit. It says only whether all held: what is
    wrong, and where, a whole verification tells. ``source`` need show no checkpoint up to the size of ``begun``.
    """
    verifier = _Verifier(source, policy, lambda _count: None, hashes_only=False, helper=False)
    verifier.signed.keep(witnessed)
    try:
        return verifier.part(begun, limit)
    finally:
        verifier.contents.close()


@dataclass(slots=True)
class _Stretch:
    """A stretch in which entries and tiles disagree: leaf hashes as found, and as the tiles have them."""

    start: int
    found: list[bytes] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)


class _Verifier:
    def __init__(
        self,
        source: LogSource,
        policy: TrustPolicy,
        progress: Callable[[int], object],
        *,
        hashes_only: bool,
        helper: bool,
    ) -> None:
        self.source = source
        self.hashes_only = hashes_only
        self.policy = policy
        self.progress = progress
        self.counts: dict[Damage, int] = {}
        self.findings: list[Finding] = []
        self.keys = LogKeys(policy, self.found, source.rotations())
        self.signed = SignedRoots(source.checkpoints(), source.cosignatures(), policy, self.keys, self.found)
        self.doubted: dict[int, Damage] = {}  # where entry and tile differ: what the hash beside the entry speaks for
        head = source.head()
        self.contents = Contents(
            source.tag_list,
            source.cached(),
            self.doubted,
            self.found,
            helper=helper,
            expected=0 if head is None else head.size,
        )
        self.entries = Tree()
        self.tiles: Tree | None = None  # as long as tiles and entries agree there is one tree
        self.agreed = self.entries
        self.inner = InnerTiles(source.tile)
        self.stretch: _Stretch | None = None
        self.short: int | None = None  # the first entry that its tile does not reach
        self.count = 0  # one above the highest index with an entry
        self.hole: int | None = None  # from here on nothing is known of what was there
        self.stray: int | None = None  # the first row behind the hole
        self.explained = False
        self.shown: tuple[int, list[bytes]] = (-1, [])

    def found(self, damage: Damage, index: int | None, detail: str) -> None:
        self.counts[damage] = self.counts.get(damage, 0) + 1
        if self.counts[damage] <= MAX_FINDINGS:
            self.findings.append(Finding(damage, index, detail))

    def run(self) -> VerifyReport:
        for rows in self._tiles_of_rows():
            self._take(rows)
            self.progress(len(rows))
        self._follow_tiles()
        if self.hashes_only:
            self.count = self.entries.leaves.size
        rest = self.signed.finish()
        self.contents.finish()
        self.inner.finish()
        last = 0 if self.signed.last is None else self.signed.last.size
        self.keys.finish(last, self._leaf_shown if self.hashes_only else None)
        self._judge_leaves(last)
        self._judge_end(last)
        if self.agreed.holds(last) and self.hole is None and self.count <= last:
            self._judge_inner()
        self._judge_kept(rest, last)
        self._judge_head()
        return self._report()

    def part(self, begun: Edge, limit: int) -> Part:
        self.entries.leaves = CompactRange(begun.size, begun.peaks())
        self.inner.go_on(begun)
        aligned, ended = begun, True
        for rows in self._tiles_of_rows(begun.size or FIRST):
            if aligned.size - begun.size >= limit:
                ended = False
                break
            self._take(rows)
            if self.entries.leaves.size % WIDTH == 0:
                aligned = self.inner.edge()
        self.contents.finish()
        if ended:
            self.inner.finish()
            head = self.source.head()
            last = 0 if self.signed.last is None else self.signed.last.size
            size = self.entries.leaves.size
            signed = last == size or (not last and size == begun.size)
            whole = signed and not self.signed.upto(2**63) and begun.size <= size
            if head is not None:
                whole = whole and head.size == size and (not size or head.root == self.entries.leaves.root())
            if not whole:
                return Part(aligned, sound=False, ended=True, size=size)
        sound = not self.counts and self.tiles is None and self.hole is None and not self.inner.wrong
        size = self.entries.leaves.size
        passed = {one for one in self.signed.kept if begun.size < one.size <= size}
        sound = sound and not self.doubted and self.entries.bad is None and passed <= self.entries.kept
        return Part(aligned, sound, ended, size)

    # reading

    def _tiles_of_rows(self, start: int = FIRST) -> Iterator[list[Row]]:
        """Yield the rows from ``start`` on, those of one tile together."""
        pending = list[Row]()
        while rows := self.source.rows(start, _READ):
            start = rows[-1][0] + 1
            if rows[0][0] < 0:
                rows = self._not_negative(rows)
            at = 0
            while at < len(rows):
                first = rows[at][0]
                end = at + WIDTH - first % WIDTH  # of the tile, where no row is missing
                if end > len(rows) or rows[end - 1][0] != first + end - at - 1:
                    end = bisect_left(rows, ((first >> HEIGHT) + 1 << HEIGHT,), at)
                if pending and pending[0][0] >> HEIGHT != first >> HEIGHT:
                    yield pending
                    pending = []
                pending += rows[at:end]
                at = end
        if pending:
            yield pending

    def _not_negative(self, rows: Sequence[Row]) -> list[Row]:
        for index, _, _ in rows:
            if index < 0:
                self.found(Damage.INSERTED, index, f"A row lies at {index}, before the first entry.")
        return [row for row in rows if row[0] >= 0]

    def _leaves_shown(self, tile: int) -> list[bytes]:
        if self.shown[0] != tile:
            content = self.source.tile(0, tile)
            self.shown = (tile, split_hashes(content[: len(content) - len(content) % HASH_BYTES][: WIDTH * HASH_BYTES]))
        return self.shown[1]

    def _leaf_shown(self, index: int) -> bytes | None:
        shown = self._leaves_shown(index >> HEIGHT)
        return shown[index % WIDTH] if index % WIDTH < len(shown) else None

    def _take(self, rows: list[Row]) -> None:
        """Hash the rows of one tile and let the trees grow by them."""
        first, last = rows[0][0], rows[-1][0]
        self.count = last + 1
        self._fill(first)
        bodies = [body for _, _, body in rows]
        if is_marked(b"".join(bodies)):  # one look for all of the tile
            for index, _, body in rows:
                if is_rotation(body):
                    self.keys.take(index, body)
        if self.hole is not None:
            self.stray = first if self.stray is None else self.stray
            return
        leaves = leaf_hashes(bodies)
        at = first % WIDTH
        shown = self._leaves_shown(first >> HEIGHT)
        whole = last - first + 1 == len(rows)
        if whole and shown[at : at + len(leaves)] == leaves and [beside for _, beside, _ in rows] == leaves:
            self._grow(leaves, leaves, leaves)
        else:
            for row, leaf in zip(rows, leaves, strict=True):
                self._fill(row[0])
                self._take_one(row, leaf, shown)
        self.contents.take(rows, bodies)

    def _take_one(self, row: Row, leaf: bytes, shown: Sequence[bytes]) -> None:
        index, beside, _ = row
        expected = shown[index % WIDTH] if index % WIDTH < len(shown) else None
        agreed = leaf
        if expected is None:
            self.short = index if self.short is None else self.short
        elif leaf != expected:
            agreed = expected if beside == expected else leaf
            if len(self.doubted) < MAX_EXPLAINED:
                self.doubted[index] = Damage.TILE if beside == leaf else Damage.ALTERED
        elif beside != leaf:
            self.found(Damage.HASH, index, f"The hash kept beside entry {index} is not the hash of the entry.")
        self._grow([leaf], [_NOTHING if expected is None else expected], [agreed])

    def _fill(self, upto: int) -> None:
        """Let the trees grow to ``upto`` by what the tiles say: entries are missing there."""
        while self.hole is None and (at := self.entries.leaves.size) < upto:
            shown = self._leaves_shown(at >> HEIGHT)[at % WIDTH : at % WIDTH + upto - at]
            if not shown:
                self.hole = at
                return
            for index in range(at, at + len(shown)):
                self.found(Damage.MISSING, index, f"Entry {index} is missing.")
            self._grow(shown, shown, shown)

    def _grow(self, found: list[bytes], shown: list[bytes], agreed: list[bytes]) -> None:
        """Add leaves that lie in one tile: as found, as its tile shows them, as two of three say."""
        size = self.entries.leaves.size
        stops = self.signed.upto(size + len(found))
        if self.tiles is None and found != shown:
            self.tiles, self.agreed = self.entries.copy(), self.entries.copy()
            self.stretch = _Stretch(size)
        if self.tiles is None:
            self.inner.add(agreed, self.entries.grow(agreed, stops))
            return
        self.entries.grow(found, stops)
        self.tiles.grow(shown, stops)
        self.inner.add(agreed, self.agreed.grow(agreed, stops))
        if self.stretch is not None and len(self.stretch.found) < MAX_EXPLAINED:
            self.stretch.found += found
            self.stretch.shown += shown

    def _follow_tiles(self) -> None:
        """Go on behind the last entry with what the tiles and the checkpoints tell of entries that are gone."""
        while self.hole is None:
            at = self.entries.leaves.size
            shown = self._leaves_shown(at >> HEIGHT)[at % WIDTH :]
            if not shown:
                return
            self._grow(shown, shown, shown)

    # judging

    def _judge_leaves(self, last: int) -> None:
        """Say what is wrong with entries and tiles: one of the trees leads to what was signed, or none does."""
        if self.entries.holds(last):
            for index in self.doubted:
                if index < last:
                    self.found(Damage.TILE, index, f"The tile holds another hash than entry {index}, which is signed.")
            if self.short is not None and self.short < last:
                self.found(Damage.TILE, self.short, f"The hash tile does not reach entry {self.short}.")
            self._judge_passing(last)
        elif self.tiles is not None and self.tiles.holds(last) and self.stretch is not None:
            self._explain(self.stretch, last)
        else:
            self._judge_both(last)

    def _judge_both(self, last: int) -> None:
        """Go by two of three, where neither the entries nor the tiles lead to what was signed."""
        for index, damage in self.doubted.items():
            if damage is Damage.ALTERED:
                self.found(damage, index, f"Entry {index} is not what was signed.")
            else:
                self.found(damage, index, f"The tile holds another hash than entry {index} and the hash beside it.")
        if self.agreed.holds(last):
            return
        first, until = self.agreed.good, self.agreed.bad or last
        which = f"entry {first}" if until == first + 1 else f"one or more of the entries {first} to {until - 1}"
        self.found(
            Damage.REWRITTEN,
            first,
            f"Entries and tiles agree with each other and not with the root signed at size {until}: {which} or that "
            "checkpoint was written again.",
        )

    def _judge_passing(self, last: int) -> None:
        """Tell of a checkpoint on the way that says something else than the entries and the last checkpoint."""
        if self.entries.bad is not None and self.entries.bad < last:
            self.found(
                Damage.FORKED,
                self.entries.bad,
                f"The root signed at size {self.entries.bad} is not that of the history that was signed later.",
            )

    def _explain(self, stretch: _Stretch, last: int) -> None:
        """Name what was done to the entries, where the tiles still hold what was signed."""
        self.explained = True
        entries = stretch.found[: self.count - stretch.start]
        cut = len(stretch.found) >= MAX_EXPLAINED
        for finding in explain(stretch.start, entries, stretch.shown[: max(0, last - stretch.start)]):
            if not (cut and finding.damage in {Damage.TRUNCATED, Damage.UNSIGNED}):
                self.found(finding.damage, finding.index, finding.detail)

    def _judge_end(self, last: int) -> None:
        if self.hole is not None and self.hole < last:
            if self.count > self.hole:
                self.found(
                    Damage.MISSING, self.hole, f"Entries from {self.hole} on are missing, and so are their tiles."
                )
            else:
                self.found(Damage.TRUNCATED, self.count, _truncated(last, self.count))
        elif self.explained:
            return
        elif self.count < last:
            self.found(Damage.TRUNCATED, self.count, _truncated(last, self.count))
        elif self.count > last:
            finding = unsigned(max(last, self.stray or 0), self.count - 1)
            self.found(finding.damage, finding.index, finding.detail)
        elif self.entries.leaves.size > last:
            self.found(Damage.TILE, last, f"The tiles show more than the {last} entries that there are.")

    def _judge_inner(self) -> None:
        for level, index in self.inner.wrong:
            path = TileId(level, index, tile_width(level, index, self.count) or WIDTH).path
            at = index << HEIGHT * (level + 1)
            self.found(Damage.TILE, at, f"{path} is not what the entries from {at} on lead to.")

    def _judge_kept(self, rest: Sequence[SignedRoot], last: int) -> None:
        """Compare with what others kept; ``rest`` are signed roots of more entries than there are."""
        had = self.entries.kept | self.agreed.kept | (set() if self.tiles is None else self.tiles.kept)
        own = {one.size: one.root for one in rest if not one.kept}
        for one in self.signed.kept:
            if one in had or own.get(one.size) == one.root:
                continue
            if one.size > max(self.count, last):
                self.found(
                    Damage.ROLLED_BACK,
                    self.count,
                    f"A kept checkpoint tells of {one.size} entries; the log has {self.count}.",
                )
            elif one.size <= self.entries.leaves.size or one.size in own:
                self.found(
                    Damage.FORKED, one.size, f"At size {one.size} a kept checkpoint has another root: rewritten since."
                )

    def _judge_head(self) -> None:
        head = self.source.head()
        if head is None or self.findings:
            return
        size, root = self.entries.leaves.size, self.entries.leaves.root()
        if (head.size, head.root) != (size, root):
            self.found(Damage.CHECKPOINT, head.size, f"The head says size {head.size}, the entries {size}.")
        elif size and head.at != self.contents.at:
            self.found(Damage.CHECKPOINT, size - 1, "The head tells another time than the last entry.")

    def _report(self) -> VerifyReport:
        notices = self.contents.notices
        if self.hashes_only:
            notices.append("Tiles and checkpoints were checked; no entry was read.")
        findings = self.findings
        if self.counts.get(Damage.INDEX) and _OF_ENTRIES & self.counts.keys():
            findings = [one for one in findings if one.damage is not Damage.INDEX]
            notices.append("The search index differs from the log too; build it again when the log is sound.")
        notices += [
            f"{count} findings '{damage}', the first {MAX_FINDINGS} are listed."
            for damage, count in self.counts.items()
            if count > MAX_FINDINGS
        ]
        ordered = sorted(findings, key=lambda one: (one.index is None, one.index or 0, one.damage))
        return VerifyReport(
            self.signed.origin,
            self.count,
            self.entries.leaves.root(),
            self.signed.good,
            self.signed.cosigned,
            tuple(ordered),
            tuple(notices),
        )


def _truncated(last: int, count: int) -> str:
    return f"The log was signed at size {last} and has {count} entries."
