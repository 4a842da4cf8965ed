"""Reads the signed roots of a log for its verifier: which checkpoints are good, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.findings import Damage
from gateway.audit.following import BadNoteError, LogKeys, Report
from gateway.audit.note import Signature, SignedNote
from gateway.audit.policy import TrustPolicy


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A root that the log's key signed. ``kept``: somebody else kept the checkpoint, the log may have lost it."""

    size: int
    root: bytes
    kept: bool = False


def _origin_of(content: str) -> str:
    return content.partition("\n")[0]


@dataclass(slots=True)
class SignedRoots:
    """Merges the checkpoints of a log, its cosignatures and what others kept; all by size, each looked at once."""

    checkpoints: Iterator[tuple[int, str]]
    cosignatures: Iterator[tuple[int, str]]
    policy: TrustPolicy
    keys: LogKeys
    report: Report
    kept: tuple[SignedRoot, ...] = ()
    """What others kept, ascending."""
    good: int = 0
    """How many checkpoints of the log have a good signature."""
    last: SignedRoot | None = None
    """The largest of them."""
    origin: str | None = None
    cosigned: int = 0
    """The largest size that meets the quorum."""
    _handed: int = 0
    _ahead: tuple[int, str] | None = None
    _line: tuple[int, str] | None = None
    _started: bool = False

    def keep(self, witnessed: Iterable[str]) -> None:
        """Take checkpoints that somebody else kept; one that is not signed by the log is a finding.

        A witness keeps those of several logs: those of another one that the policy knows are passed over.
        """
        self._start()
        own = None if self._ahead is None else _origin_of(self._ahead[1])
        found: set[SignedRoot] = set()
        for content in witnessed:
            try:
                checkpoint, _ = self.keys.read(content)
            except BadNoteError as error:
                self.report(error.damage, None, f"A checkpoint that was kept: {error.detail}")
                continue
            if own is not None and checkpoint.origin != own:
                continue
            found.add(SignedRoot(checkpoint.size, checkpoint.root, kept=True))
        self.kept = tuple(sorted(found, key=lambda one: (one.size, one.root)))
        for one, other in zip(self.kept, self.kept[1:], strict=False):
            if one.size == other.size:
                self.report(Damage.FORKED, one.size, f"Two kept checkpoints of size {one.size} have different roots.")

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._ahead, self._line = next(self.checkpoints, None), next(self.cosignatures, None)

    def upto(self, size: int) -> list[SignedRoot]:
        """Return the signed roots of sizes up to ``size`` that were not returned yet, ascending."""
        self._start()
        found: list[SignedRoot] = []
        while self._ahead is not None and self._ahead[0] <= size:
            read = self._own(*self._ahead)
            self._ahead = next(self.checkpoints, None)
            if read is not None:
                found.append(read)
        while self._handed < len(self.kept) and self.kept[self._handed].size <= size:
            found.append(self.kept[self._handed])
            self._handed += 1
        if len(found) > 1:
            found.sort(key=lambda one: one.size)
        return found

    def _own(self, size: int, content: str) -> SignedRoot | None:
        lines = self._lines_of(size)
        try:
            checkpoint, note = self.keys.read(content)
        except BadNoteError as error:
            self.report(error.damage, size, f"The checkpoint of size {size}: {error.detail}")
            return None
        if self.origin is not None and checkpoint.origin != self.origin:
            self.report(Damage.FOREIGN, size, f"The checkpoint of size {size} belongs to '{checkpoint.origin}'.")
            return None
        if checkpoint.size != size:
            self.report(Damage.CHECKPOINT, size, f"Under size {size} lies the checkpoint of size {checkpoint.size}.")
            return None
        root = SignedRoot(size, checkpoint.root)
        if self.last is not None and self.last.size == size and self.last.root != root.root:
            self.report(Damage.FORKED, size, f"The log signed two different roots of size {size}.")
        self.good += 1
        self.last, self.origin = root, checkpoint.origin
        if lines:
            try:
                note = note.with_signatures([Signature.parse(line.rstrip("\n")) for line in lines])
            except MalformedError as error:
                self.report(Damage.BAD_SIGNATURE, size, f"A cosignature of size {size}: {error.detail}")
        self._count_quorum(note, size)
        return root

    def _lines_of(self, size: int) -> list[str]:
        """Return the cosignatures of ``size``; one whose checkpoint is gone is a finding."""
        lines: list[str] = []
        while self._line is not None and self._line[0] <= size:
            if self._line[0] == size:
                lines.append(self._line[1])
            else:
                self._orphan(self._line[0])
            self._line = next(self.cosignatures, None)
        return lines

    def _orphan(self, size: int) -> None:
        self.report(Damage.CHECKPOINT, size, f"A witness cosigned size {size}; that checkpoint is gone.")

    def _count_quorum(self, note: SignedNote, size: int) -> None:
        witnesses = tuple(self.policy.witnesses.values())
        if not witnesses or len(note.signatures) == 1:
            return
        try:
            signers = note.verify(witnesses)
        except ProofError as error:
            self.report(Damage.BAD_SIGNATURE, size, f"The checkpoint of size {size}: {error.detail}")
            return
        if signers and self.policy.satisfied_by(signers):
            self.cosigned = max(self.cosigned, size)

    def finish(self) -> list[SignedRoot]:
        """Return all that were not returned yet, and judge the quorum."""
        rest = self.upto(2**63)
        while self._line is not None:
            self._orphan(self._line[0])
            self._line = next(self.cosignatures, None)
        if not self.cosigned and not self.policy.satisfied_by(()):
            self.report(Damage.UNWITNESSED, None, "No checkpoint of the log carries the quorum of witnesses.")
        return rest
