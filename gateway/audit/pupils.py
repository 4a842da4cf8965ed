"""The inspector names a pupil by number, or by name with school or day of birth; the registry says who that is.

What comes back is masked, and the permanent reference by which the trail is searched. That it was asked, by whom and
why is an entry of the log before anything is shown, with the tags of all who were found: their families see it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from core_registry.sharing import PupilFinder, PupilLine, number_of
from gateway.articles import keeps
from gateway.audit.screening import looks_personal
from gateway.audit.statements import NamedSubject, SubjectKind
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue
from gateway.principals import Principal, Role

MAX_REASON: Final = 200
MAX_FOUND: Final = 20
"""Pupils of one name that are shown to choose from; of more, none is."""


@dataclass(frozen=True, slots=True)
class Named:
    """A pupil by name, and by school (its code) or day of birth, or both."""

    name: str = field(repr=False)
    school: str | None = None
    born: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A pupil by 学籍号 or resident identity number, as it was typed."""

    number: str = field(repr=False)


PupilQuestion = Named | Numbered


def checked_reason(text: str) -> str:
    """Return a reason as the log takes it; raises ``ParameterError`` for none, a long one or a number of a person."""
    reason = " ".join(text.split())
    if not 1 <= len(reason) <= MAX_REASON or looks_personal(reason):
        raise ParameterError(
            f"Say why, in 1 to {MAX_REASON} characters without any personal number: it is recorded.",
            detail_zh=f"请填写事由（1 至 {MAX_REASON} 字，不得含姓名、证件号、电话等个人信息），内容将被记录。",
            rule="A50-10",
            missing=("reason",),
        )
    return reason


def require_inspector(principal: Principal) -> None:
    """Return for an inspector; raise ``ForbiddenError`` for anybody else."""
    if Role.INSPECTOR not in principal.roles:
        raise ForbiddenError(
            "Only an inspector reads the audit trail.", detail_zh="仅审计检查员可查阅审计日志。", rule="A50-10"
        )


@keeps("A50-10")
@dataclass(frozen=True, slots=True)
class PupilDesk:
    """Turns what an inspector knows of a pupil into its reference."""

    finder: PupilFinder
    journal: Journal

    def find(self, principal: Principal, question: PupilQuestion, reason: str) -> tuple[PupilLine, ...]:
        """Return who it may be, masked; empty where nobody is. The question is recorded before.

        Raises ``ForbiddenError`` for anybody but an inspector, ``ParameterError`` for a reason that cannot be recorded,
        a number that is none, or a name without school and day of birth, or that more than 20 pupils bear.
        """
        require_inspector(principal)
        why = checked_reason(reason)
        found, by = self._look(question)
        many = len(found) > MAX_FOUND
        told = [] if many else found
        facts: dict[str, JsonValue] = {"act": "pupil", "by": by, "found": len(told), "many": many, "reason": why}
        subjects = tuple(SubjectRef(one.subject_ref) for one in told)
        self.journal.append(EntryDraft("audit.read", principal, facts=facts, subjects=subjects))
        if many:
            raise ParameterError(
                f"More than {MAX_FOUND} pupils bear that name there: add the school or the day of birth.",
                detail_zh=f"符合条件的学生超过 {MAX_FOUND} 名，请补充学校或出生日期。",
                missing=("school", "birth_date"),
            )
        return tuple(found)

    def resolve(self, principal: Principal, subject: NamedSubject, why: str) -> SubjectRef:
        """Return the reference of a pupil that was named exactly, for an act that records itself.

        Raises ``NotFoundError`` where there is none; that it was asked for is recorded then.
        """
        line: PupilLine | None
        match subject.kind:
            case SubjectKind.SUBJECT_REF:
                line = self.finder.by_reference(subject.value)
            case SubjectKind.ID_NUMBER:
                line = self.finder.by_number("id_number", subject.value)
            case SubjectKind.STUDENT_NUMBER:
                line = self.finder.by_number("student_number", subject.value)
        if line is not None:
            return SubjectRef(line.subject_ref)
        facts: dict[str, JsonValue] = {"act": "pupil", "by": subject.kind.value, "found": 0, "reason": why}
        self.journal.append(EntryDraft("audit.read", principal, facts={**facts, "many": False}))
        raise NotFoundError("There is no such pupil in the registry.", detail_zh="学籍库中没有该学生。")

    def _look(self, question: PupilQuestion) -> tuple[list[PupilLine], str]:
        if isinstance(question, Numbered):
            subject = subject_of(question.number)
            line = self.finder.by_number(
                "id_number" if subject.kind is SubjectKind.ID_NUMBER else "student_number", subject.value
            )
            return ([] if line is None else [line]), subject.kind.value
        if not question.name.strip() or (question.school is None and question.born is None):
            raise ParameterError(
                "Give the name, and the school or the day of birth.",
                detail_zh="请填写姓名，并填写学校标识码或出生日期。",
                missing=("name", "school", "birth_date"),
            )
        return self.finder.by_name(question.name, question.school, question.born, MAX_FOUND + 1), "name"


def subject_of(number: str) -> NamedSubject:
    """Return a pupil named by a number, which may be a 学籍号, an identity number or a reference.

    Raises ``ParameterError`` for anything else; the number is not in its text (I7).
    """
    reference = NamedSubject(SubjectKind.SUBJECT_REF, number.strip())
    if reference.fits():
        return reference
    found = number_of(number)
    if found is None:
        raise ParameterError(
            "This is neither a student number nor an identity number.",
            detail_zh="这不是有效的学籍号或身份证件号码，请核对。",
            missing=("number",),
        )
    return NamedSubject(SubjectKind(found[0]), found[1])
