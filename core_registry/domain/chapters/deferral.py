"""缓学: entry to grade 1 put off by a school year, approved by the county of household registration (Art. 9 para. 3).

A late application does not cost the child the deferral: it is taken, recorded as late and alerted.
"""

from __future__ import annotations

from datetime import date, timedelta

from core_registry.domain.annex1 import chosen
from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.timeliness import APPLICATION_CLOCK, taken_though_late
from core_registry.domain.facts import Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewDeadline, Procedure, StepPlan, register
from core_registry.domain.regulation import REGULATION
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, RuleResult, Status, Verdict, enforces, rule
from core_registry.domain.validity import in_force
from core_registry.domain.working_days import Measure, Period

DEFERRAL_CLOCK = "deferral-end"
"""The clock of A9-7: at its end the child enters school, or the guardian applies anew."""
_AT_ONCE = Period(0, Measure.DAYS)
_SEPTEMBER = 9
_MOST_YEARS = 3


def year_start(school_year: int, facts: Facts) -> date:
    """Return the first day of a school year: by the city's calendar, where it is not loaded yet 1 September."""
    semester = facts.terms.of(school_year, 1)
    return semester.start if semester is not None else date(school_year, _SEPTEMBER, 1)


def _county_of_household(request: Request, facts: Facts) -> str | None:
    place = facts.places.get(request.text("household_division"))
    return place[0] if place else None


def _deferral_late(request: Request, facts: Facts) -> bool:
    year = request.number("school_year")
    return year is not None and request.applied_on >= year_start(year, facts)


@rule("A9-5")
def _household_is_known(request: Request, facts: Facts) -> Verdict:
    """Judge whether the household registration leads to a county: that one decides, wherever the child would enrol."""
    if _county_of_household(request, facts):
        return True
    return Failure("户籍所在地区划代码无法识别。", "The division of household registration is not known.", Party.COUNTY)


@enforces("A9-6", how="check")
def _before_the_year(request: Request, facts: Facts) -> RuleResult:
    """Judge the day of application against the school year; one that is not this, the last or the next is an error."""
    year, entry = request.number("school_year") or 0, REGULATION["A9-6"]
    if abs(year - request.applied_on.year) > 1 or not 1 <= (request.number("years") or 0) <= _MOST_YEARS:
        return RuleResult(
            "A9-6",
            Status.FAILED,
            entry.zh,
            entry.en,
            "缓学学年或年数填写有误。",
            "The school year or the number of years is wrong.",
        )
    return taken_though_late("A9-6", late=_deferral_late(request, facts))


@rule("A9-7")
def _one_year(request: Request, _facts: Facts) -> Verdict:
    """Judge the length: one school year, longer only by exception; on expiry a new application."""
    if request.number("years") == 1:
        return True
    return Failure(
        "一次缓学为一学年；更长的须由县级教育行政部门特批，期满可重新申请。",
        "One deferral is one school year; longer by exception of the county; a new application follows on expiry.",
    )


@rule("A9-8")
def _no_record_yet(_request: Request, facts: Facts) -> Verdict:
    """Judge whether the child has a record: with one there is nothing to defer."""
    if facts.duplicate:
        return Failure("该儿童已有学籍，不能缓学。", "The child has a record, so there is no deferral.", Party.COUNTY)
    return True


def _deferral_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    kinds = ("deferral-material", "hospital-record", "assessment")
    return (EvidenceNeed(kinds, "A9-5", "缓学相关材料", "the materials for a deferral"),)


def _deferral_steps(request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    county = _county_of_household(request, facts) or request.text("household_division")
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A9-5"),
        StepPlan("approve", Party.COUNTY, Act.APPROVE, 2, "A9-5", unit=county),
    )


def _deferral_on_step(_step: str, request: Request, facts: Facts, _on: date) -> Effects:
    year, county = request.number("school_year"), _county_of_household(request, facts)
    if year is None or county is None or not _deferral_late(request, facts):
        return Effects()
    eve = year_start(year, facts) - timedelta(days=1)
    return Effects(deadlines=(NewDeadline(APPLICATION_CLOCK, "A9-6", county, eve, _AT_ONCE),))


@enforces("A9-7", "A9-8", how="procedure")
def _deferral_effects(request: Request, facts: Facts, on: date) -> Effects:
    """Start the clock of the deferral's end; no record is made, for the subject of the procedure is none (A9-8)."""
    start = year_start(request.number("school_year") or on.year, facts)
    period = Period(request.number("years") or 1, Measure.YEARS)
    county = _county_of_household(request, facts) or request.text("household_division")
    return Effects(
        ground="9",
        deadlines=(NewDeadline(DEFERRAL_CLOCK, "A9-7", county, start, period),),
        met=(APPLICATION_CLOCK,),
    )


DEFERRAL = register(
    Procedure(
        kind="deferral",
        zh="缓学",
        en="deferral",
        chapter=3,
        article="9",
        subject="none",
        fields=(
            *chosen(("name", "sex", "id_type", "id_number", "birth_date", "household_address")),
            ValueSpec(
                "household_division",
                ValueType.DIVISION,
                "户籍所在地区划代码",
                "division of household registration",
                personal=True,
            ),
            *chosen(
                ("member1_name", "member1_relation", "member1_id_type", "member1_id_number", "member1_phone"),
            ),
            ValueSpec("school_year", ValueType.INTEGER, "缓学学年（起始年份）", "school year (its first year)"),
            ValueSpec("years", ValueType.INTEGER, "缓学学年数", "number of school years"),
            ValueSpec("renewal", ValueType.BOOLEAN, "期满重新申请", "new application on expiry", False),
            ValueSpec("reason", ValueType.TEXT, "缓学事由", "reason of the deferral", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.GUARDIAN, Party.COUNTY}),
        steps=_deferral_steps,
        effects=_deferral_effects,
        on_step=_deferral_on_step,
        evidence=_deferral_evidence,
        checks=(in_force, _household_is_known, _before_the_year, _one_year, _no_record_yet, keeps_to_the_record),
    )
)
