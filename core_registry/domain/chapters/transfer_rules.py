"""What must hold of a transfer (Arts. 16-21 and 25): the checks that all kinds of transfer share."""

from __future__ import annotations

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.divisions import Place, same_place
from core_registry.domain.facts import Facts, SchoolFacts
from core_registry.domain.procedures import EvidenceNeed
from core_registry.domain.requests import Request
from core_registry.domain.rules import Failure, Party, Verdict, declared, rule
from core_registry.domain.sanctions import sanctions_in_force
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import YEAR_OF_GRADE, SchoolCalendar, Semester, last_grade, starting_grade
from core_registry.domain.working_days import Measure, Period

declared("A16-3", "core_registry.domain.facts:Policy", "parameter")


def target(facts: Facts) -> SchoolFacts:
    """Return the school that the pupil goes to: the one that holds the record where no other is named."""
    return facts.receiving or facts.school


def grade_asked(request: Request, facts: Facts) -> str:
    """Return the grade that the request names, the present one where it names none."""
    return request.text("grade") or facts.pupil.grade


def target_stage(request: Request, facts: Facts) -> Stage:
    """Return the stage that the pupil will be in, under the system of the school that the pupil goes to."""
    return target(facts).stage_of(grade_asked(request, facts))


def _terms(facts: Facts) -> SchoolCalendar:
    return facts.receiving_terms or facts.terms


def _semester(request: Request, facts: Facts) -> Semester | None:
    """Return the semester of the application; in the holidays it is the one that has ended."""
    return _terms(facts).started(request.applied_on)


_NO_CALENDAR = Failure(
    "转入地校历尚未设置，无法判断是否在办理时段内。",
    "No school calendar of the receiving place: the window is unknown.",
)


@rule("A16-1")
def in_window(request: Request, facts: Facts) -> Verdict:
    """A16-1, Q-13: applied for in the first days of a term; the start date is not counted (T-1, T-4)."""
    semester = _semester(request, facts)
    if semester is None:
        return _NO_CALENDAR
    last = facts.calendar.after(semester.start, Period(facts.policy.transfer_days, Measure.DAYS)).day
    if request.applied_on <= last:
        return True
    return Failure(
        f"转学申请一般在学期初{facts.policy.transfer_days}天内受理，本学期至{last.isoformat()}止。",
        f"Transfers are applied for in the first {facts.policy.transfer_days} days of a term, this term until {last}.",
    )


@rule("A16-2")
def to_another_school(_request: Request, facts: Facts) -> Verdict:
    """A16-2: the receiving school starts a transfer, so there is one, and it is open and another one."""
    there = facts.receiving
    if there is None or there.code == facts.school.code:
        return Failure("转入学校须为另一所学校。", "The receiving school must be another school.", Party.GUARDIAN)
    if there.closed:
        return Failure("转入学校已撤销。", "The receiving school is closed.", Party.GUARDIAN)
    return True


@rule("A17-1")
def free_place(request: Request, facts: Facts) -> Verdict:
    """A17-1: a free place within the class-size standard in the grade; else A18-2 says what the guardian can do."""
    there, grade = target(facts), grade_asked(request, facts)
    stage = there.stage_of(grade)
    if stage not in there.stages:
        return Failure(
            "转入学校没有这一学段的年级。", "The receiving school has no grade of this stage.", Party.GUARDIAN
        )
    if there.free_places.get(grade, 0) > 0:
        return True
    if stage.compulsory:
        return Failure(
            "转入学校该年级在规定班容量内已无空余学位；监护人可向转入地县级教育行政部门申请统筹安排（A18-2）。",
            "The grade has no free place within the class-size standard; the guardian may ask the county education "
            "department of the receiving place to arrange a school (A18-2).",
            Party.COUNTY,
        )
    return Failure(
        "转入学校该年级在规定班容量内已无空余学位。",
        "The grade has no free place within the class-size standard.",
        Party.RECEIVING_SCHOOL,
    )


@rule("A18-1")
def compulsory_ground(request: Request, facts: Facts) -> Verdict:
    """A18-1: in the compulsory stage a ground is named and the conditions of the receiving place are met."""
    if not target_stage(request, facts).compulsory:
        return None
    if not request.text("ground"):
        return Failure("须写明转学事由（户籍变动、居住地变动等）。", "Name the ground of the transfer.", Party.GUARDIAN)
    if not request.flag("conditions_met"):
        return Failure(
            "须由转入学校核实符合转入地就学条件。",
            "The receiving school must have verified that the receiving place's conditions are met.",
            Party.RECEIVING_SCHOOL,
        )
    return True


def _not_moved_there(left: Place, new: Place, home: Place, there: SchoolFacts) -> Failure | None:
    if same_place(left, new):
        return Failure(
            "户籍须跨省、跨市或跨县迁移；同一市各市辖区之间迁移不符合条件。",
            "The household must have moved across province, city or county, not only between districts of a city.",
            Party.GUARDIAN,
        )
    if not same_place(new, home):
        return Failure("家庭居住地须随户籍迁移。", "The family's residence must have moved along.", Party.GUARDIAN)
    if not same_place(new, (there.division, there.city)):
        return Failure(
            "转入学校须为现户籍地的普通高中。",
            "The receiving school must be a regular senior high school at the new place of household registration.",
            Party.GUARDIAN,
        )
    return None


@rule("A18-3")
def senior_move(request: Request, facts: Facts) -> Verdict:
    """A18-3: household and residence moved to another place where the school lies, and the school is comparable."""
    if target_stage(request, facts).compulsory:
        return None
    left, new, home = (
        facts.places.get(request.text(name)) for name in ("household_from", "household_to", "residence_to")
    )
    if left is None or new is None or home is None:
        return Failure(
            "高中转学须填写原户籍地、现户籍地和现居住地。",
            "Name the old and the new place of household registration and the place of residence.",
            Party.GUARDIAN,
        )
    problem = _not_moved_there(left, new, home, target(facts))
    if problem is not None:
        return problem
    if not request.flag("comparable"):
        return Failure(
            "须由转入学校确认两校办学水平相当。",
            "The receiving school must record its finding that both schools are of a comparable level.",
            Party.RECEIVING_SCHOOL,
        )
    return True


@rule("A20-1")
def no_edge_semester(request: Request, facts: Facts) -> Verdict:
    """A20-1: not in the first semester of a starting nor in the second of a graduating grade.

    Reading: starting and graduating are those of the school that the pupil attends; ``origin_grade`` is the grade of
    a pupil who comes from outside.
    """
    grade, system = request.text("origin_grade") or facts.pupil.grade, facts.school.system
    first, last = starting_grade(grade, system), last_grade(grade, system)
    if not first and not last:
        return True
    semester = _semester(request, facts)
    if semester is None:
        return _NO_CALENDAR
    if first and semester.number == 1:
        return Failure(
            "起始年级第一学期原则上不办理转学。", "In principle none in the first semester of a starting grade."
        )
    if last and semester.number != 1:
        return Failure(
            "毕业年级第二学期原则上不办理转学。", "In principle none in the second semester of a graduating grade."
        )
    return True


def _area(school: SchoolFacts, facts: Facts) -> str:
    return school.admission_area or facts.policy.admission_areas.get(school.division, school.city)


@rule("A20-2")
def not_inside_one_area(request: Request, facts: Facts) -> Verdict:
    """A20-2: no senior transfer inside one county or one admission area (where none is set: the city)."""
    there = facts.receiving
    if target_stage(request, facts).compulsory or there is None:
        return None
    if there.division == facts.school.division:
        return Failure("高中不得在同一县（市、区）内转学。", "No senior transfer inside one county.")
    if _area(there, facts) == _area(facts.school, facts):
        return Failure("高中不得在同一招生区域内转学。", "No senior transfer inside one admission area.")
    return True


@rule("A20-3")
def before_exam_registration_closes(request: Request, facts: Facts) -> Verdict:
    """A20-3: the senior graduating grade is not transferred after the registration for the 高考 has closed."""
    grade = grade_asked(request, facts)
    if target_stage(request, facts).compulsory or not last_grade(grade, target(facts).system):
        return None
    semester = _semester(request, facts)
    closing = None if semester is None else facts.policy.gaokao_closing.get(semester.school_year)
    if closing is None:
        return Failure(
            "转入地本学年高考报名截止日期尚未设置。",
            "The closing date of this school year's college-exam registration is not set.",
        )
    if request.applied_on <= closing:
        return True
    return Failure(
        f"当地高考报名已于{closing.isoformat()}结束，毕业年级原则上不办理转学。",
        f"College-exam registration closed on {closing}: in principle no transfer of the graduating grade.",
    )


@rule("A20-4")
def same_grade(request: Request, facts: Facts) -> Verdict:
    """A20-4: the year of schooling stays; 五四 and 六三 map one to one, because a grade keeps its code in both."""
    before = request.text("origin_grade") or facts.pupil.grade
    if YEAR_OF_GRADE[grade_asked(request, facts)] == YEAR_OF_GRADE[before]:
        return True
    return Failure(
        "转学不得变更年级；五四制与六三制按学年一一对应。",
        "A transfer does not change the grade; the years of both school systems correspond one to one.",
    )


@rule("A20-5")
def not_suspended(_request: Request, facts: Facts) -> Verdict:
    """A20-5: no transfer while suspended."""
    if facts.pupil.state is StudentState.SUSPENDED:
        return Failure("休学期间不得转学，须先复学。", "No transfer while suspended; resume first.", Party.SCHOOL)
    return True


@rule("A20-6")
def no_sanction(_request: Request, facts: Facts) -> Verdict:
    """A20-6: no sanction is in force; the day after its end is free. What kind it is stays in the archive."""
    if sanctions_in_force(facts.archive, facts.today):
        return Failure("受处分期间不得转学。", "No transfer while a sanction is in force.", Party.SCHOOL)
    return True


@rule("A21-1")
def private_considered(request: Request, facts: Facts) -> Verdict:
    """A21-1: into a private senior high school, admission plan and 中考 results were looked at."""
    if not target(facts).private or target_stage(request, facts).compulsory:
        return None
    if request.flag("plan_considered"):
        return True
    return Failure(
        "转入民办普通高中须核对招生计划和中考成绩。",
        "For a private senior high school, look at the admission plan and the results of the entrance examination.",
        Party.RECEIVING_SCHOOL,
    )


def transfer_evidence(request: Request, facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Return the proofs of a transfer (section 7): of the ground in compulsory stage, of both moves in senior high."""
    if not target_stage(request, facts).compulsory:
        return (
            EvidenceNeed(
                ("household-proof",),
                "A18-3",
                "户籍迁移证明（公安机关）",
                "proof of the move of the household (police)",
                frozenset({"police"}),
            ),
            EvidenceNeed(
                ("residence-proof",),
                "A18-3",
                "家庭居住地变动证明（公安或住房部门）",
                "proof of the move of the residence (police or housing)",
                frozenset({"police", "housing"}),
            ),
        )
    kinds = {
        "household-move": ("household-proof",),
        "residence-move": ("residence-proof",),
    }.get(request.text("ground"), ("household-proof", "residence-proof", "transfer-proof"))
    return (EvidenceNeed(kinds, "A18-1", "户籍或居住地变动等证明", "proof of the move or of the other ground"),)


SHARED_CHECKS = (
    in_window,
    free_place,
    compulsory_ground,
    senior_move,
    no_edge_semester,
    before_exam_registration_closes,
    same_grade,
    not_suspended,
    no_sanction,
    private_considered,
    keeps_to_the_record,
)
"""What is judged of every transfer into a school of the register."""
