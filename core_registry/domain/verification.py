"""Term verification of a register, the county's check of changes, measures of data quality (Arts. 3, 4, 49)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType

from core_registry.domain.facts import SchoolFacts
from core_registry.domain.procedures import NewMatter
from core_registry.domain.regulation import REGULATION
from core_registry.domain.rules import RuleResult, Status, enforces
from core_registry.domain.states import StudentState
from core_registry.domain.terms import Semester
from core_registry.domain.working_days import add_months
from core_registry.errors import RegisterRuleError


class VerificationResult(StrEnum):
    """What the verification of one pupil found."""

    CONSISTENT = "consistent"
    PERSON_RECORD = "person-record"
    HOLLOW = "hollow"
    FORMALITIES_MISSING = "formalities-missing"
    DATA_WRONG = "data-wrong"


RESULT_LABELS: Mapping[VerificationResult, tuple[str, str]] = MappingProxyType(
    {
        VerificationResult.CONSISTENT: ("人籍一致", "person and record agree"),
        VerificationResult.PERSON_RECORD: ("人籍分离", "pupil attends elsewhere than the record lies"),
        VerificationResult.HOLLOW: ("空挂学籍", "record without a pupil"),
        VerificationResult.FORMALITIES_MISSING: ("手续不全", "formalities missing"),
        VerificationResult.DATA_WRONG: ("信息有误", "information wrong"),
    }
)
"""Chinese and English."""

_MATTERS: Mapping[VerificationResult, str] = MappingProxyType(
    {VerificationResult.PERSON_RECORD: "person-record", VerificationResult.HOLLOW: "hollow-record"}
)


@enforces("A49-1", how="code")
def first_day(semester: Semester) -> date:
    """Return the first day on which a verification counts: one month after the start of the term (T-3)."""
    return add_months(semester.start, 1)


@enforces("A49-1", how="code")
def counts(semester: Semester, on: date) -> bool:
    """Whether a verification made on ``on`` is one of this term: from one month after its start to its last day."""
    return first_day(semester) <= on <= semester.end


def verification_missing(semester: Semester, made_on: Iterable[date], today: date) -> bool:
    """Whether a school owes the verification of a term: it could be made, and none of ``made_on`` counts (A49-1)."""
    return today >= first_day(semester) and not any(counts(semester, day) for day in made_on)


@dataclass(frozen=True, slots=True)
class Verification:
    """A verification of a school as it was signed: the result of each pupil by internal id (A49-1)."""

    school_code: str
    semester: Semester
    on: date
    signed_by: str
    results: Mapping[str, VerificationResult]

    @property
    def totals(self) -> Mapping[VerificationResult, int]:
        """How many pupils have each result."""
        found = Counter(self.results.values())
        return {result: found[result] for result in VerificationResult}


@enforces("A49-1", how="code")
def verification_problems(verification: Verification, on_roll: frozenset[str]) -> tuple[RuleResult, ...]:
    """Return why a verification is not a valid one of its term: too early or late, unsigned, or not of every pupil."""
    problems = []
    if not counts(verification.semester, verification.on):
        problems.append(
            _problem(
                "开学满1个月后至学期结束前的核准才计入本学期。",
                "Only a verification from one month after the start to the end of the term counts.",
            )
        )
    if not verification.signed_by:
        problems.append(_problem("核准须签字确认。", "The verification is not signed."))
    left, unknown = len(on_roll - verification.results.keys()), len(verification.results.keys() - on_roll)
    if left or unknown:
        problems.append(
            _problem(
                f"尚有 {left} 名学生未核准，{unknown} 条结果不属于本校在籍学生。",
                f"{left} pupils have no result, {unknown} results are of nobody on the roll.",
            )
        )
    return tuple(problems)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A matter of one pupil that a verification opens, to be closed by ``until`` (A49-2)."""

    student_id: str
    matter: NewMatter
    until: date


@enforces("A49-2", how="code")
def follow_ups(verification: Verification, school: SchoolFacts) -> tuple[FollowUp, ...]:
    """Return a matter for each pupil apart from the record and each record without a pupil.

    The school (its central school) owns it; it ends with the term at the latest, before the next verification.
    """
    owner = school.central_school or school.code
    return tuple(
        FollowUp(
            student_id,
            NewMatter(_MATTERS[result], owner, verification.on, "A49-2"),
            max(verification.semester.end, verification.on),
        )
        for student_id, result in verification.results.items()
        if result in _MATTERS
    )


# --- the county's check of changes


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """The changes of one school in a period, by the state they led to, with the mark of the check (A3-6)."""

    school_code: str
    since: date
    until: date
    changes: Mapping[StudentState, int]
    checked_by: str | None = None
    checked_on: date | None = None


@enforces("A3-6", how="record")
def change_report(
    school_code: str, since: date, until: date, transitions: Iterable[tuple[date, StudentState]]
) -> ChangeReport:
    """Return the report of a school from ``since`` to ``until``, both included; of ``(day, state led to)``."""
    found = Counter(state for day, state in transitions if since <= day <= until)
    return ChangeReport(school_code, since, until, dict(found))


@enforces("A3-6", how="record")
def checked(report: ChangeReport, school: SchoolFacts, *, unit: str, by: str, on: date) -> ChangeReport:
    """Return the report with the mark "checked by, on".

    Raises ``RegisterRuleError`` (A3-6) for a unit that is not the school's county or its registry superior, another
    school's report, one that is checked already, or a period that is not over.
    """
    entitled = unit in {school.division, school.registry_superior}
    if not entitled or report.school_code != school.code or report.checked_on is not None or on <= report.until:
        raise RegisterRuleError(
            "A change report is checked once, after its period, by the school's county or registry superior.",
            detail_zh="学籍变动核查由学校所在县或上级学籍管理部门在期满后进行，一期一次。",
            rule="A3-6",
        )
    return replace(report, checked_by=by, checked_on=on)


# --- data quality


@dataclass(frozen=True, slots=True)
class QualityCounts:
    """Plain counts of a set of records (A4-1).

    ``required`` fields of which ``filled``; ``values`` of which ``valid``; ``records`` of which ``continuous``
    (memberships without gap or overlap); ``verified`` pupils of which ``consistent`` in the last verification that
    counts.
    """

    required: int
    filled: int
    values: int
    valid: int
    records: int
    continuous: int
    verified: int
    consistent: int


@dataclass(frozen=True, slots=True)
class QualityScore:
    """The four measures in parts of a thousand, rounded down: only a full set reads 1000; ``None`` of nothing."""

    completeness: int | None
    """完整性: required fields that are filled."""
    accuracy: int | None
    """准确性: values that are valid."""
    continuity: int | None
    """连续性: records without a gap or an overlap between schools."""
    truth: int | None
    """真实性: pupils whom the verification found to agree with their records."""


@enforces("A4-1", how="measure")
def quality(counted: QualityCounts) -> QualityScore:
    """Return the four measures. Raises ``ValueError`` for a part larger than its whole, or a negative count."""
    return QualityScore(
        _share(counted.filled, counted.required),
        _share(counted.valid, counted.values),
        _share(counted.continuous, counted.records),
        _share(counted.consistent, counted.verified),
    )


@enforces("A4-1", how="measure")
def gaps_and_overlaps(memberships: Sequence[tuple[date, date | None]]) -> tuple[int, int]:
    """Return how many gaps and overlaps lie between successive memberships ``(since, until)`` of one record.

    ``until`` is the last day at a school, ``None`` while it lasts; the next school begins on the day after, or on that
    same day (a record that is handed over within a day has no gap).
    """
    gaps = overlaps = 0
    spans = sorted(memberships, key=lambda span: (span[0], span[1] or date.max))
    reached: date | None = None
    for position, (since, until) in enumerate(spans):
        if position:
            if reached is None or since < reached:
                overlaps += 1
            elif since > reached + timedelta(days=1):
                gaps += 1
        if until is None or (position and reached is None):
            reached = None
        else:
            reached = until if reached is None else max(reached, until)
    return gaps, overlaps


def _share(part: int, whole: int) -> int | None:
    if not 0 <= part <= whole:
        raise ValueError("a part lies between nothing and the whole")
    return None if whole == 0 else part * 1000 // whole


def _problem(zh: str, en: str) -> RuleResult:
    entry = REGULATION["A49-1"]
    return RuleResult("A49-1", Status.FAILED, entry.zh, entry.en, zh, en)
