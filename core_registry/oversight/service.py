"""The door for whole-school and nightly acts: clocks, verification, promotion, mergers, matters, plans, the exchange.

Every act names its actor, who needs a filed post (A48-3) and the right unit (A3-2); a nightly pass is the system's own.
No SQL here: the stores are protocols (``core_registry.oversight.ports``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from core_registry.domain.cases import Actor
from core_registry.domain.chapters.late_entry import ARRIVAL_CLOCK, WINDOW
from core_registry.domain.chapters.no_arrival import NoShow
from core_registry.domain.chapters.suspension import END_CLOCK
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.findings import FINDINGS
from core_registry.domain.rules import enforces
from core_registry.domain.states import LABELS, Stage, StudentState
from core_registry.domain.terms import Semester
from core_registry.domain.verification import (
    RESULT_LABELS,
    ChangeReport,
    VerificationResult,
    checked,
    verification_missing,
)
from core_registry.domain.working_days import civil_date
from core_registry.errors import RegisterRuleError
from core_registry.exchange.service import NationalExchange
from core_registry.intake.records import Progress
from core_registry.intake.scratch import ScratchFile, scratch_file
from core_registry.oversight.entrance import Entrance, plain_reason
from core_registry.oversight.matters import KINDS, MatterDesk
from core_registry.oversight.ports import (
    AdmissionStore,
    ClockStore,
    PostBook,
    RegistrationStore,
    SchoolActStore,
    VerificationStore,
)
from core_registry.oversight.records import (
    Difference,
    GuardianLink,
    Matter,
    Night,
    PlanRow,
    PlanUpload,
    Quality,
    Reconciliation,
    SchoolAct,
    TermVerification,
)
from core_registry.setting import Setting

__all__ = [
    "FINDINGS",
    "KINDS",
    "LABELS",
    "RESULT_LABELS",
    "Actor",
    "ChangeReport",
    "Difference",
    "GuardianLink",
    "Matter",
    "MatterDesk",
    "Night",
    "OversightStores",
    "PlanRow",
    "PlanUpload",
    "Quality",
    "Reconciliation",
    "RegistryOversight",
    "SchoolAct",
    "ScratchFile",
    "TermVerification",
    "VerificationResult",
    "scratch_file",
]

_DROPOUT, _PROPOSAL_PERIOD = "dropout", "special-case"
PlanReader = Callable[[Path], Sequence[PlanRow]]
"""Reads the rows of an admission list (``core_registry.exchange.plan_file``)."""


@dataclass(frozen=True, slots=True)
class OversightStores:
    """The registry database behind the door."""

    clocks: ClockStore
    verifications: VerificationStore
    acts: SchoolActStore
    registrations: RegistrationStore
    admissions: AdmissionStore
    posts: PostBook


def silent(stage: str, done: int, total: int) -> None:  # the protocol of a progress
    """Report no progress."""


class RegistryOversight:
    """Use cases of oversight. ``matters`` is the desk of matters; ``new_id`` returns a fresh id for a prefix."""

    def __init__(
        self,
        stores: OversightStores,
        matters: MatterDesk,
        exchange: NationalExchange,
        entrance: Entrance,
        read_plan: PlanReader,
        setting: Setting,
        now: Callable[[], datetime],
        new_id: Callable[[str], str],
    ) -> None:
        self.matters = matters
        self._stores = stores
        self._exchange = exchange
        self._entrance = entrance
        self._read_plan = read_plan
        self._setting = setting
        self._now = now
        self._new_id = new_id

    # --- clocks

    @enforces("A14-1", "A14-2", "A33-1", how="nightly clock")
    def run_clocks(self, progress: Progress = silent) -> Night:
        """Make the pass of this day over all records; a second one on the same day changes nothing.

        Raises ``RegisterRuleError`` when the clock of the host stands before the last pass (I8).
        """
        now = self._now()
        today = civil_date(now)
        store = self._stores.clocks
        store.begin(today)
        night = Night(today, recomputed=store.recompute(self._setting.calendar, progress))
        progress("overdue", 0, 1)
        overdue, steps, units = store.mark_overdue(today, now)
        night = replace(night, overdue=overdue, steps=steps, units=units)
        ends = {
            NoShow.DROPOUT.value: self._until(today, _DROPOUT),
            NoShow.PROPOSAL.value: self._until(today, _PROPOSAL_PERIOD),
        }
        cities = self._cities()
        for done, divisions in enumerate(cities.values(), start=1):
            night = self._no_shows(night, divisions, ends, now)
            progress("no-show", done, len(cities))
        for clock, state, rules in (
            (ARRIVAL_CLOCK, StudentState.LATE_ENTRY, ("A14-1", "A14-2")),
            (END_CLOCK, StudentState.SUSPENDED, ("A33-1", "A33-1")),
        ):
            matters, proposals = store.lapsed(clock, state, rules, ends, today, now)
            late_entry = state is StudentState.LATE_ENTRY
            night = replace(
                night,
                no_shows=night.no_shows + (matters if late_entry else 0),
                lapsed=night.lapsed + (0 if late_entry else matters),
                proposals=night.proposals + proposals,
            )
            progress(clock, 1, 1)
        store.finish(today, now, _figures(night))
        return night

    def _cities(self) -> Mapping[str, list[str]]:
        """Return city -> divisions in which schools stand."""
        cities: dict[str, list[str]] = {}
        for division in self._stores.clocks.divisions():
            place = self._setting.place(division)
            cities.setdefault(division if place is None else place[1], []).append(division)
        return cities

    def _no_shows(self, night: Night, divisions: Sequence[str], ends: Mapping[str, date], now: datetime) -> Night:
        semester = self._setting.terms(divisions[0]).at(night.day)
        if semester is None:
            return night
        due = self._setting.calendar.after(semester.start, WINDOW).day
        if night.day <= due:
            return night
        matters, proposals = self._stores.clocks.no_shows(divisions, semester.start, due, ends, night.day, now)
        return replace(night, no_shows=night.no_shows + matters, proposals=night.proposals + proposals)

    def _until(self, today: date, kind: str) -> date:
        return self._setting.calendar.after(today, self._setting.matter_period(kind)).day

    # --- verification, changes, quality

    @enforces("A49-1", how="whole-school act")
    def verify_term(
        self, school: str, deviations: Mapping[str, VerificationResult], actor: Actor
    ) -> tuple[TermVerification, int]:
        """Verify the register of a school for the present term: every pupil is consistent but for ``deviations``.

        Returns the verification, whose ``counts`` says whether it is one of the term, and how many matters it opened.
        Raises ``RegisterRuleError`` (A49-1) outside a term, ``CaseRefusedError`` for a pupil who is not on the roll.
        """
        place = self._stores.acts.school(school)
        self._entrance.unit(actor, {_registrar(place)}, "A49-1")
        today = self._entrance.today
        semester = self._setting.terms(place.division).at(today)
        if semester is None:
            raise RegisterRuleError(
                "There is no term now; a register is verified in a term.",
                detail_zh="现为假期，学籍核准应在学期内进行。",
                rule="A49-1",
            )
        return self._stores.verifications.verify(
            self._new_id("ve"), school, semester, today, deviations, actor, self._now()
        )

    def verifications(
        self, schools: Sequence[str], actor: Actor, school_year: int | None = None
    ) -> list[TermVerification]:
        """Return the verifications of schools, newest first."""
        self._entrance.rights(actor)
        return self._stores.verifications.verifications(sorted(schools), school_year)

    @enforces("A49-1", how="list of schools that owe it")
    def owing(self, schools: Mapping[str, str], actor: Actor) -> list[str]:
        """Return the schools (code -> division) that owe the verification of the present term."""
        self._entrance.rights(actor)
        today = self._entrance.today
        made: dict[str, list[date]] = {}
        terms: dict[str, Semester | None] = {
            code: self._setting.terms(division).at(today) for code, division in schools.items()
        }
        for one in self._stores.verifications.verifications(sorted(schools)):
            semester = terms[one.school_code]
            if semester is not None and (one.school_year, one.semester) == (semester.school_year, semester.number):
                made.setdefault(one.school_code, []).append(one.on)
        return sorted(
            code
            for code, semester in terms.items()
            if semester is not None and verification_missing(semester, made.get(code, ()), today)
        )

    @enforces("A3-6", how="record")
    def check_verification(self, verification_id: str, actor: Actor) -> TermVerification:
        """Mark a verification as checked by the county or the registry superior. Raises ``RegisterRuleError``."""
        self._entrance.rights(actor)
        return self._stores.verifications.check(verification_id, actor, self._entrance.today, self._now())

    @enforces("A3-6", how="record")
    def changes(
        self, school: str, since: date, until: date, actor: Actor, reach: frozenset[str] | None
    ) -> ChangeReport:
        """Return the changes of a school in a period, both days included, with the mark of the check."""
        self._entrance.rights(actor)
        self._entrance.reached(school, reach)
        return self._stores.verifications.changes(school, since, until)

    @enforces("A3-6", how="record")
    def check_changes(self, school: str, since: date, until: date, actor: Actor) -> ChangeReport:
        """Mark the changes of a period as checked, once, after it is over. Raises ``RegisterRuleError`` (A3-6)."""
        self._entrance.rights(actor)
        today = self._entrance.today
        report = self._stores.verifications.changes(school, since, until)
        marked = checked(report, self._stores.acts.school(school), unit=actor.unit, by=actor.account, on=today)
        count = sum(report.changes.values())
        self._stores.acts.check_changes(self._new_id("sa"), school, since, until, count, actor, today, self._now())
        return marked

    @enforces("A4-1", how="measure")
    def quality(self, schools: Sequence[str], actor: Actor) -> Quality:
        """Return the measures of data quality of schools; counts only."""
        self._entrance.rights(actor)
        return self._stores.verifications.quality(sorted(schools), self._entrance.today)

    # --- whole-school acts

    @enforces("A10-1", how="whole-school act")
    def approve_registrations(self, school: str, actor: Actor) -> SchoolAct:
        """Approve, as the registry superior, the newcomers that a school's own form brought (批准).

        Raises ``RegisterRuleError`` for another unit, or when nobody waits.
        """
        place = self._stores.acts.school(school)
        self._entrance.unit(actor, {place.registry_superior}, "A10-1")
        return self._stores.registrations.approve(self._new_id("sa"), school, self._entrance.today, actor, self._now())

    def promote(self, school: str, school_year: int, actor: Actor) -> SchoolAct:
        """Move all grades of a school up by one for ``school_year``; asking again gives the same act.

        Raises ``RegisterRuleError`` before the last school year has ended, or after ``school_year`` has.
        """
        place = self._stores.acts.school(school)
        self._entrance.unit(actor, {_registrar(place)}, "A20-4")
        terms, today = self._setting.terms(place.division), self._entrance.today
        first, last = terms.of(school_year, 1), terms.of(school_year, 2)
        ended = terms.of(school_year - 1, 2)
        since = ended.end + timedelta(days=1) if ended is not None else None if first is None else first.start
        if since is None or today < since or (last is not None and today > last.end):
            raise RegisterRuleError(
                f"The grades move up for {school_year} between the end of the school year before and its own end.",
                detail_zh=f"{school_year} 学年升级应在上一学年结束之后、本学年结束之前办理。",
                rule="A20-4",
            )
        return self._stores.acts.promote(self._new_id("sa"), school, school_year, since, today, actor, self._now())

    @enforces("A11-1", "A13-1", how="whole-school act")
    def place_classes(self, school: str, grade: str, classes: int, actor: Actor) -> SchoolAct:
        """Spread the newcomers of a grade evenly over classes within the class-size standard (A11-1, A13-1).

        By the school or its supervising department. Raises ``RegisterRuleError``.
        """
        place = self._stores.acts.school(school)
        self._entrance.unit(actor, {_registrar(place), place.supervising_dept}, "A11-1")
        try:
            stage: Stage = place.stage_of(grade)
        except KeyError:
            raise RegisterRuleError("There is no such grade.", detail_zh="没有这个年级。", rule="A11-1") from None
        standard = self._setting.policy(place.division).class_size[stage.value]
        today = self._entrance.today
        return self._stores.acts.place_classes(
            self._new_id("sa"), school, grade, classes, standard, today, actor, self._now()
        )

    def merge(self, school: str, into: str, actor: Actor) -> SchoolAct:
        """Merge a school into another; see ``SchoolActStore.merge`` (A8-1)."""
        self._above(school, actor, "A8-1")
        return self._stores.acts.merge(self._new_id("sa"), school, into, self._entrance.today, actor, self._now())

    def close(self, school: str, to_unit: str, actor: Actor) -> SchoolAct:
        """Close a school without pupils; see ``SchoolActStore.close`` (A8-2, Q-28)."""
        self._above(school, actor, "A8-2")
        return self._stores.acts.close(self._new_id("sa"), school, to_unit, self._entrance.today, actor, self._now())

    def school_acts(self, school: str, actor: Actor, reach: frozenset[str] | None) -> list[SchoolAct]:
        """Return the acts on a school, newest first."""
        self._entrance.rights(actor)
        self._entrance.reached(school, reach)
        return self._stores.acts.acts(school)

    # --- admission plans, guardians

    @enforces("A13-2", how="record")
    def upload_plan(self, school: str, school_year: int, path: Path, actor: Actor) -> PlanUpload:
        """Take the admission list of a senior high school: a file with 身份证件号 and 姓名.

        By the registry superior, the supervising department or the city. Raises ``RegisterRuleError``,
        ``UnreadableFileError``.
        """
        place = self._stores.acts.school(school)
        self._entrance.unit(actor, {place.registry_superior, place.supervising_dept, place.city}, "A13-2")
        if Stage.SENIOR not in place.stages:
            raise RegisterRuleError(
                "Admission plans are kept for senior high schools.",
                detail_zh="招生计划名单仅适用于普通高中。",
                rule="A13-2",
            )
        return self._stores.admissions.upload(school, school_year, self._read_plan(path), actor, self._now())

    def ask_link(self, id_number: str, name: str, actor: Actor) -> None:
        """Let a guardian's account ask for a child; the answer is the same whether there is such a pupil or not."""
        if actor.role != "guardian":
            raise RegisterRuleError("This is for guardians.", detail_zh="仅限监护人办理。", rule="A7-3")
        self._stores.admissions.ask_link(id_number, name, actor, self._now())

    def links(self, school: str, actor: Actor, *, verified: bool | None = False) -> list[GuardianLink]:
        """Return the links of a school's pupils, masked: by default those that wait."""
        self._entrance.unit(actor, {_registrar(self._stores.acts.school(school))}, "A3-5")
        return self._stores.admissions.links(school, verified=verified)

    def settle_link(self, school: str, account: str, student_id: str, actor: Actor, *, accepted: bool) -> None:
        """Verify a guardian's link, or refuse it. Raises ``StudentNotFoundError``, ``RegisterRuleError`` (A7-3)."""
        self._entrance.unit(actor, {_registrar(self._stores.acts.school(school))}, "A7-3")
        today = self._entrance.today
        self._stores.admissions.settle_link(
            school, account, student_id, accepted=accepted, on=today, actor=actor, now=self._now()
        )

    # --- exchange with the national system

    def export_national(self, path: Path, schools: frozenset[str], actor: Actor, reason: str) -> int:
        """Write the register of schools in clear in the national layout; recorded before (A5-2, A50-4)."""
        self._entrance.rights(actor)
        return self._exchange.export(path, sorted(schools), actor, plain_reason(reason))

    def import_national(
        self, path: Path, allowed: frozenset[str] | None, actor: Actor, *, apply: bool = False
    ) -> Reconciliation:
        """Compare a national file with the register, and take its values over with ``apply`` (A5-2)."""
        self._entrance.rights(actor)
        return self._exchange.reconcile(path, allowed, actor, apply=apply)

    def differences(
        self, schools: frozenset[str], actor: Actor, *, state: str | None = None, after: str = "", limit: int = 100
    ) -> list[Difference]:
        """Return a page of the records that are not in step: names of fields, no values."""
        if not 1 <= limit <= 500:  # noqa: PLR2004  as other lists
            raise ValueError("a page has 1 to 500 lines")
        self._entrance.rights(actor)
        return self._exchange.differences(sorted(schools), state=state, after=after, limit=limit)

    def only_there(self, schools: frozenset[str], actor: Actor) -> Mapping[str, int]:
        """Return school -> how many national records are not here."""
        self._entrance.rights(actor)
        return self._exchange.strangers(sorted(schools))

    def assign_numbers(self, schools: frozenset[str], actor: Actor) -> int:
        """Give final student numbers by the rule where the place does it itself (Q-32).

        Raises ``RegisterRuleError`` (A6-3) elsewhere.
        """
        self._entrance.rights(actor)
        return self._exchange.assign_numbers(sorted(schools), actor)

    def _above(self, school: str, actor: Actor, rule: str) -> None:
        place = self._stores.acts.school(school)
        self._entrance.unit(actor, {place.registry_superior, place.supervising_dept}, rule)


def _registrar(place: SchoolFacts) -> str:
    """Return the unit whose registrar acts for a school (A3-4)."""
    return place.central_school or place.code


def _figures(night: Night) -> dict[str, int]:
    return {
        "recomputed": night.recomputed, "overdue": night.overdue, "steps": night.steps, "units": night.units,
        "no_shows": night.no_shows, "lapsed": night.lapsed, "proposals": night.proposals,
    }  # fmt: skip
