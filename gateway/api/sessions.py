"""``/v1/sessions``: people sign in to the API, change their password and acknowledge the security rules."""

from __future__ import annotations

from flask import Response

from gateway.api.authentication import bearer, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import AcknowledgementIn, PasswordIn, RulesOut, SessionIn, SessionOut, TokenOut

blueprint = ApiBlueprint("sessions", __name__, tag="Sessions")


@blueprint.post("/v1/sessions")
@blueprint.input(SessionIn)
@blueprint.output(SessionOut, status_code=201)
def sign_in(json_data: SessionIn) -> SessionOut:
    """Sign in with a password and, where the role asks for it, a one-time code."""
    found = services().accounts.sign_in(json_data.username, json_data.password, json_data.totp)
    return SessionOut(
        token=found.token,
        account=found.principal.account,
        roles=sorted(found.principal.roles),
        duties=sorted(found.duties),
    )


@blueprint.delete("/v1/sessions/current")
@blueprint.doc(responses={204: "Signed out"})
def sign_out() -> Response:
    """End the session of the token."""
    services().accounts.sign_out(bearer())
    return Response(status=204)


@blueprint.get("/v1/me/rules")
@blueprint.output(RulesOut)
def security_rules() -> RulesOut:
    """Return the security rules of the caller's unit (A50-1)."""
    accounts = services().accounts
    rules = accounts.rules_for(accounts.account_of_session(bearer()))
    return RulesOut(version=rules.version, text=rules.text, responsible=rules.responsible)


@blueprint.post("/v1/me/rules/acknowledgement")
@blueprint.input(AcknowledgementIn)
@blueprint.doc(responses={204: "Acknowledged"})
def acknowledge(json_data: AcknowledgementIn) -> Response:
    """Acknowledge the security rules of the caller's unit (A50-1)."""
    services().accounts.acknowledge_rules(bearer(), json_data.version)
    return Response(status=204)


@blueprint.post("/v1/me/password")
@blueprint.input(PasswordIn)
@blueprint.output(TokenOut)
def change_password(json_data: PasswordIn) -> TokenOut:
    """Change the password; all other sessions end, and this one gets a new token (A50-2)."""
    return TokenOut(token=services().accounts.change_password(bearer(), json_data.old, json_data.new))
