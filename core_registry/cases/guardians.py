"""The guardian's end of the desk: requests that the regulation lets a guardian open, for a child with a verified link.

A guardian names the child by the reference of the sharing view, and neither school nor record: both follow from it.
What is opened here waits for the school, like any request of a guardian (A7-2, A28-1, A31-1, A36-1); a guardian sees
and takes back what the own account opened, and nothing else of the registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

from core_registry.cases.records import CaseLine, Draft, NewEvidence
from core_registry.cases.service import MAX_LIST, CaseDesk
from core_registry.domain.cases import Actor, Case
from core_registry.domain.facts import Evidence
from core_registry.domain.procedures import Procedure
from core_registry.domain.rules import Party, RuleResult, enforces
from core_registry.errors import CaseNotFoundError, RegisterRuleError, StudentNotFoundError

BY_GUARDIAN = "by_guardian"
"""The value by which a procedure is told that a guardian applies (A7-2); never the guardian's to say otherwise."""


@dataclass(frozen=True, slots=True)
class GuardianRequest:
    """What a guardian asks for; ``values``, ``evidence`` and ``key`` as in ``Draft``."""

    kind: str
    on: date
    applied_on: date
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    evidence: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class PupilPlace:
    """Where a record lies."""

    student_id: str
    school: str


class Places(Protocol):
    """Where the record of a guardian's child lies."""

    def place(self, account: str, subject_ref: str) -> PupilPlace | None:
        """Return it, ``None`` without a verified link (A7-3), or for a record without a school."""


@enforces("A7-3", how="procedure")
class GuardianDesk:
    """Use cases of guardians, named by ``account``: each asks for the verified link first, and again as it is done."""

    def __init__(self, desk: CaseDesk, places: Places) -> None:
        self._desk = desk
        self._places = places

    def procedures(self) -> Sequence[Procedure]:
        """Return what a guardian may open for a child with a record."""
        return [one for one in self._desk.procedures() if Party.GUARDIAN in one.opened_by and one.subject == "student"]

    def explain(self, account: str, subject_ref: str, request: GuardianRequest) -> tuple[RuleResult, ...]:
        """Return what every rule says of a request; nothing is written. Raises as ``open``."""
        return self._desk.explain(self._draft(account, subject_ref, request), _actor(account))

    def open(self, account: str, subject_ref: str, request: GuardianRequest) -> Case:
        """Open a case, with the guardian's own step done; the same ``key`` again gives the same case.

        Raises ``StudentNotFoundError`` without a verified link, ``CaseRefusedError`` with all results, ``ValuesError``,
        ``RegisterRuleError``, ``EvidenceRefusedError``.
        """
        return self._desk.open(self._draft(account, subject_ref, request), _actor(account))

    def cases(self, account: str, subject_ref: str, *, after: str = "", limit: int = 50) -> list[CaseLine]:
        """Return a page of what the account opened, newest first, of this child alone."""
        student = self._place(account, subject_ref).student_id
        found = self._desk.cases(_actor(account), None, after=after, limit=MAX_LIST)
        return [line for line in found if line.student_id == student][:limit]

    def case(self, account: str, subject_ref: str, case_id: str) -> Case:
        """Return a case that the account opened for this child. Raises ``CaseNotFoundError`` for any other."""
        place = self._place(account, subject_ref)
        found = self._desk.case(case_id, _actor(account), None)
        if found.opened_by != account or found.request.student_id != place.student_id:
            raise CaseNotFoundError(
                "There is no such case, or you may not know of it.", detail_zh="没有这项业务，或您无权查看。"
            )
        return found

    def withdraw(self, account: str, subject_ref: str, case_id: str, version: int, note: str = "") -> Case:
        """Take back an open case that the account opened."""
        self.case(account, subject_ref, case_id)
        return self._desk.withdraw(case_id, _actor(account), version, note)

    def hand_in(self, account: str, subject_ref: str, evidence: NewEvidence) -> Evidence:
        """Store a file of this child as evidence, sealed. Raises ``EvidenceRefusedError``."""
        of_child = replace(evidence, student_id=self._place(account, subject_ref).student_id)
        return self._desk.hand_in(of_child, _actor(account))

    def _draft(self, account: str, subject_ref: str, request: GuardianRequest) -> Draft:
        known = {one.kind: one for one in self.procedures()}
        procedure = known.get(request.kind)
        if procedure is None:
            raise RegisterRuleError(
                "A guardian does not open this; GET /v1/family/procedures lists what a guardian opens.",
                detail_zh="该业务不由监护人发起，请选择列出的业务。",
                rule="A7-3",
            )
        place = self._place(account, subject_ref)
        values = dict(request.values)
        if any(spec.name == BY_GUARDIAN for spec in procedure.fields):
            values[BY_GUARDIAN] = True
        return Draft(
            kind=request.kind,
            school=place.school,
            on=request.on,
            applied_on=request.applied_on,
            student_id=place.student_id,
            values=values,
            evidence=request.evidence,
            key=request.key,
        )

    def _place(self, account: str, subject_ref: str) -> PupilPlace:
        found = self._places.place(account, subject_ref)
        if found is None:
            raise StudentNotFoundError(
                "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
            )
        return found


def _actor(account: str) -> Actor:
    return Actor(account, "", "guardian")
