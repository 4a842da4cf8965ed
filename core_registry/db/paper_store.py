"""Certificates and the material of prints in the registry database (``core_registry.papers.PaperStore``).

A read of a person is a writing transaction: its event commits with it, and only then is anything returned.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from core_registry.db.case_codec import Vault, dumps, loads
from core_registry.db.case_facts import archive_of
from core_registry.db.case_rows import CASE_COLUMNS, CaseRows
from core_registry.db.case_tables import archive_entries, cases, certificates
from core_registry.db.engine import reading, writing
from core_registry.db.keyed_index import KeyedIndex
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.posts_store import guardian_verified, post_of
from core_registry.db.sealing import DataKeys, RegistryKeys
from core_registry.db.shown_texts import ShownTexts
from core_registry.db.state import Fact, advance, queue
from core_registry.db.tables import departments, schools, sharing_students, students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.certificates import CertificateKind, Issued
from core_registry.domain.facts import EntryKind, Post
from core_registry.domain.records import Student
from core_registry.domain.rules import enforces
from core_registry.domain.working_days import civil_date
from core_registry.errors import RegisterRuleError, StudentNotFoundError
from core_registry.papers.records import CaseMaterial, CertificateKey, CertificateLine, CertificateMaterial, PaperNote
from core_registry.sharing import Redactor

_VOIDED = "registry.certificate"


class SqlPaperStore:
    """``categories`` as for ``SqlOfficeStore``; without a ``redactor`` texts that must be redacted are withheld."""

    def __init__(
        self,
        engine: Engine,
        keys: RegistryKeys,
        categories: Mapping[str, str],
        redactor: Redactor | None = None,
    ) -> None:
        self._engine = engine
        self._texts = ShownTexts(DataKeys(engine, keys), redactor)
        self._records = SqlOfficeStore(engine, keys, categories)
        self._vault = Vault(DataKeys(engine, keys))
        self._rows = CaseRows(self._vault, KeyedIndex(keys.index))

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit."""
        with reading(self._engine) as connection:
            return post_of(connection, account, unit, on)

    def linked(self, account: str, student_id: str) -> bool:
        """Return whether a guardian's account has a verified link to a pupil (A7-3)."""
        with reading(self._engine) as connection:
            return guardian_verified(connection, account, student_id)

    @enforces("A43-3", "A50-4", how="record")
    def certificates(self, student_id: str, near: frozenset[str] | None, note: PaperNote) -> list[CertificateLine]:
        """Return the certificates of a pupil, oldest first: all of an own pupil, else those issued in ``near``.

        Raises ``StudentNotFoundError``, recorded as well.
        """
        with writing(self._engine) as connection:
            pupil = connection.execute(
                select(students.c.subject_ref, students.c.school_code).where(students.c.student_id == student_id)
            ).one_or_none()
            own = pupil is not None and (near is None or pupil.school_code in near)
            query = (
                select(certificates)
                .where(certificates.c.student_id == student_id)
                .order_by(certificates.c.issued_on, certificates.c.issuer, certificates.c.number)
            )
            if not own:
                query = query.where(certificates.c.issuer.in_(sorted(near or ())))
            rows = connection.execute(query).all()
            known = pupil is not None and (own or bool(rows))
            _note(connection, note, (pupil.subject_ref,) if pupil is not None and known else ())
        if not known:
            raise StudentNotFoundError(
                "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
            )
        return [_line(row) for row in rows]

    @enforces("A43-3", "A50-4", how="record")
    def certificate(
        self, key: CertificateKey, near: frozenset[str] | None, note: PaperNote
    ) -> CertificateMaterial | None:
        """Return a certificate that a unit in ``near`` issued, or whose holder is at a school in it."""
        query = select(
            certificates,
            students.c.name_key.label("present_name"),
            students.c.household_division,
            students.c.subject_ref,
        ).join(students, students.c.student_id == certificates.c.student_id)
        if key.number:
            query = query.where(certificates.c.issuer == key.issuer, certificates.c.number == key.number)
        else:
            query = query.where(certificates.c.case_id == key.case_id)
        if near is not None:
            codes = sorted(near)
            query = query.where(or_(certificates.c.issuer.in_(codes), students.c.school_code.in_(codes)))
        with writing(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            _note(connection, note, () if row is None else (row.subject_ref,))
            return None if row is None else self._material(connection, row)

    @enforces("A43-3", "S-5", how="record")
    def void(self, issuer: str, number: str, actor: Actor, reason: str, now: datetime) -> CertificateLine | None:
        """Void a certificate and say so in the archive, the reason under seal. ``None``: there is no such number.

        Raises ``RegisterRuleError`` (A43-3) when it is void already.
        """
        this = (certificates.c.issuer == issuer, certificates.c.number == number)
        today = civil_date(now)
        with writing(self._engine) as connection:
            row = connection.execute(
                update(certificates)
                .where(*this, certificates.c.void_on.is_(None))
                .values(void_on=today, void_by=actor.account)
                .returning(certificates)
            ).one_or_none()
            if row is None:
                if connection.execute(select(certificates.c.kind).where(*this)).first() is None:
                    return None
                raise RegisterRuleError("This certificate is void already.", detail_zh="该证书已经作废。", rule="A43-3")
            self._enter_void(connection, row, actor, reason, now)
        return _line(row)

    def check(self, numbers: Sequence[str], issuer: str | None) -> list[tuple[Issued, str]]:
        """Return the certificates under one of ``numbers`` with the names of their issuers.

        Nothing is opened for it: the name comes masked from the sharing view, of which one character is used.
        """
        query = (
            select(certificates, sharing_students.c.name_masked, schools.c.name.label("school"), departments.c.name)
            .join(students, students.c.student_id == certificates.c.student_id)
            .outerjoin(sharing_students, sharing_students.c.subject_ref == students.c.subject_ref)
            .outerjoin(schools, schools.c.school_code == certificates.c.issuer)
            .outerjoin(departments, departments.c.code == certificates.c.issuer)
            .where(certificates.c.number.in_(list(numbers)))
        )
        if issuer is not None:
            query = query.where(certificates.c.issuer == issuer)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [
            (
                Issued(
                    issuer=row.issuer,
                    number=row.number,
                    kind=CertificateKind(row.kind),
                    year=row.issued_on.year,
                    effective=row.effective_on is not None,
                    voided=row.void_on is not None,
                    holder_name=row.name_masked or "",
                ),
                row.school or row.name or row.issuer,
            )
            for row in rows
        ]

    def student(self, student_id: str, near: frozenset[str] | None, note: PaperNote) -> tuple[Student, str] | None:
        """Return the clear record and the name of its school."""
        query = (
            select(students.c.subject_ref, schools.c.name)
            .join(schools, schools.c.school_code == students.c.school_code)
            .where(students.c.student_id == student_id)
        )
        if near is not None:
            query = query.where(students.c.school_code.in_(sorted(near)))
        with writing(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            student = None if row is None else self._records.opened(connection, student_id)
            _note(connection, note, () if row is None else (row.subject_ref,))
        return None if row is None or student is None else (student, row.name)

    def case(self, case_id: str, near: frozenset[str] | None, note: PaperNote) -> CaseMaterial | None:
        """Return a case in which ``near`` has a part, with record and archive; never a private one (A24-3)."""
        query = (
            select(*CASE_COLUMNS)
            .join(students, students.c.student_id == cases.c.student_id)
            .where(cases.c.case_id == case_id)
        )
        with writing(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            found = None if row is None else self._case(connection, row, near, note.unit)
            _note(connection, note, () if row is None or found is None else (row.subject_ref,))
        return found

    def _case(
        self, connection: Connection, row: Row[Any], near: frozenset[str] | None, unit: str
    ) -> CaseMaterial | None:
        case = self._rows.opened(connection, [row])[0]
        part = {step.unit for step in case.steps} | {row.school_code, row.home_school}
        student = self._records.opened(connection, row.student_id)
        if student is None or (near is not None and not part & near):
            return None
        school: str = connection.execute(
            select(schools.c.name).where(schools.c.school_code == row.school_code)
        ).scalar_one()
        if unit not in part | {student.school_code}:
            case = self._texts.case(connection, case)
        return CaseMaterial(case, student, archive_of(connection, row.student_id), school)

    def _material(self, connection: Connection, row: Row[Any]) -> CertificateMaterial:
        stub = self._vault.open(connection, "certificates", f"{row.issuer}/{row.number}", row.key_version, row.sealed)
        student = self._records.opened(connection, row.student_id)
        if student is None:  # its row is locked in by a foreign key
            raise StudentNotFoundError("There is no such student.", detail_zh="查无此学生。")
        return CertificateMaterial(
            kind=CertificateKind(row.kind),
            issuer=row.issuer,
            number=row.number,
            issued_on=row.issued_on,
            voided=row.void_on is not None,
            original=row.original,
            stub=stub,
            student=student,
            household=row.household_division,
            same_name=row.name_key == row.present_name,
        )

    def _enter_void(self, connection: Connection, row: Row[Any], actor: Actor, reason: str, now: datetime) -> None:
        """Add the entry that says so in place of the numbered one, grow the record's version, queue the event."""
        number = advance(connection)
        told = connection.execute(
            select(archive_entries.c.entry_id, archive_entries.c.data).where(
                archive_entries.c.student_id == row.student_id,
                archive_entries.c.kind == EntryKind.CERTIFICATE.value,
            )
        ).all()
        before = next((one.entry_id for one in told if loads(one.data).get("number") == row.number), None)
        entry = f"en-{number:012d}-001-{secrets.token_hex(8)}"
        data = {"kind": row.kind, "issuer": row.issuer, "number": row.number, "void": True}
        connection.execute(
            insert(archive_entries).values(
                entry_id=entry, sequence=number, student_id=row.student_id, kind=EntryKind.CERTIFICATE.value,
                event_on=row.void_on, entered_at=stamp(now), data=dumps(data), case_id=None, supersedes=before,
                actor=actor.account, unit=actor.unit,
                **self._vault.close(connection, "archive_entries", entry, {"reason": reason}, now),
            )
        )  # fmt: skip
        subject = connection.execute(
            update(students)
            .where(students.c.student_id == row.student_id)
            .values(version=students.c.version + 1)
            .returning(students.c.subject_ref)
        ).scalar_one()
        # The number is a document's, so it stays out of the log; the archive has it.
        facts: dict[str, Fact] = {
            "act": "void", "issuer": row.issuer, "certificate": row.kind, "on": row.void_on.isoformat(),
            "reason": reason, "commit": number,
        }  # fmt: skip
        queue(connection, _VOIDED, now, actor.account, facts, (subject,))


def _line(row: Row[Any]) -> CertificateLine:
    return CertificateLine(
        number=row.number,
        kind=CertificateKind(row.kind),
        issuer=row.issuer,
        issued_on=row.issued_on,
        effective_on=row.effective_on,
        void_on=row.void_on,
        case_id=row.case_id,
    )


def _note(connection: Connection, note: PaperNote, subjects: tuple[str, ...]) -> None:
    facts: dict[str, Fact] = {"act": note.act, "reason": note.reason, "found": len(subjects)}
    if note.annex is not None:
        facts["annex"] = note.annex
    if note.paper_copy is not None:
        facts["case"] = note.paper_copy[:48]
    queue(connection, "registry.read", note.at, note.actor, facts, subjects)
