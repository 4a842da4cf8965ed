"""Invented principals, applications, grounds and grants, and the service of the policies room on real parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.bootstrap.workflow import working_days
from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId, UnitCode
from gateway.journal import Journal, Reader, Tx
from gateway.keyring import Key, Keyring
from gateway.policies.decision import DecisionPoint
from gateway.policies.grants import GrantSeal
from gateway.policies.ground_keeper import GroundKeeper
from gateway.policies.grounds import texts_of
from gateway.policies.protocols import Deliveries, NothingHanded, PolicyStore, RecipientStanding
from gateway.policies.records import (
    Application,
    ApplicationState,
    GovernmentApproval,
    Grant,
    GrantState,
    GroundId,
    Level,
    Population,
    Scope,
    StatuteGround,
)
from gateway.policies.service import ApplicationDraft, ApplicationService
from gateway.principals import AccountKind, Principal, Role
from rulebook.loader import load
from rulebook.records import Rulebook

CONFIG = Path(__file__).resolve().parents[2] / "config"
RECIPIENT = RecipientId("91140100MA0EXAMPLE")
OTHER_RECIPIENT = RecipientId("91140200MA0DEMAND2")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
CITY = "140100"
COUNTY = "140105"
OTHER_CITY = "140200"
ZONE = "140171"


@cache
def rule_book() -> Rulebook:
    """Return the rule book of config/, with the text of one law held, so that a grant may stand on it."""
    book = load(CONFIG)
    text = "（测试用条文）"
    basis = replace(
        book.legal_bases["compulsory-education-44"], text=text, text_sha256=sha256(text.encode()).hexdigest()
    )
    return replace(book, legal_bases=MappingProxyType({**book.legal_bases, basis.code: basis}))


@dataclass(frozen=True)
class BookTexts:
    """Takes the texts of the rule book for confirmed ones; no scan is held."""

    book: Rulebook

    def texts(self, tx: Tx | None = None) -> Mapping[str, str]:
        """Return the texts of the rule book."""
        return texts_of(self.book)

    def scan_held(self, application_id: ApplicationId, sha256: str) -> bool | None:
        """Return that none is held."""
        return False


@cache
def decision_point() -> DecisionPoint:
    """Return the decision point of config/policies."""
    book = rule_book()
    return DecisionPoint(book.policies)


def staff(name: str, *roles: Role, unit: str = CITY, assurance: int = 2) -> Principal:
    """Return a member of staff of a unit."""
    return Principal(
        AccountId(f"st-{name}"), AccountKind.STAFF, frozenset(roles), unit=UnitCode(unit), assurance=assurance
    )


def applicant(name: str = "applicant", recipient: RecipientId = RECIPIENT, *, assurance: int = 2) -> Principal:
    """Return an applicant of a recipient outside."""
    return Principal(
        AccountId(f"st-{name}"),
        AccountKind.STAFF,
        frozenset({Role.APPLICANT}),
        recipient=recipient,
        assurance=assurance,
    )


def client(name: str = "client", recipient: RecipientId = RECIPIENT, *roles: Role) -> Principal:
    """Return an OAuth client of a recipient."""
    return Principal(AccountId(f"cl-{name}"), AccountKind.CLIENT, frozenset(roles), recipient=recipient, assurance=2)


def data_officer(name: str = "recorder", unit: str = CITY) -> Principal:
    """Return a data officer."""
    return staff(name, Role.DATA_OFFICER, unit=unit)


def approver(name: str = "approver", unit: str = CITY) -> Principal:
    """Return an approving officer."""
    return staff(name, Role.APPROVING_OFFICER, unit=unit)


def executor(name: str = "executor", unit: str = CITY) -> Principal:
    """Return an executor."""
    return staff(name, Role.EXECUTOR, unit=unit)


def scope(**changes: object) -> Scope:
    """Return a scope for textbooks in one city; ``changes`` replace members."""
    made = Scope(
        purpose="textbook-order",
        profile="textbook-anonymous",
        level=Level.ANONYMOUS,
        fields=("county", "grade", "stage"),
        population=Population(CITY),
        valid_from=date(2026, 3, 1),
        valid_to=date(2026, 6, 30),
        uses=2,
        row_cap=100_000,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


def draft(**changes: object) -> ApplicationDraft:
    """Return a complete draft; ``scope`` and other members may be replaced."""
    made = ApplicationDraft(
        recipient_name="示例教材发行有限公司",
        responsible="示例 发行部主任",
        scope=scope(),
        reason="按年级统计教科书需求",
        protection="内网专机，专人保管",
        terms_accepted=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


def approval(**changes: object) -> GovernmentApproval:
    """Return an approval of a city's people's government that holds."""
    made = GovernmentApproval(
        act="reply",
        government="太原市人民政府",
        division=CITY,
        document_number="并政函〔2026〕12号",
        signatory="示例签发人",
        dated=date(2026, 2, 20),
        valid_to=date(2026, 12, 31),
        scope_text="同意提供全市义务教育阶段学生年级统计所需数据",
        scan_sha256="ab" * 32,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


def statute(basis: str = "compulsory-education-44") -> StatuteGround:
    """Return a statute ground on the law whose text ``rule_book`` holds."""
    return StatuteGround(basis, date(2026, 2, 25), reasoning="该公司受委托发行免费教科书，属于本条规定的情形")


def application(**changes: object) -> Application:
    """Return a submitted application."""
    made = Application(
        id=ApplicationId("ap-example"),
        state=ApplicationState.SUBMITTED,
        applicant=AccountId("st-applicant"),
        recipient=RECIPIENT,
        recipient_name="示例教材发行有限公司",
        responsible="示例 发行部主任",
        unit=UnitCode(CITY),
        scope=scope(),
        reason="按年级统计教科书需求",
        protection="内网专机，专人保管",
        terms_accepted=True,
        created_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


def grant(**changes: object) -> Grant:
    """Return an active grant, not signed."""
    made = Grant(
        id=GrantId("gr-example"),
        application=ApplicationId("ap-example"),
        recipient=RECIPIENT,
        recipient_name="示例教材发行有限公司",
        responsible="示例 发行部主任",
        scope=scope(),
        ground_id=GroundId("ba-example"),
        ground_kind="government",
        ground_label="太原市人民政府 并政函〔2026〕12号",
        basis_recorder=AccountId("st-recorder"),
        basis_confirmer=AccountId("st-confirmer"),
        approver=AccountId("st-approver"),
        approved_at=NOW,
        policy_set="0" * 64,
        state=GrantState.ACTIVE,
        uses_left=2,
        jws="",
        applicant=AccountId("st-applicant"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


@cache
def keyring() -> Keyring:
    """Return a keyring with a fresh grant key."""
    private = ec.generate_private_key(ec.SECP256R1())
    return Keyring({}, {Key.GRANT: private}, {Key.GRANT: private.public_key()})


def seal() -> GrantSeal:
    """Return the seal with the test's grant key."""
    return GrantSeal(keyring())


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at


def ids() -> Callable[[str], str]:
    """Return a source of ids in order: ``ap-a``, ``ba-b`` …"""
    numbers = count()
    return lambda prefix: f"{prefix}-{''.join('abcdefghij'[int(digit)] for digit in str(next(numbers)))}"


def make_service(
    store: PolicyStore,
    journal: Journal,
    reader: Reader,
    *,
    separation: str = "three",
    clock: Clock | None = None,
    book: Rulebook | None = None,
    deliveries: Deliveries | None = None,
    standing: RecipientStanding = lambda _tx, _recipient, _today: None,
) -> ApplicationService:
    """Return the service on the given parts, with the real rule book, policies and seal."""
    return ApplicationService(
        store=store,
        journal=journal,
        reader=reader,
        decisions=decision_point(),
        book=book or rule_book(),
        seal=seal(),
        separation=separation,
        working_days=working_days(book or rule_book()),
        deliveries=deliveries or NothingHanded(),
        standing=standing,
        now=clock or Clock(),
        new_id=ids(),
        grounds=GroundKeeper(book or rule_book(), BookTexts(book or rule_book())),
    )
