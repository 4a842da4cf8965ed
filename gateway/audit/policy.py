"""C2SP tlog-policy: which logs and witnesses are trusted, and how many witnesses must have cosigned."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.note import COSIGNATURE, SignedNote, VerifierKey
from gateway.audit.records import LogKeyRecord
from gateway.audit.rotation import KeyChain, Rotation, rotations_of

NO_QUORUM = "none"
_log = logging.getLogger(__name__)
_DECIMAL = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class Group:
    """At least ``threshold`` of ``members`` (witnesses or groups) have to cosign."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """A policy file, parsed: log keys, witnesses by name, groups by name and the quorum."""

    logs: tuple[VerifierKey, ...]
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = NO_QUORUM
    urls: dict[str, str] = field(default_factory=dict)
    """Where a witness takes checkpoints (the prefix of ``add-checkpoint``), by its name; not every one has one."""
    rotations: tuple[Rotation, ...] = ()
    """Changes of log keys that were read in a log and lead on from the keys of the file."""

    def chain(self, origin: str) -> KeyChain:
        """Return the keys of the log ``origin``: those of the file, and what they lead to."""
        return KeyChain(tuple(key for key in self.logs if key.name == origin)).followed(
            one for one in self.rotations if one.old.name == origin
        )

    def following(self, rotations: Iterable[Rotation]) -> TrustPolicy:
        """Return the policy that knows further changes of log keys; those that do not follow count for nothing."""
        return replace(self, rotations=tuple(dict.fromkeys((*self.rotations, *rotations))))

    def knowing(self, keys: Iterable[LogKeyRecord]) -> TrustPolicy:
        """Return the policy that follows what the log's own database says of its keys, as far as it is signed."""
        entries = [(one.entry, one.body) for one in keys if one.entry is not None and one.body is not None]
        return self.following(rotations_of(entries, _log_bad)) if entries else self

    def listing(self, origin: str) -> TrustPolicy:
        """Return the policy whose file lists every key of the log ``origin`` that it leads to, the oldest first."""
        others = tuple(key for key in self.logs if key.name != origin)
        return replace(self, logs=(*self.chain(origin).keys, *others))

    def satisfied_by(self, signers: Iterable[VerifierKey]) -> bool:
        """Say whether the quorum is met by ``signers``; distinct public keys count, not names."""
        public = {key.public for key in signers if key.algorithm == COSIGNATURE}
        if self.quorum == NO_QUORUM:
            return True

        def witnessed(name: str) -> bool:
            if name in self.witnesses:
                return self.witnesses[name].public in public
            group = self.groups[name]
            return sum(witnessed(member) for member in group.members) >= group.threshold

        return witnessed(self.quorum)

    def open(self, content: str) -> Checkpoint:
        """Return the checkpoint of a note that a listed log signed and the quorum cosigned.

        Raises ``ProofError`` otherwise; the log's key name has to be the origin. Where the log's key was changed, the
        key of that size has to have signed.
        """
        note = SignedNote.parse(content)
        told = Checkpoint.parse_text(note.text)
        chain = self.chain(told.origin)
        checkpoint = open_checkpoint(content, chain.at(told.size), retired=chain.keys)
        if not self.satisfied_by(note.verify(self.witnesses.values())):
            raise ProofError(
                f"The checkpoint of size {checkpoint.size} lacks the quorum '{self.quorum}' of witnesses.",
                detail_zh=f"规模为 {checkpoint.size} 的检查点未达到见证方法定数。",
            )
        return checkpoint

    def text(self) -> str:
        """Return the policy as a file."""
        lines = [f"log {key}" for key in self.logs]
        lines += [
            " ".join(["witness", name, str(key), *([self.urls[name]] if name in self.urls else [])])
            for name, key in self.witnesses.items()
        ]
        lines += [f"group {name} {group.threshold} {' '.join(group.members)}" for name, group in self.groups.items()]
        return "\n".join([*lines, f"quorum {self.quorum}"]) + "\n"


def _log_bad(index: int, reason: str) -> None:
    _log.error("the key of the log that entry %d brought is not believed: %s", index, reason)


def parse_policy(text: str) -> TrustPolicy:
    """Read a policy file; raises ``MalformedError`` with the number of the bad line.

    Duplicate keys and names, references forwards, thresholds outside 1 to n and a second quorum are refused.
    """
    parser = _Parser()
    for number, line in enumerate(text.split("\n"), start=1):
        items = [item for item in re.split(r"[ \t]+", line) if item]
        if not items or items[0].startswith("#"):
            continue
        try:
            parser.line(items)
        except MalformedError as error:
            raise MalformedError(f"Line {number} of the trust policy: {error.detail}") from None
    return parser.policy()


class _Parser:
    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.urls: dict[str, str] = {}

    def line(self, items: list[str]) -> None:
        match items:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(VerifierKey.parse(vkey))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._witness(name, VerifierKey.parse(vkey))
                if url:
                    self.urls[name] = url[0]
            case ["group", name, threshold, *members]:
                self._group(name, threshold, members)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise MalformedError("there is a quorum already.")
                if name != NO_QUORUM:
                    self._known(name)
                self.quorum = name
            case _:
                raise MalformedError("it is neither log, witness, group nor quorum, or lacks a part.")

    def _log(self, key: VerifierKey) -> None:
        if key.algorithm == COSIGNATURE or key.public in {log.public for log in self.logs}:
            raise MalformedError("a log has a log key, and each key once.")
        self.logs.append(key)

    def _witness(self, name: str, key: VerifierKey) -> None:
        self._new(name)
        if key.algorithm != COSIGNATURE or key.public in {other.public for other in self.witnesses.values()}:
            raise MalformedError("a witness has a cosignature key, and each key once.")
        self.witnesses[name] = key

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._new(name)
        for member in members:
            self._known(member)
        if not members or len(set(members)) != len(members):
            raise MalformedError("a group has members, each once.")
        counts = {"all": len(members), "any": 1}
        if threshold not in counts and not _DECIMAL.fullmatch(threshold):
            raise MalformedError("a group says all, any or a number.")
        wanted = counts[threshold] if threshold in counts else int(threshold)
        if wanted > len(members):
            raise MalformedError("the threshold is above the number of members.")
        self.groups[name] = Group(wanted, tuple(members))

    def _new(self, name: str) -> None:
        if name == NO_QUORUM or name in self.witnesses or name in self.groups:
            raise MalformedError(f"the name '{name}' is taken.")

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise MalformedError(f"'{name}' is not defined above.")

    def policy(self) -> TrustPolicy:
        if self.quorum is None:
            raise MalformedError("The trust policy has no quorum line; write 'quorum none' if none is wanted.")
        return TrustPolicy(tuple(self.logs), self.witnesses, self.groups, self.quorum, self.urls)
