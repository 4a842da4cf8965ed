"""Values of the audit trail: heads, entries as stored, what is searched for and what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.audit.note import VerifierKey
from gateway.journal import JsonValue

LINKS = (
    "application",
    "grant",
    "extract",
    "ground",
    "basis_recorder",
    "basis_confirmer",
    "approver",
    "executor",
    "recipient",
    "responsible",
)
"""The keys of ``links``, the chain of responsibility (I4). There are no others."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands: number of leaves, root, and the time of the last entry (empty before the first)."""

    size: int
    root: bytes
    at: str = ""


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags of one entry, sorted; above 64 they lie beside the log and the leaf carries their Merkle root."""

    epoch: str
    tags: Sequence[bytes] = field(repr=False)
    listed: bool
    """Whether the leaf itself lists the tags."""
    root: bytes | None = field(default=None, compare=False)
    """The Merkle root of the tags, where it was made already."""


@dataclass(frozen=True, slots=True)
class EncodedEntry:
    """An entry in its final form: the leaf, and the tags of those whom it concerns."""

    body: bytes = field(repr=False)
    tags: TagList | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of the log."""

    index: int
    leaf_hash: bytes
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction adds: entries from ``start`` on, the tiles that changed, the new head and its checkpoint."""

    start: int
    entries: tuple[tuple[bytes, EncodedEntry], ...]
    """Leaf hash and entry, in order."""
    tiles: Mapping[tuple[int, int], bytes]
    head: Head
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's signature line on the checkpoint of a size; ``timestamp`` in seconds since 1970."""

    size: int
    name: str
    timestamp: int
    line: str


@dataclass(frozen=True, slots=True)
class LogKeyRecord:
    """A key of the log as its database has it, once it was changed: the first has no entry."""

    key: VerifierKey
    overlap_until: str = ""
    """Up to when the key before it signs too; empty for the first."""
    entry: int | None = None
    """The entry that brought it."""
    body: bytes | None = field(default=None, repr=False)
    """That entry, which is public."""


@dataclass(frozen=True, slots=True)
class WitnessState:
    """What of the log waits for its witnesses."""

    cosigned_size: int = 0
    """The largest size that met the quorum when it was last looked at."""
    waiting_since: str = ""
    """The time of the oldest entry that no quorum covers; empty when all are covered, or nobody has to cosign."""
    silent: bool = False
    """Whether that was recorded as too long."""
    contradicted: bool = False
    """Whether it was recorded that a witness has seen what the log does not hold."""
    damaged_since: str = ""
    """When the watch over the chain found the log damaged; empty while it holds. The watch alone writes it."""


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """An entry that a face without the log key asked for: a draft as JSON text, cleared when it is done."""

    id: int
    draft: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What became of a request: the entry and the tree size of its checkpoint, or the error's name."""

    index: int
    tree_size: int
    error: str | None


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What an inspector looks for; every member that is set is one more condition.

    ``since`` is inclusive, ``until`` exclusive. ``subject`` is a pupil's reference: it is turned into tags.
    ``before`` is the key of the next page: entries with a smaller index.
    """

    kind: str | None = None
    """A kind, or with a final ``.`` all kinds below, as ``release.``."""
    outcome: str | None = None
    actor: str | None = None
    """An account: who did it."""
    person: str | None = None
    """An account in any part: did it, recorded or confirmed the ground, approved, executed."""
    unit: str | None = None
    """The unit of whoever did it."""
    policy: str | None = None
    """Id of the policy that decided."""
    rule: str | None = None
    """The rule that a refusal names, as ``A50-9``."""
    problem: str | None = None
    """The name of the error that ended it."""
    links: Mapping[str, str] = field(default_factory=dict)
    """By the keys of ``LINKS``: responsible, approver, recipient, ground, grant, application, extract …"""
    since: datetime | None = None
    until: datetime | None = None
    subject: str | None = field(default=None, repr=False)
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry as people read it."""

    index: int
    leaf_hash: bytes
    content: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Entries, newest first; ``before`` asks for the next page, ``None`` at the end."""

    entries: tuple[EntryView, ...]
    before: int | None
    lost_epochs: tuple[str, ...] = ()
    """Quarters of which nobody can say any more what is about the subject: their tag keys are destroyed."""
    size: int = 0
    """Up to how many entries of the log the answer is complete: later ones may match too."""
    root: bytes = b""
    """The root of the log at that size: what a scan of the entries is held against."""


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry with its inclusion proof (from the leaf upwards) and the signed checkpoint it leads to."""

    entry: EntryView
    body: bytes = field(repr=False)
    tree_size: int
    root: bytes
    proof: tuple[bytes, ...]
    checkpoint: str
    receipt: str
    """The same as one text, ``c2sp.org/tlog-proof@v1``."""


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of ``new`` leaves extends the one of ``old``."""

    old: int
    new: int
    old_root: bytes
    new_root: bytes
    proof: tuple[bytes, ...]
