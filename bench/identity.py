"""Issue credentials: ours against the reference implementation in Python, side by side, in one process.

``python -m bench.identity`` prints one line a measure and the ratio. CPU time of one core, best of rounds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer

from gateway.identity import jws
from gateway.identity.issue import issue
from gateway.identity.keys import IssuerKey, IssuerKeys
from gateway.identity.present import present
from gateway.identity.records import ClaimValue, StatusReference
from gateway.identity.status_list import empty, sign
from gateway.identity.verify import UnverifiedPresentation, VerificationPolicy, verify

ISSUER = "https://xueji.example"
VCT = f"{ISSUER}/v1/identity/types/student/1"
URI = f"{ISSUER}/v1/identity/status/bench"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CLAIMS: dict[str, ClaimValue] = {
    "stage": "junior",
    "grade": "22",
    "school_name": "太原市第一示例中学",
    "school_code": "2114000001",
    "county": "140105",
    "enrolment_status": "active",
    "age_over_6": True,
    "age_over_12": True,
    "age_over_14": False,
    "enrolment_year": 2025,
}


@dataclass(frozen=True, slots=True)
class Result:
    """Operations per second of CPU time, and ours over theirs."""

    ours: float
    reference: float
    verify: float

    @property
    def ratio(self) -> float:
        """Return how many times faster ours issues."""
        return self.ours / self.reference


def rate(work: Callable[[], object], *, count: int, rounds: int) -> float:
    """Return the best rate of ``rounds``, in operations per second of this process's CPU time."""
    best = 0.0
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            work()
        best = max(best, count / (time.process_time() - start))
    return best


def run(*, count: int = 500, rounds: int = 5) -> Result:
    """Measure issuing of one credential with ten claims and a holder key; verification beside it."""
    signer = IssuerKey.of(ec.generate_private_key(ec.SECP256R1()))
    holder = ECKey.generate_key("P-256")
    holder_jwk = jws.public_jwk(holder)
    reference_key = JWK.from_json(json.dumps(signer.key.as_dict(private=True)))
    reference_holder = JWK.from_json(json.dumps(holder_jwk))

    def ours() -> str:
        return issue(
            CLAIMS,
            holder=holder,
            key=signer,
            issuer=ISSUER,
            vct=VCT,
            status=StatusReference(URI, 5),
            now=NOW,
            life=timedelta(days=14),
        )

    def reference() -> str:
        claims: dict[object, object] = {SDObj(name): value for name, value in CLAIMS.items()}
        claims |= {"iss": ISSUER, "vct": VCT, "iat": 1, "exp": 2, "status": {"status_list": {"idx": 5, "uri": URI}}}
        text: str = SDJWTIssuer(
            claims, reference_key, reference_holder, sign_alg="ES256", extra_header_parameters={"typ": "dc+sd-jwt"}
        ).sd_jwt_issuance
        return text

    keys = IssuerKeys.from_jwks({"keys": [{**jws.public_jwk(signer.key), "kid": signer.kid}]})
    policy = VerificationPolicy("library.example", "n", ISSUER, VCT)
    shown = present(
        ours(), disclose=["stage", "grade", "age_over_14"], holder_key=holder, audience="library.example", nonce="n",
        now=NOW,
    )  # fmt: skip
    token = sign(
        empty(1 << 17), uri=URI, issuer=ISSUER, key=signer, now=NOW, ttl=timedelta(hours=1), life=timedelta(days=1)
    )
    verified = rate(
        lambda: verify(UnverifiedPresentation(shown), policy, keys=keys, status_list_token=token, now=NOW),
        count=count,
        rounds=rounds,
    )
    return Result(rate(ours, count=count, rounds=rounds), rate(reference, count=count, rounds=rounds), verified)


def main() -> int:
    """Print the ratio; return 0."""
    result = run()
    print(f"issue, 10 claims: ours {result.ours:,.0f}/s, sd-jwt {result.reference:,.0f}/s, ratio {result.ratio:.2f}")
    print(f"verify 3 claims, key binding and status list of 131,072 entries: {result.verify:,.0f}/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
