"""What every room says to the audit trail, and what it gets back.

A fact and its entry commit in one transaction: a room hands the journal ``(write, entry)``; the
sequencer runs ``write`` in a savepoint of the transaction that also holds entry, tiles and checkpoint.
A release takes the ``Receipt`` of its intent as an argument: no receipt, no bytes (I3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType, Protocol, TypeVar

from gateway.ids import SubjectRef
from gateway.principals import Principal

Tx = NewType("Tx", object)
"""An open transaction of the gateway database. Only stores look inside (``gateway.db.connection_of``)."""

R = TypeVar("R")

JsonValue = None | bool | int | str | list["JsonValue"] | dict[str, "JsonValue"]
"""What an entry may hold. No floats: canonical JSON of a float is a trap."""


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An audit entry before it has an index.

    ``kind`` is dotted, ``release.intent``; the kinds and their members are listed in
    ``docs/audit-entries.md``. ``facts`` hold no personal data of pupils or guardians (I7): the
    sequencer refuses values that look like an ID number or a phone. ``subjects`` are turned into
    epoch-keyed tags and never stored as they are; those of a release are a ``gateway.audit.rolls.Roll``.
    """

    kind: str
    actor: Principal | None
    """``None`` is the system itself."""
    outcome: str = "done"
    """``done``, ``refused`` or ``failed``; a release ends ``complete``, ``client_gone``, ``error`` or ``unknown``."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    """The chain of responsibility, by fixed keys: application, grant, extract, ground, basis_recorder,
    basis_confirmer, approver, executor, recipient, responsible (I4)."""
    policy: str | None = None
    """Id of the policy that decided."""
    subjects: Sequence[SubjectRef] = field(default=(), repr=False)
    policy_set: str | None = None
    """SHA-256 of the set of policies that ``policy`` was taken from; the journal of a process adds it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an entry is durable: leaf index, the tree size and root of the checkpoint that holds it."""

    index: int
    leaf_hash: bytes
    tree_size: int
    root: bytes


class Journal(Protocol):
    """The one way to write a fact together with its audit entry."""

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        """Run ``write`` and append ``entry`` in one transaction; return its result and the receipt.

        ``entry`` may be a function of the result. An error in ``write`` undoes both and is raised
        again. Raises ``UnavailableError`` when the log cannot be written: nothing has happened then.
        """

    def append(self, entry: EntryDraft) -> Receipt:
        """Append an entry that goes with no fact, as for a refusal or a reading."""


class GroupJournal(Journal, Protocol):
    """A journal that takes several entries about one act without a commit for each."""

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        """Run ``write`` with the first of ``entries``, and append the others behind it; return its result.

        All or none: an error in ``write`` leaves no entry. Raises what ``record`` raises.
        """


class Reader(Protocol):
    """Read-only transactions of the gateway database."""

    def read(self, query: Callable[[Tx], R]) -> R:
        """Run ``query`` in a transaction that is rolled back after."""


class Scratch(Protocol):
    """Writes that carry no fact about data and so need no entry: leases, progress, caches."""

    def write(self, change: Callable[[Tx], R]) -> R:
        """Run ``change`` in a transaction of its own and commit it."""
