"""What wallets call: offer, nonce, credential and notification endpoints (OpenID4VCI 1.0 sections 4, 7, 8, 11).

Answers and errors follow that standard, not problem documents. The token endpoint is in ``oauth_preauthorized``.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify, request

from gateway.accounts.dpop import Shown, public_uri
from gateway.api.authentication import services
from gateway.api.oauth_preauthorized import challenged, refused, unavailable, unstored
from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.identity import jws
from gateway.identity.errors import WalletRefusedError
from gateway.identity.issuing.errors import INVALID_DPOP, INVALID_TOKEN, invalid_token
from gateway.identity.issuing.records import Sent

blueprint = Blueprint("wallets", __name__)

MAX_BODY_BYTES = 64 * 1024
_REFERENCE = re.compile(r"[0-9a-f]{32}")
_UNAUTHENTICATED = (INVALID_TOKEN, INVALID_DPOP)


@blueprint.before_request
def limit_body() -> None:
    """Take no more than a batch of proofs needs."""
    request.max_content_length = MAX_BODY_BYTES


@blueprint.get("/v1/identity/offers/<reference>")
def get_offer(reference: str) -> Response:
    """Return a credential offer by reference while it is open (section 4.1.3)."""
    if _REFERENCE.fullmatch(reference) is None:
        return _no_offer()
    try:
        return unstored(jsonify(dict(services().issuing.offer(reference))))
    except NotFoundError:
        return _no_offer()
    except UnavailableError:
        return unavailable()


@blueprint.post("/v1/identity/nonce")
def make_nonce() -> Response:
    """Return a fresh nonce for key proofs, which no cache keeps (section 7.2)."""
    try:
        return unstored(jsonify(c_nonce=services().issuing.nonce()))
    except UnavailableError:
        return unavailable()


@blueprint.post("/v1/identity/credentials")
def issue_credentials() -> Response:
    """Issue one one-time credential for each key proof; the access token is spent (section 8)."""
    try:
        batch = services().issuing.issue(_sent(), _document())
    except WalletRefusedError as error:
        return _refused(error)
    except (ConflictError, UnavailableError):  # a list that changed meanwhile: nothing was done
        return unavailable()
    listed = [{"credential": one} for one in batch.credentials]
    return unstored(jsonify(credentials=listed, notification_id=batch.notification_id))


@blueprint.post("/v1/identity/notifications")
def notify() -> Response:
    """Take note of what became of a batch; a deleted one is ended (section 11)."""
    try:
        services().issuing.notify(_sent(), _document())
    except WalletRefusedError as error:
        return _refused(error)
    except (ConflictError, UnavailableError):  # a list that changed meanwhile: nothing was done
        return unavailable()
    return unstored(Response(status=204))


def _sent() -> Sent:
    """Return the access token as it came; what is none is refused like one that does not hold."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    address = public_uri(services().settings.public_url, request.path)
    if not token.strip():
        raise invalid_token()
    return Sent(token.strip(), scheme.lower(), Shown(request.headers.get("DPoP"), request.method, address))


def _document() -> object:
    """Return the body as strict JSON; anything else is no request of the standard, and refused as such."""
    if request.mimetype != "application/json":
        return None
    try:
        return jws.load(request.get_data(cache=False))
    except jws.MalformedTokenError:
        return None


def _refused(error: WalletRefusedError) -> Response:
    return challenged(error) if error.code in _UNAUTHENTICATED else refused(error)


def _no_offer() -> Response:
    response = unstored(
        jsonify(
            error="invalid_request",
            error_description="There is no such offer, or it was used or has expired; ask the school for a new one.",
            error_description_zh="没有该发放记录，或已使用、已过期，请向学校重新申领。",
        )
    )
    response.status_code = 404
    return response
