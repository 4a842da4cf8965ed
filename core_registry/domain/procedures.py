"""Procedures: how each kind of request is opened, proved, decided and carried out (sections 6 and 7 of the rules).

A procedure is data plus pure functions. The chapters of the regulation declare them
(``core_registry.domain.chapters``); the engine (``cases``) interprets them and knows none by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from core_registry.domain.facts import EntryKind, Facts, Plain
from core_registry.domain.requests import Request, Value, ValueSpec
from core_registry.domain.rules import Check, Party
from core_registry.domain.states import Move
from core_registry.domain.working_days import Period


class Act(StrEnum):
    """What a party does: different legal effects, never synonyms (section 6)."""

    APPLY = "apply"
    """申请."""
    START = "start"
    """发起: the school puts it into the system."""
    CONFIRM = "confirm"
    """确认: the school's own decision."""
    AGREE = "agree"
    """同意."""
    APPROVE = "approve"
    """批准."""
    REVIEW = "review"
    """核准、审核、核办: decided before effect."""
    FILE = "file"
    """备案: takes effect on filing; the superior is informed and may object."""
    STAMP = "stamp"
    """验印."""
    CANCEL = "cancel"
    """注销."""


ACT_LABELS: Mapping[Act, str] = MappingProxyType(
    {
        Act.APPLY: "申请",
        Act.START: "发起",
        Act.CONFIRM: "确认",
        Act.AGREE: "同意",
        Act.APPROVE: "批准",
        Act.REVIEW: "核准",
        Act.FILE: "备案",
        Act.STAMP: "验印",
        Act.CANCEL: "注销",
    }
)
"""The Chinese name of each act."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One act of a case. ``order``: steps of one number are reached together, when all of lower numbers are done.

    ``unit`` is set where the party's unit cannot be computed from the schools (the county of a household, say).
    ``days`` are the working days of the party from the moment when the case reaches it; ``rule`` names the deadline.
    ``act_zh`` is the wording of the regulation where it differs from the act's (核办, 审核). ``since`` is the day
    of the event from which ``days`` run where that is not the arrival at the party: a death (A37-1), a return (A32-1).
    """

    name: str
    party: Party
    act: Act
    order: int
    rule: str
    days: int | None = None
    unit: str | None = None
    act_zh: str = ""
    since: date | None = None


@dataclass(frozen=True, slots=True)
class EvidenceNeed:
    """Evidence that a request must have: one of ``kinds``, of one of ``issuers`` at ``level`` or above.

    ``issuers`` empty: whoever issued it; ``level`` ``None``: of no particular level. ``rule`` names the rule.
    """

    kinds: tuple[str, ...]
    rule: str
    zh: str
    en: str
    issuers: frozenset[str] = frozenset()
    level: Literal["county", "city", "province"] | None = None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry for the archive. ``personal`` goes under seal."""

    kind: EntryKind
    on: date
    data: Mapping[str, Plain] = field(default_factory=dict, repr=False)
    personal: Mapping[str, Plain] = field(default_factory=dict, repr=False)
    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class NewDeadline:
    """A clock that starts: ``name`` is unique for pupil and case; ``unit`` must act by ``period`` after ``event``.

    ``rule`` names the deadline (A33-1 …). A clock of the same pupil and name that runs is replaced.
    """

    name: str
    rule: str
    unit: str
    event: date
    period: Period


@dataclass(frozen=True, slots=True)
class NewMatter:
    """A matter to be followed up, with an owner and an end (控辍保学, 人籍分离, 空挂, fraud, a finding of Art. 51).

    ``kind``: ``dropout``, ``person-record``, ``hollow-record``, ``fraud``, ``finding``, ``objection`` or
    ``special-case``. ``code`` is the code of a finding (51(一) as ``51-1``).
    """

    kind: str
    owner: str
    on: date
    rule: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """A certificate to be numbered and issued: ``kind`` is graduation, completion, incomplete or education-proof.

    ``issuer`` is the unit that issues it; ``effective`` false until a stamp (A43-2). ``original`` is the number of
    the certificate that it stands for. ``data`` goes under seal with the number.
    """

    kind: str
    issuer: str
    on: date
    effective: bool = True
    original: str = ""
    data: Mapping[str, Plain] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a case changes, all in one transaction.

    ``ground`` is the article that the transition names (S-4): for the public side of the log it must tell no
    circumstance. ``school``, ``grade``, ``class_name`` move the record; ``holder`` is the unit that keeps the archive
    when it is no school (A26-1). ``fields`` are new values of Annex 1 fields (registry field codes). ``met`` are
    names of clocks that stop. ``new_record`` registers a pupil: Annex 1 values by field code. ``neutral`` leaves no
    trace but the grade (A24-3).
    """

    move: Move | None = None
    ground: str = ""
    school: str | None = None
    grade: str | None = None
    class_name: str | None = None
    holder: str | None = None
    fields: Mapping[str, Value] = field(default_factory=dict, repr=False)
    new_record: Mapping[str, Value] | None = field(default=None, repr=False)
    entries: tuple[NewEntry, ...] = ()
    deadlines: tuple[NewDeadline, ...] = ()
    met: tuple[str, ...] = ()
    matters: tuple[NewMatter, ...] = ()
    certificates: tuple[NewCertificate, ...] = ()
    stamped: str | None = None
    """Number of the certificate that a stamp makes effective."""
    neutral: bool = False


NO_EFFECTS = Effects()
Subject = Literal["student", "new", "none"]


def no_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Ask for nothing."""
    return ()


def nothing_on_step(_step: str, _request: Request, _facts: Facts, _on: date) -> Effects:
    """Change nothing on the way."""
    return NO_EFFECTS


def nothing_undone(_request: Request, _facts: Facts, _on: date) -> Effects:
    """Change nothing when a case ends without success."""
    return NO_EFFECTS


@dataclass(frozen=True, slots=True)
class Procedure:
    """One kind of request.

    ``opened_by`` are the parties that may open it; who opens has done the first step if it is theirs. ``article`` is
    the article (``28``). ``subject``: an existing pupil, a new record, or none (缓学: no record, A9-8).
    ``needs_evidence``: an accepted change without evidence is impossible (A7-1). ``again`` are the checks that are
    made anew before the last decision. ``opens_in`` are the states of the record in which it may be opened (empty:
    any that is not final). ``effects`` is computed when the last step is done, ``on_step`` after each step before,
    ``undone`` when the case is refused or withdrawn. ``private`` cases leave nothing but their effect (A24-3): they
    are not in histories, work lists or events.
    """

    kind: str
    zh: str
    en: str
    chapter: int
    article: str
    fields: tuple[ValueSpec, ...]
    opened_by: frozenset[Party]
    steps: Callable[[Request, Facts], tuple[StepPlan, ...]]
    effects: Callable[[Request, Facts, date], Effects]
    checks: tuple[Check, ...] = ()
    evidence: Callable[[Request, Facts], tuple[EvidenceNeed, ...]] = no_evidence
    on_step: Callable[[str, Request, Facts, date], Effects] = nothing_on_step
    undone: Callable[[Request, Facts, date], Effects] = nothing_undone
    again: tuple[Check, ...] = ()
    subject: Subject = "student"
    needs_evidence: bool = True
    opens_in: frozenset[str] = frozenset()
    private: bool = False
    beside: frozenset[str] = frozenset()
    """Kinds of open cases of the same pupil beside which it may be opened; of any other it waits for the end."""
    waits: bool = True
    """Whether it waits for the end of other cases, and they for its. What only notes something (a contact, an absence,
    an award, a death) does not: it must not be kept out of the archive by a transfer under way."""


PROCEDURES: dict[str, Procedure] = {}
"""Every procedure by kind; filled by the chapters."""


def register(procedure: Procedure) -> Procedure:
    """Add a procedure. Raises ``ValueError`` for a kind that stands twice."""
    if procedure.kind in PROCEDURES:
        raise ValueError(f"procedure '{procedure.kind}' stands twice")
    PROCEDURES[procedure.kind] = procedure
    return procedure
