"""Who applies for what in a house of releases, who decides, and the way of an application to its grant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId, UnitCode
from gateway.policies.records import (
    Application,
    ApplicationDraft,
    GovernmentApproval,
    Level,
    Population,
    Scope,
)
from gateway.policies.scope import civil_date
from gateway.principals import AccountKind, Principal, Role
from gateway.services import Services

PROVINCE = "140000"
BOOKS = RecipientId("91140000MA0TEHB001")
BUS = RecipientId("91140000MA0TEHB002")
AID = RecipientId("11140000MB0TEHA003")
RESEARCH = RecipientId("12140000MB0TEHR004")
LIBRARY = RecipientId("12140000MB0TEHL005")
STRANGER = RecipientId("91140000MA0TEHX006")
ROW_PROFILES = ("textbook-anonymous", "bus-pseudonymous", "aid-masked", "research-pseudonymous")
CHAIN = frozenset(
    {"application", "grant", "ground", "basis_recorder", "basis_confirmer", "approver", "executor", "recipient",
     "responsible"}
)  # fmt: skip
"""What every entry of a release links to (A50-10, I4)."""


@dataclass(frozen=True)
class Case:
    """What one recipient applies for."""

    recipient: RecipientId
    purpose: str
    profile: str
    level: Level
    fields: tuple[str, ...]
    uses: int
    row_cap: int
    grades: frozenset[str] | None = None


CASES: dict[str, Case] = {
    "textbook-anonymous": Case(
        BOOKS,
        "textbook-order",
        "textbook-anonymous",
        Level.ANONYMOUS,
        ("boarding", "county", "ethnicity", "grade", "sex", "stage"),
        8,
        5_000_000,
    ),
    "bus-pseudonymous": Case(
        BUS,
        "school-bus",
        "bus-pseudonymous",
        Level.PSEUDONYMOUS,
        (
            "address_division",
            "class_name",
            "grade",
            "pseudonym",
            "school_code",
            "school_division",
            "school_name",
            "stage",
        ),
        12,
        1_000_000,
    ),
    "aid-masked": Case(
        AID,
        "financial-aid",
        "aid-masked",
        Level.MASKED,
        (
            "address_masked",
            "class_name",
            "grade",
            "guardian_name_masked",
            "id_number_masked",
            "name_masked",
            "phone_masked",
            "school_name",
        ),
        6,
        20_000,
        frozenset({"31", "32", "33"}),
    ),
    "research-pseudonymous": Case(
        RESEARCH,
        "research",
        "research-pseudonymous",
        Level.PSEUDONYMOUS,
        (
            "address_division",
            "birth_month",
            "boarding",
            "disability",
            "entry_month",
            "ethnicity",
            "grade",
            "household_division",
            "left_behind",
            "pseudonym",
            "school_code",
            "school_type",
            "sex",
            "stage",
            "state",
        ),
        6,
        5_000_000,
    ),
    "identity-check": Case(
        LIBRARY,
        "identity-verification",
        "identity-check",
        Level.CHECK,
        ("age_over_12", "age_over_6", "county", "grade", "school", "stage", "status"),
        10_000,
        1,
    ),
}


def officer(name: str, *roles: Role, unit: str = PROVINCE) -> Principal:
    """Return a member of staff who proved a second factor."""
    return Principal(
        AccountId(f"st-{name}"), AccountKind.STAFF, frozenset(roles), unit=UnitCode(unit), post="测试", assurance=2
    )


RECORDER = officer("recorder", Role.DATA_OFFICER)
CONFIRMER = officer("confirmer", Role.DATA_OFFICER)
APPROVER = officer("approver", Role.APPROVING_OFFICER)
EXECUTOR = officer("executor", Role.EXECUTOR)
INSPECTOR = officer("inspector", Role.INSPECTOR)
REGISTRAR = officer("registrar", Role.REGISTRAR)


def applicant(recipient: RecipientId) -> Principal:
    """Return who applies for ``recipient``."""
    return Principal(
        AccountId(f"st-applicant-{recipient[-4:].lower()}"),
        AccountKind.STAFF,
        frozenset({Role.APPLICANT}),
        recipient=recipient,
        assurance=2,
    )


def client(recipient: RecipientId, *roles: Role) -> Principal:
    """Return a system of ``recipient`` that proved its key."""
    return Principal(
        AccountId(f"cl-{recipient[-4:].lower()}"),
        AccountKind.CLIENT,
        frozenset(roles or {Role.APPLICANT, Role.EXECUTOR}),
        recipient=recipient,
        assurance=2,
    )


def client_of(profile: str) -> Principal:
    """Return the system of the recipient that was granted ``profile``."""
    case = CASES[profile]
    return client(case.recipient, *([Role.RELYING_PARTY] if case.level is Level.CHECK else []))


def approval(today: date, number: str) -> GovernmentApproval:
    """Return an invented approval of the province's government."""
    return GovernmentApproval(
        act="reply",
        government="山西省人民政府",
        division=PROVINCE,
        document_number=f"晋政函〔{today.year}〕{number}号",
        signatory="测试签发人",
        dated=today - timedelta(days=10),
        valid_to=today + timedelta(days=365),
        scope_text="同意按申请的用途、范围和期限提供（虚构）。",
        scan_sha256=sha256(number.encode()).hexdigest(),
    )


def submit(services: Services, case: Case, **changes: Any) -> Application:  # noqa: ANN401  members of the scope
    """Apply, with a scope changed by ``changes``, and return the submitted application."""
    today = civil_date(services.now())
    scope = Scope(
        purpose=case.purpose,
        profile=case.profile,
        level=case.level,
        fields=tuple(sorted(case.fields)),
        population=Population(PROVINCE, grades=case.grades),
        valid_from=today,
        valid_to=today + timedelta(days=90),
        uses=case.uses,
        row_cap=case.row_cap,
    )
    return services.applications.create(
        applicant(case.recipient),
        ApplicationDraft(
            recipient_name="测试使用方",
            responsible="测试负责人（主任）",
            scope=replace(scope, **changes),
            reason="测试用途：数据均为虚构。",
            protection="专网传输，加密存储，专人使用，到期销毁。",
            terms_accepted=True,
        ),
    )


def grant_for(services: Services, case: Case, **changes: Any) -> GrantId:  # noqa: ANN401  members of the scope
    """Take an application to a grant: applied, ground recorded, confirmed and decided by four people."""
    applications = services.applications
    made = submit(services, case, **changes)
    ground = approval(civil_date(services.now()), str(1 + int(sha256(made.id.encode()).hexdigest(), 16) % 900))
    made = applications.record_ground(RECORDER, ApplicationId(made.id), ground, version=made.version)
    made = applications.confirm_ground(CONFIRMER, made.id, version=made.version)
    made = applications.decide(APPROVER, made.id, "approve", version=made.version, reason="符合规定，准予提供。")
    assert made.grant_id is not None
    return made.grant_id
