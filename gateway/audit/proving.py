"""Issues proofs that a pupil is, or is not, in an entry (``gateway.audit.presence``), where tag root and registry are.

Asked by an inspector, with a reason. The asking is itself an entry, which binds the tag to the pupil by a salted
commitment and is part of the proof: so it is durable before anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.articles import keeps
from gateway.audit.errors import ProofError
from gateway.audit.membership import TagLeaf, shown
from gateway.audit.presence import ACT, PresenceProof, ProvenBody, said_of
from gateway.audit.presence_files import TagsFile, said_of_tags
from gateway.audit.pupils import PupilDesk, checked_reason, require_inspector
from gateway.audit.receipts import TlogProof
from gateway.audit.records import ProvenEntry, SearchQuery
from gateway.audit.service import AuditService
from gateway.audit.statements import KIND, NamedSubject, Opening, commitment
from gateway.audit.tagged import EntryTags, tags_of
from gateway.audit.tags import Tagger
from gateway.errors import NotFoundError, ParameterError
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.principals import Principal

PREPARED = "release.prepared"
"""The kind of entry that carries the pupils of a file."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A proof that was made, and whether the witnesses have cosigned both of its entries already."""

    proof: PresenceProof
    index: int
    """The entry that is asked about."""
    asked: int
    """The entry of the asking."""
    tree_size: int
    witnessed: bool


@keeps("A50-10")
@dataclass(frozen=True, slots=True)
class ProofDesk:
    """Issues proofs. ``new_salt`` gives 32 random bytes."""

    trail: AuditService
    pupils: PupilDesk
    tagger: Tagger
    new_salt: Callable[[], bytes]

    def prove(self, principal: Principal, index: int, subject: NamedSubject, reason: str) -> Issued:
        """Return the proof that a pupil is, or is not, among those of an entry.

        Raises ``ForbiddenError`` for anybody but an inspector; ``NotFoundError`` for an entry or pupil that is not
        there, or a tag list that was deleted; ``ParameterError`` for an entry without tags or a reason that cannot be
        recorded; ``LogDamagedError`` when the tags do not lead to the root in the entry.
        """
        require_inspector(principal)
        why = checked_reason(reason)
        entry = self.trail.proof(index)
        tags = tags_of(entry.entry.content)
        if tags is None:
            raise ParameterError(
                f"Entry {index} names no pupils, by tags or otherwise: nothing can be shown of it.",
                detail_zh=f"条目 {index} 未载明涉及的学生（无标签），无法出具证明。",
                missing=("entry",),
            )
        pupil = self.pupils.resolve(principal, subject, why)
        tag = self.tagger.tag(tags.epoch, pupil)
        present, leaves = self.trail.reader.read(lambda tx: self._shown(tx, index, tags, tag))
        opening = Opening(self.new_salt(), subject)
        told = commitment(said_of(self.trail.origin, index, tags.epoch, tag), opening).hex()
        facts: dict[str, JsonValue] = {"act": ACT, "entry": index, "epoch": tags.epoch, "by": subject.kind.value}
        asked = self._state(principal, {**facts, "reason": why, "commitment": told}, pupil)
        proof = PresenceProof(present, tag, _proven(entry), leaves, _proven(asked), opening)
        return self._issued(proof, index, asked)

    def prove_extract(self, principal: Principal, extract: str, subject: NamedSubject, reason: str) -> Issued:
        """Return the proof for the file of an extract: for the entry that carries its pupils.

        Raises what ``prove`` raises, and ``NotFoundError`` when no file of it was made.
        """
        require_inspector(principal)
        found = self.trail.found(SearchQuery(kind=PREPARED, links={"extract": extract}, limit=1)).entries
        if not found:
            raise NotFoundError("No file of such an extract was made.", detail_zh="没有该提取的文件生成记录。")
        return self.prove(principal, found[0].index, subject, reason)

    def renew(self, principal: Principal, content: bytes) -> Issued:
        """Return a proof with receipts under the newest checkpoint: once the witnesses have cosigned, it says so.

        Raises ``MalformedError`` for what is no proof, ``ProofError`` for one of other entries.
        """
        require_inspector(principal)
        proof = PresenceProof.parse(content)
        old = [TlogProof.parse(one.receipt).index for one in (proof.entry, proof.statement)]
        facts: dict[str, JsonValue] = {"act": "presence_renewed", "entries": [*old]}
        self.trail.journal.append(EntryDraft(KIND, principal, facts=facts))
        entry, asked = (self.trail.proof(index) for index in old)
        if (entry.body, asked.body) != (proof.entry.body, proof.statement.body):
            raise ProofError("The log has other entries at these places.", detail_zh="日志中该处的条目与证明不符。")
        return self._issued(replace(proof, entry=_proven(entry), statement=_proven(asked)), old[0], asked)

    def tags(self, principal: Principal, subject: NamedSubject, reason: str) -> bytes:
        """Return the tags of a pupil in every epoch of the log as a file, for ``xueji verify-log --pupil``.

        Whoever has it can find every entry about the pupil by reading the whole log, and need not trust a search.
        Raises what ``prove`` raises.
        """
        require_inspector(principal)
        why = checked_reason(reason)
        pupil = self.pupils.resolve(principal, subject, why)
        tags = self.trail.reader.read(lambda tx: self.trail.tags_of_pupil(tx, pupil))[0] or {}
        opening = Opening(self.new_salt(), subject)
        told = commitment(said_of_tags(self.trail.origin, tags), opening).hex()
        facts: dict[str, JsonValue] = {"act": "pupil_tags", "by": subject.kind.value, "epochs": len(tags)}
        asked = self._state(principal, {**facts, "reason": why, "commitment": told}, pupil)
        return TagsFile(self.trail.origin, tags, _proven(asked), opening).encode()

    def of_statement(self, index: int) -> bytes | None:
        """Return the proof to which the asking in entry ``index`` belongs, without what says whose the tag is.

        For the package of a case that has the asking as evidence; nothing is logged here. ``None`` for an entry that is
        no such asking, or was made in another quarter than the entry that it is about: its own tag is another then.
        """
        asked = self.trail.proof(index)
        facts, own = asked.entry.content["facts"], tags_of(asked.entry.content)
        if not isinstance(facts, dict) or facts.get("act") != ACT or own is None or own.listed is None:
            return None
        about = facts.get("entry")
        if asked.entry.content["kind"] != KIND or not isinstance(about, int) or len(own.listed) != 1:
            return None
        entry, tag = self.trail.proof(about), own.listed[0]
        tags = tags_of(entry.entry.content)
        if tags is None or tags.epoch != own.epoch:
            return None
        present, leaves = self.trail.reader.read(lambda tx: self._shown(tx, about, tags, tag))
        return PresenceProof(present, tag, _proven(entry), leaves, _proven(asked)).encode()

    def _state(self, principal: Principal, facts: dict[str, JsonValue], pupil: SubjectRef) -> ProvenEntry:
        receipt = self.trail.journal.append(EntryDraft(KIND, principal, facts=facts, subjects=(pupil,)))
        return self.trail.proof(receipt.index)

    def _shown(self, tx: Tx, index: int, tags: EntryTags, tag: bytes) -> tuple[bool, tuple[TagLeaf, ...]]:
        if tags.root is None:
            return tag in (tags.listed or ()), ()
        beside = self.trail.store.tag_list(tx, index)
        if beside is None:
            raise NotFoundError(
                f"The tag list beside entry {index} is not there any more.",
                detail_zh=f"条目 {index} 旁的标签列表已不存在。",
            )
        return shown(beside.tags, tag, tags.root)

    def _issued(self, proof: PresenceProof, index: int, asked: ProvenEntry) -> Issued:
        notes = [TlogProof.parse(one.receipt).checkpoint for one in (proof.entry, proof.statement)]
        return Issued(proof, index, asked.entry.index, asked.tree_size, all(self._witnessed(note) for note in notes))

    def _witnessed(self, note: str) -> bool:
        try:
            self.trail.policy.open(note)
        except ProofError:
            return False
        return True


def _proven(entry: ProvenEntry) -> ProvenBody:
    return ProvenBody(entry.body, entry.receipt)
