"""``/v1/identity``: offers, nonces, credentials, status lists, verification, and the documents around them."""

from __future__ import annotations

from flask import Response, jsonify, request

from gateway.api.authentication import principal, services
from gateway.api.blueprints import JSON, ApiBlueprint, content
from gateway.api.models import (
    CredentialsIn,
    CredentialsOut,
    NonceOut,
    OfferIn,
    OfferOut,
    VerificationIn,
    VerificationOut,
)
from gateway.identity.records import ShardId
from gateway.identity.verify import UnverifiedPresentation
from gateway.ids import SubjectRef

blueprint = ApiBlueprint("identity", __name__, tag="Identity")

_OBJECT: dict[str, object] = {"type": "object"}
PUBLISHED_SECONDS = 60
"""A revocation shows within this time (design 8). The list's ``ttl`` is for verifiers that are offline."""


@blueprint.post("/v1/identity/offers")
@blueprint.input(OfferIn)
@blueprint.output(OfferOut, status_code=201)
def make_offer(json_data: OfferIn) -> OfferOut:
    """Offer a pupil's digital identity: a one-time code for the wallet, shown as a QR code."""
    offer = services().identity.make_offer(SubjectRef(json_data.subject_ref), principal())
    return OfferOut(offer=offer.id, code=offer.code, expires_at=offer.expires_at, uri=offer.uri)


@blueprint.post("/v1/identity/nonce")
@blueprint.output(NonceOut)
def make_nonce() -> NonceOut:
    """Return a fresh nonce for key proofs (OpenID4VCI 1.0 section 7)."""
    return NonceOut(c_nonce=services().identity.nonce())


@blueprint.post("/v1/identity/credentials")
@blueprint.input(CredentialsIn)
@blueprint.output(CredentialsOut)
def issue_credentials(json_data: CredentialsIn) -> CredentialsOut:
    """Issue one one-time credential for each key proof; the code is spent."""
    batch = services().identity.issue(json_data.code, json_data.proofs)
    return CredentialsOut(credentials=list(batch.credentials), expires_at=batch.expires_at)


@blueprint.post("/v1/identity/verifications")
@blueprint.input(VerificationIn)
@blueprint.output(VerificationOut)
def verify(json_data: VerificationIn) -> VerificationOut:
    """Verify a presentation against the record's present state, under the relying party's standing grant."""
    answer = services().identity.verify_online(
        UnverifiedPresentation(json_data.presentation),
        principal(),
        audience=json_data.audience,
        nonce=json_data.nonce,
        requested=frozenset(json_data.claims),
    )
    return VerificationOut(claims=dict(answer.claims), verified_at=answer.verified_at, expires_at=answer.expires_at)


@blueprint.get("/v1/identity/status/<shard>")
@blueprint.answers(
    {
        200: content("A Token Status List", "application/statuslist+jwt", ETag="For If-None-Match"),
        304: {"description": "Not modified"},
    }
)
def status_list(shard: str) -> Response:
    """Return the signed status list of a shard; caches keep it for a minute, so that a revocation shows within one."""
    found = services().identity.status_list_token(ShardId(shard))
    response = Response(found.token, mimetype="application/statuslist+jwt")
    response.headers["Cache-Control"] = f"public, max-age={min(PUBLISHED_SECONDS, int(found.ttl.total_seconds()))}"
    response.set_etag(found.etag.strip('"'))
    response.make_conditional(request)
    return response


@blueprint.get("/v1/identity/jwks.json")
@blueprint.answers({200: content("The issuer's public keys", JSON, _OBJECT)})
def jwks() -> Response:
    """Return the keys that sign credentials and status lists."""
    return _public(services().identity.jwks())


@blueprint.get("/.well-known/jwt-vc-issuer")
@blueprint.answers({200: content("JWT VC issuer metadata", JSON, _OBJECT)})
def jwt_vc_issuer() -> Response:
    """Return the JWT VC issuer metadata."""
    return _public(services().identity.jwt_vc_issuer())


@blueprint.get("/.well-known/openid-credential-issuer")
@blueprint.answers({200: content("Credential issuer metadata", JSON, _OBJECT)})
def credential_issuer() -> Response:
    """Return the credential issuer metadata (OpenID4VCI 1.0 section 12.2)."""
    return _public(services().identity.credential_issuer())


@blueprint.get("/v1/identity/types/student/1")
@blueprint.answers({200: content("The type metadata of the student credential", JSON, _OBJECT)})
def type_metadata() -> Response:
    """Return the type metadata document of the ``vct``."""
    return _public(services().identity.type_metadata())


def _public(document: dict[str, object]) -> Response:
    response = jsonify(document)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
