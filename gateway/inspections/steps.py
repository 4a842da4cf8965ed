"""One step of a case: at the version that was seen, with its entry, in one transaction or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.inspections.errors import CaseStateError, CaseVersionError
from gateway.inspections.ports import CaseStore
from gateway.inspections.records import Case, CaseAct, CaseEvent, CaseState, SubjectKind
from gateway.inspections.texts import commitment, new_salt
from gateway.journal import EntryDraft, Journal, JsonValue, Tx
from gateway.principals import Principal

UNCLOSED: Final = (CaseState.OPEN, CaseState.ORDERED, CaseState.ANSWERED)
KINDS: Final[Mapping[CaseAct, str]] = {
    "opened": "inspection.opened",
    "evidence_added": "inspection.evidence_added",
    "noted": "inspection.noted",
    "ordered": "inspection.ordered",
    "extended": "inspection.extended",
    "answered": "inspection.answered",
    "overdue": "inspection.overdue",
    "hold_set": "inspection.hold_set",
    "hold_lifted": "inspection.hold_lifted",
    "closed": "inspection.closed",
}
"""Act -> kind of its audit entry."""
Facts = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to a case: in which ``states`` it may be done, and what it ``change``s.

    ``text`` stays in the table under seal, the log has a commitment to it; ``version`` is the one that was seen,
    ``None`` the present one; ``also`` runs in the same transaction.
    """

    act: CaseAct
    states: Sequence[CaseState]
    change: Callable[[Case], Case] = lambda found: found
    text: str = ""
    version: int | None = None
    policy: str | None = None
    facts: Facts | None = None
    also: Callable[[Tx], None] = lambda _tx: None


@dataclass(frozen=True, slots=True)
class CaseSteps:
    """Writes steps."""

    store: CaseStore
    journal: Journal
    now: Callable[[], datetime]

    def take(self, principal: Principal | None, found: Case, step: Step) -> Case:
        """Return the case after a step; ``None`` is the system.

        Raises ``CaseStateError``, which is recorded, and ``CaseVersionError``.
        """
        if found.state not in step.states:
            error = _wrong_state(found, step.states)
            if principal is not None:
                self.journal.append(_refused(principal, found, step.act, error))
            raise error
        seen = found.version if step.version is None else step.version
        changed = replace(step.change(found), version=seen + 1)
        salt = new_salt() if step.text else b""
        event = CaseEvent(self.now(), None if principal is None else principal.account, step.act, step.text, salt)

        def write(tx: Tx) -> Case:
            if seen != found.version or not self.store.update(tx, found, changed, event):
                raise overtaken()
            step.also(tx)
            return changed

        facts = {**(step.facts or {}), **({"text_commitment": commitment(salt, step.text)} if step.text else {})}
        return self.journal.record(write, entry_of(step.act, principal, changed, facts, step.policy))[0]


def entry_of(act: CaseAct, principal: Principal | None, case: Case, facts: Facts, policy: str | None) -> EntryDraft:
    """Return the audit entry of a step: which case, about which body, and ``facts``."""
    return EntryDraft(KINDS[act], principal, facts={**_facts(case), **facts}, links=_links(case), policy=policy)


def overtaken() -> CaseVersionError:
    """Return the error for whoever acts on what another person changed meanwhile."""
    return CaseVersionError(
        "Somebody else acted on the case in between: read it again, then act.",
        detail_zh="该案件已由他人办理，请刷新后再办理。",
    )


def _facts(case: Case) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {
        "case": case.id,
        "subject_kind": case.subject.kind.value,
        "state": case.state.value,
        "codes": [*case.codes],
    }
    if case.subject.kind is SubjectKind.UNIT:
        facts["unit"] = case.subject.code
    if case.due is not None:
        facts["due"] = case.due.isoformat()
    return facts


def _links(case: Case) -> dict[str, str]:
    return {"recipient": case.subject.code} if case.subject.kind is SubjectKind.RECIPIENT else {}


def _wrong_state(case: Case, states: Sequence[CaseState]) -> CaseStateError:
    return CaseStateError(
        f"The case is '{case.state}'; this act needs: {', '.join(states)}.",
        detail_zh="案件的当前状态不能这样办理。",
        missing=tuple(state.value for state in states),
    )


def _refused(principal: Principal, case: Case, act: CaseAct, error: CaseStateError) -> EntryDraft:
    facts: dict[str, JsonValue] = {**_facts(case), "act": act, "error": type(error).__name__}
    return EntryDraft("inspection.refused_act", principal, outcome="refused", facts=facts, links=_links(case))
