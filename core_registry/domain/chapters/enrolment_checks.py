"""The checks of a new record (Arts. 2, 6, 9, 10, 12) and the evidence it needs (section 7)."""

from __future__ import annotations

import re
from datetime import date

from core_registry.domain.annex1 import ANNEX1, ENTRY_AGE_FINDING, FORM_FINDINGS
from core_registry.domain.chapters.schools import RECORD_CATEGORIES, SPECIAL_SCHOOL, VOCATIONAL
from core_registry.domain.facts import Facts, SchoolFacts
from core_registry.domain.procedures import EvidenceNeed
from core_registry.domain.requests import Request
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import Stage
from core_registry.domain.working_days import full_years

FIRST_GRADE = "11"
NO_DOCUMENT = "Z"
REGIONAL = frozenset("678")
"""Documents of Hong Kong, Macao and Taiwan (JY/T 1001)."""
RESIDENT_CARD = "1"
MAINLAND = "00"
IN_SPECIAL_SCHOOL, IN_ORDINARY_CLASS, TAUGHT_AT_HOME = "1", "2", "3"
"""特殊教育学校就读, 普通学校随班就读, 送教上门: codes of ``special_ed_placement``; Art. 9 knows no other."""
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
DOCUMENTS = ("identity-document", "household-register", "passport")
"""Kinds of evidence that are a valid identity document."""
FORM_NEED = EvidenceNeed(("annex-1",), "A9-2", "监护人和班主任签字的采集表（附件1）", "the signed form of Annex 1")


def entry_of(request: Request) -> tuple[int, int] | None:
    """Return year and month of entry, ``None`` when the text is no month."""
    found = _MONTH.fullmatch(request.text("entry_month"))
    return (int(found[1]), int(found[2])) if found else None


def old_enough(born: date, entry_year: int, facts: Facts) -> bool:
    """Whether a child reaches the entry age by the day of the entry year that holds in the place (Q-1)."""
    policy = facts.policy
    return full_years(born, date(entry_year, policy.entry_age_month, policy.entry_age_day)) >= policy.entry_age


def age_verdict(born: date, entry_year: int, facts: Facts) -> Verdict:
    """Return what A9-1 says of a child that enters grade 1 in a year."""
    if old_enough(born, entry_year, facts):
        return True
    policy = facts.policy
    day = f"{policy.entry_age_month}月{policy.entry_age_day}日"
    return Failure(
        f"入学当年{day}前须年满{policy.entry_age}周岁。",
        f"The child must be {policy.entry_age} by day {policy.entry_age_day} of month {policy.entry_age_month}"
        " of the entry year.",
        Party.COUNTY,
    )


@rule("A2-1")
def school_holds_records(request: Request, facts: Facts) -> Verdict:
    """Judge whether the school may hold records, and of the grade's stage."""
    school, grade = facts.school, request.text("grade")
    if school.category not in RECORD_CATEGORIES:
        return Failure("该类学校不能建立学籍。", "A school of this category holds no student records.", Party.COUNTY)
    if school.stage_of(grade) not in school.stages:
        return Failure("该校未开设该年级所属学段。", "The school does not run the stage of this grade.", Party.COUNTY)
    return True


@rule("A2-2")
def class_holds_records(request: Request, facts: Facts) -> Verdict:
    """Judge the class: in a vocational school only 综合高中班 is registrable, and no vocational class anywhere."""
    kind = request.text("class_type") or "regular"
    if facts.school.category != VOCATIONAL and kind != "vocational":
        return None
    if kind == "comprehensive" and facts.school.stage_of(request.text("grade")) is Stage.SENIOR:
        return True
    return Failure(
        "中职学校仅综合高中班学生可注册普通高中学籍。",
        "In a vocational school only pupils of a comprehensive senior class are registered.",
        Party.REGISTRY_SUPERIOR,
    )


@rule("A8-2")
def school_is_open(_request: Request, facts: Facts) -> Verdict:
    """Judge whether the school still exists: a closed one gets no record."""
    if facts.school.closed:
        return Failure("该校已撤销，不能建立学籍。", "The school is closed and gets no record.", Party.SUPERVISING_DEPT)
    return True


@enforces("S-1", how="check")
@rule("A6-1")
def nobody_twice(_request: Request, facts: Facts) -> Verdict:
    """Judge whether the person has a record already."""
    if facts.duplicate:
        return Failure(
            "该生已有学籍或疑似重复（同一证件，或姓名、出生日期和监护人证件相同），须由上级学籍管理部门判定。",
            "The person has a record, or seems to (same document; or same name, birth date and guardian's document).",
            Party.REGISTRY_SUPERIOR,
        )
    return True


@rule("A9-1")
def of_age(request: Request, facts: Facts) -> Verdict:
    """Judge the age of a child entering grade 1."""
    born, entry = request.day("birth_date"), entry_of(request)
    if request.text("grade") != FIRST_GRADE or born is None or entry is None:
        return None
    return age_verdict(born, entry[0], facts)


@rule("A9-2")
def form_is_complete(request: Request, facts: Facts) -> Verdict:
    """Judge the form of Annex 1 and the validity of the document it was filled from."""
    missing = sorted(set(facts.findings) & FORM_FINDINGS)
    if missing:
        codes = ", ".join(missing)
        return Failure(f"采集表填写不完整：{codes}。", f"The form is not complete: {codes}.", Party.SCHOOL)
    until = request.day("id_valid_until")
    if until is not None and until < request.on:
        return Failure("身份证件已过有效期。", "The identity document has expired.", Party.GUARDIAN)
    return True


@rule("A10-2")
def nothing_is_false(request: Request, facts: Facts) -> Verdict:
    """Judge what the form states: check digit, birth date, sex, age against grade, month of entry."""
    false = sorted(set(facts.findings) - FORM_FINDINGS - {ENTRY_AGE_FINDING})
    if "entry_month" in request.values and entry_of(request) is None:
        false.append("entry-month-invalid")
    if false:
        codes = ", ".join(false)
        return Failure(f"信息核对不符：{codes}。", f"The information does not hold: {codes}.", Party.SCHOOL)
    return True


@rule("A9-4")
def placed_after_assessment(request: Request, facts: Facts) -> Verdict:
    """Judge the placement of a disabled child: on an assessment, one of three, at the school in charge of it."""
    if not request.flag("disability"):
        return None
    if not request.text("assessment_no"):
        return Failure("须填写专家委员会评估结论编号。", "Name the committee's conclusion.", Party.COUNTY)
    return fits_school(request.text("special_ed_placement"), facts.school)


def fits_school(placement: str, school: SchoolFacts) -> Verdict:
    """Judge whether the school may have charge of a placement (A9-4)."""
    special = school.category == SPECIAL_SCHOOL
    fits = {IN_SPECIAL_SCHOOL: special, IN_ORDINARY_CLASS: not special, TAUGHT_AT_HOME: True}
    if fits.get(placement, False):
        return True
    return Failure(
        "安置方式须为特殊教育学校就读、普通学校随班就读或送教上门之一，由就读学校或送教学校建籍。",
        "The placement is one of the three, and the school attended or in charge of it registers.",
        Party.COUNTY,
    )


@enforces("A52-1", how="the same checks and steps; only the document differs")
def from_outside(request: Request) -> bool:
    """Whether the pupil comes from outside the mainland: the rules apply to such a pupil as to any other (A52-1)."""
    overseas = request.text("overseas_status")
    return bool(overseas and overseas != MAINLAND) or request.text("id_type") in {*REGIONAL, "9", "A"}


@rule("A12-1")
def document_fits_origin(request: Request, _facts: Facts) -> Verdict:
    """Judge the document of a pupil from outside the mainland against no. 5 and nationality."""
    if request.text("admission_type") != "overseas" and not from_outside(request):
        return None
    document, overseas = request.text("id_type"), request.text("overseas_status")
    abroad = request.text("nationality") not in {"", "CHN"}
    if document == NO_DOCUMENT:
        return Failure("须凭有效身份证件注册。", "A valid identity document is needed.", Party.GUARDIAN)
    if document in REGIONAL and overseas == MAINLAND:
        return Failure("持港澳台证件的，“港澳台侨外”不能为“否”。", "No. 5 cannot be 'no' here.", Party.SCHOOL)
    if document == RESIDENT_CARD and abroad:
        return Failure("外籍学生不能使用居民身份证注册。", "A foreign pupil has no resident card.", Party.SCHOOL)
    if request.text("admission_type") == "overseas" and overseas == MAINLAND and not abroad:
        return Failure("入学方式与“港澳台侨外”不符。", "The way of entry and no. 5 do not fit.", Party.SCHOOL)
    return True


@rule("A12-2")
def sino_foreign_is_senior(request: Request, facts: Facts) -> Verdict:
    """Judge a Sino-foreign programme: of the senior stage; the city's confirmation is a step of the case."""
    if not request.flag("sino_foreign"):
        return None
    if facts.school.stage_of(request.text("grade")) is not Stage.SENIOR:
        return Failure("中外合作办学项目限普通高中阶段。", "Such a programme is of the senior stage.", Party.CITY)
    return True


@rule("A9-11")
def source_is_told(request: Request, _facts: Facts) -> Verdict:
    """Judge whether the source of every value is known."""
    if request.text("source") != "mixed":
        return True
    named = joint_fields(request)
    if named and all(code in ANNEX1 for code in named):
        return True
    return Failure(
        "请用项目代码逐项列明取自“教育入学一件事”的信息。",
        "List the field codes whose values come from the joint service.",
        Party.SCHOOL,
    )


def joint_fields(request: Request) -> tuple[str, ...]:
    """Return the field codes that came from the joint service, when the sources are mixed."""
    return tuple(part.strip() for part in request.text("joint_fields").split(",") if part.strip())


def enrolment_evidence(request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Return what must be handed in with a registration (section 7)."""
    needs = [FORM_NEED]
    if request.text("id_type") == NO_DOCUMENT:
        needs.append(EvidenceNeed(("school-proof",), "A9-2", "学校在读证明（无身份证件的）", "a school proof"))
    else:
        needs.append(EvidenceNeed(DOCUMENTS, "A9-2", "有效身份证件", "a valid identity document"))
    if request.flag("disability"):
        needs.append(assessment_need())
    if request.text("admission_type") == "overseas":
        needs.append(EvidenceNeed(("admission-notice",), "A12-1", "当地录取（入学）通知", "the local admission"))
    if request.text("admission_type") == "special":
        needs.append(
            EvidenceNeed(
                ("city-settlement",),
                "A12-3",
                "市级教育行政部门商定意见",
                "the settlement by the city",
                frozenset({"education"}),
                "city",
            )
        )
    return tuple(needs)


def assessment_need() -> EvidenceNeed:
    """Return the need of the county committee's conclusion (A9-4)."""
    return EvidenceNeed(
        ("assessment",),
        "A9-4",
        "县级残疾人教育专家委员会评估结论",
        "the conclusion of the county's committee",
        frozenset({"committee"}),
        "county",
    )
