"""Follows the keys of a log while it is verified: which key has to have signed, and what is wrong with a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.findings import Damage
from gateway.audit.merkle import leaf_hash
from gateway.audit.note import COSIGNATURE, SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy
from gateway.audit.rotation import KeyChain, Rotation, read_rotation

Report = Callable[[Damage, int | None, str], None]


class BadNoteError(Exception):
    """A note is no checkpoint of the log that a key signed which may."""

    def __init__(self, damage: Damage, detail: str) -> None:
        """Say what is wrong with it."""
        super().__init__(detail)
        self.damage = damage
        self.detail = detail


@dataclass(slots=True)
class LogKeys:
    """The keys of the log under a policy; ``beside`` are changes that are kept beside the log: hints, to be confirmed.

    With hints a reader who trusts only the newest key can follow it back. Each of them must turn out to be the entry
    of its index.
    """

    policy: TrustPolicy
    report: Report
    beside: Iterable[tuple[int, bytes]]
    _chains: dict[str, KeyChain] = field(default_factory=dict)
    _hints: dict[int, bytes] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)
    """Entries of which something was reported."""
    _alone: dict[VerifierKey, int] = field(default_factory=dict)
    """Keys that signed a checkpoint which no other one signed, and the smallest size of such."""

    def __post_init__(self) -> None:
        """Read the hints: all of them at once, so that each may lead to the next."""
        found: list[Rotation] = []
        for index, body in self.beside:
            self._hints[index] = body
            try:
                found.append(read_rotation(index, body))
            except (MalformedError, ProofError) as error:
                self._bad(index, error.detail)
        for origin in dict.fromkeys(one.old.name for one in found):
            self._chains[origin] = self.chain(origin).followed(one for one in found if one.old.name == origin)

    def chain(self, origin: str) -> KeyChain:
        """Return the keys of the log ``origin``, as far as they are known."""
        if origin not in self._chains:
            self._chains[origin] = self.policy.chain(origin)
        return self._chains[origin]

    def take(self, index: int, body: bytes) -> None:
        """Take an entry of the log that changes its key."""
        hint = self._hints.pop(index, None)
        if hint is not None and hint != body:
            self._bad(index, f"Entry {index} is not the change of key that is kept beside the log.")
        try:
            rotation = read_rotation(index, body)
            origin = rotation.old.name
            self._chains[origin] = self.chain(origin).with_rotation(rotation)
        except (MalformedError, ProofError) as error:
            self._bad(index, error.detail)

    def _bad(self, index: int, detail: str) -> None:
        if index not in self._told:
            self._told.add(index)
            self.report(Damage.KEY_ROTATION, index, detail)

    def read(self, content: str) -> tuple[Checkpoint, SignedNote]:
        """Return a checkpoint that the right key of a log of the policy signed.

        Raises ``BadNoteError``, which says why it is none.
        """
        try:
            note = SignedNote.parse(content)
            checkpoint = Checkpoint.parse_text(note.text)
        except MalformedError as error:
            raise BadNoteError(Damage.BAD_SIGNATURE, error.detail) from None
        chain = self.chain(checkpoint.origin)
        keys = [key for key in chain.keys if key.algorithm != COSIGNATURE]
        if not keys:
            raise BadNoteError(Damage.FOREIGN, f"it belongs to another log, '{checkpoint.origin}'.")
        try:
            signers = note.verify(keys)
        except ProofError as error:
            raise BadNoteError(Damage.BAD_SIGNATURE, error.detail) from None
        if not signers:
            raise BadNoteError(Damage.UNKNOWN_KEY, "no key of the trust policy signed it, nor one that follows.")
        right = set(chain.at(checkpoint.size))
        if right.isdisjoint(signers):
            change = chain.retired_at(checkpoint.size, signers)
            if change is None:
                raise BadNoteError(Damage.KEY_ROTATION, "only a key signed it that comes later in the log.")
            raise BadNoteError(Damage.RETIRED_KEY, f"only a key signed it that entry {change.index} replaced.")
        if len(signers) == 1:
            self._alone.setdefault(signers[0], checkpoint.size)
        return checkpoint, note

    def finish(self, size: int, leaf_shown: Callable[[int], bytes | None] | None) -> None:
        """Judge what only the whole log tells: hints without their entry, and keys that no entry brought in.

        ``size`` is the largest that was signed: a server may tell of a change that came after it was looked at.
        ``leaf_shown`` returns the hash of a leaf where no entries are read: there the hints have to be leaves.
        """
        for index, body in self._hints.items():
            if index >= size:
                continue
            if leaf_shown is None or leaf_shown(index) != leaf_hash(body):
                self._bad(index, f"Entry {index} should change the log's key, and the log holds no such entry.")
        if leaf_shown is not None:
            return
        for origin in dict.fromkeys(key.name for key in self._alone):
            brought = {key for one in self.chain(origin).rotations for key in (one.old, one.new)}
            strange = [key for key in self._alone if key.name == origin and key not in brought]
            strange.sort(key=lambda key: (self._alone[key], str(key)))
            for key in strange[0 if brought else 1 :]:
                self.report(
                    Damage.KEY_ROTATION,
                    self._alone[key],
                    f"From size {self._alone[key]} on {key} signs alone, and no entry of the log brought it in.",
                )
