"""A verifier that asks wallets, on the house of identity: requests, wallets that answer them, and those that cheat."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey

from core_registry.sharing import RowFilter
from gateway.accounts.dpop import Shown
from gateway.errors import ForbiddenError
from gateway.identity import jws
from gateway.identity.holder import Wallet
from gateway.identity.issuing.records import Sent, TokenRequest
from gateway.identity.presenting.certificate import self_issued
from gateway.identity.presenting.records import PresentationId, Progress, Request, ResponseMode
from gateway.identity.presenting.sealing import Box, box_key
from gateway.identity.presenting.service import PresentationService
from gateway.identity.presenting.store import SqlPresentations
from gateway.ids import AccountId, RecipientId, SubjectRef
from gateway.policies.records import Grant
from gateway.principals import AccountKind, Principal, Role
from gateway.services import Services
from rulebook import Rulebook
from tests.factories.identity import ISSUER, LIBRARY, PARTY, EngineScratch, House, code_of

COUNTER = Principal(
    AccountId("st-counter"), AccountKind.STAFF, frozenset({Role.APPLICANT}), recipient=LIBRARY, assurance=2
)
OTHER = replace(PARTY, account=AccountId("cl-other"))
PURPOSE = "identity-verification"
FIELDS = ("age_over_14", "school", "stage", "status")
Form = Mapping[str, Sequence[str]]


class Gate:
    """The gate before a request: the grants of the house's gate, as records."""

    def __init__(self, house: House) -> None:
        self.house = house

    def standing(self, recipient: RecipientId, _who: Principal, purpose: str, claims: frozenset[str]) -> Grant:
        if not claims <= self.house.gate.granted.get((recipient, purpose), frozenset()):
            raise ForbiddenError("No standing grant.", rule="A50-5")
        return self._grant(recipient, purpose)

    def held(self, recipient: RecipientId, _who: Principal) -> Sequence[Grant]:
        return [self._grant(*key) for key in self.house.gate.granted if key[0] == recipient]

    def _grant(self, recipient: RecipientId, purpose: str) -> Grant:
        fields = tuple(sorted(self.house.gate.granted[recipient, purpose]))
        scope = SimpleNamespace(purpose=purpose, profile="identity-check", fields=fields)
        found = SimpleNamespace(id="gr-1", recipient=recipient, recipient_name="示例图书馆", scope=scope, uses_left=9)
        return cast("Grant", found)


@dataclass
class Desk:
    """The service with its house."""

    house: House
    service: PresentationService

    def ask(self, *claims: str, mode: str = "direct_post", who: Principal = PARTY) -> Asked:
        """Make a request and fetch it as a wallet does."""
        made = self.service.make(who, claims or ("stage", "age_over_14"), mode=ResponseMode(mode))
        return Asked(self, made, jws.parse(self.service.request_object(made.id)))

    def told(self, asked: Asked, who: Principal = PARTY) -> Progress:
        """Return where a request stands, as its asker is told."""
        return self.service.progress(asked.made.id, who)


@dataclass
class Asked:
    """A request that a wallet has fetched."""

    desk: Desk
    made: Request
    token: jws.UnverifiedJws

    @property
    def id(self) -> PresentationId:
        return self.made.id

    @property
    def payload(self) -> dict[str, object]:
        return dict(self.token.payload)

    @property
    def claims(self) -> list[str]:
        return wanted(self.payload)

    def show(self, wallet: Wallet, *claims: str, **changes: str) -> str:
        """Return a presentation for this request; ``changes`` are the audience or the nonce of a cheat."""
        audience = changes.get("audience", str(self.payload["client_id"]))
        nonce = changes.get("nonce", str(self.payload["nonce"]))
        disclosed = claims or tuple(self.claims)
        return wallet.present(disclosed, audience=audience, nonce=nonce, now=self.desk.house.clock())

    def form(self, presentation: object, **changes: str) -> dict[str, list[str]]:
        """Return the response, in clear or encrypted as the request wants it."""
        token = {"student": [presentation]} if isinstance(presentation, str) else presentation
        state = changes.get("state", str(self.payload["state"]))
        if self.payload["response_mode"] == "direct_post":
            return {"vp_token": [json.dumps(token)], "state": [state]}
        return {"response": [encrypted(self.payload, {"vp_token": token, "state": state})]}

    def send(self, form: Form) -> bool:
        """Send a response; say whether it was accepted."""
        return self.desk.service.respond(self.id, form)

    def reason(self, form: Form) -> str | None:
        """Send a response that is no answer; return why, as the asker is told."""
        before = self.desk.house.gate.asked
        assert not self.send(form)
        assert self.desk.house.gate.asked - before <= 1
        told = self.desk.told(self)
        assert told.claims is None
        return told.reason


def wanted(payload: Mapping[str, object]) -> list[str]:
    """Return the names of the claims of a request."""
    query = cast("dict[str, list[dict[str, list[dict[str, list[str]]]]]]", payload["dcql_query"])
    return [one["path"][0] for one in query["credentials"][0]["claims"]]


def encrypted(payload: Mapping[str, object], members: object, **header: str) -> str:
    """Return ``members`` for the key of a request (ECDH-ES, A256GCM)."""
    metadata = cast("dict[str, dict[str, list[dict[str, str]]]]", payload["client_metadata"])
    key = metadata["jwks"]["keys"][0]
    head = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"], **header}
    allowed = ["ECDH-ES", head["enc"], "DEF"]
    return jwe.encrypt_compact(head, json.dumps(members), ECKey.import_key(dict(key)), algorithms=allowed)


def parameters_of(link: str) -> dict[str, list[str]]:
    """Return the parameters that the link to our wallet carries."""
    fragment = urlsplit(link).fragment
    assert fragment.startswith("openid4vp=")
    return parse_qs(unquote(fragment.removeprefix("openid4vp=")))


@pytest.fixture
def desk(house: House) -> Desk:
    house.gate.granted[LIBRARY, PURPOSE] = frozenset(FIELDS)
    certificate = self_issued(ec.generate_private_key(ec.SECP256R1()), ISSUER)
    own = frozenset({certificate.client_id})
    purposes = {PURPOSE: SimpleNamespace(label="学生身份核验", label_en="Verifying that a person is a pupil")}
    service = PresentationService(
        settings=house.service.settings,
        certificate=certificate,
        verifier=replace(house.service, audiences=lambda _who: own),
        gate=Gate(house),
        store=SqlPresentations(),
        box=Box(box_key(b"k" * 32)),
        journal=house.journal,
        reader=house.service.reader,
        scratch=EngineScratch(house.engine),
        book=cast("Rulebook", SimpleNamespace(purposes=purposes)),
        now=house.clock,
    )
    return Desk(house, service)


def wallet_of(services: Services, registrar: Principal, subject: str, count: int = 3) -> Wallet:
    """Return a wallet with credentials of a pupil, issued by the program's own services."""
    issuing, issuer, now = services.issuing, services.settings.public_url, services.now()
    offer = issuing.make_offer(SubjectRef(subject), registrar)
    shown = Shown(None, "POST", f"{issuer}/oauth/token")
    token = issuing.redeem(TokenRequest(shown, code_of(offer), offer.tx_code))
    found = Wallet()
    proofs = found.proofs(count, issuer=issuer, nonce=issuing.nonce(), now=now)
    sent = Sent(token.value, "bearer", Shown(None, "POST", f"{issuer}/v1/identity/credentials"))
    wish = {"credential_configuration_id": "student", "proofs": {"jwt": proofs}}
    found.receive(issuing.issue(sent, wish).credentials)
    return found


def some_pupil(services: Services) -> str:
    """Return an active pupil of the register."""
    assert services.sharing is not None
    with services.sharing.snapshot() as snapshot:
        for batch in snapshot.batches(["subject_ref", "state"], RowFilter()):
            for row in batch.to_pylist():
                if row["state"] == "active":
                    return str(row["subject_ref"])
    raise AssertionError("no pupil")
