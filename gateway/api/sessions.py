"""``/v1/sessions``: people sign in to the API, change their password and acknowledge the security rules."""

from __future__ import annotations

from flask import Response

from gateway.accounts.delegation_records import DelegationId
from gateway.api.authentication import bearer, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import AcknowledgementIn, PasswordIn, RulesOut, SessionIn, SessionOut, TokenOut
from gateway.api.models.sessions import ActingIn, ActingOut, SessionLineOut, SessionList, SessionsEndedOut

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


@blueprint.get("/v1/sessions")
@blueprint.output(SessionList)
def list_sessions() -> SessionList:
    """List the caller's own sessions: since when, last seen, and which is this one."""
    found = services().accounts.sessions_of(bearer())
    return SessionList(
        items=[
            SessionLineOut(id=one.id, created_at=one.created_at, seen_at=one.seen_at, this_one=here, acting=one.acting)
            for one, here in found
        ]
    )


@blueprint.delete("/v1/sessions")
@blueprint.output(SessionsEndedOut)
def sign_out_everywhere() -> SessionsEndedOut:
    """End every session of the caller, this one too."""
    return SessionsEndedOut(ended=services().accounts.sign_out_everywhere(bearer()))


@blueprint.delete("/v1/sessions/<session_id>")
@blueprint.doc(responses={204: "The session has ended"})
def end_session(session_id: str) -> Response:
    """End one of the caller's own sessions."""
    services().accounts.end_session(bearer(), session_id)
    return Response(status=204)


@blueprint.post("/v1/sessions/current/acting")
@blueprint.input(ActingIn)
@blueprint.answers({409: {"description": "No such delegation to the caller is in force"}})
@blueprint.output(ActingOut)
def act_for(json_data: ActingIn) -> ActingOut:
    """Approve for another unit in this session, under a delegation that holds; ``null`` to be oneself again."""
    delegation = None if json_data.delegation is None else DelegationId(json_data.delegation)
    who = services().accounts.act_for(bearer(), delegation)
    return ActingOut(account=who.account, roles=sorted(who.roles), unit=who.unit, on_behalf=who.on_behalf)


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
