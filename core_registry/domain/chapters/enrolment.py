"""A record is made: collection, checks and approval of a new pupil (chapter 3, Arts. 9, 10 and 12).

Opening an ``enrolment`` writes the record as pre-registered; the superior's approval makes it active (A10-1). A refused
or withdrawn case leaves it pre-registered, for the child is at school: ``registration`` asks for the approval again,
and serves pupils of the first grade who came with an admission list.
"""

from __future__ import annotations

from datetime import date

from core_registry.domain.annex1 import ANNEX1, given
from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters import enrolment_checks as checks
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import (
    Act,
    Effects,
    EvidenceNeed,
    NewDeadline,
    NewEntry,
    Procedure,
    StepPlan,
    register,
)
from core_registry.domain.requests import Request, Value, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.validity import in_force
from core_registry.domain.working_days import Measure, Period

ARCHIVE_CLOCK = "archive"
"""The clock of A9-3."""

SOURCES = {
    "form": ("学生基本信息采集表（附件1）", "the form of Annex 1"),
    "joint-service": ("“教育入学一件事”平台", "the joint enrolment service"),
    "mixed": ("采集表与“教育入学一件事”平台", "the form and the joint enrolment service"),
}
"""Where the values come from (A9-11)."""
ADMISSIONS = {
    "first-entry": ("新生入学", "first entry"),
    "overseas": ("港澳台侨和外籍学生入学", "entry of a pupil from outside the mainland"),
    "special": ("特殊情况入学（经市级商定）", "special case, settled by the city"),
}
CLASS_TYPES = {
    "regular": ("普通班", "regular class"),
    "comprehensive": ("综合高中班", "comprehensive senior class"),
    "vocational": ("中职班", "vocational class"),
}


def _steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    register_it = StepPlan("register", Party.SCHOOL, Act.START, 1, "A9-2")
    approve = StepPlan("approve", Party.REGISTRY_SUPERIOR, Act.APPROVE, 3, "A10-1")
    if not request.flag("sino_foreign"):
        return (register_it, approve)
    return (register_it, StepPlan("city", Party.CITY, Act.CONFIRM, 2, "A12-2"), approve)


@enforces("A9-3", how="clock")
def _on_step(step: str, request: Request, facts: Facts, _on: date) -> Effects:
    """Write the pre-registered record when the school registers; its archive is due in two months (A9-3)."""
    if step != "register":
        return Effects()
    record: dict[str, Value] = given(request)
    record["entry_month"] = request.text("entry_month")
    record["entry_method"] = request.text("admission_type")
    admission = NewEntry(
        EntryKind.ADMISSION,
        request.on,
        {"admission_type": request.text("admission_type"), "sino_foreign": request.flag("sino_foreign")},
    )
    clocks: tuple[NewDeadline, ...] = ()
    if request.text("grade") == checks.FIRST_GRADE:
        due = Period(2, Measure.MONTHS)
        clocks = (NewDeadline(ARCHIVE_CLOCK, "A9-3", facts.school.code, request.on, due),)
    return Effects(new_record=record, entries=(admission,), deadlines=clocks, ground="9")


@enforces("A10-1", how="procedure")
def _effects(request: Request, facts: Facts, on: date) -> Effects:
    """Make the record active: only the superior's approval gets here (A10-1)."""
    before = StudentState.PRE_REGISTERED if facts.student is None else facts.student.state
    source: dict[str, str | int | bool | None] = {"source": request.text("source")}
    if checks.joint_fields(request):
        source["joint_fields"] = ",".join(checks.joint_fields(request))
    entries = [NewEntry(EntryKind.ENROLMENT, on, source)]
    if request.flag("disability"):
        entries.append(NewEntry(EntryKind.ASSESSMENT, on, personal={"number": request.text("assessment_no")}))
        entries.append(NewEntry(EntryKind.PLACEMENT, on, personal={"placement": request.text("special_ed_placement")}))
    return Effects(
        move=move(facts.school.stage_of(request.text("grade")), before, StudentState.ACTIVE),
        ground="10",
        entries=tuple(entries),
        met=(ARCHIVE_CLOCK,),
    )


ENROLMENT = register(
    Procedure(
        kind="enrolment",
        zh="新生建籍",
        en="registration of a new pupil",
        chapter=3,
        article="9",
        subject="new",
        fields=(
            *ANNEX1.values(),
            ValueSpec("id_valid_until", ValueType.DATE, "身份证件有效期至", "document valid until", False, True),
            ValueSpec("entry_month", ValueType.TEXT, "入学年月（YYYY-MM）", "month of entry (YYYY-MM)", longest=7),
            ValueSpec("admission_type", ValueType.CHOICE, "入学方式", "way of entry", choices=ADMISSIONS),
            ValueSpec("class_type", ValueType.CHOICE, "班级类型", "kind of class", False, choices=CLASS_TYPES),
            ValueSpec("source", ValueType.CHOICE, "信息来源", "source of the data", choices=SOURCES),
            ValueSpec(
                "joint_fields",
                ValueType.TEXT,
                "取自“教育入学一件事”的项目代码（逗号分隔）",
                "codes of the fields from the joint service, with commas",
                when=("source", frozenset({"mixed"})),
                longest=1000,
            ),
            ValueSpec(
                "assessment_no",
                ValueType.TEXT,
                "专家委员会评估结论编号",
                "number of the committee's conclusion",
                personal=True,
                when=("disability", frozenset({"true"})),
                longest=60,
            ),
            ValueSpec(
                "sino_foreign", ValueType.BOOLEAN, "中外合作办学项目", "Sino-foreign cooperative programme", False
            ),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_steps,
        effects=_effects,
        on_step=_on_step,
        evidence=checks.enrolment_evidence,
        checks=(
            in_force,
            checks.school_holds_records,
            checks.class_holds_records,
            checks.school_is_open,
            checks.nobody_twice,
            checks.of_age,
            checks.form_is_complete,
            checks.placed_after_assessment,
            checks.source_is_told,
            checks.nothing_is_false,
            checks.document_fits_origin,
            checks.sino_foreign_is_senior,
            keeps_to_the_record,
        ),
        again=(checks.school_is_open,),
    )
)


@rule("A10-1")
def _never_active(_request: Request, facts: Facts) -> Verdict:
    """Judge whether the pupil waits for a first approval; who comes from another stage arrives by Art. 13 instead."""
    archive = facts.archive
    enrolled = archive.last(EntryKind.ENROLMENT) is not None
    admitted = any(entry.text("admission_type") for entry in archive.current(EntryKind.ADMISSION))
    if not enrolled and (facts.pupil.grade == checks.FIRST_GRADE or admitted):
        return True
    return Failure(
        "仅适用于待注册的小学一年级新生和建籍申请未获批准的学生；升学新生办理报到。",
        "Only for first-graders who wait and for pupils whose registration was not approved; others report arrival.",
        Party.REGISTRY_SUPERIOR,
    )


@rule("A9-1")
def _waiting_pupil_of_age(_request: Request, facts: Facts) -> Verdict:
    """Judge the age of a first-grader who waits, by the month of entry of the record."""
    pupil = facts.pupil
    if pupil.grade != checks.FIRST_GRADE or not pupil.entry_month[:4].isdecimal():
        return None
    return checks.age_verdict(pupil.birth_date, int(pupil.entry_month[:4]), facts)


@rule("A9-4")
def _waiting_pupil_placed(_request: Request, facts: Facts) -> Verdict:
    """Judge the placement that the record names."""
    return checks.fits_school(facts.pupil.placement or "", facts.school) if facts.pupil.disabled else None


def _registration_evidence(_request: Request, facts: Facts) -> tuple[EvidenceNeed, ...]:
    return (checks.FORM_NEED, checks.assessment_need()) if facts.pupil.disabled else (checks.FORM_NEED,)


def _registration_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("register", Party.SCHOOL, Act.START, 1, "A9-2"),
        StepPlan("approve", Party.REGISTRY_SUPERIOR, Act.APPROVE, 2, "A10-1"),
    )


def _registration_effects(request: Request, facts: Facts, on: date) -> Effects:
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.ACTIVE),
        ground="10",
        entries=(NewEntry(EntryKind.ENROLMENT, on, {"source": request.text("source")}),),
        met=(ARCHIVE_CLOCK,),
    )


REGISTRATION = register(
    Procedure(
        kind="registration",
        zh="待注册新生注册学籍",
        en="registration of a pupil who waits",
        chapter=3,
        article="10",
        fields=(ValueSpec("source", ValueType.CHOICE, "信息来源", "source of the data", choices=SOURCES),),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_registration_steps,
        effects=_registration_effects,
        evidence=_registration_evidence,
        checks=(in_force, checks.school_is_open, _never_active, _waiting_pupil_of_age, _waiting_pupil_placed),
        opens_in=frozenset({StudentState.PRE_REGISTERED, StudentState.LATE_ENTRY}),
    )
)
