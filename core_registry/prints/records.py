"""What is printed on the annexes: plain values, as a person reads them. An empty one is a blank to fill in by hand.

Codes are turned into words before (``汉族``, not ``01``). Every value is of a person, so none is in a ``repr``.
Source: section 8 of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class MemberPart:
    """A member of the family or guardian (Annex 1 nos. 18-26, 27-35)."""

    name: str = field(default="", repr=False)
    relation: str = field(default="", repr=False)
    guardian: str = field(default="", repr=False)
    ethnicity: str = field(default="", repr=False)
    id_type: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)
    employer: str = field(default="", repr=False)
    household_address: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AnnexOne:
    """Annex 1: 学生基本信息采集表（2022年修订版）(A9-2)."""

    name: str = field(default="", repr=False)
    former_name: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    nationality: str = field(default="", repr=False)
    overseas_status: str = field(default="", repr=False)
    ethnicity: str = field(default="", repr=False)
    id_type: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    residence_address: str = field(default="", repr=False)
    household_address: str = field(default="", repr=False)
    grade: str = field(default="", repr=False)
    class_name: str = field(default="", repr=False)
    political_status: str = field(default="", repr=False)
    boarding: str = field(default="", repr=False)
    disabled: str = field(default="", repr=False)
    left_behind: str = field(default="", repr=False)
    first_member: MemberPart = field(default_factory=MemberPart, repr=False)
    second_member: MemberPart = field(default_factory=MemberPart, repr=False)
    disability_type: str = field(default="", repr=False)
    special_ed_placement: str = field(default="", repr=False)
    filled_on: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PupilPart:
    """The pupil as named at the head of Annexes 2 and 3."""

    name: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    student_number: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)
    school: str = field(default="", repr=False)
    grade: str = field(default="", repr=False)
    class_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GuardianPart:
    """The guardian who applies; the signature is written by hand."""

    name: str = field(default="", repr=False)
    relation: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    signed_on: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the school or the superior says on the form, and when; signature and seal are set by hand."""

    text: str = field(default="", repr=False)
    on: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AnnexTwo:
    """Annex 2: 休学、复学申请表, designed from Arts. 28 and 31 (A28-1, A31-1).

    ``used_days`` is the accumulated suspension so far; ``evidence`` are the names of the papers that are attached.
    """

    pupil: PupilPart = field(default_factory=PupilPart, repr=False)
    kind: Literal["", "suspension", "renewal", "resumption"] = field(default="", repr=False)
    ground: Literal["", "illness", "force-majeure", "infectious"] = field(default="", repr=False)
    description: str = field(default="", repr=False)
    start: date | None = field(default=None, repr=False)
    end: date | None = field(default=None, repr=False)
    used_days: int | None = field(default=None, repr=False)
    resume_on: date | None = field(default=None, repr=False)
    target_grade: str = field(default="", repr=False)
    target_kind: Literal["", "original", "corresponding"] = field(default="", repr=False)
    evidence: tuple[str, ...] = field(default=(), repr=False)
    guardian: GuardianPart = field(default_factory=GuardianPart, repr=False)
    school: Opinion = field(default_factory=Opinion, repr=False)
    superior: Opinion = field(default_factory=Opinion, repr=False)


@dataclass(frozen=True, slots=True)
class AnnexThree:
    """Annex 3: 普通高中学生退学申请表, designed from Arts. 35 and 36 (A36-1).

    ``ground`` is the number of the ground in Art. 35. ``filing`` is the number under which it was filed (备案).
    """

    pupil: PupilPart = field(default_factory=PupilPart, repr=False)
    ground: Literal["", "1", "2", "3", "4"] = field(default="", repr=False)
    description: str = field(default="", repr=False)
    applied_on: date | None = field(default=None, repr=False)
    completed_on: date | None = field(default=None, repr=False)
    used_days: int | None = field(default=None, repr=False)
    consecutive_weeks: int | None = field(default=None, repr=False)
    total_weeks: int | None = field(default=None, repr=False)
    evidence: tuple[str, ...] = field(default=(), repr=False)
    guardian: GuardianPart = field(default_factory=GuardianPart, repr=False)
    school: Opinion = field(default_factory=Opinion, repr=False)
    filing: str = field(default="", repr=False)
    filed_on: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HolderPart:
    """Whom a certificate is for, and when the holder was at the school (``YYYY-MM``)."""

    name: str = field(default="", repr=False)
    student_number: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    province: str = field(default="", repr=False)
    county: str = field(default="", repr=False)
    since: str = field(default="", repr=False)
    until: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StubPart:
    """What stands on the stub alone: who handled it and who is in charge."""

    handler: str = field(default="", repr=False)
    handled_on: date | None = field(default=None, repr=False)
    head: str = field(default="", repr=False)
    head_on: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AnnexFour:
    """Annex 4: 普通高中结业（肄业）证明书, stub and certificate under one number (A41-3).

    ``word`` and ``number`` make ``[word]字第[number]号`` (``split_number``). ``reason`` is printed on the stub alone.
    ``check_url`` goes into a QR code for the public check (A43-3); without it none is printed.
    """

    kind: Literal["", "completion", "incomplete"] = field(default="", repr=False)
    word: str = field(default="", repr=False)
    number: str = field(default="", repr=False)
    holder: HolderPart = field(default_factory=HolderPart, repr=False)
    reason: str = field(default="", repr=False)
    issued_on: date | None = field(default=None, repr=False)
    stub: StubPart = field(default_factory=StubPart, repr=False)
    check_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AnnexFive:
    """Annex 5: 学历证明书, stub and certificate under ``晋毕证字第（number）号`` (A43-2, Q-22).

    ``years`` is the length of schooling, on the stub alone. ``original`` is the number of the lost certificate.
    """

    number: str = field(default="", repr=False)
    holder: HolderPart = field(default_factory=HolderPart, repr=False)
    graduated: str = field(default="", repr=False)
    """``YYYY-MM``."""
    years: str = field(default="", repr=False)
    original: str = field(default="", repr=False)
    issued_on: date | None = field(default=None, repr=False)
    stub: StubPart = field(default_factory=StubPart, repr=False)
    check_url: str = field(default="", repr=False)


Form = AnnexOne | AnnexTwo | AnnexThree | AnnexFour | AnnexFive
