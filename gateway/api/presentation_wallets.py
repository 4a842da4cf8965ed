"""What wallets call to present: the signed request and where the answer goes (OpenID4VP 1.0 sections 5.10, 8.2).

Answers follow that standard, not problem documents; a wallet learns nothing of why an answer did not hold.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify, request

from gateway.api.oauth_preauthorized import unavailable, unstored
from gateway.api.presentations import presentations
from gateway.errors import NotFoundError, UnavailableError
from gateway.identity.presenting.records import PresentationId
from gateway.identity.presenting.request_objects import MEDIA_TYPE

blueprint = Blueprint("presentation_wallets", __name__)

MAX_BODY_BYTES = 128 << 10
"""A presentation of 64 KiB, encrypted, in base64url, as a form."""
FORM = "application/x-www-form-urlencoded"
_REFERENCE = re.compile(r"pr-[0-9a-f]{32}")
_WALLET_NONCE = re.compile(r"[\x21-\x7e]{1,512}")


@blueprint.before_request
def limit_body() -> None:
    """Take no more than one presentation needs."""
    request.max_content_length = MAX_BODY_BYTES
    request.max_form_memory_size = MAX_BODY_BYTES


@blueprint.get("/v1/identity/presentations/<presentation_id>/request")
def get_request(presentation_id: str) -> Response:
    """Return the signed request object while the request is open."""
    return _request_object(presentation_id, None)


@blueprint.post("/v1/identity/presentations/<presentation_id>/request")
def post_request(presentation_id: str) -> Response:
    """Return the signed request object with the ``wallet_nonce`` that was sent, if one was."""
    given = request.form.getlist("wallet_nonce")
    if request.mimetype != FORM or len(given) > 1 or not all(map(_WALLET_NONCE.fullmatch, given)):
        return _refused()
    return _request_object(presentation_id, given[0] if given else None)


@blueprint.post("/v1/identity/presentations/<presentation_id>/response")
def respond(presentation_id: str) -> Response:
    """Take the answer of the wallet, once (``direct_post`` and ``direct_post.jwt``)."""
    if request.mimetype != FORM or _REFERENCE.fullmatch(presentation_id) is None:
        return _refused()
    form = request.form.to_dict(flat=False)
    try:
        good = presentations().respond(PresentationId(presentation_id), form)
    except UnavailableError:
        return unavailable()
    return unstored(jsonify({})) if good else _refused()


def _request_object(presentation_id: str, wallet_nonce: str | None) -> Response:
    if _REFERENCE.fullmatch(presentation_id) is None:
        return _none()
    try:
        found = presentations().request_object(PresentationId(presentation_id), wallet_nonce)
    except NotFoundError:
        return _none()
    except UnavailableError:
        return unavailable()
    return unstored(Response(found, mimetype=MEDIA_TYPE))


def _refused() -> Response:
    response = unstored(
        jsonify(
            error="invalid_request",
            error_description="The response was not accepted; have the verifier make a new request.",
            error_description_zh="未能接受，请由核验方重新发起。",
        )
    )
    response.status_code = 400
    return response


def _none() -> Response:
    response = unstored(
        jsonify(
            error="invalid_request",
            error_description="There is no such request; have the verifier make a new one.",
            error_description_zh="没有该核验请求，请由核验方重新发起。",
        )
    )
    response.status_code = 404
    return response
