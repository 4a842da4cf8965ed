"""The desk of papers: certificates, their public check, and the five annexes for print.

Whoever prints a person or lists a person's certificates leaves a ``registry.read`` event first (A50-4). The public
check names nobody: it confirms or denies what somebody holds in the hand already (A43-3).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from core_registry.cases.service import require_plain
from core_registry.domain.cases import Actor, CaseStatus
from core_registry.domain.certificates import KIND_LABELS, CertificateKind, Issued, public_check
from core_registry.domain.facts import Post
from core_registry.domain.posts import require_rights
from core_registry.domain.records import Student
from core_registry.domain.rules import enforces
from core_registry.domain.terms import YEAR_OF_GRADE
from core_registry.domain.working_days import civil_date
from core_registry.errors import CaseNotFoundError, RegisterRuleError, StudentNotFoundError
from core_registry.papers.forms import (
    Wording,
    blank_suspension_form,
    blank_withdrawal_form,
    collection_form,
    completion_form,
    proof_form,
    suspension_form,
    withdrawal_form,
)
from core_registry.papers.records import (
    KINDS_EN,
    CaseMaterial,
    CertificateKey,
    CertificateLine,
    CertificateMaterial,
    Paper,
    PaperNote,
    PublicAnswer,
)
from core_registry.prints import AnnexOne, AnnexThree, AnnexTwo

FIRST_SENIOR_YEAR = 10


class PaperStore(Protocol):
    """What the desk needs of the registry database. Reads of persons take a note and commit it before they return.

    ``near`` are the codes of the schools and units for which the actor may look; ``None``: all.
    """

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit."""

    def certificates(self, student_id: str, near: frozenset[str] | None, note: PaperNote) -> list[CertificateLine]:
        """Return the certificates of a pupil, oldest first. Raises ``StudentNotFoundError``, recorded as well."""

    def certificate(
        self, key: CertificateKey, near: frozenset[str] | None, note: PaperNote
    ) -> CertificateMaterial | None:
        """Return a certificate with its stub and holder."""

    def void(self, issuer: str, number: str, actor: Actor, reason: str, now: datetime) -> CertificateLine | None:
        """Void a certificate. Raises ``RegisterRuleError`` (A43-3) for one that is void."""

    def check(self, numbers: Sequence[str], issuer: str | None) -> list[tuple[Issued, str]]:
        """Return the certificates under one of ``numbers`` with the names of their issuers."""

    def linked(self, account: str, student_id: str) -> bool:
        """Return whether a guardian's account has a verified link to a pupil (A7-3)."""

    def student(self, student_id: str, near: frozenset[str] | None, note: PaperNote) -> tuple[Student, str] | None:
        """Return the clear record and the name of its school."""

    def case(self, case_id: str, near: frozenset[str] | None, note: PaperNote) -> CaseMaterial | None:
        """Return a case that has a pupil, with the record and the archive; never a private one."""


class PaperDesk:
    """Use cases of certificates and prints. ``check_url`` goes into the QR code of Annexes 4 and 5."""

    def __init__(self, store: PaperStore, words: Wording, now: Callable[[], datetime], check_url: str = "") -> None:
        self._store = store
        self._words = words
        self._now = now
        self._check_url = check_url

    # --- certificates

    @enforces("A43-3", "A50-4", how="record")
    def certificates(
        self, student_id: str, actor: Actor, reason: str, reach: frozenset[str] | None
    ) -> list[CertificateLine]:
        """Return the certificates of a pupil, void ones too; the reading is recorded before.

        A unit that does not reach the pupil's school sees what it or its schools issued. Raises
        ``StudentNotFoundError``, ``RegisterRuleError`` for a missing reason or right (A48-3).
        """
        note = self._note(actor, reason, "certificates")
        return self._store.certificates(student_id, _near(actor, reach), note)

    @enforces("A43-3", how="code")
    def void(self, issuer: str, number: str, actor: Actor, reason: str) -> CertificateLine:
        """Void a certificate: only its issuer may. It stays listed, and its number is not given out again (A43-3).

        Raises ``CaseNotFoundError`` for a certificate of another unit or none, ``RegisterRuleError`` for one that is
        void already.
        """
        require_plain(reason)
        self._rights(actor)
        found = None
        if issuer == actor.unit:
            found = self._store.void(issuer, number.strip(), actor, reason.strip(), self._now())
        if found is None:
            raise _no_certificate()
        return found

    @enforces("A43-2", "A43-3", how="code")
    def check(self, number: str, issuer: str | None = None) -> PublicAnswer:
        """Return what anybody may know who has a number: valid, void, not effective or unknown.

        Blanks and narrow signs do not matter. What no number looks like is unknown like a number that nobody gave
        out, and so is one that stands for several as long as its issuer is not named.
        """
        typed = number.strip()
        plain = _readable(typed)
        found = self._store.check(tuple(dict.fromkeys((typed, plain, _wide(plain)))), issuer or None)
        one = found[0] if len(found) == 1 else (None, "")
        return PublicAnswer(public_check(*one))

    # --- annexes

    @enforces("A5-1", "A9-2", how="print")
    def annex_one(
        self,
        actor: Actor,
        reason: str = "",
        reach: frozenset[str] | None = None,
        *,
        student_id: str | None = None,
        paper_copy: str | None = None,
    ) -> Paper:
        """Return Annex 1: blank, or with a record in it, which is the electronic archive on paper.

        That needs a completed case of a paper copy (A5-1) of the school that prints, by its registrar; without it
        nothing is read. Raises ``RegisterRuleError``, ``CaseNotFoundError``.
        """
        if student_id is None and paper_copy is None:
            return Paper(1, AnnexOne())
        if paper_copy is None:
            raise _no_copy(
                "An archive is printed under a completed case 'paper-copy' only; name it.",
                "打印电子档案须先办结“打印纸质档案”业务，请填写其业务编号。",
            )
        if actor.role != "registrar":
            raise _no_copy("An archive is printed by the registrar.", "纸质档案由学籍管理员打印。")
        note = self._note(actor, reason, "print", 1, paper_copy)
        found = self._store.case(paper_copy, _near(actor, reach), note)
        if found is None:
            raise _no_case()
        asked = found.case.request
        if (
            asked.kind != "paper-copy"
            or found.case.status is not CaseStatus.COMPLETED
            or asked.school != actor.unit
            or student_id not in {None, asked.student_id}
        ):
            raise _no_copy(
                "This case is no completed paper copy of this pupil by your school.",
                "该业务不是本校为该学生办结的“打印纸质档案”业务。",
            )
        return Paper(1, collection_form(found.student, self._words, civil_date(self._now())))

    @enforces("A3-5", "A7-3", how="print")
    def copy_for_guardian(
        self, student_id: str, guardian: str, actor: Actor, reason: str, reach: frozenset[str] | None
    ) -> Paper:
        """Return the copy of the own record that a guardian may have: Annex 1 with what is registered.

        The school hands it out, or the guardian's own page; it is no paper archive (A5-1). Only for an account with a
        verified link to this pupil. Raises ``StudentNotFoundError``, one answer for unknown and unrelated. Source:
        PIPL art. 45; A3-5.
        """
        note = self._note(actor, reason, "copy", 1)
        if not self._store.linked(guardian, student_id):
            raise _no_student()
        found = self._store.student(student_id, _near(actor, reach), note)
        if found is None:
            raise _no_student()
        return Paper(1, collection_form(found[0], self._words, civil_date(self._now())))

    @enforces("A28-1", "A31-1", how="print")
    def annex_two(
        self,
        actor: Actor,
        reason: str = "",
        reach: frozenset[str] | None = None,
        *,
        student_id: str | None = None,
        case_id: str | None = None,
    ) -> Paper:
        """Return Annex 2: blank, with the pupil in it, or as a case of suspension or resumption has it.

        Raises ``StudentNotFoundError``, ``CaseNotFoundError``, ``RegisterRuleError``.
        """
        if case_id is not None:
            kinds = frozenset({"suspension", "resumption"})
            return Paper(2, suspension_form(self._case(2, case_id, kinds, actor, reason, reach), self._words))
        if student_id is not None:
            return Paper(2, blank_suspension_form(*self._student(2, student_id, actor, reason, reach), self._words))
        return Paper(2, AnnexTwo())

    @enforces("A36-1", how="print")
    def annex_three(
        self,
        actor: Actor,
        reason: str = "",
        reach: frozenset[str] | None = None,
        *,
        student_id: str | None = None,
        case_id: str | None = None,
    ) -> Paper:
        """Return Annex 3: blank, with the pupil in it, or as a case of withdrawal has it.

        Raises what ``annex_two`` raises, and ``RegisterRuleError`` (A34-1) for a pupil of the compulsory stage.
        """
        if case_id is not None:
            found = self._case(3, case_id, frozenset({"withdrawal"}), actor, reason, reach)
            return Paper(3, withdrawal_form(found, self._words))
        if student_id is None:
            return Paper(3, AnnexThree())
        student, school = self._student(3, student_id, actor, reason, reach)
        if YEAR_OF_GRADE.get(student.grade, 0) < FIRST_SENIOR_YEAR:
            raise RegisterRuleError(
                "The compulsory stage knows no withdrawal, and no form for it.",
                detail_zh="义务教育阶段不办理退学，没有退学申请表。",
                rule="A34-1",
            )
        return Paper(3, blank_withdrawal_form(student, school, self._words))

    @enforces("A41-3", how="print")
    def annex_four(self, key: CertificateKey, actor: Actor, reason: str, reach: frozenset[str] | None) -> Paper:
        """Return stub and certificate of completion or incomplete schooling under its number.

        Raises ``CaseNotFoundError``, ``RegisterRuleError`` for a void one or another kind.
        """
        kinds = frozenset({CertificateKind.COMPLETION, CertificateKind.INCOMPLETE})
        return Paper(
            4, completion_form(self._certificate(4, key, kinds, actor, reason, reach), self._words, self._check_url)
        )

    @enforces("A43-2", how="print")
    def annex_five(self, key: CertificateKey, actor: Actor, reason: str, reach: frozenset[str] | None) -> Paper:
        """Return stub and certificate of an education proof, printed before the department stamps it (A43-2).

        Raises ``CaseNotFoundError``, ``RegisterRuleError`` for a void one or another kind.
        """
        kinds = frozenset({CertificateKind.EDUCATION_PROOF})
        return Paper(
            5, proof_form(self._certificate(5, key, kinds, actor, reason, reach), self._words, self._check_url)
        )

    def annex(
        self,
        number: int,
        actor: Actor,
        reason: str,
        reach: frozenset[str] | None,
        *,
        student_id: str | None = None,
        key: CertificateKey | None = None,
    ) -> Paper:
        """Return annex 1 to 5 as a page or a program asks for it: ``key.case_id`` names a case of annexes 1 to 3 too.

        Raises what the annex raises, ``CaseNotFoundError`` for a certificate that is not named, ``ValueError`` for
        another number.
        """
        key = key or CertificateKey()
        case_id = key.case_id or None
        match number:
            case 1:
                return self.annex_one(actor, reason, reach, student_id=student_id, paper_copy=case_id)
            case 2:
                return self.annex_two(actor, reason, reach, student_id=student_id, case_id=case_id)
            case 3:
                return self.annex_three(actor, reason, reach, student_id=student_id, case_id=case_id)
            case 4:
                return self.annex_four(key, actor, reason, reach)
            case 5:
                return self.annex_five(key, actor, reason, reach)
            case _:
                raise ValueError("there are annexes 1 to 5")

    def _student(
        self, annex: int, student_id: str, actor: Actor, reason: str, reach: frozenset[str] | None
    ) -> tuple[Student, str]:
        found = self._store.student(student_id, _near(actor, reach), self._note(actor, reason, "print", annex))
        if found is None:
            raise _no_student()
        return found

    def _case(
        self,
        annex: int,
        case_id: str,
        kinds: frozenset[str],
        actor: Actor,
        reason: str,
        reach: frozenset[str] | None,
    ) -> CaseMaterial:
        found = self._store.case(case_id, _near(actor, reach), self._note(actor, reason, "print", annex))
        if found is None:
            raise _no_case()
        if found.case.request.kind not in kinds:
            raise RegisterRuleError(
                f"Annex {annex} belongs to another kind of case.", detail_zh=f"该业务不使用附件{annex}。"
            )
        return found

    @enforces("A43-3", how="code")
    def _certificate(
        self,
        annex: int,
        key: CertificateKey,
        kinds: frozenset[CertificateKind],
        actor: Actor,
        reason: str,
        reach: frozenset[str] | None,
    ) -> CertificateMaterial:
        """Return a certificate for print: only a number that was given out, is not void and still names its holder."""
        wanted = CertificateKey(key.issuer, key.number.strip(), key.case_id)
        found = self._store.certificate(wanted, _near(actor, reach), self._note(actor, reason, "print", annex))
        if found is None:
            raise _no_certificate()
        if found.kind not in kinds:
            zh, en = KIND_LABELS[found.kind], KINDS_EN[found.kind]
            raise RegisterRuleError(
                f"This is a {en}; Annex {annex} is for another kind.",
                detail_zh=f"该证书是{zh}，不使用附件{annex}。",
                rule="A40-1" if found.kind is CertificateKind.GRADUATION else "A41-3",
            )
        if found.voided:
            raise RegisterRuleError(
                "This certificate is void and is not printed.", detail_zh="该证书已作废，不再打印。", rule="A43-3"
            )
        if not found.same_name:
            raise RegisterRuleError(
                "The holder's name was changed since: no print of this number bears another name.",
                detail_zh="发证后姓名已变更：同一编号不得以另一姓名打印。",
                rule="A43-3",
            )
        return found

    def _note(
        self,
        actor: Actor,
        reason: str,
        act: Literal["certificates", "copy", "print"],
        annex: int | None = None,
        paper_copy: str | None = None,
    ) -> PaperNote:
        require_plain(reason)
        self._rights(actor)
        return PaperNote(actor.account, reason.strip(), act, self._now(), annex, actor.unit, paper_copy)

    @enforces("A48-3", how="procedure")
    def _rights(self, actor: Actor) -> None:
        """A48-3: without a filed post and training a registrar has no rights."""
        today = civil_date(self._now())
        require_rights(self._store.post_of(actor.account, actor.unit, today), today)


def _near(actor: Actor, reach: frozenset[str] | None) -> frozenset[str] | None:
    return None if reach is None else reach | {actor.unit}


def _readable(number: str) -> str:
    """Return a number without blanks and signs that nobody sees."""
    return "".join(one for one in number if not one.isspace() and unicodedata.category(one)[0] != "C")


def _wide(number: str) -> str:
    """Return a number with digits narrow and brackets wide, as the patterns have them."""
    narrow = unicodedata.normalize("NFKC", number)
    return narrow.replace("(", "（").replace(")", "）")


def _no_student() -> StudentNotFoundError:
    return StudentNotFoundError(
        "There is no such student, or you may not know of it.", detail_zh="查无此学生，或您无权查看。"
    )


def _no_case() -> CaseNotFoundError:
    return CaseNotFoundError(
        "There is no such case, or you may not know of it.", detail_zh="没有这项业务，或您无权查看。"
    )


def _no_certificate() -> CaseNotFoundError:
    return CaseNotFoundError(
        "There is no such certificate, or it is not yours to act on.", detail_zh="没有这份证书，或您无权办理。"
    )


def _no_copy(text: str, text_zh: str) -> RegisterRuleError:
    return RegisterRuleError(text, detail_zh=text_zh, rule="A5-1")
