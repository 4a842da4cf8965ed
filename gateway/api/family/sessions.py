"""``/v1/family/sessions``: a family signs in by a passkey, or by the link and the code that the school gave it."""

from __future__ import annotations

import json

from flask import Response, request

from gateway.api.authentication import bearer, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.family.doors import caller, families
from gateway.api.models.family import (
    FamilyActivationIn,
    FamilyChallengeOut,
    FamilySessionIn,
    FamilySessionOut,
)
from gateway.errors import ConflictError
from gateway.families.records import CeremonyId, Entered

blueprint = ApiBlueprint("family_sessions", __name__, tag="Families")

REFUSED: dict[int, object] = {403: {"description": "It does not hold; nothing is told of what is wrong"}}


@blueprint.post("/v1/family/activations")
@blueprint.input(FamilyActivationIn)
@blueprint.answers(REFUSED)
@blueprint.output(FamilySessionOut, status_code=201)
def activate(json_data: FamilyActivationIn) -> FamilySessionOut:
    """Redeem an activation: a session for a new or reopened account, or one more child for the caller's account.

    With the token of a guardian's session the child is added to that account, and `token` is null.
    """
    here = caller() if request.headers.get("Authorization") else None
    return _out(families().activations.redeem(json_data.reference, json_data.code, here))


@blueprint.post("/v1/family/sessions/challenges")
@blueprint.answers({409: {"description": "The system is reached by a bare address, at which there are no passkeys"}})
@blueprint.output(FamilyChallengeOut, status_code=201)
def begin() -> FamilyChallengeOut:
    """Return what a passkey is asked to sign (Web Authentication Level 3), good for five minutes and one answer."""
    passkeys = families().passkeys
    if not passkeys.available:
        raise ConflictError(
            "Passkeys need a host name; this system is reached by a bare address. Ask the school for an activation.",
            detail_zh="通行密钥需要域名，本系统当前以 IP 地址提供服务；请向学校索取激活链接登录。",
        )
    begun = passkeys.begin_sign_in()
    return FamilyChallengeOut(challenge=begun.id, options=json.loads(begun.options))


@blueprint.post("/v1/family/sessions")
@blueprint.input(FamilySessionIn)
@blueprint.answers(REFUSED)
@blueprint.output(FamilySessionOut, status_code=201)
def sign_in(json_data: FamilySessionIn) -> FamilySessionOut:
    """Open a session by a passkey."""
    answer = json.dumps(json_data.credential, ensure_ascii=False)
    return _out(families().passkeys.sign_in(CeremonyId(json_data.challenge), answer))


@blueprint.delete("/v1/family/sessions/current")
@blueprint.doc(responses={204: "Signed out"})
def sign_out() -> Response:
    """End the session of the token."""
    caller()
    services().accounts.sign_out(bearer())
    return Response(status=204)


def _out(entered: Entered) -> FamilySessionOut:
    who = entered.principal
    return FamilySessionOut(
        token=entered.token, account=who.account, kind="pupil" if who.kind.value == "pupil" else "guardian"
    )
