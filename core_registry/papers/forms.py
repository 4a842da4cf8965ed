"""The annexes filled in: records, cases and certificates as the words that stand on the forms (section 8).

Pure: what is printed is decided here, on values. Names of those who sign are left to their hands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from core_registry.domain.cases import Case, Step
from core_registry.domain.certificates import CertificateKind
from core_registry.domain.facts import Archive, EntryKind
from core_registry.domain.procedures import ACT_LABELS
from core_registry.domain.records import Member, Student
from core_registry.domain.rules import Party
from core_registry.domain.suspensions import running, senior_blocks
from core_registry.domain.terms import YEAR_OF_GRADE
from core_registry.papers.records import CaseMaterial, CertificateMaterial
from core_registry.prints import (
    AnnexFive,
    AnnexFour,
    AnnexOne,
    AnnexThree,
    AnnexTwo,
    GuardianPart,
    HolderPart,
    MemberPart,
    Opinion,
    PupilPart,
    StubPart,
)
from rulebook.records import Divisions, Rulebook

_YES_NO: Mapping[bool, str] = {True: "是", False: "否"}
_GROUND_OF_35: Mapping[str, str] = {"absence": "1", "suspension-used": "2", "illness": "3", "application": "4"}
_LAPSED = "休学期满一个月未复学、未续休，自行退学（第三十三条）。"
_NUMBER = re.compile(r"(?P<word>.*?)字第(?P<inner>.+)号")
_PROOF = re.compile(r"晋毕证字第（(?P<inner>.+)）号")
_COUNTS = "零一二三四五六七八九"
_SENIOR_YEARS = range(10, 13)
_SUPERIORS = frozenset({Party.REGISTRY_SUPERIOR, Party.SUPERVISING_DEPT})
_PROVISIONAL = "L"
_SHORT = 3
"""A name of a county from this length on goes without its last character, which stands printed on the form."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for codes: lists of the rule book, divisions, kinds of evidence."""

    lists: Mapping[str, Mapping[str, str]] = field(repr=False)
    divisions: Divisions = field(repr=False)
    evidence: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, book: Rulebook) -> Wording:
        """Return the words of a rule book."""
        lists = {name: found.labels for name, found in book.code_lists.items()}
        return cls(lists, book.divisions, {code: kind.label for code, kind in book.evidence_kinds.items()})

    def word(self, name: str, code: str | None) -> str:
        """Return the word for a code of the list ``name``; a code that the list does not have stands for itself."""
        return "" if not code else self.lists[name].get(code, code)

    def place(self, division: str | None) -> tuple[str, str]:
        """Return province and county of a division without the words that the form prints behind them."""
        above = self.divisions.ancestors(division or "")
        if not above:
            return "", ""
        county, province = self.divisions.by_code[above[0]], self.divisions.by_code[above[-1]]
        name = county.name if county.level == "county" else ""
        short = name[:-1] if len(name) >= _SHORT and name[-1] in "县市区" else name
        return province.name.removesuffix("省"), short


def collection_form(student: Student, words: Wording, on: date | None) -> AnnexOne:
    """Return Annex 1 with a record in it (A9-2)."""
    members = [_member(one, words) for one in student.members[:2]]
    members += [MemberPart()] * (2 - len(members))
    placement = student.placement
    return AnnexOne(
        name=student.name,
        former_name=student.former_name or "",
        sex=words.word("sex", student.sex),
        nationality=words.word("countries", student.nationality),
        overseas_status=words.word("overseas_status", student.overseas_status),
        ethnicity=words.word("ethnic_groups", student.ethnicity),
        id_type=words.word("id_types", student.id_type),
        id_number=student.id_number or "",
        birth_date=f"{student.birth_date:%Y%m%d}",
        residence_address=student.residence_address,
        household_address=student.household_address,
        grade=words.word("grades", student.grade),
        class_name=student.class_name,
        political_status=words.word("political_status", student.political_status),
        boarding=_YES_NO[student.boarding],
        disabled=_YES_NO[placement is not None],
        left_behind=_YES_NO[student.left_behind],
        first_member=members[0],
        second_member=members[1],
        disability_type="" if placement is None else words.word("disability_types", placement.disability_type),
        special_ed_placement=""
        if placement is None
        else words.word("special_ed_placement", placement.special_ed_placement),
        filled_on=on,
    )


def blank_suspension_form(student: Student, school: str, words: Wording) -> AnnexTwo:
    """Return Annex 2 with the pupil and the guardian in it, for the guardian to fill in (A28-1, A31-1)."""
    return AnnexTwo(pupil=_pupil(student, school, words), guardian=_guardian(student, words, None))


def blank_withdrawal_form(student: Student, school: str, words: Wording) -> AnnexThree:
    """Return Annex 3 with the pupil and the guardian in it, for the guardian to fill in (A36-1)."""
    return AnnexThree(pupil=_pupil(student, school, words), guardian=_guardian(student, words, None))


def suspension_form(found: CaseMaterial, words: Wording) -> AnnexTwo:
    """Return Annex 2 as a case of suspension, renewal or resumption has it (A28-1, A31-1)."""
    case, asked = found.case, found.case.request
    before = _before(found.archive, case)
    form = AnnexTwo(
        pupil=_pupil(found.student, found.school, words),
        used_days=_used_days(before, found.student, asked.on),
        evidence=_evidence(case, words),
        guardian=_guardian(found.student, words, asked.applied_on),
        school=_opinion(case.steps, frozenset({Party.SCHOOL})),
        superior=_opinion(case.steps, _SUPERIORS),
    )
    ran = running(before)
    if asked.kind == "resumption":
        grade = asked.text("grade")
        return replace(
            form,
            kind="resumption",
            resume_on=asked.day("returned_on"),
            target_grade=words.word("grades", grade),
            target_kind="original" if ran is None or ran.text("grade") in {"", grade} else "corresponding",
        )
    ground = asked.text("ground")
    return replace(
        form,
        kind="suspension" if ran is None else "renewal",
        ground=ground,  # type: ignore[arg-type]  # the choices of the procedure
        description=asked.text("reason"),
        start=asked.day("from"),
        end=asked.day("until"),
        guardian=GuardianPart() if ground == "infectious" else form.guardian,
    )


def withdrawal_form(found: CaseMaterial, words: Wording) -> AnnexThree:
    """Return Annex 3 as a case of withdrawal has it; nobody applies for 自行退学 (A36-1)."""
    case, asked = found.case, found.case.request
    ground = asked.text("ground")
    absence = _before(found.archive, case).last(EntryKind.ABSENCE) if ground == "absence" else None
    filed = next((step for step in case.steps if step.name == "file" and step.decision == "agree"), None)
    applies = any(step.party is Party.GUARDIAN for step in case.steps)
    description = asked.text("reason")
    return AnnexThree(
        pupil=_pupil(found.student, found.school, words),
        ground=_GROUND_OF_35.get(ground, ""),  # type: ignore[arg-type]  # the four numbers of Art. 35
        description=_LAPSED + description if ground == "suspension-lapsed" else description,
        applied_on=asked.applied_on,
        completed_on=asked.day("completed_on"),
        used_days=_used_days(found.archive, found.student, asked.on) if ground == "suspension-used" else None,
        consecutive_weeks=None if absence is None else absence.number("consecutive_weeks"),
        total_weeks=None if absence is None else absence.number("total_weeks"),
        evidence=_evidence(case, words),
        guardian=_guardian(found.student, words, asked.applied_on) if applies else GuardianPart(),
        school=_opinion(case.steps, frozenset({Party.SCHOOL}), without="file"),
        filing="" if filed is None else case.id,
        filed_on=None if filed is None else filed.done_on,
    )


def completion_form(found: CertificateMaterial, words: Wording, check_url: str) -> AnnexFour:
    """Return Annex 4 of a certificate of completion or incomplete schooling (A41-3)."""
    parts = _NUMBER.fullmatch(found.number)
    return AnnexFour(
        kind="completion" if found.kind is CertificateKind.COMPLETION else "incomplete",
        word=parts["word"] if parts else "",
        number=parts["inner"] if parts else found.number,
        holder=_holder(found, words),
        reason=_stub_text(found, "reason"),
        issued_on=found.issued_on,
        stub=StubPart(handled_on=found.issued_on),
        check_url=check_url,
    )


def proof_form(found: CertificateMaterial, words: Wording, check_url: str) -> AnnexFive:
    """Return Annex 5; the form prints 晋毕证字第（…）号 itself (A43-2)."""
    parts = _PROOF.fullmatch(found.number)
    years = found.stub.get("years")
    return AnnexFive(
        number=parts["inner"] if parts else found.number,
        holder=_holder(found, words),
        graduated=_stub_text(found, "graduated"),
        years=_COUNTS[years] if isinstance(years, int) and 0 < years < len(_COUNTS) else "",
        original=found.original.removesuffix("号"),  # the form prints it
        issued_on=found.issued_on,
        stub=StubPart(handled_on=found.issued_on),
        check_url=check_url,
    )


def _member(one: Member, words: Wording) -> MemberPart:
    return MemberPart(
        name=one.name,
        relation=words.word("family_relation", one.relation),
        guardian=_YES_NO[one.guardian],
        ethnicity=words.word("ethnic_groups", one.ethnicity),
        id_type=words.word("id_types", one.id_type),
        id_number=one.id_number or "",
        employer=one.employer or "",
        household_address=one.household_address,
        phone=one.phone or "",
    )


def _pupil(student: Student, school: str, words: Wording) -> PupilPart:
    return PupilPart(
        name=student.name,
        sex=words.word("sex", student.sex),
        student_number=_final_number(student),
        id_number=student.id_number or "",
        school=school,
        grade=words.word("grades", student.grade),
        class_name=student.class_name,
    )


def _guardian(student: Student, words: Wording, signed_on: date | None) -> GuardianPart:
    one = next((member for member in student.members if member.guardian), None)
    if one is None:
        return GuardianPart()
    return GuardianPart(one.name, words.word("family_relation", one.relation), one.phone or "", signed_on)


def _final_number(student: Student) -> str:
    """Return the 学籍号; a provisional number is none yet and is not printed as one (Q-32)."""
    return "" if student.student_number.startswith(_PROVISIONAL) else student.student_number


def _opinion(steps: Iterable[Step], parties: frozenset[Party], without: str = "") -> Opinion:
    """Return the last decision of one of ``parties``; a step still open leaves the box empty."""
    found = Opinion()
    for step in steps:
        if step.party in parties and step.decision is not None and step.name != without:
            word = "同意" if step.decision == "agree" else "不同意"
            note = f"（{step.note}）" if step.note else ""
            found = Opinion(f"{step.act_zh or ACT_LABELS[step.act]}：{word}{note}。", step.done_on)
    return found


def _evidence(case: Case, words: Wording) -> tuple[str, ...]:
    return tuple(words.evidence.get(item.kind, item.kind) for item in case.evidence)


def _before(archive: Archive, case: Case) -> Archive:
    """Return the archive as the case found it: without what it wrote itself and what came later."""
    return Archive(tuple(one for one in archive.entries if one.case_id != case.id and one.entered_at <= case.opened_at))


def _used_days(archive: Archive, student: Student, on: date) -> int:
    """Return the days of suspension before ``on``: in senior high those of that stage, else all."""
    if YEAR_OF_GRADE.get(student.grade) not in _SENIOR_YEARS:
        # An entry without a grade counts in any stage.
        archive = Archive(
            tuple(
                replace(one, data={name: value for name, value in one.data.items() if name != "grade"})
                for one in archive.entries
            )
        )
    return sum(block.days for block in senior_blocks(archive, on=on))


def _holder(found: CertificateMaterial, words: Wording) -> HolderPart:
    student = found.student
    province, county = words.place(found.household)
    return HolderPart(
        name=student.name,
        student_number=_final_number(student),
        id_number=student.id_number or "",
        sex=words.word("sex", student.sex),
        province=province,
        county=county,
        since=_stub_text(found, "since"),
        until=_stub_text(found, "until"),
    )


def _stub_text(found: CertificateMaterial, name: str) -> str:
    value = found.stub.get(name)
    return value if isinstance(value, str) else ""
