"""Who acts in the demo: officers, recipients and their systems. All of them are invented, and named so."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from joserfc.jwk import ECKey

from gateway.accounts.recipient_records import RecipientSpec
from gateway.accounts.records import ClientSpec, StaffSpec
from gateway.bootstrap import Process, host_actor, new_post, staff_of
from gateway.ids import RecipientId, UnitCode
from gateway.policies.scope import civil_date
from gateway.principals import Role
from gateway.remote import UnexpectedAnswerError

PROVINCE = UnitCode("140000")
BOOKS = RecipientId("91140000MA0DEMB015")
BUS = RecipientId("91140000MA0DEMB028")
AID = RecipientId("11140000MB0DEMA030")
LIBRARY = RecipientId("12140000MB0DEML04Q")
RECIPIENTS = {
    BOOKS: ("示例教科书发行单位", "教材部", "演示负责人（教材部主任）"),
    BUS: ("示例校车平台", "安全部", "演示负责人（安全部主任）"),
    AID: ("示例资助中心", "资助科", "演示负责人（资助科科长）"),
    LIBRARY: ("示例图书馆", "读者服务部", "演示负责人（读者服务部主任）"),
}
"""Credit code (valid by its check character, of no real organisation) -> name, post, responsible person."""

APPLICATIONS = {
    "textbook": "applicant-books",
    "places": "applicant-books",
    "bus": "applicant-bus",
    "aid": "applicant-aid",
    "library": "applicant-library",
    "enrolment": "applicant-library",
    "match": "applicant-aid",
}
"""Application -> who applies."""
EXTRACTS = (("textbook", "books", "parquet"), ("bus", "bus", "csv"), ("aid", "aid", "xlsx"))


@dataclass(frozen=True, slots=True)
class Officer:
    """A person with a password and, where the role asks for it, a second factor."""

    role: str
    username: str
    password: str = field(repr=False)
    totp_secret: str | None = field(repr=False)

    def entry(self) -> dict[str, str | None]:
        """Return the entry of ``demo.json``."""
        return {
            "role": self.role,
            "username": self.username,
            "password": self.password,
            "totp_secret": self.totp_secret,
        }


@dataclass(frozen=True, slots=True)
class Client:
    """A recipient's system."""

    client_id: str
    recipient: str
    key: ECKey = field(repr=False)
    applications: tuple[str, ...]


def open_accounts(process: Process) -> dict[str, Officer]:
    """Open an account for every role; return them by user name."""
    today = civil_date(datetime.now(UTC))

    def officer(username: str, post: str, role: Role, unit: UnitCode = PROVINCE) -> StaffSpec:
        trained = today if role is Role.REGISTRAR else None
        return StaffSpec(
            username,
            f"演示·{post}",
            frozenset({role}),
            unit,
            post,
            filed_on=trained,
            trained_on=trained,
            acknowledged_on_paper=True,
            must_change=False,
        )

    def applicant(username: str, post: str, recipient: RecipientId) -> StaffSpec:
        return StaffSpec(
            username,
            f"演示·{post}",
            frozenset({Role.APPLICANT}),
            None,
            post,
            recipient,
            acknowledged_on_paper=True,
            must_change=False,
        )

    specs = [
        officer("sysadmin", "系统管理员", Role.SYSTEM_ADMINISTRATOR),
        officer("secadmin", "安全管理员", Role.SECURITY_ADMINISTRATOR),
        officer("inspector", "审计检查员", Role.INSPECTOR),
        officer("recorder", "数据管理员（登记）", Role.DATA_OFFICER),
        officer("confirmer", "数据管理员（复核）", Role.DATA_OFFICER),
        officer("approver", "批准人", Role.APPROVING_OFFICER),
        officer("executor", "执行人", Role.EXECUTOR),
        officer("registrar", "学籍管理员", Role.REGISTRAR),
        applicant("applicant-books", "示例教科书发行单位经办人", BOOKS),
        applicant("applicant-bus", "示例校车平台经办人", BUS),
        applicant("applicant-aid", "示例资助中心经办人", AID),
        applicant("applicant-library", "示例图书馆经办人", LIBRARY),
    ]
    made = process.services.directory.bootstrap_accounts(specs)
    for spec, one in zip(specs, made, strict=True):
        if Role.REGISTRAR in spec.roles:
            post = new_post(one.account, PROVINCE, "registrar", today, today, on_establishment=True)
            staff_of(process).file(post, host_actor())
    return {
        spec.username: Officer(sorted(spec.roles)[0], one.username, one.password, one.totp_secret)
        for spec, one in zip(specs, made, strict=True)
    }


def register_clients(process: Process, officers: Mapping[str, Officer]) -> dict[str, Client]:
    """Register the recipients, and a system of each with its public key; the operator of the host does it."""
    register = process.services.recipients
    if not officers or register is None:
        raise UnexpectedAnswerError("accounts come first")
    for code, (name, post, responsible) in RECIPIENTS.items():
        register.register(None, RecipientSpec(code, name, post, responsible, "演示登记，证照为虚构。", PROVINCE))
    wanted = {
        "books": (BOOKS, {Role.APPLICANT, Role.EXECUTOR}, "示例教科书征订系统", ("textbook", "places")),
        "bus": (BUS, {Role.APPLICANT, Role.EXECUTOR}, "示例校车系统", ("bus",)),
        "aid": (AID, {Role.APPLICANT, Role.EXECUTOR}, "示例资助系统", ("aid", "match")),
        "library": (LIBRARY, {Role.RELYING_PARTY, Role.EXECUTOR}, "示例图书馆系统", ("library", "enrolment")),
    }
    found: dict[str, Client] = {}
    for name, (recipient, roles, post, applications) in wanted.items():
        key = ECKey.generate_key("P-256", private=True)
        jwks = {"keys": [key.as_dict(private=False)]}
        # The demo's own calls are bound to a key; whoever follows it with curl may leave the proof out.
        spec = ClientSpec(recipient, frozenset(roles), jwks, post=post, dpop_required=False)
        client_id = process.services.directory.register_client(None, spec)
        found[name] = Client(client_id, recipient, key, applications)
    return found


def application(name: str, today: date) -> dict[str, object]:
    """Return the body of an application."""
    until = (today + timedelta(days=90)).isoformat()
    common = {
        "terms_accepted": True,
        "protection": "专网传输，加密存储，专人使用，到期销毁。",
        "reason": "演示用途：数据均为虚构。",
    }
    scopes: dict[str, tuple[str, str, dict[str, object]]] = {
        "textbook": (
            "示例教科书发行单位",
            "演示负责人（教材部主任）",
            {
                "purpose": "textbook-order",
                "profile": "textbook-anonymous",
                "level": "anonymous",
                "fields": ["county", "stage", "grade", "sex", "ethnicity", "boarding"],
                "uses": 5,
                "row_cap": 5_000_000,
            },
        ),
        "places": (
            "示例教科书发行单位",
            "演示负责人（教材部主任）",
            {
                "purpose": "textbook-order",
                "profile": "school-places-statistics",
                "level": "statistics",
                "fields": ["county", "stage", "grade", "sex", "boarding"],
                "uses": 5,
                "row_cap": 5_000_000,
            },
        ),
        "bus": (
            "示例校车平台",
            "演示负责人（安全部主任）",
            {
                "purpose": "school-bus",
                "profile": "bus-pseudonymous",
                "level": "pseudonymous",
                "fields": ["pseudonym", "school_code", "school_division", "stage", "grade", "address_division"],
                "uses": 12,
                "row_cap": 1_000_000,
            },
        ),
        "aid": (
            "示例资助中心",
            "演示负责人（资助科科长）",
            {
                "purpose": "financial-aid",
                "profile": "aid-masked",
                "level": "masked",
                "fields": ["name_masked", "id_number_masked", "phone_masked", "school_name", "grade", "class_name"],
                "uses": 6,
                "row_cap": 20_000,
            },
        ),
        "library": (
            "示例图书馆",
            "演示负责人（读者服务部主任）",
            {
                "purpose": "identity-verification",
                "profile": "identity-check",
                "level": "check",
                "fields": ["stage", "school", "status", "age_over_6", "age_over_12"],
                "uses": 10_000,
                "row_cap": 1,
            },
        ),
        "enrolment": (
            "示例图书馆",
            "演示负责人（读者服务部主任）",
            {
                "purpose": "enrolment-verification",
                "profile": "enrolment-check",
                "level": "check",
                "fields": ["in_school", "stage"],
                "uses": 1_000,
                "row_cap": 100,
            },
        ),
        "match": (
            "示例资助中心",
            "演示负责人（资助科科长）",
            {
                "purpose": "financial-aid",
                "profile": "aid-match",
                "level": "match",
                "fields": ["school_name", "stage", "grade", "boarding"],
                "uses": 6,
                "row_cap": 20_000,
            },
        ),
    }
    recipient_name, responsible, scope = scopes[name]
    grades = ["31", "32", "33"] if name == "aid" else None
    population = {"territory": str(PROVINCE), "grades": grades}
    return {
        **common,
        "recipient_name": recipient_name,
        "responsible": responsible,
        "scope": {**scope, "population": population, "valid_from": today.isoformat(), "valid_to": until},
    }


def government_approval(
    *, government: str = "山西省人民政府", division: str = "140000", document_number: str = "晋政函〔2026〕88号"
) -> dict[str, object]:
    """Return a government's approval as a ground; the document is invented."""
    today = civil_date(datetime.now(UTC))
    return {
        "kind": "government",
        "act": "reply",
        "government": government,
        "division": division,
        "document_number": document_number,
        "signatory": "演示签发人",
        "dated": (today - timedelta(days=10)).isoformat(),
        "valid_to": (today + timedelta(days=365)).isoformat(),
        "scope_text": "同意按申请的用途、范围和期限，以脱敏或匿名化方式提供学籍信息。",
        "scan_sha256": sha256("演示批复扫描件（虚构）".encode()),
    }


def sha256(content: bytes) -> str:
    """Return the SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def jwt_payload(token: str) -> dict[str, object]:
    """Return the payload of a compact JWS without verifying it."""
    part = token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(found, dict):
        raise UnexpectedAnswerError("not a JWT")
    return found
