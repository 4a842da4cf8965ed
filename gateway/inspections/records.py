"""Values of inspection cases: whom they are about, what proves them, what was ordered and how they ended.

No name of a pupil or guardian is in any of them: texts are screened when they are written (I7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NewType

from gateway.audit.alerts_records import AlertId
from gateway.ids import AccountId

CaseId = NewType("CaseId", str)
HoldId = NewType("HoldId", str)

MAX_TEXT = 2000
"""Characters of a text of a case."""
MAX_EVIDENCE = 500
"""Entries that a case may hold as evidence."""
MAX_ORDER_DAYS = 60
"""Working days that an order to correct, or one extension of it, may give."""
MAX_HOLD_DAYS = 60
"""Working days for which a case may keep an entry from the guardian's view at one time."""


class SubjectKind(StrEnum):
    """What is inspected."""

    UNIT = "unit"
    """A school or an education department, by its code."""
    RECIPIENT = "recipient"
    """An organisation that receives data, by its 统一社会信用代码."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a case is about: a body, never a person."""

    kind: SubjectKind
    code: str


@dataclass(frozen=True, slots=True)
class FromAlert:
    """A case that goes on from an alert: its entries are the first evidence."""

    alert: AlertId

    def __str__(self) -> str:
        return f"alert {self.alert}"


@dataclass(frozen=True, slots=True)
class FromEntry:
    """A case that begins with one entry of the log; of kind ``release.traced`` it is the result of a trace."""

    index: int

    def __str__(self) -> str:
        return f"entry {self.index}"


@dataclass(frozen=True, slots=True)
class FromChain:
    """A case that begins with a chain of responsibility: the entries with this link are the first evidence."""

    link: Literal["application", "grant", "extract"]
    id: str

    def __str__(self) -> str:
        return f"{self.link} {self.id}"


Source = FromAlert | FromEntry | FromChain


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ORDERED = "ordered"
    """An order to correct waits for the answer of the body."""
    ANSWERED = "answered"
    CLOSED = "closed"


class CaseFinding(StrEnum):
    """How a case ended."""

    NO_BREACH = "no_breach"
    """Nothing of Art. 51 was found (未发现违规)."""
    CORRECTED = "corrected"
    """What was found has been put right (已改正)."""
    NOT_CORRECTED = "not_corrected"
    """It was not put right in time (逾期未改正)."""
    REFERRED = "referred"
    """It went to whom it belongs: discipline, police, another authority (已移送)."""


CaseAct = Literal[
    "opened",
    "evidence_added",
    "noted",
    "ordered",
    "extended",
    "answered",
    "overdue",
    "hold_set",
    "hold_lifted",
    "closed",
]


@dataclass(frozen=True, slots=True)
class Case:
    """An inspection case. ``due`` is the last day of the order, a civil date of Asia/Shanghai."""

    id: CaseId
    subject: Subject
    source: str
    """Where it came from, as ``alert al-…``, ``entry 41``, ``grant gr-…``."""
    title: str
    state: CaseState
    opened_at: datetime
    opened_by: AccountId
    codes: tuple[str, ...] = ()
    """Situations of Art. 51, as ``51-7``."""
    order: str = ""
    ordered_at: datetime | None = None
    due: date | None = None
    overdue: bool = False
    """Whether the deadline passed unanswered and that was recorded."""
    finding: CaseFinding | None = None
    closed_at: datetime | None = None
    version: int = 1

    def late(self, today: date) -> bool:
        """Say whether the order waits for an answer beyond its last day."""
        return self.state is CaseState.ORDERED and self.due is not None and today > self.due


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One step in the life of a case; ``account`` is ``None`` for the system. ``text`` is what was said."""

    at: datetime
    account: AccountId | None
    act: CaseAct
    text: str = ""
    salt: bytes = field(default=b"", repr=False)
    """Makes the commitment of the log to the text (``texts.commitment``); empty without a text, or from before."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entry of the log that proves something, with the receipt that was taken when it was added."""

    index: int
    added_at: datetime
    added_by: AccountId
    note: str
    receipt: str
    """``c2sp.org/tlog-proof@v1``: proves the entry even if the log were lost."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Entries that the guardian's view shows only after ``until``, the last day, or when the hold is lifted."""

    id: HoldId
    case: CaseId
    entries: tuple[int, ...]
    set_at: datetime
    set_by: AccountId
    until: date
    reason: str
    lifted_at: datetime | None = None

    def stands(self, today: date) -> bool:
        """Say whether it still keeps its entries back."""
        return self.lifted_at is None and today <= self.until


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with all that belongs to it, as the inspector sees it."""

    case: Case
    evidence: tuple[Evidence, ...]
    events: tuple[CaseEvent, ...]
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which cases; every member that is set is one more condition. ``after`` is the last id of the page before."""

    state: CaseState | None = None
    unclosed: bool = False
    overdue_on: date | None = None
    """Only those whose order was to be answered before this day."""
    subject: Subject | None = None
    after: CaseId | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class CasePage:
    """Cases, newest first; ``after`` asks for the next page, ``None`` at the end."""

    cases: tuple[Case, ...]
    after: CaseId | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order to correct as the body that answers sees it: neither evidence nor notes."""

    case: Case
    answers: tuple[CaseEvent, ...]
