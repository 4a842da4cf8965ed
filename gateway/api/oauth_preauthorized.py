"""The pre-authorised code grant at the token endpoint: a wallet's, without a client (OpenID4VCI 1.0 section 6)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, jsonify
from werkzeug.datastructures import Headers

from gateway.accounts.dpop import Shown
from gateway.accounts.keys import ALGORITHM
from gateway.errors import ConflictError, UnavailableError
from gateway.identity.errors import OAuthRefusedError, WalletRefusedError
from gateway.identity.issuing.errors import INVALID_DPOP
from gateway.identity.issuing.records import TokenRequest
from gateway.identity.metadata import PRE_AUTHORIZED
from gateway.services import Services

GRANT_TYPE = PRE_AUTHORIZED
RETRY_SECONDS = 5
_TOKEN_PATH = "/oauth/token"  # noqa: S105  an address, no password


def answer(form: Mapping[str, str], headers: Headers, services: Services) -> Response:
    """Return the response of the token endpoint. ``form`` holds each parameter once.

    A wallet has no client id and proves no client; one that is sent is not looked at (section 6.1). The code, the
    transaction code and, for a bound token, the key are the proof.
    """
    asked = TokenRequest(
        Shown(headers.get("DPoP"), "POST", services.settings.public_url + _TOKEN_PATH),
        form.get("pre-authorized_code"),
        form.get("tx_code"),
        form.get("authorization_details"),
    )
    try:
        token = services.issuing.redeem(asked)
    except WalletRefusedError as error:
        return refused(error)
    except (ConflictError, UnavailableError):  # another request changed the same row meanwhile
        return unavailable()
    body: dict[str, object] = {
        "access_token": token.value,
        "token_type": "DPoP" if token.bound else "Bearer",
        "expires_in": token.expires_in,
    }
    if token.details:
        body["authorization_details"] = list(token.details)
    return unstored(jsonify(body))


def refused(error: OAuthRefusedError, status: int = 400) -> Response:
    """Return a refusal as the standards have it (RFC 6749 section 5.2; OpenID4VCI 1.0 sections 6.3, 8.3, 11.3)."""
    # RFC 6749 allows ASCII in error_description; the Chinese text is a member of ours.
    response = unstored(jsonify(error=error.code, error_description=error.detail, error_description_zh=error.detail_zh))
    response.status_code = status
    return response


def challenged(error: OAuthRefusedError, status: int = 401) -> Response:
    """Return the refusal of an access token with its challenge (RFC 6750 section 3, RFC 9449 section 7.1)."""
    response = refused(error, status)
    challenge = f'DPoP error="{error.code}", algs="{ALGORITHM}"'
    if error.code != INVALID_DPOP:
        challenge = f'Bearer realm="xueji", error="{error.code}", {challenge}'
    response.headers["WWW-Authenticate"] = challenge
    return response


def unavailable() -> Response:
    """Return that a part is gone, as when the worker does not answer in time."""
    response = unstored(jsonify(error="temporarily_unavailable", error_description="Try again in some seconds."))
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def unstored(response: Response) -> Response:
    """Return ``response`` so that no cache keeps it."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
