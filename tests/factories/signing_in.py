"""A provider with relying parties, families and grants, on the house of identity: for the tests of signing in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.accounts.dpop import Shown
from gateway.accounts.records import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, Account, OAuthClient, SignInSpec
from gateway.accounts.redirects import checked
from gateway.accounts.store import SqlAccounts, SqlClients
from gateway.errors import ForbiddenError
from gateway.identity import jws
from gateway.identity.claims import grant_fields
from gateway.identity.errors import OAuthRefusedError
from gateway.identity.issuing.records import Sent
from gateway.identity.signing_in.consents import ConsentDesk, ConsentKeeper, Standing
from gateway.identity.signing_in.dialogs import DialogDesk
from gateway.identity.signing_in.id_tokens import IdTokens
from gateway.identity.signing_in.parties import Parties
from gateway.identity.signing_in.pushing import PushDesk
from gateway.identity.signing_in.records import (
    PURPOSE,
    Answered,
    AskConsent,
    CodeRequest,
    Opened,
    Pushed,
    Step,
    Tokens,
    Visitor,
)
from gateway.identity.signing_in.redeeming import RedeemDesk
from gateway.identity.signing_in.service import SignInService
from gateway.identity.signing_in.signing_out import SignOutDesk
from gateway.identity.signing_in.store import SignInStore
from gateway.identity.store import IdentityStore
from gateway.ids import AccountId, RecipientId, SubjectRef
from gateway.journal import Tx
from gateway.policies.records import Grant, Population
from gateway.principals import AccountKind, Principal, Role
from tests.factories.identity import ISSUER, LI, LIBRARY, WANG, EngineScratch, House, make_house

R = TypeVar("R")
MUSEUM = RecipientId("91140000MA0EXAMPL2")
CALLBACK = "https://library.example/callback"
AFTER = "https://library.example/bye"
MOTHER, FATHER, PUPIL = AccountId("gd-mother"), AccountId("gd-father"), AccountId("pu-li")
VERIFIER = "v" * 43
CHALLENGE = jws.encode(sha256(VERIFIER.encode()).digest())
ASKED = {
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "state": "state-1",
    "nonce": "nonce-1",
    "scope": "openid",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "claims": '{"userinfo": {"stage": null, "school_name": {"essential": true}}, "id_token": {"age_over_14": null}}',
}
CLAIMS = frozenset({"stage", "school_name", "age_over_14"})
NO_PROOF = Shown(None, "POST", f"{ISSUER}/oauth/par")


@dataclass(frozen=True)
class Rights:
    see: bool = False
    hold: bool = False
    act: bool = False
    close: bool = False


FULL = Rights(see=True, hold=True, act=True, close=True)
YOUNG = Rights(see=True, hold=True)
"""A pupil under 14 with an account of their own."""


@dataclass
class Homes:
    """Families in memory: what each account may do for each pupil."""

    rights_of: dict[tuple[AccountId, SubjectRef], Rights] = field(default_factory=dict)

    def members(self, account: AccountId) -> Sequence[Any]:
        return [
            SimpleNamespace(
                child=SimpleNamespace(subject_ref=subject, label=f"学生{subject[0]}**", school_name="示例中学"),
                rights=rights,
            )
            for (whose, subject), rights in self.rights_of.items()
            if whose == account
        ]

    def rights(self, account: AccountId, subject_ref: SubjectRef) -> Rights:
        return self.rights_of.get((account, subject_ref), Rights())

    def may_act_for(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        return self.rights(account, subject_ref).act


@dataclass
class Gate:
    """The release gate: standing grants by recipient, and how often they were used."""

    granted: dict[RecipientId, frozenset[str]]
    valid_to: date
    territory: str = "140100"
    used: list[tuple[RecipientId, frozenset[str]]] = field(default_factory=list)

    def standing(self, recipient: RecipientId, _who: Principal, purpose: str, claims: frozenset[str]) -> Grant:
        if purpose != PURPOSE or recipient not in self.granted or not claims <= self.granted[recipient]:
            raise ForbiddenError("No standing grant.", rule="A50-5")
        found = SimpleNamespace(
            id="gr-1",
            recipient_name="示例图书馆",
            scope=SimpleNamespace(valid_to=self.valid_to, population=Population(self.territory, None, None, None)),
            uses_left=9,
        )
        return cast("Grant", found)

    def answer(
        self, recipient: RecipientId, who: Principal, purpose: str, claims: frozenset[str], run: Callable[[Grant], R]
    ) -> R:
        grant = self.standing(recipient, who, purpose, claims)
        self.used.append((recipient, claims))
        return run(grant)


@dataclass
class Recipients:
    """The standing of organisations: those named are suspended."""

    suspended: set[RecipientId] = field(default_factory=set)

    def problem(self, recipient: RecipientId, _today: date) -> str | None:
        return "manager" if recipient in self.suspended else None

    def problem_in(self, _tx: Tx, recipient: RecipientId, today: date) -> str | None:
        return self.problem(recipient, today)


@dataclass
class Provider:
    """The provider with everything around it."""

    house: House
    service: SignInService
    consents: ConsentDesk
    keeper: ConsentKeeper
    gate: Gate
    homes: Homes
    recipients: Recipients
    key: ec.EllipticCurvePrivateKey
    clients: dict[str, OAuthClient]
    store: SignInStore

    def push(self, client: str = "library", shown: Shown = NO_PROOF, **changes: Any) -> Pushed:  # noqa: ANN401  parameters as they are sent
        """Push a request; a change of ``None`` leaves a parameter out."""
        form = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
        return self.service.push(self.clients[client], form, shown)

    def open(self, client: str = "library", visitor: Visitor | None = None, **changes: Any) -> Opened:  # noqa: ANN401  parameters as they are sent
        """Push a request and open it in a browser."""
        pushed = self.push(client, **changes)
        opened = self.service.dialogs.open(self.clients[client].account.id, pushed.request_uri, visitor)
        assert isinstance(opened, Opened)
        return opened

    def visitor(self, account: AccountId = MOTHER, assurance: int = 2) -> Visitor:
        """Return who has just signed in."""
        kind = AccountKind.GUARDIAN
        principal = Principal(account, kind, frozenset({Role.GUARDIAN}), assurance=assurance)
        return Visitor(principal, self.house.clock().replace(microsecond=0))

    def step(self, opened: Opened, visitor: Visitor | None) -> Step:
        return self.service.dialogs.step(opened.id, opened.holder, visitor)

    def agree(self, opened: Opened, visitor: Visitor) -> dict[str, str]:
        """Read the page, consent, and return the parameters of the answer."""
        asked = self.step(opened, visitor)
        assert isinstance(asked, AskConsent)
        return answer(self.service.dialogs.agree(opened.id, opened.holder, visitor, asked.subject))

    def code(self, client: str = "library", account: AccountId = MOTHER, **changes: Any) -> str:  # noqa: ANN401  parameters as they are sent
        """Return a code for a sign-in with a consent given."""
        visitor = self.visitor(account)
        opened = self.open(client, **changes)
        step = self.step(opened, visitor)
        if isinstance(step, AskConsent):
            step = self.service.dialogs.agree(opened.id, opened.holder, visitor, step.subject)
        return answer(step)["code"]

    def redeem(self, code: str | None, client: str = "library", **changes: Any) -> Tokens:  # noqa: ANN401  parameters as they are sent
        arguments: dict[str, Any] = {
            "shown": Shown(None, "POST", f"{ISSUER}/oauth/token"),
            "code": code,
            "redirect_uri": CALLBACK,
            "verifier": VERIFIER,
            **changes,
        }
        return self.service.redeem(self.clients[client], CodeRequest(**arguments))

    def signed_in(self, client: str = "library", account: AccountId = MOTHER, **changes: Any) -> Tokens:  # noqa: ANN401  parameters as they are sent
        redirect = str(changes.get("redirect_uri") or CALLBACK)
        return self.redeem(self.code(client, account, **changes), client, redirect_uri=redirect)

    def userinfo(self, token: str, scheme: str = "bearer", proof: str | None = None) -> dict[str, Any]:
        return dict(self.service.userinfo(Sent(token, scheme, Shown(proof, "GET", f"{ISSUER}/oauth/userinfo"))))

    def id_claims(self, tokens: Tokens) -> dict[str, Any]:
        """Return what an ID token says, its signature checked."""
        key = ECKey.import_key(self.key.public_key())
        return dict(jwt.decode(tokens.id_token, key, algorithms=["ES256"]).claims)

    def kinds(self, outcome: str = "done") -> list[str]:
        return [one.kind for one in self.house.journal.entries if one.outcome == outcome]

    def reasons(self) -> list[object]:
        return [one.facts.get("reason") for one in self.house.journal.entries if one.outcome == "refused"]


def answer(step: object) -> dict[str, str]:
    """Return the parameters of an answer; it leads to the registered address."""
    assert isinstance(step, Answered), step
    parts = urlsplit(step.location)
    return {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}


def refused(call: Callable[..., object], *arguments: object, **named: object) -> str:
    """Return the error code of a refusal."""
    with pytest.raises(OAuthRefusedError) as caught:
        call(*arguments, **named)
    assert caught.value.detail_zh
    return caught.value.code


@pytest.fixture
def provider(tables_url: str) -> Iterator[Provider]:
    """A provider on a database of each kind."""
    yield from make_provider(tables_url)


@pytest.fixture
def quick_provider(sqlite_tables_url: str) -> Iterator[Provider]:
    """A provider on SQLite alone, for what no database decides."""
    yield from make_provider(sqlite_tables_url)


def make_provider(url: str) -> Iterator[Provider]:
    for house in make_house(url):
        house.clock.moment = datetime.now(UTC)
        yield _provider(house)


def _provider(house: House) -> Provider:
    key = ec.generate_private_key(ec.SECP256R1())
    store, rows, scratch = SignInStore(), IdentityStore(), EngineScratch(house.engine)
    journal, reader, now = house.journal, house.service.reader, house.clock
    fields = grant_fields(CLAIMS | {"grade", "enrolment_status"})
    gate = Gate({LIBRARY: fields, MUSEUM: fields}, now().date() + timedelta(days=90))
    homes, recipients = Homes({(MOTHER, LI): FULL}), Recipients()
    purposes = cast("Any", {PURPOSE: SimpleNamespace(label="学生身份核验", label_en="Verifying a pupil")})
    clients = {
        "library": _client("cl-library", LIBRARY, SignInSpec((CALLBACK,), (AFTER,)), now()),
        "reading": _client("cl-reading", LIBRARY, SignInSpec(("https://library.example/reading",)), now()),
        "elsewhere": _client("cl-elsewhere", LIBRARY, SignInSpec(("https://other.example/callback",)), now()),
        "museum": _client("cl-museum", MUSEUM, SignInSpec((CALLBACK,)), now()),
    }
    for client in clients.values():
        _keep(scratch, client)
    id_tokens = IdTokens(ISSUER, key, [key.public_key()])
    parties = Parties(SqlClients(), recipients, reader, now)
    standing = Standing(homes, purposes, cast("Any", SimpleNamespace(territory=_territory)))
    view = house.pupils
    service = SignInService(
        PushDesk(parties, gate, store, rows, id_tokens, journal, now),
        DialogDesk(ISSUER, parties, gate, homes, standing, view, store, journal, reader, scratch, now),
        RedeemDesk(parties, gate, homes, standing, view, store, rows, id_tokens, journal, reader, scratch, now),
        SignOutDesk(parties, store, id_tokens, journal, reader, now),
    )
    consents = ConsentDesk(homes, store, journal, reader)
    keeper = ConsentKeeper(store, journal, reader, now)
    house.pupils.rows[WANG] = {**house.pupils.rows[WANG], "birth_date": date(2016, 3, 1)}
    return Provider(house, service, consents, keeper, gate, homes, recipients, key, clients, store)


def _territory(code: str) -> frozenset[str]:
    """Return the authorities below a division: of a city with one county."""
    return frozenset({"140100": {"140100", "140105"}}.get(code, {code}))


def _client(name: str, recipient: RecipientId, sign_in: SignInSpec, at: datetime) -> OAuthClient:
    account = Account(
        AccountId(name), AccountKind.CLIENT, frozenset({Role.RELYING_PARTY}), at, recipient=recipient, post="借阅系统"
    )
    kinds = frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE})
    return OAuthClient(account, (), kinds, None, dpop_required=False, sign_in=checked(sign_in))


def _keep(scratch: EngineScratch, client: OAuthClient) -> None:
    def write(tx: Tx) -> None:
        SqlAccounts().add(tx, client.account)
        SqlClients().add_client(tx, client)

    scratch.write(write)


def bound(client: OAuthClient) -> OAuthClient:
    """Return a client whose tokens have to be bound to a key."""
    return replace(client, dpop_required=True)
