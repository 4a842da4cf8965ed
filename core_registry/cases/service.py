"""The desk: where registrars, principals and officers open, decide and read cases (chapters 2 to 8).

Every call names its actor. Who may act on what follows from the procedure (parties, sections 6 and 7) and from the
posts filed in the registry (A48-3); the gateway's policies say first who may come to the desk at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from datetime import date, datetime

from core_registry.cases.parsing import parse_values
from core_registry.cases.ports import CaseStore, CaseTransaction
from core_registry.cases.records import CaseLine, Draft, ExceptionGrant, History, Located, NewEvidence, WorkList
from core_registry.domain import chapters  # noqa: F401  fills the table of procedures
from core_registry.domain.archive_texts import require_recordable
from core_registry.domain.cases import Actor, Case, Decision, act, open_case, takes_part, withdraw
from core_registry.domain.exceptions import granting_units
from core_registry.domain.explaining import explain, procedure_of
from core_registry.domain.facts import Evidence, Facts
from core_registry.domain.posts import require_rights
from core_registry.domain.procedures import PROCEDURES, Procedure
from core_registry.domain.regulation import REGULATION, Mark
from core_registry.domain.requests import Request
from core_registry.domain.rules import Party, RuleResult, enforces
from core_registry.domain.working_days import civil_date
from core_registry.errors import CaseNotFoundError, EvidenceRefusedError, RegisterRuleError, StudentNotFoundError

MAX_NOTE = 500
_NUMBERS = re.compile(r"[0-9]{7,}")
MAX_LIST = 200


class CaseDesk:
    """Use cases of the registry's procedures.

    ``new_id`` returns a fresh id for a prefix (``random_id``); ``evidence_kinds`` are the kinds of evidence that are
    taken.
    """

    def __init__(
        self,
        store: CaseStore,
        now: Callable[[], datetime],
        new_id: Callable[[str], str],
        evidence_kinds: Container[str],
    ) -> None:
        self._store = store
        self._evidence_kinds = evidence_kinds
        self._now = now
        self._new_id = new_id

    def procedures(self) -> Sequence[Procedure]:
        """Return every procedure, by chapter and kind: what can be asked, with which values, evidence and steps."""
        return sorted(PROCEDURES.values(), key=lambda one: (one.chapter, one.kind))

    def explain(self, draft: Draft, actor: Actor) -> tuple[RuleResult, ...]:
        """Return what every rule says of a draft; nothing is written.

        Raises ``ValuesError``, ``StudentNotFoundError``, ``RegisterRuleError``, ``EvidenceRefusedError``.
        """
        request = self._request(draft)
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
            facts = tx.facts(request, draft.evidence, account=_guardian(actor))
            _related(actor, facts)
            if facts.student is not None and not takes_part(actor, request, facts):
                raise _no_student()
            return explain(request, facts)

    def open(self, draft: Draft, actor: Actor) -> Case:
        """Open a case, with the opener's own first step done; the same ``key`` again gives the same case.

        Raises ``CaseRefusedError`` with all results, ``StaleCaseError``, ``ValuesError``, ``RegisterRuleError`` …;
        nothing is written then.
        """
        request = self._request(draft)
        now = self._now()
        with self._store.writing(now) as tx:
            self._rights(tx, actor)
            if draft.key is not None:
                before = tx.by_key(actor.account, draft.key)
                if before is not None:
                    return before
            facts = tx.facts(request, draft.evidence, lock=True, account=_guardian(actor))
            _related(actor, facts)
            change = open_case(self._new_id("ca"), request, facts, actor, now, draft.version)
            return tx.add(change.case, draft.evidence, draft.key, change.effects, actor)

    def act(self, case_id: str, step: str, decision: Decision, actor: Actor, version: int, note: str = "") -> Case:
        """Decide a step of a case that waits for the actor's unit.

        Raises ``CaseNotFoundError``, ``StaleCaseError`` ("changed meanwhile by …"), ``RegisterRuleError``,
        ``CaseRefusedError``.
        """
        now = self._now()
        with self._store.writing(now) as tx:
            self._rights(tx, actor)
            case = self._case(tx, case_id)
            facts = tx.facts(case.request, (), case=case, lock=True, account=_guardian(actor))
            _related(actor, facts)
            change = act(case, step, decision, actor, facts, now, version, _note(note))
            return tx.update(change.case, change.effects, actor)

    def withdraw(self, case_id: str, actor: Actor, version: int, note: str = "") -> Case:
        """Take an open case back. Raises ``CaseNotFoundError``, ``StaleCaseError``, ``RegisterRuleError``."""
        now = self._now()
        with self._store.writing(now) as tx:
            self._rights(tx, actor)
            case = self._case(tx, case_id)
            facts = tx.facts(case.request, (), case=case, account=_guardian(actor))
            _related(actor, facts)
            change = withdraw(case, actor, facts, now, version, _note(note))
            return tx.update(change.case, change.effects, actor)

    def case(self, case_id: str, actor: Actor, reach: frozenset[str] | None) -> Case:
        """Return a case in which the actor's unit has a part or whose school it reaches.

        A unit without a part in it, and without the record, sees the texts redacted. Raises ``CaseNotFoundError``.
        """
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
            case = self._case(tx, case_id)
            if actor.role == "guardian":
                _related(actor, tx.facts(case.request, (), case=case, account=actor.account))
            part = {step.unit for step in case.steps} | {case.request.school}
            if actor.unit not in part and (reach is not None and not part & reach):
                raise _no_case()
            if case.request.student_id is not None and not case.procedure.private:
                tx.read(actor, "case", case.request.kind, (case.request.student_id,))
            return case if actor.role == "guardian" or actor.unit in part else tx.shown(case, actor)

    def cases(
        self,
        actor: Actor,
        reach: frozenset[str] | None,
        *,
        status: str | None = None,
        kind: str | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[CaseLine]:
        """Return a page of cases, newest first. Raises ``ValueError`` for a limit outside 1 to 200."""
        if not 1 <= limit <= MAX_LIST:
            raise ValueError(f"a page has 1 to {MAX_LIST} lines")
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
        return self._store.cases(actor, reach, status=status, kind=kind, after=after, limit=limit)

    def work(self, actor: Actor, *, mine: bool = False, after: str = "", limit: int = 50) -> WorkList:
        """Return what waits for the actor's unit, most urgent first; ``mine`` only what is given to the actor."""
        if not 1 <= limit <= MAX_LIST:
            raise ValueError(f"a page has 1 to {MAX_LIST} lines")
        today = civil_date(self._now())
        found = self._store.work(actor.unit, today, account=actor.account if mine else None, after=after, limit=limit)
        self._shown(actor, "work", [item.student_id for item in found.items])
        return found

    def assign(self, actor: Actor, source: str, item: str, account: str | None) -> None:
        """Give a work item of the actor's unit to a person, or to nobody. Raises ``CaseNotFoundError``."""
        self._store.assign(actor.unit, source, item, account, actor, self._now())

    def hand_in(self, evidence: NewEvidence, actor: Actor) -> Evidence:
        """Store a file as evidence, sealed, with its hash.

        Raises ``EvidenceRefusedError`` for one that is not what it says.
        """
        if evidence.kind not in self._evidence_kinds:
            raise EvidenceRefusedError(
                "There is no such kind of evidence; GET /v1/registry/procedures lists them.",
                detail_zh="没有这种证明材料，请选择列出的材料种类。",
                rule="A7-1",
            )
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
        return self._store.keep_evidence(evidence, actor, self._now())

    def evidence_file(self, evidence_id: str, actor: Actor, reach: frozenset[str] | None) -> tuple[str, bytes]:
        """Return media type and content of an item of evidence; the reading is recorded before.

        Raises ``CaseNotFoundError``.
        """
        return self._store.evidence_file(evidence_id, actor, reach, self._now())

    def history(self, student_id: str, actor: Actor, reason: str, reach: frozenset[str] | None) -> History:
        """Return the life of a record, with persons and articles; recorded before (A50-4).

        Raises ``StudentNotFoundError``.
        """
        require_plain(reason)
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
        return self._store.history(student_id, reach, actor, reason.strip(), self._now())

    def locate(self, id_number: str, name: str, actor: Actor, reason: str) -> Located:
        """Return the pupil with this document number and name, for a school that is to receive the pupil (A16-2).

        Both must match: a number alone finds nobody. Raises ``StudentNotFoundError``; recorded in either case.
        """
        require_plain(reason)
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
        found = self._store.locate(id_number, name, actor, reason.strip(), self._now())
        if found is None:
            raise StudentNotFoundError(
                "There is no such student, or you may not know of it.", detail_zh="查无此学生，或姓名与证件号不一致。"
            )
        return found

    @enforces("A16-1", "A20-1", "A20-3", "A9-7", "A30-1", "A5-1", how="exception, audited and counted")
    def grant_exception(self, rule: str, draft: Draft, actor: Actor, reason: str, evidence: str) -> ExceptionGrant:
        """Grant an exception from a PRINCIPLE rule for one request of one pupil, once.

        Only for PRINCIPLE rules (section 1), by the party that the rule names (or one above it), with a written
        reason and evidence. Raises ``RegisterRuleError`` for any other rule or unit.
        """
        entry = REGULATION.get(rule)
        if entry is None or entry.mark is not Mark.PRINCIPLE or entry.exception_by is None:
            raise RegisterRuleError(
                f"{rule[:12]} knows no exception.", detail_zh=f"{rule[:12]} 为强制规定，没有例外。", rule=None
            )
        if not reason.strip() or len(reason) > MAX_NOTE:
            raise RegisterRuleError("An exception needs a written reason.", detail_zh="例外须写明理由。", rule=rule)
        require_recordable(reason)
        request = self._request(draft)
        now = self._now()
        with self._store.writing(now) as tx:
            self._rights(tx, actor)
            facts = tx.facts(request, (evidence,))
            if actor.unit not in granting_units(Party(entry.exception_by), facts.school, facts.receiving):
                raise RegisterRuleError(
                    f"An exception from {rule} is granted by {entry.exception_by}.",
                    detail_zh=f"{rule} 的例外须由有权部门（{entry.exception_by}）批准。",
                    rule=rule,
                )
            grant = ExceptionGrant(
                self._new_id("ex"), rule, request.kind, facts.pupil.student_id, actor.unit, actor.account, now,
                evidence,
                reason.strip(),
            )  # fmt: skip
            tx.exception(grant)
        return grant

    def _shown(self, actor: Actor, act: str, students: Sequence[str | None]) -> None:
        """A50-4: a list with masked names is a reading too, recorded before it is shown."""
        pupils = sorted({student for student in students if student is not None})
        with self._store.writing(self._now()) as tx:
            self._rights(tx, actor)
            if pupils:
                tx.read(actor, act, "list", pupils)

    def _request(self, draft: Draft) -> Request:
        procedure = procedure_of(draft.kind)
        if procedure.subject == "student" and not draft.student_id:
            raise StudentNotFoundError("Name the student.", detail_zh="请指定学生。")
        return Request(
            draft.kind,
            draft.school,
            draft.on,
            draft.applied_on,
            draft.student_id if procedure.subject == "student" else None,
            parse_values(procedure, draft.values),
        )

    @enforces("A48-3", how="procedure")
    def _rights(self, tx: CaseTransaction, actor: Actor) -> None:
        """A48-3: without a filed post and training a registrar has no rights."""
        if actor.role in {"registrar", "principal"}:
            today: date = civil_date(self._now())
            require_rights(tx.post_of(actor.account, actor.unit, today), today)

    @staticmethod
    def _case(tx: CaseTransaction, case_id: str) -> Case:
        found = tx.case(case_id)
        if found is None:
            raise _no_case()
        return found


def _note(text: str) -> str:
    """Return a note as it is kept. Raises ``RegisterRuleError`` (A45-3) for one that the archive must not hold."""
    require_recordable(text)
    return text.strip()[:MAX_NOTE]


def _guardian(actor: Actor) -> str | None:
    return actor.account if actor.role == "guardian" else None


@enforces("A7-3", how="procedure")
def _related(actor: Actor, facts: Facts) -> None:
    """A7-3: a guardian has nothing to do with a pupil without a verified link; one answer for both reasons."""
    if actor.role == "guardian" and not facts.guardian_verified:
        raise _no_student()


def _no_student() -> StudentNotFoundError:
    return StudentNotFoundError(
        "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
    )


def _no_case() -> CaseNotFoundError:
    return CaseNotFoundError(
        "There is no such case, or you may not know of it.", detail_zh="没有这项业务，或您无权查看。"
    )


def require_plain(reason: str) -> None:
    """Refuse a reason that is blank, or holds what looks like a number of a person: it goes into the log (A50-4)."""
    require_recordable(reason)
    if not reason.strip() or len(reason) > MAX_NOTE or _NUMBERS.search(reason):
        raise RegisterRuleError(
            "Give a reason without any personal number; it is recorded.",
            detail_zh="请填写事由（不得含证件号、电话等个人信息），内容将被记录。",
            rule="A50-4",
        )
