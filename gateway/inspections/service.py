"""Use cases of the inspector's cases: open, collect proof, order to correct, extend, hold back, close, take along.

An inspector conducts cases, as the decision point says. Every step is an audit entry in the transaction of the step;
texts stay in the table under seal, the log has salted commitments to them. What the inspected body sees and answers is
in ``orders``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from gateway.articles import keeps
from gateway.errors import NotFoundError, ParameterError
from gateway.inspections.export import members_of
from gateway.inspections.gathering import first_of, steps_of
from gateway.inspections.ports import Bodies, CaseGate, CaseStore, Proofs, Raised, Trail
from gateway.inspections.records import (
    MAX_EVIDENCE,
    MAX_HOLD_DAYS,
    MAX_ORDER_DAYS,
    Case,
    CaseEvent,
    CaseFile,
    CaseFinding,
    CaseId,
    CasePage,
    CaseQuery,
    CaseState,
    Evidence,
    Hold,
    HoldId,
    Source,
    Subject,
)
from gateway.inspections.steps import UNCLOSED, CaseSteps, Step, entry_of, overtaken
from gateway.inspections.texts import commitment, new_salt, said
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.deadlines import WorkingDays
from gateway.principals import Principal

MAX_PAGE: Final = 200
MAX_TITLE: Final = 100


@keeps("A50-10")
@dataclass(frozen=True, slots=True)
class InspectionService:
    """Inspection cases. ``codes`` are the situations of Art. 51: code -> (Chinese, English)."""

    store: CaseStore
    steps: CaseSteps
    trail: Trail
    alerts: Raised
    bodies: Bodies
    gate: CaseGate
    reader: Reader
    journal: Journal
    codes: Mapping[str, tuple[str, str]]
    working_days: WorkingDays
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]
    proofs: Proofs | None = None
    """Where tag root and registry are; elsewhere a package has no proofs of presence."""

    # --- reading ----------------------------------------------------------------------------------------------

    def listed(self, principal: Principal, query: CaseQuery) -> CasePage:
        """Return a page of cases, newest first; the reading is logged.

        Raises ``ForbiddenError``, and ``ParameterError`` for a limit beyond 1 to 200.
        """
        if not 1 <= query.limit <= MAX_PAGE:
            raise ParameterError(f"A page holds 1 to {MAX_PAGE} cases.", detail_zh=f"每页 1 至 {MAX_PAGE} 条。")
        self.gate.read(principal)
        self.journal.append(EntryDraft("audit.read", principal, facts={"act": "cases"}))
        found = tuple(self.reader.read(lambda tx: self.store.find(tx, query)))
        return CasePage(found, found[-1].id if len(found) == query.limit else None)

    def get(self, principal: Principal, case: CaseId) -> CaseFile:
        """Return a case with evidence, history and holds; the reading is logged. Raises ``NotFoundError``."""
        self.gate.read(principal)
        file = self._file(case)
        self.journal.append(EntryDraft("audit.read", principal, facts={"act": "case", "case": case}))
        return file

    def export(self, principal: Principal, case: CaseId) -> bytes:
        """Return the inspection package of a case: evidence and its own steps with proofs, and the file for people."""
        self.gate.conduct(principal)
        file = self._file(case)
        steps = steps_of(self.trail, file.case)
        indexes = sorted({*(one.index for one in file.evidence), *steps})
        beside = members_of(file, steps, self.codes, self._presence(file))
        return self.trail.export(principal, indexes, beside=beside, case=case)

    # --- conducting -------------------------------------------------------------------------------------------

    def open(self, principal: Principal, subject: Subject, source: Source, title: str, note: str = "") -> Case:
        """Open a case on a body with the first evidence that its source leads to.

        Raises ``ForbiddenError``, ``ParameterError`` for an unknown body or a source without entries, and
        ``NotFoundError`` for an alert or entry that is not there.
        """
        policy = self.gate.conduct(principal)
        if not self.bodies.known(subject):
            raise ParameterError(
                "Name a school, a department or a recipient of data by its code.",
                detail_zh="请填写学校、教育行政部门或数据使用方的代码。",
                missing=("subject",),
            )
        title, note = said("title", title, longest=MAX_TITLE), said("note", note, needed=False)
        now = self.now()
        first = first_of(self.trail, self.alerts, principal, source)
        evidence = [self._proven(index, principal, note, now) for index in first]
        identifier = CaseId(self.new_id("ic"))
        case = Case(identifier, subject, str(source), title, CaseState.OPEN, now, principal.account)
        salt = new_salt()

        def write(tx: Tx) -> Case:
            self.store.add(tx, case, CaseEvent(now, principal.account, "opened", title, salt))
            self.store.add_evidence(tx, case.id, evidence)
            return case

        facts: dict[str, JsonValue] = {
            "source": case.source, "entries": [*first], "text_commitment": commitment(salt, title)
        }  # fmt: skip
        return self.journal.record(write, entry_of("opened", principal, case, facts, policy))[0]

    def add_evidence(
        self, principal: Principal, case: CaseId, index: int, note: str = "", *, version: int | None = None
    ) -> Case:
        """Add an entry of the log with its proof.

        Raises ``ParameterError`` for one that the case has, or the 501st; ``NotFoundError`` for one that is not there.
        """
        note = said("note", note, needed=False)
        policy, file = self.gate.conduct(principal), self._file(case)
        if any(one.index == index for one in file.evidence) or len(file.evidence) >= MAX_EVIDENCE:
            raise ParameterError(
                f"The case has this entry already, or {MAX_EVIDENCE} of them.",
                detail_zh=f"该条目已是本案证据，或证据已满 {MAX_EVIDENCE} 条。",
                missing=("entry",),
            )
        proven = self._proven(index, principal, note, self.now())
        step = Step(
            "evidence_added",
            UNCLOSED,
            text=note,
            version=version,
            policy=policy,
            facts={"entries": [index]},
            also=lambda tx: self.store.add_evidence(tx, case, [proven]),
        )
        return self.steps.take(principal, file.case, step)

    def add_note(self, principal: Principal, case: CaseId, text: str, *, version: int | None = None) -> Case:
        """Add a note; notes are never taken out."""
        policy, text = self.gate.conduct(principal), said("text", text)
        step = Step("noted", UNCLOSED, text=text, version=version, policy=policy)
        return self.steps.take(principal, self._file(case).case, step)

    def order(
        self,
        principal: Principal,
        case: CaseId,
        codes: Sequence[str],
        text: str,
        days: int,
        *,
        version: int | None = None,
    ) -> Case:
        """Order the body to correct what was found, within ``days`` working days, today not counted (T-1, T-2).

        After an answer that does not suffice a further order may follow. Raises ``ParameterError`` for no code, an
        unknown one or days beyond 1 to 60, ``CaseStateError`` and ``CaseVersionError``.
        """
        policy, text = self.gate.conduct(principal), said("text", text)
        chosen = tuple(sorted(set(codes)))
        if not chosen or any(code not in self.codes for code in chosen):
            raise ParameterError(
                f"Name one or more situations of Art. 51: {', '.join(self.codes)}.",
                detail_zh="请选择第五十一条所列情形。",
                missing=("codes",),
            )
        due, now = self._after(self.today(), days), self.now()

        def ordered(found: Case) -> Case:
            state = CaseState.ORDERED
            return replace(found, state=state, codes=chosen, order=text, ordered_at=now, due=due, overdue=False)

        among = (CaseState.OPEN, CaseState.ANSWERED)
        step = Step("ordered", among, ordered, text, version, policy, {"days": days})
        return self.steps.take(principal, self._file(case).case, step)

    def extend(self, principal: Principal, case: CaseId, days: int, reason: str, *, version: int | None = None) -> Case:
        """Give an order more working days, counted from its last day or from today, whichever is later."""
        policy, reason = self.gate.conduct(principal), said("reason", reason)
        found = self._file(case).case
        due = self._after(max(found.due or self.today(), self.today()), days)

        def extended(before: Case) -> Case:
            return replace(before, due=due, overdue=False)

        step = Step("extended", (CaseState.ORDERED,), extended, reason, version, policy, {"days": days})
        return self.steps.take(principal, found, step)

    def close(
        self, principal: Principal, case: CaseId, finding: CaseFinding, text: str, *, version: int | None = None
    ) -> Case:
        """End a case with what was found; its holds end with it.

        ``CORRECTED`` needs an answer of the body, ``NOT_CORRECTED`` an order. Raises ``CaseStateError``.
        """
        policy, text = self.gate.conduct(principal), said("text", text)
        states: Sequence[CaseState] = {
            CaseFinding.CORRECTED: (CaseState.ANSWERED,),
            CaseFinding.NOT_CORRECTED: (CaseState.ORDERED, CaseState.ANSWERED),
        }.get(finding, UNCLOSED)
        file, now = self._file(case), self.now()
        standing = [one.id for one in file.holds if one.lifted_at is None]

        def lift(tx: Tx) -> None:
            for hold in standing:
                self.store.lift_hold(tx, hold, now)

        def closed(found: Case) -> Case:
            return replace(found, state=CaseState.CLOSED, finding=finding, closed_at=now)

        facts: dict[str, JsonValue] = {
            "finding": finding.value,
            "late": file.case.late(self.today()),
            "holds_lifted": [*standing],
        }
        return self.steps.take(principal, file.case, Step("closed", states, closed, text, version, policy, facts, lift))

    # --- delayed visibility -----------------------------------------------------------------------------------

    def hold(
        self,
        principal: Principal,
        case: CaseId,
        entries: Sequence[int],
        days: int,
        reason: str,
        *,
        version: int | None = None,
    ) -> Case:
        """Keep evidence of the case from the guardian's view for ``days`` working days, 1 to 60: never without an end.

        Raises ``ParameterError`` for an entry that is no evidence of the case, or days beyond the limit.
        """
        policy, reason = self.gate.conduct(principal), said("reason", reason)
        file, chosen = self._file(case), tuple(sorted(set(entries)))
        if not chosen or not set(chosen) <= {one.index for one in file.evidence}:
            raise ParameterError(
                "A hold names entries that are evidence of the case.",
                detail_zh="只能对本案证据条目设置延后显示。",
                missing=("entries",),
            )
        until = self._after(self.today(), days, most=MAX_HOLD_DAYS)
        held = Hold(HoldId(self.new_id("ih")), case, chosen, self.now(), principal.account, until, reason)
        step = Step(
            "hold_set",
            UNCLOSED,
            text=reason,
            version=version,
            policy=policy,
            facts={"hold": held.id, "entries": [*chosen], "until": until.isoformat()},
            also=lambda tx: self.store.add_hold(tx, held),
        )
        return self.steps.take(principal, file.case, step)

    def lift(
        self, principal: Principal, case: CaseId, hold: HoldId, reason: str, *, version: int | None = None
    ) -> Case:
        """End a hold before its day. Raises ``NotFoundError`` when the case has no such hold that stands."""
        policy, reason = self.gate.conduct(principal), said("reason", reason)
        file = self._file(case)
        if not any(one.id == hold and one.stands(self.today()) for one in file.holds):
            raise NotFoundError("The case has no such hold, or it has ended.", detail_zh="没有该延后显示，或已结束。")

        def lift(tx: Tx) -> None:
            if not self.store.lift_hold(tx, hold, self.now()):
                raise overtaken()

        step = Step(
            "hold_lifted", UNCLOSED, text=reason, version=version, policy=policy, facts={"hold": hold}, also=lift
        )
        return self.steps.take(principal, file.case, step)

    # --- inside -----------------------------------------------------------------------------------------------

    def _presence(self, file: CaseFile) -> dict[int, bytes]:
        """Return the proofs of presence and absence whose asking is evidence of the case."""
        if self.proofs is None:
            return {}
        found = {one.index: self.proofs.of_statement(one.index) for one in file.evidence}
        return {index: proof for index, proof in found.items() if proof is not None}

    def _file(self, case: CaseId) -> CaseFile:
        def run(tx: Tx) -> CaseFile:
            found = self.store.get(tx, case)
            if found is None:
                raise NotFoundError("There is no such case.", detail_zh="没有该案件。")
            return CaseFile(
                found,
                tuple(self.store.evidence(tx, case)),
                tuple(self.store.events(tx, case)),
                tuple(self.store.holds(tx, case)),
            )

        return self.reader.read(run)

    def _proven(self, index: int, principal: Principal, note: str, now: datetime) -> Evidence:
        return Evidence(index, now, principal.account, note, self.trail.proof(index).receipt)

    def _after(self, day: date, days: int, *, most: int = MAX_ORDER_DAYS) -> date:
        if not 1 <= days <= most:
            raise ParameterError(
                f"Give 1 to {most} working days.", detail_zh=f"期限为 1 至 {most} 个工作日。", missing=("days",)
            )
        return self.working_days(day, days)
