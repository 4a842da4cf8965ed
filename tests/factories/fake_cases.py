"""A registry of cases in memory: the second implementation of ``CaseStore``, for tests of desk, API and pages.

It keeps what the pages show (cases, steps, evidence, states, histories) and nothing is sealed. Facts come from the
builders of ``tests.factories.cases``; the state and version of a pupil follow the effects of the cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count

from core_registry.cases.records import (
    CaseLine,
    ExceptionGrant,
    History,
    Located,
    MembershipLine,
    NewEvidence,
    TransitionLine,
    WorkItem,
    WorkList,
)
from core_registry.domain.cases import Actor, Case, CaseStatus
from core_registry.domain.facts import Archive, ArchiveEntry, Evidence, Facts, OpenCase, Post, SchoolFacts, StudentFacts
from core_registry.domain.procedures import Effects
from core_registry.domain.requests import Request
from core_registry.domain.states import StudentState
from core_registry.domain.working_days import civil_date
from core_registry.errors import (
    CaseNotFoundError,
    EvidenceRefusedError,
    RegisterRuleError,
    StaleCaseError,
    StudentNotFoundError,
)
from core_registry.sharing import TEXT_WITHHELD
from tests.factories.cases import CALENDAR, facts

MAGIC = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}


@dataclass
class FakePupil:
    """A pupil: facts of the record, and by what the pupil is found."""

    record: StudentFacts
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    entries: list[ArchiveEntry] = field(default_factory=list)
    transitions: list[TransitionLine] = field(default_factory=list)


class FakeCaseStore:
    """Cases in memory. Schools are those of the builders; ``untrained`` accounts have a post without training."""

    def __init__(self, pupils: Sequence[FakePupil] = (), schools: Sequence[SchoolFacts] = ()) -> None:
        self.readings: list[tuple[str, str, tuple[str, ...]]] = []
        self.pupils = {one.record.student_id: one for one in pupils}
        self.schools = {one.code: one for one in schools}
        self.untrained: set[str] = set()
        self.reads: list[tuple[str, str, str]] = []
        self.refuse_reading: Exception | None = None
        self._cases: dict[str, Case] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._evidence: dict[str, tuple[Evidence, str, str | None, bytes, str]] = {}
        self._exceptions: list[ExceptionGrant] = []
        self._assigned: dict[tuple[str, str], str | None] = {}
        self._numbers = count(1)

    @contextmanager
    def writing(self, now: datetime) -> Iterator[FakeTransaction]:
        yield FakeTransaction(self, now)

    def keep_evidence(self, evidence: NewEvidence, actor: Actor, now: datetime) -> Evidence:
        magic = MAGIC.get(evidence.media_type)
        if magic is None or not evidence.content.startswith(magic):
            raise EvidenceRefusedError(
                "The file is not what it says: PDF, PNG or JPEG.",
                detail_zh="文件与所称类型不符。",
            )
        digest = hashlib.sha256(evidence.content).hexdigest()
        for known, _media, student, _content, unit in self._evidence.values():
            if (known.sha256, known.kind, student, unit) == (digest, evidence.kind, evidence.student_id, actor.unit):
                return known
        item = Evidence(
            f"ev-{next(self._numbers):06}",
            evidence.kind,
            evidence.issuer_kind,
            evidence.issuer_level,
            evidence.issued_on,
            digest,
        )
        self._evidence[item.id] = (item, evidence.media_type, evidence.student_id, evidence.content, actor.unit)
        return item

    def evidence_file(
        self, evidence_id: str, actor: Actor, reach: frozenset[str] | None, now: datetime
    ) -> tuple[str, bytes]:
        found = self._evidence.get(evidence_id)
        if found is None or (found[4] != actor.unit and not self._has_part(evidence_id, actor, reach)):
            raise CaseNotFoundError("There is no such item.", detail_zh="没有这份材料，或您无权查看。")
        self.reads.append(("evidence", evidence_id, actor.account))
        return found[1], found[3]

    def _has_part(self, evidence_id: str, actor: Actor, reach: frozenset[str] | None) -> bool:
        return any(
            evidence_id in {item.id for item in case.evidence} and _part(case, actor.unit, reach)
            for case in self._cases.values()
        )

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
        found = [
            case
            for case in reversed(self._cases.values())
            if _part(case, actor.unit, reach)
            and not case.procedure.private
            and (status is None or case.status == status)
            and (kind is None or case.request.kind == kind)
        ]
        ids = [case.id for case in found]
        start = ids.index(after) + 1 if after in ids else 0
        return [
            CaseLine(
                case.id,
                case.request.kind,
                case.status,
                case.request.school,
                case.request.student_id,
                case.opened_at,
                "张*" if case.request.student_id else None,
            )
            for case in found[start : start + limit]
        ]

    def work(self, unit: str, today: date, *, account: str | None, after: str, limit: int) -> WorkList:
        items = [
            WorkItem(
                "case",
                case.id,
                case.request.kind,
                step.name,
                unit,
                step.rule,
                step.reached or today,
                step.due,
                step.provisional,
                "overdue" if step.due and step.due < today else "open",
                self._assigned.get(("case", case.id)),
                case.request.student_id,
                "张*",
                case.request.school,
            )
            for case in self._cases.values()
            for step in case.current
            if step.unit == unit and (account is None or self._assigned.get(("case", case.id)) == account)
        ]
        items.sort(key=lambda one: (one.due or date.max, one.id))
        ids = [one.id for one in items]
        start = ids.index(after) + 1 if after in ids else 0
        page = items[start : start + limit]
        more = len(items) > start + limit
        overdue = sum(one.state == "overdue" for one in items)
        return WorkList(tuple(page), len(items), overdue, page[-1].id if more else None)

    def assign(self, unit: str, source: str, item: str, account: str | None, actor: Actor, now: datetime) -> None:
        case = self._cases.get(item)
        if case is None or all(step.unit != unit for step in case.current):
            raise CaseNotFoundError("There is no such work here.", detail_zh="没有这项待办。")
        self._assigned[source, item] = account

    def history(
        self, student_id: str, reach: frozenset[str] | None, actor: Actor, reason: str, now: datetime
    ) -> History:
        if self.refuse_reading is not None:
            raise self.refuse_reading
        self.reads.append(("history", student_id, actor.account))
        pupil = self.pupils.get(student_id)
        if pupil is None or (reach is not None and pupil.record.school_code not in reach):
            raise _no_student()
        since = pupil.record.member_since or date(2025, 9, 1)
        return History(
            student_id,
            pupil.record.state,
            pupil.record.version,
            tuple(pupil.transitions),
            (MembershipLine(pupil.record.school_code, "某校", since, None),),
            tuple(pupil.entries),
            tuple(case for case in self._cases.values() if case.request.student_id == student_id),
            {},
        )

    def locate(self, id_number: str, name: str, actor: Actor, reason: str, now: datetime) -> Located | None:
        self.reads.append(("locate", "", actor.account))
        for one in self.pupils.values():
            if (one.id_number, one.name) == (id_number, name):
                record = one.record
                return Located(record.student_id, record.version, record.school_code, record.state, record.grade, "张*")
        return None


class FakeTransaction:
    """What happens in one call of the desk; nothing is rolled back, since the desk writes last."""

    def __init__(self, store: FakeCaseStore, now: datetime) -> None:
        self._store = store
        self._now = now

    def facts(
        self,
        request: Request,
        evidence: Sequence[str],
        *,
        case: Case | None = None,
        lock: bool = False,
        account: str | None = None,
    ) -> Facts:
        store, today = self._store, civil_date(self._now)
        items = []
        for one in evidence:
            if one not in store._evidence:
                raise EvidenceRefusedError("There is no such evidence.", detail_zh="没有这份材料。")
            items.append(store._evidence[one][0])
        pupil = store.pupils.get(request.student_id or "")
        if request.student_id is not None and pupil is None:
            raise _no_student()
        here = self._school(pupil.record.school_code if pupil else request.school)
        there = self._school(request.school) if request.school != here.code else None
        open_cases = tuple(
            OpenCase(one.id, one.request.kind)
            for one in store._cases.values()
            if one.status is CaseStatus.OPEN
            and one.request.student_id == request.student_id is not None
            and (case is None or one.id != case.id)
        )
        granted = frozenset(
            one.rule for one in store._exceptions if (one.kind, one.student_id) == (request.kind, request.student_id)
        )
        return replace(
            facts(today=today),
            school=here,
            receiving=there,
            student=None if pupil is None else pupil.record,
            evidence=tuple(items) if case is None else case.evidence,
            open_cases=open_cases,
            exceptions=granted,
            archive=Archive(tuple(pupil.entries)) if pupil else Archive(),
            calendar=CALENDAR,
        )

    def _school(self, code: str) -> SchoolFacts:
        found = self._store.schools.get(code)
        if found is None:
            raise RegisterRuleError("There is no such school.", detail_zh="没有这所学校。", rule="A2-1")
        return found

    def case(self, case_id: str) -> Case | None:
        return self._store._cases.get(case_id)

    def shown(self, case: Case, actor: Actor) -> Case:
        pupil = self._store.pupils.get(case.request.student_id or "")
        if pupil is not None and pupil.record.school_code == actor.unit:
            return case
        values = {name: TEXT_WITHHELD if name == "reason" else value for name, value in case.request.values.items()}
        return replace(case, request=replace(case.request, values=values))

    def by_key(self, account: str, key: str) -> Case | None:
        return self._store._cases.get(self._store._keys.get((account, key), ""))

    def add(
        self, case: Case, evidence: Sequence[str], key: str | None, effects: Sequence[Effects], actor: Actor
    ) -> Case:
        held = replace(case, evidence=tuple(self._store._evidence[one][0] for one in evidence))
        self._store._cases[case.id] = held
        if key is not None:
            self._store._keys[actor.account, key] = case.id
        self._apply(held, effects, actor)
        return held

    def update(self, case: Case, effects: Sequence[Effects], actor: Actor) -> Case:
        before = self._store._cases[case.id]
        if before.version != case.version - 1:
            raise StaleCaseError("Somebody was faster.", detail_zh="该业务已被他人更新。")
        self._store._cases[case.id] = case
        self._apply(case, effects, actor)
        return case

    def _apply(self, case: Case, effects: Sequence[Effects], actor: Actor) -> None:
        pupil = self._store.pupils.get(case.request.student_id or "")
        if pupil is None:
            return
        for one in effects:
            record = pupil.record
            if one.move is not None:
                after = StudentState(one.move.after.value)
                pupil.transitions.append(
                    TransitionLine(
                        record.state, after, case.request.on, self._now, one.ground, case.id, record.school_code,
                        actor.account, actor.unit, None, None, tuple(item.sha256 for item in case.evidence),
                    )
                )  # fmt: skip
                record = replace(record, state=after)
            pupil.record = replace(
                record,
                school_code=one.school or record.school_code,
                grade=one.grade or record.grade,
                version=record.version + 1,
            )
            for new in one.entries:
                pupil.entries.append(
                    ArchiveEntry(
                        f"en-{len(pupil.entries)}", new.kind, new.on, self._now, new.data, case.id, new.supersedes
                    )
                )

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        trained = None if account in self._store.untrained else date(2025, 8, 1)
        return Post(account, unit, "registrar", date(2025, 9, 1), None, True, trained, date(2025, 8, 20))

    def read(self, actor: Actor, act: str, reason: str, students: Sequence[str]) -> None:
        self._store.readings.append((actor.account, act, tuple(students)))

    def exception(self, grant: ExceptionGrant) -> None:
        self._store._exceptions.append(grant)


def _part(case: Case, unit: str, reach: frozenset[str] | None) -> bool:
    part = {step.unit for step in case.steps} | {case.request.school}
    return unit in part or reach is None or bool(part & reach)


def _no_student() -> StudentNotFoundError:
    return StudentNotFoundError("There is no such student.", detail_zh="查无此学生，或您无权查看。")


def started() -> datetime:
    """Return a moment in the first days of the autumn term of 2026, when transfers are open."""
    return datetime(2026, 9, 8, 2, 0, tzinfo=UTC)
