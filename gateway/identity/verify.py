"""Verify a presentation: the one way to come by ``VerifiedClaims``.

Comments carry the step numbers of RFC 9901, sections 7.1 and 7.3, then of SD-JWT VC and the status list.
What is asked above the specifications is called *profile* and listed in ``docs/deviations.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.identity import jws, sd_jwt, status_list
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.keys import HolderKey, IssuerKeys
from gateway.identity.records import StatusReference

LEEWAY = timedelta(seconds=60)
MAX_KEY_BINDING_AGE = timedelta(seconds=300)
_SEAL = object()


@dataclass(frozen=True, slots=True)
class UnverifiedPresentation:
    """An SD-JWT with Key Binding as it came in."""

    compact: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerificationPolicy:
    """What a verifier asks for. Key Binding is always required: there is no switch (RFC 9901 section 7.3, step 1).

    ``required`` are claims that must have been disclosed. ``accept_stale_status`` takes a status list older
    than its ``ttl``, as when the network is cut; never one past its ``exp``.
    """

    audience: str
    nonce: str
    issuer: str
    vct: str
    required: frozenset[str] = frozenset()
    max_key_binding_age: timedelta = MAX_KEY_BINDING_AGE
    accept_stale_status: bool = False


@dataclass(frozen=True, slots=True)
class VerifiedClaims:
    """What a presentation says, after every check. Only ``verify`` makes one."""

    claims: Mapping[str, object] = field(repr=False)
    """The disclosed claims alone."""
    issuer: str
    vct: str
    kid: str
    issued_at: datetime
    expires_at: datetime
    presented_at: datetime
    status_reference: StatusReference
    status: status_list.StatusReading
    holder: HolderKey = field(repr=False)
    seal: object = field(default=None, repr=False, compare=False)

    @property
    def holder_thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the holder's key."""
        return self.holder.thumbprint

    def __post_init__(self) -> None:
        """Refuse every maker but ``verify``."""
        if self.seal is not _SEAL:
            raise TypeError("only verify() makes VerifiedClaims")


class _Issued(NamedTuple):
    payload: Mapping[str, object]
    kid: str
    key: ec.EllipticCurvePublicKey
    holder: HolderKey
    status: StatusReference
    issued_at: datetime
    expires_at: datetime


def verify(
    presentation: UnverifiedPresentation,
    policy: VerificationPolicy,
    *,
    keys: IssuerKeys,
    status_list_token: str,
    now: datetime,
    lists: status_list.OpenLists | None = None,
) -> VerifiedClaims:
    """Return the verified claims of ``presentation``.

    ``keys`` are the issuer's pinned public keys, ``status_list_token`` the list that the credential names; ``lists``
    remembers lists that were opened before.
    Raises ``CredentialRejectedError`` with a stable reason on the first check that fails.
    """
    # 7.3 step 1: Key Binding is required by policy, always. Steps 2 and 3: without it, reject.
    parts = sd_jwt.split(presentation.compact)
    if not parts.key_binding:
        raise CredentialRejectedError(Reason.KEY_BINDING_MISSING)
    # 7.3 step 4: process the SD-JWT (section 7.1).
    issued = _issuer_signed(parts, policy, keys, now)
    disclosed = _disclosed(parts, issued.payload, policy)
    # 7.3 step 5.
    presented = presentation.compact.removesuffix(parts.key_binding)
    presented_at = _key_binding(parts.key_binding, presented, issued.key, policy, now)
    if not policy.required <= disclosed.keys():
        missing = tuple(sorted(policy.required - disclosed.keys()))
        raise CredentialRejectedError(Reason.MISSING_CLAIM, missing=missing)
    # Status list, section 8.3: only now that all else holds.
    reading = status_list.read(status_list_token, issued.status, issuer=policy.issuer, keys=keys, now=now, lists=lists)
    if reading.ttl is not None and now - reading.issued_at > reading.ttl and not policy.accept_stale_status:
        raise CredentialRejectedError(Reason.STATUS_LIST_STALE)
    status_list.refuse_unless_valid(reading.status)
    return VerifiedClaims(
        claims=disclosed,
        issuer=policy.issuer,
        vct=policy.vct,
        kid=issued.kid,
        issued_at=issued.issued_at,
        expires_at=issued.expires_at,
        presented_at=presented_at,
        status_reference=issued.status,
        status=reading,
        holder=issued.holder,
        seal=_SEAL,
    )


def status_reference_of(presentation: UnverifiedPresentation) -> StatusReference:
    """Return where the status of an *unverified* presentation stands, to know which list to fetch.

    Raises ``CredentialRejectedError`` (malformed, missing_claim).
    """
    try:
        payload = jws.parse(sd_jwt.split(presentation.compact).issuer_jwt).payload
    except jws.MalformedTokenError:
        raise CredentialRejectedError(Reason.MALFORMED) from None
    return _status_reference(payload)


def _issuer_signed(parts: sd_jwt.Parts, policy: VerificationPolicy, keys: IssuerKeys, now: datetime) -> _Issued:
    # 7.1 step 1 was the split.
    try:
        token = jws.parse(parts.issuer_jwt)
    except jws.MalformedTokenError:
        raise CredentialRejectedError(Reason.MALFORMED) from None
    # SD-JWT VC section 2.2.1: typ. `vc+sd-jwt` was the name of old drafts and is not accepted.
    if token.header.get("typ") != sd_jwt.TYP:
        raise CredentialRejectedError(Reason.WRONG_TYPE)
    # 7.1 step 2.1: the algorithm, before any key is chosen.
    if token.header.get("alg") != jws.ALGORITHM:
        raise CredentialRejectedError(Reason.WRONG_ALGORITHM)
    # 7.1 steps 2.2 and 2.3: a pinned key of this issuer, by kid (profile: kid is there), and the signature.
    kid = token.header.get("kid")
    key = keys.by_kid.get(kid) if isinstance(kid, str) else None
    if key is None or not isinstance(kid, str):
        raise CredentialRejectedError(Reason.UNKNOWN_KEY)
    try:
        jws.check_signature(token, key)
    except jws.AlgorithmError:
        raise CredentialRejectedError(Reason.WRONG_ALGORITHM) from None
    except jws.SignatureError:
        raise CredentialRejectedError(Reason.BAD_SIGNATURE) from None
    payload = token.payload
    if payload.get("iss") != policy.issuer:
        raise CredentialRejectedError(Reason.WRONG_ISSUER)
    # 7.1 step 2.4 (profile: _sd_alg is written out).
    if payload.get("_sd_alg") != sd_jwt.HASH_ALGORITHM:
        raise CredentialRejectedError(Reason.WRONG_HASH_ALGORITHM)
    # SD-JWT VC section 2.2.2.1: vct.
    if payload.get("vct") != policy.vct:
        raise CredentialRejectedError(Reason.WRONG_VCT)
    # 7.1 step 6, and profile: exp is there. iat is rounded down, so it lies in the past for an honest clock.
    expires_at, issued_at = _time(payload, "exp"), _time(payload, "iat")
    if issued_at > now + LEEWAY or ("nbf" in payload and _time(payload, "nbf") > now + LEEWAY):
        raise CredentialRejectedError(Reason.NOT_YET_VALID)
    if expires_at <= now:
        raise CredentialRejectedError(Reason.EXPIRED)
    return _Issued(payload, kid, *_holder(payload), _status_reference(payload), issued_at, expires_at)


def _disclosed(parts: sd_jwt.Parts, payload: Mapping[str, object], policy: VerificationPolicy) -> dict[str, object]:
    # SD-JWT VC section 2.2.2.2: what binds or limits the credential is never selectively disclosable, nor is
    # anything inside it; so no digest may stand there.
    fixed, rest = [], {}
    for name, member in payload.items():
        if name in sd_jwt.NEVER_DISCLOSED:
            fixed.append(member)
        else:
            rest[name] = member
    if _holds_digests(fixed):
        raise CredentialRejectedError(Reason.RESERVED_CLAIM_NAME)
    # 7.1 steps 3 to 5; what holds no digest is not gone through again.
    processed = sd_jwt.process(rest, parts.disclosures)
    # 7.1 step 6: an issuer that made the credential for some verifiers alone is obeyed (RFC 7519 section 4.1.3).
    if "aud" in processed and policy.audience not in _audiences(processed["aud"]):
        raise CredentialRejectedError(Reason.WRONG_AUDIENCE)
    disclosed = {name: value for name, value in processed.items() if name not in rest}
    if not sd_jwt.NEVER_DISCLOSED.isdisjoint(disclosed):
        overrides = not disclosed.keys().isdisjoint(payload)  # step 3.3.2.3, for what was left out
        raise CredentialRejectedError(Reason.CLAIM_COLLISION if overrides else Reason.RESERVED_CLAIM_NAME)
    return disclosed


def _key_binding(
    binding: str, presented: str, holder: ec.EllipticCurvePublicKey, policy: VerificationPolicy, now: datetime
) -> datetime:
    """Return when the holder bound ``presented``, the SD-JWT as it was sent."""
    try:
        token = jws.parse(binding)
    except jws.MalformedTokenError:
        raise CredentialRejectedError(Reason.MALFORMED) from None
    # 7.3 step 5.1: the holder's key came from cnf. Steps 5.2 and 5.3: algorithm, signature.
    try:
        jws.check_signature(token, holder)
    except jws.AlgorithmError:
        raise CredentialRejectedError(Reason.WRONG_ALGORITHM) from None
    except jws.SignatureError:
        raise CredentialRejectedError(Reason.KEY_BINDING_SIGNATURE) from None
    # Step 5.4.
    if token.header.get("typ") != sd_jwt.KEY_BINDING_TYP:
        raise CredentialRejectedError(Reason.KEY_BINDING_TYPE)
    # Step 5.5.
    presented_at = _time(token.payload, "iat", Reason.KEY_BINDING_TIME)
    if not now - policy.max_key_binding_age <= presented_at <= now + LEEWAY:
        raise CredentialRejectedError(Reason.KEY_BINDING_TIME)
    # Step 5.6 (profile: one aud, as a string). Empty never matches.
    if not policy.audience or token.payload.get("aud") != policy.audience:
        raise CredentialRejectedError(Reason.WRONG_AUDIENCE)
    nonce = token.payload.get("nonce")
    if not policy.nonce or not isinstance(nonce, str) or not compare_digest(nonce.encode(), policy.nonce.encode()):
        raise CredentialRejectedError(Reason.WRONG_NONCE)
    # Step 5.7.
    if token.payload.get("sd_hash") != sd_jwt.digest(presented):
        raise CredentialRejectedError(Reason.KEY_BINDING_HASH)
    # Step 5.8: valid in all other respects.
    if "exp" in token.payload and _time(token.payload, "exp", Reason.KEY_BINDING_TIME) <= now:
        raise CredentialRejectedError(Reason.KEY_BINDING_TIME)
    if "nbf" in token.payload and _time(token.payload, "nbf", Reason.KEY_BINDING_TIME) > now + LEEWAY:
        raise CredentialRejectedError(Reason.KEY_BINDING_TIME)
    return presented_at


def _holder(payload: Mapping[str, object]) -> tuple[ec.EllipticCurvePublicKey, HolderKey]:
    """Return the holder's key, to check with and as it is written."""
    cnf = payload.get("cnf")
    if not isinstance(cnf, dict) or "jwk" not in cnf:
        raise CredentialRejectedError(Reason.MISSING_CLAIM, missing=("cnf.jwk",))
    try:
        return jws.public_key_of(cnf["jwk"]), HolderKey.shown(cnf["jwk"])
    except jws.MalformedTokenError:
        raise CredentialRejectedError(Reason.MALFORMED) from None


def _status_reference(payload: Mapping[str, object]) -> StatusReference:
    # Status list, section 8.3, step 1 (profile: a credential always has a status).
    status = payload.get("status")
    reference = status.get("status_list") if isinstance(status, dict) else None
    if isinstance(reference, dict):
        index, uri = reference.get("idx"), reference.get("uri")
        if type(index) is int and index >= 0 and isinstance(uri, str):  # a boolean is no number
            return StatusReference(uri, index)
    raise CredentialRejectedError(Reason.MISSING_CLAIM, missing=("status.status_list",))


def _audiences(value: object) -> Sequence[object]:
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else ()


def _holds_digests(members: Iterable[object]) -> bool:
    """Say whether a digest may stand in one of ``members``; in what is nested too deep to look through, it may."""
    level = [member for member in members if isinstance(member, sd_jwt.NESTED)]
    for _ in range(sd_jwt.MAX_DEPTH):
        if not level:
            return False
        below: list[dict[str, object] | list[object]] = []
        for one in level:
            if isinstance(one, list):
                below += [member for member in one if isinstance(member, sd_jwt.NESTED)]
            elif "_sd" in one or "..." in one:
                return True
            else:
                below += [member for member in one.values() if isinstance(member, sd_jwt.NESTED)]
        level = below
    return True


def _time(payload: Mapping[str, object], name: str, reason: Reason = Reason.MISSING_CLAIM) -> datetime:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise CredentialRejectedError(reason, missing=(name,))
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise CredentialRejectedError(reason, missing=(name,)) from None
