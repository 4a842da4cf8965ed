"""What every rule says of a request: state and other cases, evidence, then the procedure's own checks."""

from __future__ import annotations

from collections.abc import Sequence

from core_registry.domain.facts import Evidence, Facts
from core_registry.domain.procedures import PROCEDURES, EvidenceNeed, Procedure
from core_registry.domain.regulation import REGULATION
from core_registry.domain.requests import Request
from core_registry.domain.rules import Party, RuleResult, Status, enforces
from core_registry.domain.states import CLOSED, LABELS, StudentState
from core_registry.errors import RegisterRuleError

_LEVELS = ("township", "county", "city", "province", "state")


def procedure_of(kind: str) -> Procedure:
    """Return a procedure. Raises ``RegisterRuleError`` for an unknown kind."""
    found = PROCEDURES.get(kind)
    if found is None:
        raise RegisterRuleError(f"There is no procedure '{kind[:40]}'.", detail_zh="没有这种业务。", rule="S-3")
    return found


@enforces("S-3", "A7-1", how="procedure")
def explain(request: Request, facts: Facts) -> tuple[RuleResult, ...]:
    """Return what every rule that concerns the request says, failures first: the one source for API, pages and tests.

    Raises ``RegisterRuleError`` for an unknown kind.
    """
    procedure = procedure_of(request.kind)
    found: list[RuleResult] = []
    found.extend(_standing(procedure, facts))
    found.extend(_proofs(procedure, request, facts))
    for check in procedure.checks:
        result = check(request, facts)
        if result is not None:
            found.append(result)
    order = {Status.FAILED: 0, Status.EXCEPTION_POSSIBLE: 1, Status.EXCEPTED: 2, Status.PASSED: 3}
    return tuple(sorted(found, key=lambda result: order[result.status]))


def _standing(procedure: Procedure, facts: Facts) -> Sequence[RuleResult]:
    """Judge whether the record's state and other open cases allow the request (S-1, S-3, S-5)."""
    if procedure.subject != "student":
        return ()
    state = facts.pupil.state
    entry = REGULATION["S-3"]
    allowed = procedure.opens_in or frozenset(s.value for s in StudentState if s not in CLOSED)
    found = []
    if state.value in allowed:
        found.append(RuleResult("S-3", Status.PASSED, entry.zh, entry.en))
    else:
        names = "、".join(LABELS[StudentState(s)] for s in sorted(allowed))
        found.append(
            RuleResult(
                "S-3",
                Status.FAILED,
                entry.zh,
                entry.en,
                f"学籍现为“{LABELS[state]}”，本业务仅适用于：{names}。",
                f"The record is '{state}'; this needs one of: {', '.join(sorted(allowed))}.",
            )
        )
    in_the_way = [
        case
        for case in facts.open_cases
        if procedure.waits and case.kind not in procedure.beside and PROCEDURES[case.kind].waits
    ]
    if in_the_way:
        first = PROCEDURES[in_the_way[0].kind]
        found.append(
            RuleResult(
                "S-4",
                Status.FAILED,
                REGULATION["S-4"].zh,
                REGULATION["S-4"].en,
                f"该生的“{first.zh}”尚在办理中，须先办结或撤回。",
                f"Another case of this pupil is open ('{first.en}'): finish or withdraw it first.",
                Party.SCHOOL,
            )
        )
    return found


def _proofs(procedure: Procedure, request: Request, facts: Facts) -> Sequence[RuleResult]:
    """Judge the evidence: each need by kind, issuer and level (section 7), and at least one item at all (A7-1)."""
    found = []
    for need in procedure.evidence(request, facts):
        entry = REGULATION[need.rule]
        problem = _missing(need, facts.evidence)
        if problem is None:
            found.append(RuleResult(need.rule, Status.PASSED, entry.zh, entry.en))
        else:
            found.append(
                RuleResult(need.rule, Status.FAILED, entry.zh, entry.en, *problem, Party.GUARDIAN, need.kinds[0])
            )
    if procedure.needs_evidence:
        entry = REGULATION["A7-1"]
        if facts.evidence:
            found.append(RuleResult("A7-1", Status.PASSED, entry.zh, entry.en))
        else:
            found.append(
                RuleResult(
                    "A7-1",
                    Status.FAILED,
                    entry.zh,
                    entry.en,
                    "至少上传一份证明材料。",
                    "Attach at least one item of evidence.",
                    Party.SCHOOL,
                )
            )
    return found


def _missing(need: EvidenceNeed, evidence: Sequence[Evidence]) -> tuple[str, str] | None:
    """Return what is missing (Chinese, English), ``None`` when the need is met."""
    right_kind = [item for item in evidence if item.kind in need.kinds]
    if not right_kind:
        return f"缺少：{need.zh}。", f"Missing: {need.en}."
    if need.issuers:
        right_kind = [item for item in right_kind if item.issuer_kind in need.issuers]
        if not right_kind:
            return f"出具单位不符：{need.zh}。", f"From another kind of issuer: {need.en}."
    if need.level is not None:
        least = _LEVELS.index(need.level)
        if not any(item.issuer_level in _LEVELS and _LEVELS.index(item.issuer_level) >= least for item in right_kind):
            return f"出具单位级别不够：{need.zh}。", f"Issued at too low a level: {need.en}."
    return None
