"""Proofs of presence and absence on a log in memory: entries, tree, checkpoint and cosignature, all real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import encode_entry
from gateway.audit.membership import TagLeaf, shown
from gateway.audit.merkle import inclusion_proof, leaf_hash, nodes_of, root_hash
from gateway.audit.note import COSIGNATURE, NoteSigner
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.presence import PresenceProof, ProvenBody, said_of
from gateway.audit.receipts import make_receipt
from gateway.audit.records import TagList
from gateway.audit.rolls import Roll, tags_root
from gateway.audit.statements import NamedSubject, Opening, SubjectKind, commitment
from gateway.audit.tags import Tagger, epoch_of
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft, JsonValue
from gateway.principals import AccountKind, Principal, Role
from tests.factories.journal import ORIGIN, RULEBOOK, TAG_ROOT, make_identity
from tests.factories.presence_oracle import Trust

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
INSPECTOR = Principal(AccountId("st-i"), AccountKind.STAFF, frozenset({Role.INSPECTOR}))
WITNESS = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32), COSIGNATURE)
LOG = str(make_identity().keys[0])
POLICY: TrustPolicy = parse_policy(f"log {LOG}\nwitness office {WITNESS.verifier}\nquorum office\n")
TRUST = Trust(LOG, str(WITNESS.verifier))
TAGGER = Tagger.from_root(TAG_ROOT)
EPOCH = epoch_of(AT)
NUMBER = NamedSubject(SubjectKind.STUDENT_NUMBER, "L140105200701010017"[:19])
SALT = bytes(range(32))


def reference(number: int) -> SubjectRef:
    """Return an invented reference."""
    return SubjectRef(f"{number:032x}")


def roll_of(pupils: Sequence[str], epoch: str = EPOCH, tagger: Tagger = TAGGER) -> Roll:
    """Return the roll of some pupils."""
    call = tagger.roll_call(epoch)
    call.add(pupils)
    return call.close()


@dataclass
class MemoryLog:
    """A log in memory, signed and cosigned at its end."""

    bodies: list[bytes]

    def append(self, draft: EntryDraft, *, minutes: int = 0) -> int:
        """Append an entry; return its index."""
        at = AT + timedelta(minutes=minutes, seconds=len(self.bodies))
        self.bodies.append(encode_entry(draft, at=at, rulebook=RULEBOOK, tagger=TAGGER).body)
        return len(self.bodies) - 1

    def proven(self, index: int) -> ProvenBody:
        """Return an entry with its receipt."""
        nodes, size = nodes_of([leaf_hash(body) for body in self.bodies]), len(self.bodies)
        checkpoint = Checkpoint(ORIGIN, size, root_hash(nodes, size))
        note = checkpoint.sign(make_identity().signers)
        note = note.with_signatures([WITNESS.cosign(note.text, int(AT.timestamp()))])
        return ProvenBody(self.bodies[index], make_receipt(index, inclusion_proof(nodes, index, size), str(note)))


def tag_lists(pupils: Sequence[SubjectRef]) -> TagList:
    """Return the tags of some pupils."""
    return TAGGER.tags(EPOCH, pupils)


def released(log: MemoryLog, pupils: Sequence[SubjectRef]) -> int:
    """Append the entry of a file with some pupils."""
    links = {"extract": "ex-1", "grant": "gr-1", "recipient": "91140000MA0DEMB001"}
    facts: dict[str, JsonValue] = {"rows": len(pupils)}
    roll = roll_of(pupils, EPOCH)
    return log.append(EntryDraft("release.prepared", None, facts=facts, links=links, subjects=roll))


def stated(log: MemoryLog, index: int, tag: bytes, pupil: SubjectRef, opening: Opening, **other: JsonValue) -> int:
    """Append the statement of the office; ``other`` are facts that are not as they should be."""
    told = commitment(said_of(ORIGIN, index, EPOCH, tag), opening).hex()
    facts: dict[str, JsonValue] = {
        "act": "presence", "entry": index, "epoch": EPOCH, "by": opening.subject.kind.value, "reason": "核查",
        "commitment": told,
    }  # fmt: skip
    return log.append(EntryDraft("audit.read", INSPECTOR, facts={**facts, **other}, subjects=(pupil,)))


def proof(pupils: Sequence[SubjectRef], pupil: SubjectRef, *, before: int = 3, **other: JsonValue) -> PresenceProof:
    """Return the proof that ``pupil`` is, or is not, among ``pupils``, as the office issues it."""
    log = MemoryLog([])
    for number in range(before):
        log.append(EntryDraft("account.signed_in", None, facts={"n": number}))
    index, tag, opening = released(log, pupils), TAGGER.tag(EPOCH, pupil), Opening(SALT, NUMBER)
    asked = stated(log, index, tag, pupil, opening, **other)
    log.append(EntryDraft("account.signed_in", None, facts={"n": before}))
    tags = tag_lists(pupils)
    leaves: tuple[TagLeaf, ...] = ()
    if tags.listed:
        present = tag in tags.tags
    else:
        present, leaves = shown(tags.tags, tag, tags_root(tags.tags))
    return PresenceProof(present, tag, log.proven(index), leaves, log.proven(asked), opening)


def swapped(one: PresenceProof, **parts: object) -> bytes:
    """Return a proof with other parts, as a file."""
    return replace(one, **parts).encode()  # type: ignore[arg-type]  # by name
