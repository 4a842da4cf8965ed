"""``/v1/grants``, ``/v1/me/permissions`` and the public register of shares."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Response, jsonify
from joserfc.jwk import ECKey

from gateway.api.authentication import principal, services
from gateway.api.blueprints import JSON, ApiBlueprint, content
from gateway.api.models import (
    GrantList,
    GrantOut,
    PermissionOut,
    PermissionsOut,
    RegisterList,
    RegisterOut,
    WithdrawalIn,
)
from gateway.ids import GrantId
from gateway.keyring import Key

blueprint = ApiBlueprint("grants", __name__, tag="Grants")


@blueprint.get("/v1/grants")
@blueprint.output(GrantList)
def list_grants() -> GrantList:
    """List the grants that the caller may see, newest first."""
    return GrantList(items=[GrantOut.of(grant) for grant in services().applications.grants(principal())])


@blueprint.get("/v1/grants/<grant_id>")
@blueprint.output(GrantOut)
def get_grant(grant_id: str) -> GrantOut:
    """Show a grant with its limits and its signature."""
    return GrantOut.of(services().applications.grant_for(principal(), GrantId(grant_id)))


@blueprint.post("/v1/grants/<grant_id>/withdrawal")
@blueprint.input(WithdrawalIn)
@blueprint.output(GrantOut)
def withdraw_grant(grant_id: str, json_data: WithdrawalIn) -> GrantOut:
    """Withdraw a grant: nothing more leaves under it from now on (A50-12)."""
    return GrantOut.of(services().applications.withdraw_grant(principal(), GrantId(grant_id), reason=json_data.reason))


@blueprint.get("/v1/me/permissions")
@blueprint.output(PermissionsOut)
def my_permissions() -> PermissionsOut:
    """Say who the caller is to the gateway, and what they may do now."""
    who = principal()
    return PermissionsOut(
        account=who.account,
        kind=who.kind,
        roles=sorted(who.roles),
        unit=who.unit,
        recipient=who.recipient,
        items=[PermissionOut.of(permission) for permission in services().applications.permissions(who)],
    )


@blueprint.get("/v1/register")
@blueprint.output(RegisterList)
def public_register() -> RegisterList:
    """Return the public register of shares; it names no person."""
    return RegisterList(items=[RegisterOut.of(entry) for entry in services().applications.public_register()])


@blueprint.get("/.well-known/xueji-grant-keys.json")
@blueprint.answers({200: content("The public keys of grants and manifests, a JWKS", JSON, {"type": "object"})})
def grant_keys() -> Response:
    """Return the keys that sign grants and manifests, so that a recipient can verify both."""
    key = services().keyring.verifying(Key.GRANT)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = ECKey.import_key(pem)
    response = jsonify(keys=[{**jwk.as_dict(private=False), "kid": jwk.thumbprint(), "alg": "ES256", "use": "sig"}])
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
