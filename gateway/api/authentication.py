"""Who calls the API: a client with an access token, or a person with a session token."""

from __future__ import annotations

from flask import current_app, g, request

from gateway.accounts.dpop import Shown, public_uri
from gateway.errors import UnauthenticatedError
from gateway.principals import Principal
from gateway.services import Services

_SCHEMES = frozenset({"bearer", "dpop"})
_JWS_DOTS = 2
"""A client's access token is a compact JWS; a person's session token is opaque and has no dot."""


def services() -> Services:
    """Return the services of this application."""
    found: Services = current_app.extensions["xueji"]
    return found


def bearer() -> str:
    """Return the bearer token of the request; raises ``UnauthenticatedError`` when there is none."""
    scheme, token = _credentials()
    if scheme != "bearer":
        raise _none()
    return token


def principal() -> Principal:
    """Return who calls; looked up once a request. Raises ``UnauthenticatedError``."""
    if "principal" not in g:
        g.principal = _principal()
    found: Principal = g.principal
    return found


def _principal() -> Principal:
    scheme, token = _credentials()
    if token.count(".") != _JWS_DOTS and scheme == "bearer":
        return services().accounts.principal_of_session(token)
    shown = None
    if scheme == "dpop":
        # The address is the public one, whatever the Host header says: that is the one a proof has to name.
        address = public_uri(services().settings.public_url, request.path)
        shown = Shown(request.headers.get("DPoP"), request.method, address)
    return services().tokens.principal_of_token(token, shown)


def _credentials() -> tuple[str, str]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in _SCHEMES or not token.strip():
        raise _none()
    return scheme.lower(), token.strip()


def _none() -> UnauthenticatedError:
    return UnauthenticatedError(
        "Send an access token: 'Authorization: Bearer …', or 'Authorization: DPoP …' with a proof where it is bound to "
        "a key. Clients get one at /oauth/token, people at /v1/sessions.",
        detail_zh="请在 Authorization 头中提供访问令牌（Bearer；绑定密钥的用 DPoP 并附证明）："
        "系统客户端由 /oauth/token 获取，人员由 /v1/sessions 获取。",
        rule="A50-4",
        missing=("access_token",),
    )
