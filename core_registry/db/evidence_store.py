"""Evidence: files that are what they say, sealed, with the hash of the clear file (A7-1, A28-4)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, insert, or_, select

from core_registry.cases.records import NewEvidence
from core_registry.db.case_facts import EVIDENCE_COLUMNS, evidence_of
from core_registry.db.case_tables import case_evidence, case_steps, cases, evidence
from core_registry.db.engine import writing
from core_registry.db.sealing import DataKeys, seal_bytes, unseal_bytes
from core_registry.db.state import Fact, queue
from core_registry.db.tables import students
from core_registry.db.times import stamp
from core_registry.domain.cases import Actor
from core_registry.domain.facts import Evidence
from core_registry.domain.rules import enforces
from core_registry.errors import CaseNotFoundError, EvidenceRefusedError, StudentNotFoundError

MAX_BYTES = 10 * 1024 * 1024
_MAGIC: Mapping[str, tuple[bytes, bytes]] = {
    # media type -> first and last bytes of a whole file (ISO 32000-1 7.5; PNG 5.2 and 11.2.5; ITU-T T.81 B.1.1.3)
    "application/pdf": (b"%PDF-", b"%%EOF"),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
}
_TAIL = 1024
"""A PDF may have a little behind its end."""


class EvidenceFiles:
    """Keeps and shows files of evidence."""

    def __init__(self, engine: Engine, keys: DataKeys) -> None:
        self._engine = engine
        self._keys = keys

    @enforces("A7-1", "A28-4", how="record")
    def keep(self, new: NewEvidence, actor: Actor, now: datetime) -> Evidence:
        """Store a file, sealed; the same file handed in again by the unit in the same way gives the same item.

        Raises ``EvidenceRefusedError`` for a file that is empty, over 10 MB, of another type than PDF, PNG and JPEG,
        or not of the type that it says; ``StudentNotFoundError`` for an unknown pupil.
        """
        _check(new)
        digest = hashlib.sha256(new.content).hexdigest()
        with writing(self._engine) as connection:
            present = connection.execute(select(*EVIDENCE_COLUMNS).where(*_same(new, digest, actor))).first()
            if present is not None:
                return evidence_of(present)
            if new.student_id is not None:
                _require_student(connection, new.student_id)
            item = f"ev-{secrets.token_hex(16)}"
            version, key = self._keys.newest(connection, "evidence", now)
            sealed = seal_bytes(key, ("evidence", "sealed", version), item, new.content)
            row = connection.execute(
                insert(evidence)
                .values(
                    evidence_id=item, student_id=new.student_id, unit=actor.unit, kind=new.kind,
                    issuer_kind=new.issuer_kind, issuer_level=new.issuer_level, issued_on=new.issued_on,
                    media_type=new.media_type, size=len(new.content), sha256=digest, handed_in_by=actor.account,
                    handed_in_at=stamp(now), key_version=version, sealed=sealed,
                )
                .returning(*EVIDENCE_COLUMNS)
            ).one()  # fmt: skip
        return evidence_of(row)

    @enforces("A50-4", how="record")
    def file(self, evidence_id: str, actor: Actor, reach: frozenset[str] | None, now: datetime) -> tuple[str, bytes]:
        """Return media type and content of an item that the actor's unit handed in, or of a case that it may see.

        The reading is recorded before, of an unknown item as well. Raises ``CaseNotFoundError``, ``SealedValueError``.
        """
        query = (
            select(evidence, students.c.subject_ref)
            .outerjoin(students, students.c.student_id == evidence.c.student_id)
            .where(evidence.c.evidence_id == evidence_id)
        )
        if actor.role == "guardian":
            query = query.where(evidence.c.handed_in_by == actor.account)
        elif reach is not None:
            query = query.where(_visible(actor.unit, reach))
        with writing(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            content = b""
            if row is not None:
                key = self._keys.of(connection, "evidence", row.key_version)
                content = unseal_bytes(key, ("evidence", "sealed", row.key_version), row.evidence_id, row.sealed)
            facts: dict[str, Fact] = {"act": "evidence", "item": evidence_id[:48], "found": int(row is not None)}
            subjects = () if row is None or row.subject_ref is None else (row.subject_ref,)
            queue(connection, "registry.read", now, actor.account, facts, subjects)
        if row is None:
            raise CaseNotFoundError(
                "There is no such item, or you may not know of it.", detail_zh="没有这项材料，或您无权查看。"
            )
        return row.media_type, content


def _check(new: NewEvidence) -> None:
    if not 0 < len(new.content) <= MAX_BYTES:
        raise EvidenceRefusedError(
            "A file has between one byte and 10 MB.", detail_zh="文件不能为空，且不超过 10 MB。", rule="A7-1"
        )
    magic = _MAGIC.get(new.media_type)
    if magic is None:
        raise EvidenceRefusedError(
            "Evidence is a PDF, PNG or JPEG file.", detail_zh="证明材料须为 PDF、PNG 或 JPEG 文件。", rule="A7-1"
        )
    head, tail = magic
    if not new.content.startswith(head) or tail not in new.content[-_TAIL:]:
        raise EvidenceRefusedError(
            "The file is not what it says, or was cut off; save it anew and hand it in again.",
            detail_zh="文件内容与类型不符，或文件不完整，请重新保存后上传。",
            rule="A7-1",
        )


def _same(new: NewEvidence, digest: str, actor: Actor) -> tuple[ColumnElement[bool], ...]:
    # guardians have no unit in common: what another handed in is not theirs to use
    person = (evidence.c.handed_in_by == actor.account,) if actor.role == "guardian" else ()
    return (
        *person,
        evidence.c.sha256 == digest,
        evidence.c.unit == actor.unit,
        evidence.c.kind == new.kind,
        evidence.c.issuer_kind == new.issuer_kind,
        evidence.c.issuer_level == new.issuer_level,
        evidence.c.issued_on.is_not_distinct_from(new.issued_on),
        evidence.c.student_id.is_not_distinct_from(new.student_id),
    )


def _visible(unit: str, reach: frozenset[str]) -> ColumnElement[bool]:
    """Whether a unit handed the item in, has a part in its case, or reaches a school of the case."""
    schools = sorted(reach)
    of_case = (
        select(case_evidence.c.case_id)
        .join(cases, cases.c.case_id == case_evidence.c.case_id)
        .where(
            case_evidence.c.evidence_id == evidence.c.evidence_id,
            or_(
                cases.c.school_code.in_(schools),
                cases.c.home_school.in_(schools),
                select(case_steps.c.case_id)
                .where(and_(case_steps.c.case_id == cases.c.case_id, case_steps.c.unit == unit))
                .exists(),
            ),
        )
    )
    return or_(evidence.c.unit == unit, of_case.exists())


def _require_student(connection: Connection, student_id: str) -> None:
    found = connection.execute(select(students.c.student_id).where(students.c.student_id == student_id)).first()
    if found is None:
        raise StudentNotFoundError(
            "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
        )
