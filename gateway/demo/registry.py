"""The registry in the demo: a school and the department above it handle a case with its evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from core_registry.office import Actor, CaseStatus, Draft, NewEvidence, StudentId
from gateway.accounts.records import StaffSpec
from gateway.bootstrap import Process, host_actor, new_post, staff_of
from gateway.demo.people import PROVINCE, Officer
from gateway.ids import AccountId, UnitCode
from gateway.policies.scope import civil_date
from gateway.principals import AccountKind, Principal, Role
from gateway.remote import UnexpectedAnswerError

_PAPER = b"%%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%% invented: %s\ntrailer\n<< /Root 1 0 R >>\n%%%%EOF\n"


@dataclass(frozen=True, slots=True)
class Suspended:
    """What the parties did, in words, and who they are."""

    told: str
    officers: tuple[Officer, ...]


def suspend(process: Process, student_id: str) -> Suspended:
    """Suspend a pupil for illness: the school confirms the guardian's application, the superior 核准 it (Art. 28).

    The worker carries the change over to the credentials.
    """
    services = process.services
    if services.office is None or services.desk is None:
        raise UnexpectedAnswerError("the demo needs the registry")
    desk, today = services.desk, civil_date(services.now())
    pupil = services.office.student(StudentId(student_id), "operator", "演示：办理休学")
    schools = services.office.schools().filter(pl.col("school_code") == pupil.school_code)
    (school, first), (superior, second) = (
        registrar(process, unit, today) for unit in (pupil.school_code, str(schools["registry_superior"][0]))
    )
    values = {
        "from": today.isoformat(), "until": (today + timedelta(days=90)).isoformat(), "ground": "illness",
        "hours_total": 600, "hours_lost": 300, "reason": "演示：需住院治疗",
    }  # fmt: skip
    proofs = [("annex-2", "guardian", ""), ("hospital-record", "hospital", "county")]
    evidence = tuple(
        desk.hand_in(
            NewEvidence(kind, issuer, level, today, "application/pdf", _PAPER % kind.encode(), student_id), school
        ).id
        for kind, issuer, level in proofs
    )
    draft = Draft("suspension", pupil.school_code, today, today, student_id, values, evidence)
    missing = desk.explain(replace(draft, evidence=()), school)
    refused = "、".join(sorted({result.rule for result in missing if result.stops}))
    case = desk.open(draft, school)
    case = desk.act(case.id, case.current[0].name, "agree", superior, case.version)
    if case.status is not CaseStatus.COMPLETED:
        raise UnexpectedAnswerError("the suspension is not completed")
    told = f"缺材料时不予受理（{refused}）；材料齐全，学校确认，上级核准 refused without proof; confirmed, reviewed"
    return Suspended(told, (first, second))


def registrar(process: Process, unit: str, today: date) -> tuple[Actor, Officer]:
    """Open a registrar's account for a unit, file the post, and return who acts."""
    managers = frozenset({Role.SECURITY_ADMINISTRATOR})
    manager = Principal(AccountId("operator"), AccountKind.STAFF, managers, PROVINCE, assurance=2)
    made = process.services.directory.create(
        manager,
        StaffSpec(
            f"registrar-{unit[:4]}-{unit[4:]}", "演示·学籍管理员", frozenset({Role.REGISTRAR}), UnitCode(unit),
            "学籍管理员", filed_on=today, trained_on=today, acknowledged_on_paper=True, must_change=False,
        ),
    )  # fmt: skip
    post = new_post(made.account, unit, "registrar", today, today, on_establishment=True)
    staff_of(process).file(post, host_actor())
    officer = Officer(Role.REGISTRAR.value, made.username, made.password, made.totp_secret)
    return Actor(made.account, unit, "registrar"), officer
