"""Use cases of the inspector: search, one entry with its proof, consistency, the inspection package.

Every reading is itself logged (``audit.read``) before anything is shown. The search index is a cache: it is
compared with the log and rebuilt from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Protocol

from gateway.audit.bundle import write_bundle
from gateway.audit.chain import Chain, anchor, read_chain
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import Clock
from gateway.audit.errors import ProofError
from gateway.audit.indexing import IndexStore, SearchIndex
from gateway.audit.leaves import decode_entry
from gateway.audit.listing import ListingForm, listed
from gateway.audit.merkle import Nodes, consistency_proof, inclusion_proof, root_hash
from gateway.audit.note import Signature, SignedNote, cosignature_time
from gateway.audit.policy import TrustPolicy
from gateway.audit.publication import PublicStore, bundle_of, cosigned, proven_rotations
from gateway.audit.receipts import make_receipt
from gateway.audit.records import (
    LINKS,
    ConsistencyProof,
    Cosignature,
    EntryView,
    ProvenEntry,
    SearchPage,
    SearchQuery,
    StoredEntry,
    TagList,
)
from gateway.audit.rotation import KEYS_FILE, keys_document
from gateway.audit.tags import EpochState, Tagger, epoch_of, epochs_between
from gateway.audit.tiles import WIDTH, TileId, nodes_from, parse_path, tiles_of
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import SubjectRef
from gateway.instants import micros_text
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal, Role

MAX_PAGE = 200
MAX_SELECTED = 1000
MAX_LISTED = 10_000
"""Entries of a search that go into one file."""


class AuditStore(PublicStore, IndexStore, Protocol):
    """What the service needs of the database beyond what is published."""

    def checkpoints(self, tx: Tx) -> Iterator[tuple[int, bytes, str]]:
        """Yield size, root and note of the checkpoints."""

    def add_cosignature(self, tx: Tx, cosignature: Cosignature) -> None:
        """Keep a cosignature."""

    def cosigned_sizes(self, tx: Tx, *, at_least: int = 0) -> list[int]:
        """Return the sizes with a cosignature, descending."""

    def search(self, tx: Tx, query: SearchQuery, tags: Mapping[str, bytes] | None) -> list[int]:
        """Return matching indexes, newest first."""

    def tag_list(self, tx: Tx, seq: int) -> TagList | None:
        """Return the tag list beside an entry; ``None`` when it is not there."""


@dataclass(frozen=True, slots=True)
class AuditService:
    """The audit trail for inspectors. ``tagger`` is there only where the tag root is (office, worker)."""

    store: AuditStore
    reader: Reader
    journal: Journal
    origin: str
    policy: TrustPolicy
    tagger: Tagger | None
    now: Clock

    # reading

    def search(self, principal: Principal, query: SearchQuery) -> SearchPage:
        """Return one page of entries, newest first; the search itself is logged before.

        Raises ``ForbiddenError`` for anybody but an inspector, ``ParameterError`` for an unknown link or a
        limit outside 1 to 200.
        """
        _inspector(principal)
        if not 1 <= query.limit <= MAX_PAGE:
            raise ParameterError(f"A page holds 1 to {MAX_PAGE} entries.", detail_zh=f"每页 1 至 {MAX_PAGE} 条。")
        self._require_known(query)
        self.journal.append(_read_entry(principal, "search", _criteria(query), query.subject))

        return self.found(query)

    def found(self, query: SearchQuery) -> SearchPage:
        """Return one page of entries for the system itself, as for a guardian's view; nothing is logged."""

        def run(tx: Tx) -> SearchPage:
            tags, lost = self._tags(tx, query)
            found = self.store.search(tx, query, tags)
            views = [self._view(tx, index) for index in found]
            head = self.store.head(tx)  # a search leaves nothing out: what the index lacks is read from the log
            before = found[-1] if len(found) == query.limit else None
            return SearchPage(tuple(views), before, lost, head.size, head.root)

        return self.reader.read(run)

    def listing(self, principal: Principal, query: SearchQuery, form: ListingForm) -> bytes:
        """Return what a search finds as a file, newest first, at most 10,000 entries; ``query.limit`` is not used.

        The question is logged before, the SHA-256 of the file after. Raises what ``search`` raises.
        """
        _inspector(principal)
        self._require_known(query)
        asked: dict[str, JsonValue] = {**_criteria(query), "format": form.value}
        self.journal.append(_read_entry(principal, "listing", asked, query.subject))

        def run(tx: Tx) -> list[EntryView]:
            found = self.store.search(tx, replace(query, limit=MAX_LISTED), self._tags(tx, query)[0])
            return [self._view(tx, index) for index in found]

        content = listed(self.reader.read(run), form)
        facts: dict[str, JsonValue] = {
            "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "format": form.value
        }  # fmt: skip
        self.journal.append(EntryDraft("audit.listed", principal, facts=facts))
        return content

    def chain(self, principal: Principal, identifier: str) -> Chain:
        """Return the chain of responsibility of an application, a grant or an extract; the reading is logged before.

        Raises ``ForbiddenError`` for anybody but an inspector, ``NotFoundError`` for an id of which no entry tells.
        """
        _inspector(principal)
        self.journal.append(_read_entry(principal, "chain", {anchor(identifier): identifier}, None))

        def run(tx: Tx) -> Chain:
            def find(kinds: Sequence[str], links: Mapping[str, str], limit: int) -> list[EntryView]:
                queries = [SearchQuery(kind=kind, links=links, limit=limit) for kind in kinds or (None,)]
                found = {index for query in queries for index in self.store.search(tx, query, None)}
                views = [self._view(tx, index) for index in sorted(found, reverse=True)[:limit]]
                return [view for view in views if _tells(view, kinds, links)]  # the index is a cache: the log decides

            return read_chain(identifier, find, self.now())

        return self.reader.read(run)

    def entry(self, principal: Principal, index: int) -> ProvenEntry:
        """Return an entry with its inclusion proof under the newest checkpoint, a cosigned one if there is one."""
        _inspector(principal)
        self.journal.append(_read_entry(principal, "entry", {"index": index}, None))
        return self.reader.read(lambda tx: self._prove(tx, index))

    def entry_bundle(self, principal: Principal, path: str) -> bytes:
        """Return an entry bundle by its path (``tile/entries/000.p/17``); the reading is logged before.

        Raises ``ForbiddenError`` for anybody but an inspector, ``MalformedError`` and ``NotFoundError`` for a path
        that names none.
        """
        _inspector(principal)
        tile = parse_path(path)
        if tile.level is not None:
            raise NotFoundError("This is not the path of an entry bundle.", detail_zh="这不是条目块的路径。")
        facts: dict[str, JsonValue] = {"first": tile.index * WIDTH, "count": tile.width}
        self.journal.append(_read_entry(principal, "entry_bundle", facts, None))
        return self.reader.read(lambda tx: bundle_of(self.store, tx, tile))

    def proof(self, index: int) -> ProvenEntry:
        """Return an entry with its proof for the system itself, as a manifest's receipt; nothing is logged."""
        return self.reader.read(lambda tx: self._prove(tx, index))

    def consistency(self, old: int, new: int) -> ConsistencyProof:
        """Return the proof that the log of ``new`` leaves extends the one of ``old``; public, as the tiles are."""

        def run(tx: Tx) -> ConsistencyProof:
            if not 1 <= old <= new <= self.store.head(tx).size:
                raise ParameterError(f"The log has no sizes {old} and {new}.", detail_zh="日志没有这样的规模。")
            nodes = self._nodes(tx)
            return ConsistencyProof(
                old, new, root_hash(nodes, old), root_hash(nodes, new), tuple(consistency_proof(nodes, old, new))
            )

        return self.reader.read(run)

    def export(
        self,
        principal: Principal,
        indexes: Sequence[int] | None = None,
        *,
        beside: Sequence[tuple[str, bytes]] = (),
        case: str | None = None,
    ) -> bytes:
        """Return an inspection package as ZIP: chosen entries with proofs, or the whole log.

        ``beside`` are further members by path, as the file of the inspection ``case``. The export is logged before, and
        its SHA-256 after: who shows a package can be asked which one it is.
        Raises ``NotFoundError`` for an index that is not there, ``ParameterError`` for more than 1,000.
        """
        _inspector(principal)
        if indexes is not None and not 1 <= len(indexes) <= MAX_SELECTED:
            raise ParameterError(f"A package holds 1 to {MAX_SELECTED} chosen entries, or the whole log.")
        about: dict[str, JsonValue] = {} if case is None else {"case": case}
        wanted: dict[str, JsonValue] = {"whole": indexes is None, **about}
        if indexes is not None:
            chosen: list[JsonValue] = [*sorted(set(indexes))]
            wanted |= {"entries": chosen, "count": len(chosen)}
        self.journal.append(_read_entry(principal, "export", wanted, None))
        content = self.reader.read(lambda tx: self._package(tx, indexes, beside))
        digest = hashlib.sha256(content).hexdigest()
        facts: dict[str, JsonValue] = {"sha256": digest, "bytes": len(content), **about}
        self.journal.append(EntryDraft("audit.exported", principal, facts=facts))
        return content

    def mirror(self, put: Callable[[str, bytes], object]) -> Checkpoint:
        """Hand every file of the log, in the layout of tlog-tiles, to ``put`` by its path; return the checkpoint.

        It is the largest that meets the quorum, the newest where nobody has to cosign: a copy that proves itself to
        whoever asks for the witnesses. For the host of the log; inspectors take ``export``. Raises ``NotFoundError``
        when there is no such checkpoint.
        """
        seen = self.witnessed()

        def run(tx: Tx) -> Checkpoint:
            note = self.store.checkpoint(tx, None if seen is None else seen.size)
            if note is None or (seen is None and not self.policy.satisfied_by(())):
                raise NotFoundError("No checkpoint meets the quorum yet.", detail_zh="尚无达到见证法定数的检查点。")
            checkpoint = Checkpoint.parse_text(SignedNote.parse(note).text)
            put("checkpoint", cosigned(note, self.store.cosignatures(tx, checkpoint.size)).encode())
            for path, content in self._whole(tx, checkpoint.size):
                put(path, content)
            return checkpoint

        return self.reader.read(run)

    # witnesses

    def add_cosignature(self, size: int, line: str) -> Cosignature:
        """Keep a witness's cosignature on the checkpoint of ``size``; raises ``ProofError`` when it does not hold."""
        signature = Signature.parse(line.rstrip("\n"))
        key = next(
            (k for k in self.policy.witnesses.values() if (k.name, k.id) == (signature.name, signature.key_id)), None
        )
        if key is None:
            raise ProofError("No witness of the trust policy has this key.", detail_zh="信任策略中没有该见证方密钥。")
        note = self.reader.read(lambda tx: self.store.checkpoint(tx, size))
        if note is None:
            raise NotFoundError(f"There is no checkpoint of size {size}.", detail_zh="没有该规模的检查点。")
        timestamp = cosignature_time(SignedNote.parse(note).text, signature, key)
        kept = Cosignature(size, key.name, timestamp, signature.line().rstrip("\n"))
        with self.store.transaction() as tx:
            self.store.add_cosignature(tx, kept)
        return kept

    def witnessed(self) -> Checkpoint | None:
        """Return the largest checkpoint that meets the quorum; ``None`` when none does."""

        def run(tx: Tx) -> Checkpoint | None:
            trusted = self._trusted(tx)
            for size in self.store.cosigned_sizes(tx):
                note = self.store.checkpoint(tx, size)
                if note is None:
                    continue
                try:
                    return trusted.open(cosigned(note, self.store.cosignatures(tx, size)))
                except ProofError:
                    continue  # one of several witnesses: the quorum may be met at a smaller size
            return None

        return self.reader.read(run)

    def trusted(self) -> TrustPolicy:
        """Return the trust policy of the settings, with the keys that the log's own was changed to."""
        return self.reader.read(self._trusted)

    def _trusted(self, tx: Tx) -> TrustPolicy:
        return self.policy.knowing(self.store.log_keys(tx))

    @property
    def index(self) -> SearchIndex:
        """The search index, to be compared with the log and written anew."""
        return SearchIndex(self.store, self.reader)

    # inside

    def _require_known(self, query: SearchQuery) -> None:
        unknown = sorted(set(query.links) - set(LINKS))
        if unknown:
            raise ParameterError(f"There is no link '{unknown[0]}'; the links are {', '.join(LINKS)}.")
        if query.subject is not None and self.tagger is None:
            raise ForbiddenError(
                "Only the office can search by pupil: this face does not hold the tag key.",
                detail_zh="仅办公端可按学生检索。",
                rule="A50-10",
            )

    def _nodes(self, tx: Tx) -> Nodes:
        return nodes_from(lambda level, tile: self.store.tile(tx, level, tile))

    def _tags(self, tx: Tx, query: SearchQuery) -> tuple[dict[str, bytes] | None, tuple[str, ...]]:
        return (None, ()) if query.subject is None else self.tags_of_pupil(tx, query.subject, query.until)

    def tags_of_pupil(
        self, tx: Tx, subject: str, until: datetime | None = None
    ) -> tuple[dict[str, bytes] | None, tuple[str, ...]]:
        """Return the tags of a pupil in every epoch that the log, or ``until``, spans and whose key stands.

        Beside them the epochs of which nobody can say any more what is about anybody: their keys are destroyed.
        ``None`` on a face that computes no tags.
        """
        if self.tagger is None:
            return None, ()
        states = {epoch: self.tagger.state(epoch) for epoch in self._epochs(tx, until)}
        tags = {
            epoch: self.tagger.tag(epoch, subject) for epoch, state in states.items() if state is EpochState.STANDING
        }
        return tags, tuple(epoch for epoch, state in states.items() if state is EpochState.DESTROYED)

    def _epochs(self, tx: Tx, until: datetime | None) -> list[str]:
        """Return the epochs that the log, or ``until``, spans."""
        first = next(iter(self.store.entries(tx, 0, 1)), None)
        if first is None:
            return []
        oldest = f"{str(decode_entry(first.body)['at'])[:4]}Q1"  # a whole year: clocks go back, zones differ
        latest = epoch_of(max(self.now(), until or self.now()))
        if latest < oldest:
            latest = oldest[:4] + "Q4"
        return epochs_between(oldest, latest)

    def _stored(self, tx: Tx, index: int) -> StoredEntry:
        found = list(self.store.entries(tx, index, index + 1)) if index >= 0 else []
        if not found:
            raise NotFoundError(f"There is no entry {index}.", detail_zh=f"没有序号为 {index} 的条目。")
        return found[0]

    def _view(self, tx: Tx, index: int) -> EntryView:
        stored = self._stored(tx, index)
        return EntryView(index, stored.leaf_hash, decode_entry(stored.body))

    def _checkpoint_over(self, tx: Tx, index: int) -> tuple[Checkpoint, str]:
        """Return the newest checkpoint that holds ``index``: a cosigned one if there is one."""
        sizes = self.store.cosigned_sizes(tx, at_least=index + 1)
        note = self.store.checkpoint(tx, sizes[0]) if sizes else self.store.checkpoint(tx)
        if note is None:
            raise NotFoundError("The log has no checkpoint yet.", detail_zh="日志还没有检查点。")
        checkpoint = Checkpoint.parse_text(SignedNote.parse(note).text)
        return checkpoint, cosigned(note, self.store.cosignatures(tx, checkpoint.size))

    def _prove(self, tx: Tx, index: int) -> ProvenEntry:
        stored = self._stored(tx, index)
        checkpoint, note = self._checkpoint_over(tx, index)
        proof = tuple(inclusion_proof(self._nodes(tx), index, checkpoint.size))
        return ProvenEntry(
            EntryView(index, stored.leaf_hash, decode_entry(stored.body)),
            stored.body,
            checkpoint.size,
            checkpoint.root,
            proof,
            note,
            make_receipt(index, proof, note, proven_rotations(self.store, tx, checkpoint.size)),
        )

    def _package(self, tx: Tx, indexes: Sequence[int] | None, beside: Sequence[tuple[str, bytes]]) -> bytes:
        note = self.store.checkpoint(tx)
        if note is None:
            raise NotFoundError("The log has no checkpoint yet.", detail_zh="日志还没有检查点。")
        size = Checkpoint.parse_text(SignedNote.parse(note).text).size
        return write_bundle(
            kind="full" if indexes is None else "selected",
            origin=self.origin,
            size=size,
            created_at=micros_text(self.now()),
            policy=self._trusted(tx).listing(self.origin),
            checkpoint=cosigned(note, self.store.cosignatures(tx, size)),
            members=chain(
                self._keys(tx, size) if indexes is not None else (),
                self._whole(tx, size) if indexes is None else self._chosen(tx, indexes),
                beside,
            ),
        )

    def _chosen(self, tx: Tx, indexes: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        for index in sorted(set(indexes)):
            proven = self._prove(tx, index)
            yield f"entries/{index}.json", proven.body
            yield f"proofs/{index}.tlog-proof", proven.receipt.encode()

    def _keys(self, tx: Tx, size: int) -> Iterator[tuple[str, bytes]]:
        """Yield the file of the keys of the log of ``size`` with their spans, once its key was changed."""
        keys = [one for one in self.store.log_keys(tx) if one.entry is None or one.entry < size]
        if keys:
            document = keys_document(self.origin, keys)
            yield KEYS_FILE, json.dumps(document, indent=1, sort_keys=True).encode()

    def _whole(self, tx: Tx, size: int) -> Iterator[tuple[str, bytes]]:
        yield from self._keys(tx, size)
        for tile in tiles_of(size):
            yield tile.path, self.store.tile(tx, tile.level or 0, tile.index)[: tile.width * 32]
            if tile.level == 0:
                entries = TileId(None, tile.index, tile.width)
                yield entries.path, bundle_of(self.store, tx, entries)
        lines = [
            json.dumps({"size": at, "note": cosigned(note, self.store.cosignatures(tx, at))}, ensure_ascii=False)
            for at, _, note in list(self.store.checkpoints(tx))
            if at <= size
        ]
        yield "checkpoints.ndjson", "".join(f"{line}\n" for line in lines).encode()


def _inspector(principal: Principal) -> None:
    if Role.INSPECTOR not in principal.roles:
        raise ForbiddenError(
            "Only an inspector reads the audit trail.", detail_zh="仅审计检查员可查阅审计日志。", rule="A50-10"
        )


def _tells(view: EntryView, kinds: Sequence[str], links: Mapping[str, str]) -> bool:
    told = view.content["links"]
    fits = isinstance(told, dict) and all(told.get(name) == value for name, value in links.items())
    return fits and (not kinds or view.content["kind"] in kinds)


def _criteria(query: SearchQuery) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"links": dict(query.links), "by_subject": query.subject is not None}
    for name in ("kind", "outcome", "actor", "person", "unit", "policy", "rule", "problem", "before"):
        value = getattr(query, name)
        if value is not None:
            told[name] = value
    for name in ("since", "until"):
        at = getattr(query, name)
        if at is not None:
            told[name] = micros_text(at)
    return {key: value for key, value in told.items() if value not in ({}, False)}


def _read_entry(principal: Principal, act: str, facts: Mapping[str, JsonValue], subject: str | None) -> EntryDraft:
    subjects = () if subject is None else (SubjectRef(subject),)
    return EntryDraft("audit.read", principal, facts={"act": act, **facts}, subjects=subjects)
