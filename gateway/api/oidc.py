"""OpenID Connect for relying parties: discovery, pushed requests, the code grant, userinfo.

Answers follow OpenID Connect Core 1.0, RFC 6749, 6750, 9126 and 9449, not problem documents. The pages of the person
are in ``gateway.console.sign_in``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import Headers

from gateway.accounts.dpop import Shown, public_uri
from gateway.accounts.errors import ClientAuthenticationError
from gateway.accounts.records import AUTHORIZATION_CODE, OAuthClient
from gateway.api import oauth
from gateway.api.authentication import services
from gateway.api.oauth_preauthorized import challenged, refused, unavailable, unstored
from gateway.errors import ConflictError, UnavailableError
from gateway.identity.errors import OAuthRefusedError, SignInRefusedError
from gateway.identity.issuing.records import Sent
from gateway.identity.signing_in import errors
from gateway.identity.signing_in.metadata import PAR_PATH, USERINFO_PATH
from gateway.identity.signing_in.records import CodeRequest
from gateway.identity.signing_in.service import SignInService
from gateway.services import Services

GRANT_TYPE = AUTHORIZATION_CODE
FORM = "application/x-www-form-urlencoded"
_UNAUTHENTICATED = (errors.INVALID_TOKEN, errors.INVALID_DPOP)


def blueprint(metadata: Callable[[], Mapping[str, object]]) -> Blueprint:
    """Return the blueprint; ``metadata`` is the document of the authorization server, which is that of the provider."""
    routes = Blueprint("oidc", __name__)

    @routes.before_request
    def limit_body() -> None:
        request.max_content_length = oauth.MAX_BODY_BYTES

    @routes.get("/.well-known/openid-configuration")
    def configuration() -> Response:
        answer = jsonify(dict(metadata()))
        answer.headers["Cache-Control"] = "public, max-age=300"
        return answer

    @routes.post(PAR_PATH)
    def push() -> Response:
        return _pushed()

    @routes.route(USERINFO_PATH, methods=["GET", "POST"])
    def userinfo() -> Response:
        return _userinfo()

    return routes


def answer(form: Mapping[str, str], headers: Headers, services: Services) -> Response:
    """Return the response of the token endpoint to an authorization code. ``form`` holds each parameter once."""
    try:
        client = _client(form, services)
        shown = Shown(headers.get("DPoP"), "POST", services.settings.public_url + oauth.TOKEN_PATH)
        asked = CodeRequest(shown, form.get("code"), form.get("redirect_uri"), form.get("code_verifier"))
        tokens = provider(services).redeem(client, asked)
    except OAuthRefusedError as error:
        return refused(error)
    except (ConflictError, UnavailableError):  # another request changed the same row meanwhile
        return unavailable()
    return unstored(
        jsonify(
            access_token=tokens.access_token,
            token_type="DPoP" if tokens.bound else "Bearer",
            expires_in=tokens.expires_in,
            id_token=tokens.id_token,
            scope=tokens.scope,
        )
    )


def provider(services: Services) -> SignInService:
    """Return the provider of this face; raises ``UnavailableError`` on one without it."""
    if services.sign_ins is None:
        raise UnavailableError("Nobody signs in on this face.", detail_zh="本端不提供登录服务。")
    return services.sign_ins


def _pushed() -> Response:
    found = services()
    try:
        form = _form()
        client = _client(form, found)
        shown = Shown(request.headers.get("DPoP"), "POST", found.settings.public_url + PAR_PATH)
        pushed = provider(found).push(client, form, shown)
    except OAuthRefusedError as error:
        return refused(error)
    except (ConflictError, UnavailableError):
        return unavailable()
    response = unstored(jsonify(request_uri=pushed.request_uri, expires_in=pushed.expires_in))
    response.status_code = 201  # RFC 9126 section 2.2
    return response


def _userinfo() -> Response:
    found = services()
    try:
        claims = provider(found).userinfo(_sent(found))
    except OAuthRefusedError as error:
        return challenged(error, 401 if error.code in _UNAUTHENTICATED else 403)
    except (ConflictError, UnavailableError):
        return unavailable()
    return unstored(jsonify(claims))


def _form() -> dict[str, str]:
    """Return the parameters, each once, out of the body (RFC 9126 section 2.1)."""
    repeated = any(len(values) > 1 for values in request.form.to_dict(flat=False).values())
    if request.mimetype != FORM or request.args or repeated:
        raise SignInRefusedError(
            "invalid_request",
            f"Send the parameters as {FORM} in the body, each once.",
            "请以表单提交参数，每个参数只出现一次，不放在网址中。",
            reason="form",
        )
    return request.form.to_dict()


def _client(form: Mapping[str, str], found: Services) -> OAuthClient:
    """Return the client that proved itself (``private_key_jwt``), as at the token endpoint."""
    try:
        return found.tokens.authenticate_client(
            form.get("client_assertion_type"), form.get("client_assertion"), form.get("client_id")
        )
    except ClientAuthenticationError as error:
        raise SignInRefusedError("invalid_client", error.detail, error.detail_zh) from error


def _sent(found: Services) -> Sent:
    """Return the access token as it came: in the header alone, never in a form or an address."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not token.strip():
        raise errors.invalid_token("missing")
    address = public_uri(found.settings.public_url, request.path)
    return Sent(token.strip(), scheme.lower(), Shown(request.headers.get("DPoP"), request.method, address))
