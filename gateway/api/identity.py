"""``/v1/identity``: offers, status lists, verification, and the documents around them. For wallets see ``wallets``."""

from __future__ import annotations

from flask import Response, jsonify, request

from gateway.api.authentication import principal, services
from gateway.api.blueprints import JSON, ApiBlueprint, content
from gateway.api.models import (
    OfferIn,
    OfferOut,
    VerificationIn,
    VerificationOut,
)
from gateway.identity.configurations import GUARDIAN, STUDENT
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
    """Offer a pupil's digital identity: a link for the wallet, shown as a QR code, and a transaction code apart."""
    offer = services().issuing.make_offer(
        SubjectRef(json_data.subject_ref), principal(), json_data.credential_configuration_id
    )
    return OfferOut(
        offer=offer.id,
        expires_at=offer.expires_at,
        credential_offer=dict(offer.document),
        credential_offer_uri=offer.address,
        uri=offer.uri,
        link=offer.link,
        tx_code=offer.tx_code,
    )


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
    """Return the type metadata document of the ``vct`` of students."""
    return _public(services().identity.type_metadata(STUDENT))


@blueprint.get("/v1/identity/types/guardian/1")
@blueprint.answers({200: content("The type metadata of the guardian credential", JSON, _OBJECT)})
def guardian_metadata() -> Response:
    """Return the type metadata document of the ``vct`` of guardians."""
    return _public(services().identity.type_metadata(GUARDIAN))


def _public(document: dict[str, object]) -> Response:
    response = jsonify(document)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
