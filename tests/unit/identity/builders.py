"""An issuer, a holder and a credential made from nothing, for the identity tests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from gateway.identity import jws, sd_jwt, status_list
from gateway.identity.issue import issue
from gateway.identity.keys import IssuerKey, IssuerKeys
from gateway.identity.present import present
from gateway.identity.records import ClaimValue, StatusReference
from gateway.identity.verify import UnverifiedPresentation, VerificationPolicy, VerifiedClaims, verify

NOW = datetime(2026, 11, 23, 2, 17, 41, tzinfo=UTC)
ISSUER = "https://xueji.example"
VCT = f"{ISSUER}/v1/identity/types/student/1"
LIST_URI = f"{ISSUER}/v1/identity/status/0a0b"
AUDIENCE = "library.example"
NONCE = "n-4cf2b9d07e"
LIFE = timedelta(days=14)
CLAIMS: Mapping[str, ClaimValue] = {
    "stage": "junior",
    "grade": "22",
    "school_name": "太原市第一示例中学",
    "school_code": "2114000001",
    "county": "140105",
    "enrolment_status": "active",
    "age_over_12": True,
    "age_over_14": False,
    "enrolment_year": 2025,
}
INDEX = 5
SIZE = 64


def issuer_key() -> IssuerKey:
    return IssuerKey.of(ec.generate_private_key(ec.SECP256R1()))


def keys_of(*signers: IssuerKey) -> IssuerKeys:
    return IssuerKeys.from_jwks({"keys": [{**jws.public_jwk(one.key), "kid": one.kid} for one in signers]})


@dataclass
class Scene:
    """One issuer, one holder, one credential; each part can be replaced before it is verified."""

    signer: IssuerKey = field(default_factory=issuer_key)
    holder: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    claims: Mapping[str, ClaimValue] = field(default_factory=lambda: dict(CLAIMS))
    statuses: bytes = field(default_factory=lambda: status_list.empty(SIZE), repr=False)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.credential = issue(
            self.claims,
            holder=self.holder,
            key=self.signer,
            issuer=ISSUER,
            vct=VCT,
            status=StatusReference(LIST_URI, INDEX),
            now=self.now,
            life=LIFE,
        )

    def present(self, *disclose: str, credential: str | None = None, **changes: object) -> str:
        arguments: dict[str, object] = {"audience": AUDIENCE, "nonce": NONCE, "now": self.now, **changes}
        key = arguments.pop("holder_key", self.holder)
        text = credential or self.credential
        return present(text, disclose=disclose, holder_key=key, **arguments)  # type: ignore[arg-type]  # any argument

    def list_token(self, statuses: bytes | None = None, **changes: object) -> str:
        arguments: dict[str, object] = {
            "uri": LIST_URI,
            "issuer": ISSUER,
            "key": self.signer,
            "now": self.now,
            "ttl": timedelta(hours=1),
            "life": timedelta(hours=24),
            **changes,
        }
        packed = self.statuses if statuses is None else statuses
        return status_list.sign(packed, **arguments)  # type: ignore[arg-type]  # any argument

    def verify(
        self, presentation: str, *, now: datetime | None = None, list_token: str | None = None, **policy: object
    ) -> VerifiedClaims:
        wanted: dict[str, object] = {"audience": AUDIENCE, "nonce": NONCE, "issuer": ISSUER, "vct": VCT, **policy}
        return verify(
            UnverifiedPresentation(presentation),
            VerificationPolicy(**wanted),  # type: ignore[arg-type]  # a test names any member
            keys=keys_of(self.signer),
            status_list_token=list_token or self.list_token(),
            now=now or self.now,
        )

    def resign(
        self,
        change: Callable[[dict[str, object]], object],
        *,
        header: Mapping[str, object] | None = None,
        disclosures: tuple[str, ...] | None = None,
    ) -> str:
        """Return the credential with a changed payload or header, signed by the real issuer: a careless issuer."""
        parts = sd_jwt.split(self.credential)
        token = jws.parse(parts.issuer_jwt)
        payload: dict[str, object] = json.loads(json.dumps(dict(token.payload)))
        change(payload)
        members = {**token.header, **(header or {})}
        kept_header = {name: value for name, value in members.items() if name != "alg" and value is not None}
        signed = jws.sign(kept_header, payload, self.signer.key)
        kept = parts.disclosures if disclosures is None else disclosures
        return sd_jwt.Parts(signed, kept, "").sd_jwt

    def bind(self, sd_jwt_text: str, *, header: Mapping[str, object] | None = None, **changes: object) -> str:
        """Return ``sd_jwt_text`` with a Key Binding JWT of the real holder; ``None`` leaves a member out."""
        payload: dict[str, object] = {
            "iat": int(self.now.timestamp()),
            "aud": AUDIENCE,
            "nonce": NONCE,
            "sd_hash": sd_jwt.digest(sd_jwt_text),
            **changes,
        }
        left = {name: value for name, value in payload.items() if value is not None}
        return sd_jwt_text + jws.sign({"typ": "kb+jwt", **(header or {})}, left, self.holder)


def disclosure(name: str, value: object, salt: str | None = None) -> sd_jwt.Disclosure:
    """A disclosure with any name and salt, as an attacker or a careless issuer would make it."""
    used = jws.encode(secrets.token_bytes(16)) if salt is None else salt
    return sd_jwt.Disclosure(jws.encode(jws.dump([used, name, value]).encode()), used, name, value)
