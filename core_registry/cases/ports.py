"""What the desk needs from the registry database and from the place's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from core_registry.cases.records import (
    CaseLine,
    Draft,
    ExceptionGrant,
    History,
    Located,
    NewEvidence,
    WorkList,
)
from core_registry.domain.cases import Actor, Case
from core_registry.domain.facts import Evidence, Facts, Post
from core_registry.domain.procedures import Effects
from core_registry.domain.requests import Request


class CaseTransaction(Protocol):
    """One writing transaction of the registry; everything in it commits together or not at all."""

    def facts(
        self,
        request: Request,
        evidence: Sequence[str],
        *,
        case: Case | None = None,
        lock: bool = False,
        account: str | None = None,
    ) -> Facts:
        """Return what is known for judging ``request`` now.

        The pupil is read whatever school holds the record: who may ask is decided by the procedure's parties.
        ``lock`` takes the school's row first, so that two registrars do not get the last place of a class (A17-1).
        ``case`` is the one being judged: it is no other open case, and its own evidence counts. Raises
        ``StudentNotFoundError``, ``RegisterRuleError`` for an unknown school, ``EvidenceRefusedError`` for an unknown
        item of evidence or one of another pupil or unit. ``account`` is that of a guardian who applies (A7-3).
        """

    def case(self, case_id: str) -> Case | None:
        """Return a case, opened; its version is locked for this transaction."""

    def by_key(self, account: str, key: str) -> Case | None:
        """Return the case that ``account`` opened under this key."""

    def shown(self, case: Case, actor: Actor) -> Case:
        """Return a case as an actor is shown it whose unit has no part in it.

        The school that holds the record sees its texts in clear, anybody else redacted.
        """

    def add(
        self, case: Case, evidence: Sequence[str], key: str | None, effects: Sequence[Effects], actor: Actor
    ) -> Case:
        """Write a new case with steps, evidence, effects and event; return it with persons and subject filled in."""

    def update(self, case: Case, effects: Sequence[Effects], actor: Actor) -> Case:
        """Write a changed case (its version is one more than the stored one), effects and event.

        Raises ``StaleCaseError`` when somebody was faster.
        """

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit on a day (A48-2)."""

    def read(self, actor: Actor, act: str, reason: str, students: Sequence[str]) -> None:
        """Record that ``actor`` is shown these pupils (A50-4); nothing is shown before this commits."""

    def exception(self, grant: ExceptionGrant) -> None:
        """Write an exception with its event."""


class CaseStore(Protocol):
    """Cases, clocks, evidence and histories in the registry database."""

    def writing(self, now: datetime) -> AbstractContextManager[CaseTransaction]:
        """Open a transaction."""

    def keep_evidence(self, evidence: NewEvidence, actor: Actor, now: datetime) -> Evidence:
        """Seal and store a file; the same bytes of the same pupil and kind again give the same item."""

    def evidence_file(
        self, evidence_id: str, actor: Actor, reach: frozenset[str] | None, now: datetime
    ) -> tuple[str, bytes]:
        """Return media type and content of an item of a case that the actor may see; the reading is recorded before."""

    def cases(
        self,
        actor: Actor,
        reach: frozenset[str] | None,
        *,
        status: str | None,
        kind: str | None,
        after: str,
        limit: int,
    ) -> list[CaseLine]:
        """Return cases with a part of the unit or a school in ``reach``, newest first; private ones never."""

    def work(self, unit: str, today: date, *, account: str | None, after: str, limit: int) -> WorkList:
        """Return what waits for ``unit`` (of ``account`` only, if given), most urgent first."""

    def assign(self, unit: str, source: str, item: str, account: str | None, actor: Actor, now: datetime) -> None:
        """Give a work item to a person of the unit, or to nobody."""

    def history(
        self, student_id: str, reach: frozenset[str] | None, actor: Actor, reason: str, now: datetime
    ) -> History:
        """Return the life of a record. Raises ``StudentNotFoundError``; the reading is recorded before."""

    def locate(self, id_number: str, name: str, actor: Actor, reason: str, now: datetime) -> Located | None:
        """Return the pupil with this document number *and* name, wherever the record lies; recorded before."""


class Place(Protocol):
    """The settings of places: ``core_registry.setting.Setting``."""

    def places(self, codes: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """Return division code -> (county, city)."""


__all__ = ["CaseStore", "CaseTransaction", "Draft", "Place"]
