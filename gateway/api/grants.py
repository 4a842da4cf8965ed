"""``/v1/grants``, ``/v1/me/permissions`` and the public register of shares."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Response, jsonify
from joserfc.jwk import ECKey

from gateway.api.authentication import principal, services
from gateway.api.blueprints import JSON, ApiBlueprint, content
from gateway.api.models import (
    GrantActIn,
    GrantList,
    GrantOut,
    PermissionOut,
    PermissionsOut,
    RegisterList,
    RegisterQuery,
    WithdrawalIn,
)
from gateway.api.models.grants import DeniedOut, DueOut, GrantLimitsOut, OwnAccountOut
from gateway.ids import GrantId
from gateway.keyring import Key
from gateway.policies.records import Grant
from gateway.policies.register import register_csv

blueprint = ApiBlueprint("grants", __name__, tag="Grants")


@blueprint.get("/v1/grants")
@blueprint.output(GrantList)
def list_grants() -> GrantList:
    """List the grants that the caller may see, newest first."""
    applications = services().applications
    grants = applications.grants(principal())
    lives = applications.lives(grants)
    return GrantList(items=[GrantOut.of(grant, lives[grant.id]) for grant in grants])


@blueprint.get("/v1/grants/<grant_id>")
@blueprint.output(GrantOut)
def get_grant(grant_id: str) -> GrantOut:
    """Show a grant with its limits, its signature and where it stands in its life."""
    return _told(services().applications.grant_for(principal(), GrantId(grant_id)))


@blueprint.post("/v1/grants/<grant_id>/suspension")
@blueprint.input(GrantActIn)
@blueprint.output(GrantOut)
def suspend_grant(grant_id: str, json_data: GrantActIn) -> GrantOut:
    """Suspend a grant: nothing leaves under it until it is resumed (A50-12)."""
    return _told(services().applications.suspend_grant(principal(), GrantId(grant_id), reason=json_data.reason))


@blueprint.post("/v1/grants/<grant_id>/resumption")
@blueprint.input(GrantActIn)
@blueprint.output(GrantOut)
def resume_grant(grant_id: str, json_data: GrantActIn) -> GrantOut:
    """Let a suspended grant go on."""
    return _told(services().applications.resume_grant(principal(), GrantId(grant_id), reason=json_data.reason))


@blueprint.post("/v1/grants/<grant_id>/withdrawal")
@blueprint.input(WithdrawalIn)
@blueprint.output(GrantOut)
def withdraw_grant(grant_id: str, json_data: WithdrawalIn) -> GrantOut:
    """Withdraw a grant: nothing more leaves under it from now on (A50-12)."""
    return _told(services().applications.withdraw_grant(principal(), GrantId(grant_id), reason=json_data.reason))


@blueprint.get("/v1/me/permissions")
@blueprint.output(PermissionsOut)
def my_permissions() -> PermissionsOut:
    """Say who the caller is to the gateway, what they may do now, until when, and why nothing else."""
    who = principal()
    rights = services().applications.rights(who)
    account = services().own
    own = None if account is None else account.facts(who)
    return PermissionsOut(
        account=who.account,
        kind=who.kind,
        roles=sorted(who.roles),
        unit=who.unit,
        recipient=who.recipient,
        items=[PermissionOut.of(permission) for permission in rights.permissions],
        on_behalf=who.on_behalf,
        own=None if own is None else OwnAccountOut.of(own),
        grants=[GrantLimitsOut.of(grant, life) for grant, life in rights.grants],
        deadlines=[DueOut.of(due) for due in rights.deadlines],
        denied=[DeniedOut.of(denied) for denied in rights.denied],
    )


@blueprint.get("/v1/register")
@blueprint.input(RegisterQuery, location="query")
@blueprint.output(RegisterList)
def public_register(query_data: RegisterQuery) -> RegisterList:
    """Return the public register of shares; it names no person."""
    return RegisterList.of(services().applications.public_register(query_data.to_record()))


@blueprint.get("/v1/register.csv")
@blueprint.input(RegisterQuery, location="query")
@blueprint.answers({200: content("The public register of shares as CSV (RFC 4180)", "text/csv", {"type": "string"})})
def public_register_csv(query_data: RegisterQuery) -> Response:
    """Return the public register as CSV, with the same conditions."""
    lines = services().applications.public_register(query_data.to_record())
    return Response(register_csv(lines), content_type="text/csv; charset=utf-8; header=present")


def _told(grant: Grant) -> GrantOut:
    return GrantOut.of(grant, services().applications.lives([grant])[grant.id])


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
