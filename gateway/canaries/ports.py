"""What decoys need from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from gateway.audit.records import SearchPage, SearchQuery, StoredEntry, TagList
from gateway.canaries.records import Canary, CanaryId
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import Tx
from gateway.principals import Principal


class CanaryGate(Protocol):
    """Asks the decision point. Each raises ``ForbiddenError`` after the refusal was recorded (A50-13)."""

    def read(self, principal: Principal) -> None:
        """Return when ``principal`` may know of the decoys of its unit's territory."""

    def reaches(self, principal: Principal, unit: UnitCode) -> bool:
        """Say whether ``unit`` lies within that territory."""

    def keep(self, principal: Principal, unit: UnitCode) -> str:
        """Return the policy that lets ``principal`` propose and withdraw decoys of ``unit``."""

    def confirm(self, principal: Principal, unit: UnitCode, proposer: AccountId) -> str:
        """Return the policy that lets ``principal`` decide on what ``proposer`` proposed for ``unit``."""


class CanaryStore(Protocol):
    """What is kept of decoys."""

    def add(self, tx: Tx, canary: Canary) -> None:
        """Insert a decoy."""

    def update(self, tx: Tx, canary: Canary, before: int) -> bool:
        """Write a decoy that is still at version ``before``; say whether it was."""

    def get(self, tx: Tx, canary: CanaryId) -> Canary | None:
        """Return a decoy."""

    def all(self, tx: Tx) -> list[Canary]:
        """Return all decoys, newest first: there are few."""


class Registry(Protocol):
    """The road by which a decoy's record comes into the registry: the import of forms, as any former pupil's."""

    def phone(self, text: str) -> str | None:
        """Return a telephone as it would be kept, ``None`` for one that would not be taken."""

    def has_crowd(self, unit: UnitCode) -> bool:
        """Say whether a school within ``unit`` has enough former pupils to hide among."""

    def draw(self, unit: UnitCode, phone: str) -> Mapping[str, str | None] | None:
        """Return a new person at a school within ``unit``, drawn at random; ``None`` where no school has a crowd."""

    def find(self, person: Mapping[str, str | None]) -> SubjectRef | None:
        """Return the reference of a person who is registered."""

    def plant(self, person: Mapping[str, str | None]) -> None:
        """Import the person as a former pupil. Raises ``RegistryError``; a row that is refused leaves nobody."""


class Units(Protocol):
    """Whose account it is."""

    def unit_of_account(self, account: str) -> str | None:
        """Return the unit of an account, ``None`` for a client's and an unknown one."""


class Followed(Protocol):
    """The log with its tag lists, and how far it was read."""

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield the rows of a range."""

    def tag_list(self, tx: Tx, seq: int) -> TagList | None:
        """Return the tags beside an entry."""

    def cursor(self, tx: Tx, name: str) -> int:
        """Return how far the log was read."""

    def hold_cursor(self, tx: Tx, name: str, expected: int) -> bool:
        """Lock a cursor that is at ``expected`` for this transaction; say whether it was."""

    def move_cursor(self, tx: Tx, name: str, expected: int, position: int) -> None:
        """Move a cursor that is at ``expected``."""


class Trail(Protocol):
    """The audit trail, as far as touches are listed (``gateway.audit.service.AuditService``)."""

    def found(self, query: SearchQuery) -> SearchPage:
        """Return a page of entries, newest first. Nothing is logged."""
