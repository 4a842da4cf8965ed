"""Verifies a whole log: rebuilds it from its entries and says which index is wrong, and how.

Nothing stored is believed but what the log's key signed: every leaf is hashed again, every tile computed
again, every checkpoint compared. What the operator could rewrite together with its own signature is caught
only by a checkpoint that somebody else kept: ``witnessed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.entries import decode_entry
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hash, root_of
from gateway.audit.note import Signature, SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy
from gateway.audit.records import Head, StoredEntry, TagList
from gateway.audit.tags import tags_root
from gateway.audit.tiles import WIDTH, Edge, TileId, split_hashes, tile_width, tiles_of

MAX_FINDINGS = 1000


class Damage(StrEnum):
    """What may be wrong with a log."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    UNSIGNED = "unsigned"
    """Entries behind the last checkpoint."""
    BAD_SIGNATURE = "bad_signature"
    FORKED = "forked"
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    MALFORMED = "malformed"
    UNWITNESSED = "unwitnessed"


_CHINESE = {
    Damage.ALTERED: "条目被改动",
    Damage.MISSING: "条目缺失",
    Damage.REORDERED: "条目顺序被调换",
    Damage.TRUNCATED: "日志尾部被截除",
    Damage.UNSIGNED: "条目没有检查点覆盖",
    Damage.BAD_SIGNATURE: "签名不成立",
    Damage.FORKED: "日志出现分叉",
    Damage.TILE: "哈希块损坏",
    Damage.CHECKPOINT: "检查点与条目不符",
    Damage.MALFORMED: "条目格式不符",
    Damage.UNWITNESSED: "未达到见证法定数",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what, at which leaf index or tree size, and in words."""

    damage: Damage
    index: int | None
    detail: str

    @property
    def detail_zh(self) -> str:
        """The same in Chinese."""
        where = "" if self.index is None else f"（序号 {self.index}）"
        return f"{_CHINESE[self.damage]}{where}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what was found; ``ok`` when nothing was."""

    origin: str | None
    size: int
    root: bytes
    checkpoints: int
    cosigned_size: int
    """The largest size that meets the quorum; 0 when none does or none is asked for."""
    findings: tuple[Finding, ...]
    notices: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the log holds."""
        return not self.findings


class LogSource(Protocol):
    """One consistent state of a log, from a database or a file."""

    def head(self) -> Head | None:
        """Return the head row; ``None`` where there is no such thing."""

    def last_index(self) -> int:
        """Return the highest index with an entry, -1 for none."""

    def entries(self, start: int, end: int) -> Sequence[StoredEntry]:
        """Return the entries of a range that are there, ascending."""

    def tile(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile, as many as there are."""

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield size and note of the checkpoints, ascending."""

    def cosignatures(self) -> Iterator[tuple[int, str]]:
        """Yield size and signature line of every cosignature that is kept apart from the checkpoints."""

    def tag_list(self, index: int) -> TagList | None:
        """Return the tag list beside an entry; ``None`` when it is not there."""


def trust(vkey: str) -> TrustPolicy:
    """Return the policy that trusts one log key and asks for no witness."""
    return TrustPolicy((VerifierKey.parse(vkey),))


def verify_log(source: LogSource, policy: TrustPolicy, *, witnessed: Iterable[str] = ()) -> VerifyReport:
    """Return the report on the whole log of ``source``.

    ``policy`` holds the keys of log and witnesses and the quorum; ``witnessed`` are checkpoints that somebody
    else kept (a witness's directory, an earlier bundle). Raises only when the source itself cannot be read.
    """
    return _Verifier(source, policy).run(witnessed)


@dataclass(slots=True)
class _Verifier:
    source: LogSource
    policy: TrustPolicy
    findings: list[Finding] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    signed: dict[int, Checkpoint] = field(default_factory=dict)
    """Checkpoints with a good signature, by size."""
    notes: dict[int, SignedNote] = field(default_factory=dict)
    displaced: dict[bytes, int] | None = None
    mismatched: list[tuple[int, bytes]] = field(default_factory=list)

    def run(self, witnessed: Iterable[str]) -> VerifyReport:
        self._read_checkpoints()
        last = max(self.signed, default=0)
        count = self.source.last_index() + 1
        leaves_hold = self._leaves_hold(last)
        edge, roots, tiles = self._rebuild(count, last, set(self.signed))
        self._judge_entries(leaves_hold, roots.get(last), last)
        self._judge_checkpoints(roots, count)
        self._judge_tail(count, last)
        self._judge_tiles(edge, tiles)
        self._judge_head(edge)
        self._judge_witnessed(witnessed, roots, edge)
        cosigned = self._judge_quorum()
        origin = self.signed[last].origin if last in self.signed else None
        if len(self.findings) > MAX_FINDINGS:
            self.notices.append(f"{len(self.findings)} findings, the first {MAX_FINDINGS} are listed.")
        ordered = sorted(self.findings, key=lambda found: (found.index is None, found.index or 0, found.damage))
        return VerifyReport(
            origin,
            edge.size,
            edge.root(),
            len(self.signed),
            cosigned,
            tuple(ordered[:MAX_FINDINGS]),
            tuple(self.notices),
        )

    def _found(self, damage: Damage, index: int | None, detail: str) -> None:
        self.findings.append(Finding(damage, index, detail))

    def _read_checkpoints(self) -> None:
        for size, note in self.source.checkpoints():
            try:
                checkpoint = open_checkpoint(note, self.policy.logs)
            except (ProofError, MalformedError) as error:
                self._found(Damage.BAD_SIGNATURE, size, f"The checkpoint of size {size}: {error.detail}")
                continue
            if checkpoint.size != size:
                self._found(Damage.CHECKPOINT, size, f"The checkpoint of size {checkpoint.size} lies under {size}.")
            other = self.signed.get(checkpoint.size)
            if other is not None and other.root != checkpoint.root:
                self._found(Damage.FORKED, size, f"Two signed roots for size {checkpoint.size}.")
            self.signed[checkpoint.size] = checkpoint
            self.notes[checkpoint.size] = SignedNote.parse(note)
        for size, line in self.source.cosignatures():
            if size not in self.notes:
                self._found(Damage.TRUNCATED, size, f"A witness cosigned size {size}; that checkpoint is gone.")
                continue
            try:
                self.notes[size] = self.notes[size].with_signatures([Signature.parse(line.rstrip("\n"))])
            except MalformedError as error:
                self._found(Damage.BAD_SIGNATURE, size, f"A cosignature of size {size}: {error.detail}")

    def _tile_leaves(self, tile: int) -> list[bytes]:
        content = self.source.tile(0, tile)
        return split_hashes(content[: len(content) - len(content) % HASH_BYTES][: WIDTH * HASH_BYTES])

    def _leaves_hold(self, size: int) -> bool:
        """Say whether the leaf hashes of the tiles lead to the last signed root: then they judge the entries."""
        if size == 0:
            return False
        leaves = (leaf for tile in range((size + WIDTH - 1) // WIDTH) for leaf in self._slice(tile, size))
        return root_of(leaves) == self.signed[size].root

    def _slice(self, tile: int, size: int) -> list[bytes]:
        return self._tile_leaves(tile)[: tile_width(0, tile, size)]

    def _rebuild(
        self, count: int, last: int, sizes: set[int]
    ) -> tuple[Edge, dict[int, bytes], dict[tuple[int, int], bytes]]:
        """Hash every entry; return the edge, the root at each checkpoint's size, and all tiles."""
        edge = Edge()
        tiles: dict[tuple[int, int], bytes] = {}
        roots: dict[int, bytes] = {0: EMPTY_ROOT}
        for start in range(0, count, WIDTH):
            shown = self._tile_leaves(start // WIDTH)
            rows = {row.index: row for row in self.source.entries(start, min(start + WIDTH, count))}
            for index in range(start, min(start + WIDTH, count)):
                expected = shown[index - start] if index - start < len(shown) else None
                edge.append(self._leaf(index, rows.get(index), expected, last), tiles)
                if edge.size in sizes:
                    roots[edge.size] = edge.root()
        return edge, roots, tiles

    def _leaf(self, index: int, row: StoredEntry | None, expected: bytes | None, last: int) -> bytes:
        """Return the hash of one entry; of a missing one, what its tile says, so that the rest can be checked."""
        if row is None:
            self._found(Damage.MISSING, index, f"Entry {index} is missing.")
            return expected or bytes(HASH_BYTES)
        computed = leaf_hash(row.body)
        if expected is not None and computed != expected:
            self.mismatched.append((index, computed))
        elif expected is None and index < last:
            self._found(Damage.TILE, index, f"The hash tile does not reach entry {index}.")
        elif row.leaf_hash != computed:
            self._found(Damage.ALTERED, index, f"The hash kept beside entry {index} is not the hash of the entry.")
        try:
            self._check_tags(index, row.body)
        except MalformedError as error:
            if not self.mismatched or self.mismatched[-1][0] != index:
                self._found(Damage.MALFORMED, index, f"Entry {index}: {error.detail}")
        return computed

    def _check_tags(self, index: int, body: bytes) -> None:
        content = decode_entry(body)
        if "clock_back" in content:
            self.notices.append(f"The clock went back before entry {index}.")
        tags = content.get("tags")
        if not isinstance(tags, dict) or "root" not in tags:
            return
        beside = self.source.tag_list(index)
        if beside is None:
            self.notices.append(f"The tag list of entry {index} is not here.")
        elif tags_root(beside.tags).hex() != tags["root"] or len(beside.tags) != tags.get("count"):
            self._found(Damage.ALTERED, index, f"The tag list of entry {index} does not lead to the root in the entry.")

    def _judge_entries(self, leaves_hold: bool, rebuilt: bytes | None, last: int) -> None:
        entries_hold = last in self.signed and rebuilt == self.signed[last].root
        for index, computed in self.mismatched:
            if entries_hold and index < last:
                self._found(Damage.TILE, index, f"The tile holds another hash than entry {index}; the entry is signed.")
            elif leaves_hold and (home := self._home(computed, last)) is not None:
                self._found(Damage.REORDERED, index, f"At index {index} lies the entry that was signed at {home}.")
            else:
                self._found(Damage.ALTERED, index, f"Entry {index} is not what was signed.")

    def _home(self, computed: bytes, size: int) -> int | None:
        if self.displaced is None:
            self.displaced = {
                leaf: tile * WIDTH + at
                for tile in range((size + WIDTH - 1) // WIDTH)
                for at, leaf in enumerate(self._slice(tile, size))
            }
        return self.displaced.get(computed)

    def _judge_checkpoints(self, roots: dict[int, bytes], count: int) -> None:
        harmed = any(f.damage in {Damage.ALTERED, Damage.MISSING, Damage.REORDERED} for f in self.findings)
        wrong = [size for size, checkpoint in sorted(self.signed.items()) if roots.get(size, None) != checkpoint.root]
        wrong = [size for size in wrong if size <= count]
        if wrong and not harmed:
            # entries and tiles agree with each other and not with what was signed: a history written again
            self._found(
                Damage.FORKED, wrong[0], f"The entries do not lead to the root signed at size {wrong[0]}: rewritten."
            )
        elif wrong:
            self.notices.append(f"Checkpoints that the entries no longer lead to: {len(wrong)}, from size {wrong[0]}.")

    def _judge_tail(self, count: int, last: int) -> None:
        if count < last:
            self._found(Damage.TRUNCATED, count, f"The log was signed at size {last} and has {count} entries.")
        elif count > last:
            self._found(Damage.UNSIGNED, last, f"Entries {last} to {count - 1} lie behind the last checkpoint.")

    def _judge_tiles(self, edge: Edge, tiles: dict[tuple[int, int], bytes]) -> None:
        """Compare every inner tile with the one computed from the entries; leaves were compared already."""
        if self.findings:
            return  # inner tiles follow from the leaves; with a damaged leaf they cannot agree
        tiles.update(edge.partial_tiles(0))
        for tile in tiles_of(edge.size):
            key = (tile.level or 0, tile.index)
            if self.source.tile(*key) != tiles.get(key, b""):
                self._found(Damage.TILE, None, f"The tile {TileId(*key).path} is not what the entries lead to.")

    def _judge_head(self, edge: Edge) -> None:
        head = self.source.head()
        if head is not None and not self.findings and (head.size, head.root) != (edge.size, edge.root()):
            self._found(Damage.CHECKPOINT, head.size, f"The head says size {head.size}, the entries {edge.size}.")

    def _judge_witnessed(self, witnessed: Iterable[str], roots: dict[int, bytes], edge: Edge) -> None:
        for note in witnessed:
            try:
                kept = open_checkpoint(note, self.policy.logs)
            except (ProofError, MalformedError) as error:
                self._found(Damage.BAD_SIGNATURE, None, f"A checkpoint that was kept: {error.detail}")
                continue
            own = self.signed.get(kept.size)
            if own is not None and own.root == kept.root:
                continue  # the same checkpoint lies in the log and was judged with it
            if kept.size > edge.size:
                self._found(
                    Damage.TRUNCATED, edge.size, f"The witness saw {kept.size} entries; the log has {edge.size}."
                )
            elif self._root_at(kept.size, roots, edge) != kept.root:
                self._found(
                    Damage.FORKED, kept.size, f"At size {kept.size} the witness saw another root: rewritten since."
                )

    def _root_at(self, size: int, roots: dict[int, bytes], edge: Edge) -> bytes:
        if size not in roots:
            leaves = (leaf_hash(row.body) for start in range(0, size, WIDTH) for row in self._rows(start, size))
            roots[size] = edge.root() if size == edge.size else root_of(leaves)
        return roots[size]

    def _rows(self, start: int, size: int) -> Sequence[StoredEntry]:
        return self.source.entries(start, min(start + WIDTH, size))

    def _judge_quorum(self) -> int:
        """Return the largest size that meets the quorum; a false cosignature or no quorum at all is a finding."""
        if not self.policy.witnesses:
            return 0
        best = 0
        for size, note in sorted(self.notes.items(), reverse=True):
            try:
                signers = note.verify(self.policy.witnesses.values())
            except ProofError as error:
                self._found(Damage.BAD_SIGNATURE, size, f"The checkpoint of size {size}: {error.detail}")
                continue
            if signers and self.policy.satisfied_by(signers):
                best = max(best, size)
        if not best and not self.policy.satisfied_by(()):
            self._found(Damage.UNWITNESSED, None, "No checkpoint carries the quorum of witnesses.")
        return best
