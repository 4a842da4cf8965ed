"""Who calls the API: a client with an access token, or a person with a session token."""

from __future__ import annotations

from flask import current_app, g, request

from gateway.errors import UnauthenticatedError
from gateway.principals import Principal
from gateway.services import Services

_JWS_DOTS = 2
"""A client's access token is a compact JWS; a person's session token is opaque and has no dot."""


def services() -> Services:
    """Return the services of this application."""
    found: Services = current_app.extensions["xueji"]
    return found


def bearer() -> str:
    """Return the bearer token of the request; raises ``UnauthenticatedError`` when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError(
            "Send an access token: 'Authorization: Bearer …'. Clients get one at /oauth/token, people at /v1/sessions.",
            detail_zh="请在 Authorization 头中提供访问令牌：系统客户端由 /oauth/token 获取，人员由 /v1/sessions 获取。",
            rule="A50-4",
            missing=("access_token",),
        )
    return token.strip()


def principal() -> Principal:
    """Return who calls; looked up once a request. Raises ``UnauthenticatedError``."""
    if "principal" not in g:
        token = bearer()
        g.principal = (
            services().tokens.principal_of_token(token)
            if token.count(".") == _JWS_DOTS
            else services().accounts.principal_of_session(token)
        )
    found: Principal = g.principal
    return found
