"""What is known when a request is judged, read in the transaction that will write (A17-1: the school's row first)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from sqlalchemy import Connection, Row, and_, func, or_, select

from core_registry.db.case_codec import loads
from core_registry.db.case_tables import (
    admission_plans,
    archive_entries,
    case_evidence,
    cases,
    evidence,
    exceptions,
)
from core_registry.db.posts_store import guardian_verified
from core_registry.db.school_rows import read_school
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import school_memberships, schools, students
from core_registry.db.times import parse
from core_registry.domain.cases import Case
from core_registry.domain.chapters.promotion import UNASSIGNED
from core_registry.domain.facts import (
    Archive,
    ArchiveEntry,
    EntryKind,
    Evidence,
    Facts,
    OpenCase,
    Policy,
    SchoolFacts,
    StudentFacts,
)
from core_registry.domain.procedures import PROCEDURES, Procedure
from core_registry.domain.requests import Request, ValueType
from core_registry.domain.rules import Party, enforces
from core_registry.domain.states import ON_ROLL, Stage, StudentState
from core_registry.domain.terms import SchoolCalendar, SchoolSystem, grades_of
from core_registry.domain.working_days import Period, WorkCalendar
from core_registry.errors import EvidenceRefusedError, StudentNotFoundError
from core_registry.intake.one_form import OneFormReader

RECEIVING = frozenset({Party.RECEIVING_SCHOOL, Party.RECEIVING_SUPERIOR, Party.RECEIVING_SUPERVISING_DEPT})
_MOVED = frozenset({"grade", "class_name"})
"""Annex 1 fields that an act sets without stating anything of the pupil: no check of the form is needed for them."""


GUARDIANS = ""
"""The unit of what guardians hand in."""
EVIDENCE_COLUMNS = tuple(column for column in evidence.c if column.name not in {"sealed", "key_version"})
"""An item of evidence without its content."""


class Setting(Protocol):
    """The settings of places as they hold now: ``core_registry.setting.Setting``."""

    @property
    def calendar(self) -> WorkCalendar:
        """The working days."""

    def terms(self, city: str) -> SchoolCalendar:
        """Return the semesters of a city."""

    def policy(self, division: str) -> Policy:
        """Return the parameters that hold in a division."""

    def place(self, code: str) -> tuple[str, str] | None:
        """Return county and city of a division code."""

    def system(self, division: str) -> SchoolSystem:
        """Return how schools of a division divide the nine years unless their own entry says otherwise."""

    def matter_period(self, kind: str) -> Period:
        """Return the time in which a matter is ended."""

    def certificate_number(self, kind: str, *, issuer: str, year: int, serial: int) -> str:
        """Return the number of a certificate."""


class FactsReader:
    """Reads facts. ``forms`` checks Annex 1 values, ``register`` opens present records and makes keys."""

    def __init__(self, setting: Setting, forms: OneFormReader, register: SqlRegisterStore) -> None:
        self._setting = setting
        self._forms = forms
        self._register = register

    def read(
        self,
        connection: Connection,
        request: Request,
        items: Sequence[str],
        today: date,
        *,
        case: Case | None,
        lock: bool,
        account: str | None,
    ) -> Facts:
        """Return the facts; see ``CaseTransaction.facts``."""
        procedure = PROCEDURES[request.kind]
        own = case.id if case is not None else None
        holder = request.school
        if request.student_id is not None:
            holder = _present_school(connection, request.student_id)
        if lock:
            _lock_schools(connection, {holder, request.school})
        pupil = None
        if request.student_id is not None:
            pupil = _pupil(connection, request.student_id, lock=lock)
            holder = pupil.school_code
        # A school that only ever receives gets the answer that it holds the record already.
        receives = bool(procedure.opened_by & RECEIVING) and Party.SCHOOL not in procedure.opened_by
        receiving = request.school != holder or receives
        wanted = [holder, request.school] if receiving else [holder]
        known = {code: self._school(connection, code, places=code == request.school) for code in wanted}
        school, there = known[holder], known[request.school] if receiving else None
        where = there or school
        findings, duplicate = self._form(connection, procedure, request, today, own)
        places = self._places(procedure, request, pupil)
        units = _units(known.values())
        if procedure.subject == "none":  # the county of the household hands in too, wherever the school lies (A9-5)
            units |= {unit for place in places.values() for unit in place}
        semesters = self._setting.terms(where.city)
        return Facts(
            today=today,
            school=school,
            calendar=self._setting.calendar,
            terms=self._setting.terms(school.city),
            policy=self._setting.policy(where.division),
            student=pupil,
            receiving=there,
            receiving_terms=None if there is None else self._setting.terms(there.city),
            archive=Archive() if pupil is None else archive_of(connection, pupil.student_id),
            evidence=_evidence(connection, request.student_id, items, own, _HandsIn(units, account)),
            open_cases=() if pupil is None else _open_cases(connection, pupil.student_id, own),
            exceptions=frozenset() if pupil is None else _excepted(connection, pupil.student_id, request.kind, own),
            findings=findings,
            duplicate=duplicate,
            on_plan=pupil is not None and _on_plan(connection, request, semesters),
            guardian_verified=account is None
            or pupil is None
            or guardian_verified(connection, account, pupil.student_id),
            places=places,
        )

    def _school(self, connection: Connection, code: str, *, places: bool) -> SchoolFacts:
        found = read_school(connection, code, self._setting.place, system_of=self._setting.system)
        policy = self._setting.policy(found.division)
        return replace(
            found,
            admission_area=found.admission_area
            or policy.admission_areas.get(found.division)
            or policy.admission_areas.get(found.city, ""),
            free_places=_free_places(connection, code, found.system, policy.class_size) if places else {},
        )

    @enforces("A6-1", how="check")
    def _form(
        self, connection: Connection, procedure: Procedure, request: Request, today: date, own: str | None
    ) -> tuple[tuple[str, ...], bool]:
        """Return findings of the Annex 1 values of the request, and whether the person has a record already."""
        named = {name for name in request.values if name in self._forms.annex}
        if not named - _MOVED:
            return (), False
        values: dict[str, object] = {}
        if request.student_id is not None and procedure.subject == "student":
            values.update(self._register.opened_rows(connection, [request.student_id]).row(0, named=True))
        values.update(request.values)
        form = self._forms.take(values, request.school, today, self._register)
        found = [code for name, code in form.findings if procedure.subject == "new" or name is None or name in named]
        if procedure.subject == "none":
            found = []  # no record is made of it (A9-8): all that counts is whether there is one already
        keys = {key: form.rows[key][0] for key in ("id_key", "suspect_key", "unnumbered_key")}
        same = [students.c.id_key == keys[key] for key in ("id_key", "unnumbered_key") if keys[key] is not None]
        if keys["suspect_key"] is not None:
            same.append(students.c.suspect_key == keys["suspect_key"])
        if not same:
            return tuple(dict.fromkeys(found)), False
        others = select(students.c.student_id).where(or_(*same))
        made = request.student_id
        if made is None and own is not None:
            made = connection.execute(select(cases.c.student_id).where(cases.c.case_id == own)).scalar_one_or_none()
        if made is not None:
            others = others.where(students.c.student_id != made)
        return tuple(dict.fromkeys(found)), connection.execute(others.limit(1)).first() is not None

    def _places(
        self, procedure: Procedure, request: Request, pupil: StudentFacts | None
    ) -> Mapping[str, tuple[str, str]]:
        named = {request.text(spec.name) for spec in procedure.fields if spec.kind is ValueType.DIVISION}
        if pupil is not None:
            named |= {pupil.household_division or "", pupil.residence_division or ""}
        found = {code: self._setting.place(code) for code in sorted(named - {""})}
        return {code: place for code, place in found.items() if place is not None}


def _present_school(connection: Connection, student_id: str) -> str:
    found = connection.execute(
        select(students.c.school_code).where(students.c.student_id == student_id)
    ).scalar_one_or_none()
    if found is None:
        raise StudentNotFoundError(
            "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
        )
    return str(found)


@enforces("A17-1", how="lock")
def _lock_schools(connection: Connection, codes: Collection[str]) -> None:
    """Lock the schools in one order; SQLite has locked all (BEGIN IMMEDIATE)."""
    connection.execute(
        select(schools.c.school_code)
        .where(schools.c.school_code.in_(sorted(codes)))
        .order_by(schools.c.school_code)
        .with_for_update(key_share=True)
    ).all()


def _pupil(connection: Connection, student_id: str, *, lock: bool) -> StudentFacts:
    query = select(students).where(students.c.student_id == student_id)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).one()
    since = connection.execute(
        select(school_memberships.c.from_date).where(
            school_memberships.c.student_id == student_id, school_memberships.c.to_date.is_(None)
        )
    ).scalar_one_or_none()
    return StudentFacts(
        student_id=row.student_id, subject_ref=row.subject_ref, state=StudentState(row.state),
        school_code=row.school_code, grade=row.grade or "", class_name=row.class_name or "", birth_date=row.birth_date,
        entry_month=row.entry_month or "", id_type=row.id_type, number_kind=row.number_kind,
        nationality=row.nationality, overseas_status=row.overseas_status, disabled=bool(row.disability),
        placement=row.special_ed_placement, household_division=row.household_division,
        residence_division=row.residence_division, member_since=since, version=row.version,
    )  # fmt: skip


@enforces("A17-1", how="check")
def _free_places(
    connection: Connection, school: str, system: SchoolSystem, class_size: Mapping[str, int]
) -> Mapping[str, int]:
    """Return the places left in each grade that has a class: classes times standard, less the pupils on roll.

    Those who wait for a class take a place, and make no class.
    """
    named = func.count(func.nullif(students.c.class_name, UNASSIGNED).distinct())
    rows = connection.execute(
        select(students.c.grade, named.label("classes"), func.count().label("n"))
        .where(students.c.school_code == school, students.c.state.in_(sorted(ON_ROLL)))
        .group_by(students.c.grade)
    ).all()
    stage = {grade: one.value for one in Stage for grade in grades_of(one, system)}
    return {
        row.grade: max(0, row.classes * class_size[stage[row.grade]] - row.n)
        for row in rows
        if row.grade in stage and row.classes
    }


def archive_of(connection: Connection, student_id: str) -> Archive:
    """Return the archive of a pupil, oldest entry first, without what lies under seal."""
    rows = connection.execute(
        select(archive_entries)
        .where(archive_entries.c.student_id == student_id)
        .order_by(archive_entries.c.sequence, archive_entries.c.entry_id)
    ).all()
    return Archive(tuple(entry_of(row) for row in rows))


def entry_of(row: Row[Any]) -> ArchiveEntry:
    """Return an archive entry from its row."""
    return ArchiveEntry(
        row.entry_id, EntryKind(row.kind), row.event_on, parse(row.entered_at), loads(row.data), row.case_id,
        row.supersedes,
    )  # fmt: skip


def evidence_of(row: Row[Any]) -> Evidence:
    """Return an item of evidence from its row."""
    return Evidence(row.evidence_id, row.kind, row.issuer_kind, row.issuer_level, row.issued_on, row.sha256)


@dataclass(frozen=True, slots=True)
class _HandsIn:
    """Whose items of evidence serve for a request: those of ``units``, and of the guardian who applies."""

    units: frozenset[str]
    account: str | None

    def serves(self, item: Row[Any], student_id: str | None) -> bool:
        """Say whether an item serves for a pupil; a guardian's own, for the pupil for whom it was handed in alone."""
        if item.unit == GUARDIANS:
            return bool(item.handed_in_by == self.account and item.student_id == student_id)
        return item.student_id in {None, student_id} and item.unit in self.units


def _evidence(
    connection: Connection, student_id: str | None, items: Sequence[str], own: str | None, by: _HandsIn
) -> tuple[Evidence, ...]:
    """Return the items handed in with the request and those of its case."""
    mine = select(case_evidence.c.evidence_id).where(case_evidence.c.case_id == own)
    rows = connection.execute(
        select(*EVIDENCE_COLUMNS).where(or_(evidence.c.evidence_id.in_(list(items)), evidence.c.evidence_id.in_(mine)))
    ).all()
    found = {row.evidence_id: row for row in rows}
    for item in items:
        row = found.get(item)
        if row is None or not by.serves(row, student_id):
            raise EvidenceRefusedError(
                "An item of evidence is unknown, or belongs to another pupil or unit.",
                detail_zh="某项证明材料不存在，或不属于该学生或本单位。",
                rule="A7-1",
            )
    return tuple(evidence_of(row) for row in rows)


def _units(known: Collection[SchoolFacts]) -> frozenset[str]:
    """Return the units that may hand in evidence: the schools of the case and the departments above them."""
    return frozenset(
        unit
        for one in known
        for unit in (
            one.code, one.central_school, one.managing_authority, one.supervising_dept, one.registry_superior,
            one.division, one.city, f"{one.city[:2]}0000",
        )
        if unit
    )  # fmt: skip


def _open_cases(connection: Connection, student_id: str, own: str | None) -> tuple[OpenCase, ...]:
    query = select(cases.c.case_id, cases.c.kind).where(cases.c.student_id == student_id, cases.c.status == "open")
    if own is not None:
        query = query.where(cases.c.case_id != own)
    return tuple(OpenCase(row.case_id, row.kind) for row in connection.execute(query.order_by(cases.c.sequence)))


def _excepted(connection: Connection, student_id: str, kind: str, own: str | None) -> frozenset[str]:
    """Return the rules from which an exception was granted for this pupil and kind and not used by another case."""
    free = or_(exceptions.c.used_by.is_(None), exceptions.c.used_by == own)
    return frozenset(
        connection.execute(
            select(exceptions.c.rule).where(exceptions.c.student_id == student_id, exceptions.c.kind == kind, free)
        ).scalars()
    )


def _on_plan(connection: Connection, request: Request, terms: SchoolCalendar) -> bool:
    """Whether the pupil stands on the school's plan of the present or the coming school year (A13-2)."""
    near = (terms.started(request.on), terms.following(request.on))
    years = {semester.school_year for semester in near if semester is not None}
    query = select(admission_plans.c.student_id).where(
        and_(
            admission_plans.c.school_code == request.school,
            admission_plans.c.student_id == request.student_id,
            admission_plans.c.school_year.in_(sorted(years)),
        )
    )
    return connection.execute(query).first() is not None
