"""The OAuth endpoints of the outside face: token, introspection, revocation, keys and metadata.

Authlib drives the protocol (RFC 6749, 7009, 7662); who a client is, what a token says and what it is bound to (RFC
9449, 9396) is decided by ``gateway.accounts.tokens``. Answers follow RFC 6749 section 5, not problem documents.

Transport: a ``public_url`` must be ``https``, or ``http`` on loopback; and the request itself must have come the same
way. Behind a TLS proxy the application must therefore trust the proxy's ``X-Forwarded-Proto`` (``ProxyFix``). The
``Host`` header has no say, and no environment variable of Authlib is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport
from authlib.consts import default_json_headers
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Request
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import (
    ClientMixin,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Payload,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Blueprint, Request, Response, jsonify, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from gateway.accounts import authorization_details
from gateway.accounts.dpop import Shown
from gateway.accounts.errors import (
    ClientAuthenticationError,
    DetailsRefusedError,
    GrantTypeRefusedError,
    InvalidTokenError,
    ProofRefusedError,
    ScopeRefusedError,
)
from gateway.accounts.keys import ALGORITHM
from gateway.accounts.records import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, AccessToken, OAuthClient, TokenClaims
from gateway.accounts.roles import ROLES_OF_KIND
from gateway.accounts.tokens import TokenRequest
from gateway.errors import ConfigurationError, UnavailableError
from gateway.identity.issuing.tokens import DETAIL_TYPE
from gateway.identity.metadata import PRE_AUTHORIZED
from gateway.identity.signing_in.metadata import SCOPES, members
from gateway.principals import AccountKind
from gateway.problems import UNEXPECTED, Problem

PRIVATE_KEY_JWT = "private_key_jwt"
TOKEN_PATH = "/oauth/token"  # noqa: S105  an address, no password
METADATA_PATH = "/.well-known/oauth-authorization-server"
MAX_BODY_BYTES = 32 * 1024
RETRY_SECONDS = 5
_LATER = (429, 503)
NO_STORE = [("Cache-Control", "no-store"), ("Pragma", "no-cache")]


class Tokens(Protocol):
    """What the endpoints need of ``gateway.accounts.tokens.TokenService``."""

    issuer: str

    def authenticate_client(
        self, assertion_type: str | None, assertion: str | None, client_id: str | None = None
    ) -> OAuthClient:
        """Return the client that signed the assertion; raises ``ClientAuthenticationError``."""

    def request_token(self, asked: TokenRequest) -> AccessToken:
        """Return an access token; raises ``ClientAuthenticationError``, ``ProofRefusedError`` and scope errors."""

    def inspect(self, token: str) -> TokenClaims | None:
        """Return what a token says while it holds."""

    def revoke(self, client: OAuthClient, claims: TokenClaims) -> None:
        """Revoke a token of the client; raises ``InvalidTokenError`` for another's."""

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys of access tokens."""


Answer = Callable[[Mapping[str, str], Headers], Response]
"""Answers a token request of one grant type: the form, each parameter once, and the headers."""


Revoke = Callable[[OAuthClient, str], None]
"""Ends a token of a client that is no access token of RFC 9068; one that it does not know changes nothing."""


def blueprint(
    tokens: Callable[[], Tokens],
    *,
    public_url: str,
    grants: Mapping[str, Answer] | None = None,
    revoke_further: Revoke | None = None,
) -> Blueprint:
    """Return the OAuth blueprint; it is registered without a prefix.

    ``tokens`` gives the service of the running application. ``public_url`` is the issuer, without a trailing slash.
    ``grants`` are further grant types at the token endpoint, each with who answers it; ``revoke_further`` ends the
    tokens that they gave.
    Raises ``ConfigurationError`` unless ``public_url`` is ``https``, or ``http`` on loopback, without path and query.
    """
    parts = urlsplit(public_url)
    if not is_secure_transport(public_url) or parts.path or parts.query or parts.fragment or parts.username:
        raise ConfigurationError(
            "XUEJI_PUBLIC_URL must be https (http on loopback only), without path, query or trailing slash.",
            detail_zh="XUEJI_PUBLIC_URL 应为 https 地址（仅本机回环可用 http），不含路径、查询和末尾斜杠。",
        )
    further = dict(grants or {})
    server = _Server(tokens, parts.netloc, revoke_further)
    server.register_endpoint(_Introspection)
    server.register_endpoint(_Revocation)
    routes = Blueprint("oauth", __name__)

    @routes.before_request
    def limit_body() -> None:
        request.max_content_length = MAX_BODY_BYTES

    @routes.post("/oauth/token")
    def token() -> Response:
        return server.answered(lambda: token_response(server, further))

    @routes.post("/oauth/introspect")
    def introspect() -> Response:
        return server.answered(lambda: server.create_endpoint_response(_Introspection.ENDPOINT_NAME))

    @routes.post("/oauth/revoke")
    def revoke() -> Response:
        return server.answered(lambda: server.create_endpoint_response(_Revocation.ENDPOINT_NAME))

    @routes.get("/oauth/jwks.json")
    def jwks() -> Response:
        answer = jsonify(tokens().jwks())
        answer.headers["Cache-Control"] = "public, max-age=300"
        return answer

    @routes.get(METADATA_PATH)
    def metadata() -> Response:
        answer = jsonify(metadata_of(public_url, further))
        answer.headers["Cache-Control"] = "public, max-age=300"
        return answer

    return routes


def token_response(server: _Server, further: Mapping[str, Answer]) -> Response:
    """Return the answer of the grant type that is asked for; clients' own is Authlib's to answer."""
    answering = further.get(request.form.get("grant_type", ""))
    if answering is None:
        found: Response = server.create_token_response()
        return found
    server.create_oauth2_request(None)  # over TLS or loopback alone, as for every grant
    return answering(request.form, request.headers)


def error_response(problem: Problem) -> Response:
    """Return a problem as the OAuth endpoints say it (RFC 6749 section 5.2): it happened before they were reached."""
    error = "temporarily_unavailable" if problem.kind.status in _LATER else "invalid_request"
    if problem.kind is UNEXPECTED:
        error = "server_error"
    answer = jsonify(error=error, error_description=problem.kind.title)
    answer.status_code = problem.kind.status
    answer.headers.extend(NO_STORE)
    if problem.kind.status == _LATER[1]:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def metadata_of(issuer: str, further: Collection[str] = ()) -> dict[str, str | list[str] | bool]:
    """Return the authorization server metadata of RFC 8414; ``further`` are grant types beside that of clients.

    Where people sign in (grant type ``authorization_code``) it is the document of OpenID Connect Discovery 1.0 too.
    Elsewhere ``response_types_supported`` is left out: it would be empty, and section 3.2 wants such members omitted.
    """
    metadata: dict[str, str | list[str] | bool] = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{TOKEN_PATH}",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "service_documentation": f"{issuer}/docs",
        "grant_types_supported": [CLIENT_CREDENTIALS, *further],
        "scopes_supported": sorted(ROLES_OF_KIND[AccountKind.CLIENT]),
        "ui_locales_supported": ["zh-Hans", "en"],
        "dpop_signing_alg_values_supported": [ALGORITHM],
        "authorization_details_types_supported": [authorization_details.TYPE],
    }
    if PRE_AUTHORIZED in further:  # OpenID4VCI 1.0 section 12.3: wallets have no client id here
        metadata["pre-authorized_grant_anonymous_access_supported"] = True
        metadata["authorization_details_types_supported"] = [authorization_details.TYPE, DETAIL_TYPE]
    if AUTHORIZATION_CODE in further:
        metadata |= members(issuer)
        metadata["scopes_supported"] = sorted({*ROLES_OF_KIND[AccountKind.CLIENT], *SCOPES})
    for endpoint in ("token", "introspection", "revocation"):
        metadata[f"{endpoint}_endpoint_auth_methods_supported"] = [PRIVATE_KEY_JWT]
        metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = [ALGORITHM]
    return metadata


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A proven client, as Authlib asks for it."""

    def __init__(self, record: OAuthClient) -> None:
        self.record = record

    def get_client_id(self) -> str:
        return self.record.account.id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  Authlib's signature
        return method == PRIVATE_KEY_JWT

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.record.grant_types


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """The parameters of the body alone: a secret in a URL would end up in logs."""

    def __init__(self, http: Request) -> None:
        self._http = http

    @property
    def data(self) -> Any:  # noqa: ANN401  Authlib's type
        return self._http.form


class _Request(FlaskOAuth2Request):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, http: Request, authority: str) -> None:
        # The scheme is the request's, the host is ours: "Host: localhost" makes nothing secure.
        uri = f"{http.scheme}://{authority}{http.path}"
        OAuth2Request.__init__(self, method=http.method, uri=uri, headers=http.headers)
        self._request = http
        self.payload = _Payload(http)


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Authlib's server on our services."""

    def __init__(self, tokens: Callable[[], Tokens], authority: str, revoke_further: Revoke | None) -> None:
        super().__init__()
        self.tokens = tokens
        self.revoke_further = revoke_further
        self._authority = authority

    def answered(self, respond: Callable[[], Response]) -> Response:
        """Return the response of an endpoint; every error leaves as RFC 6749 section 5.2 has it, never stored."""
        try:
            _check_form(request)
            answer = respond()
        except OAuth2Error as error:
            answer = self.handle_error_response(None, error)
        except UnavailableError:
            answer = self.handle_response(503, {"error": "temporarily_unavailable"}, [*default_json_headers])
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        except HTTPException as error:  # a body that is too large or broken
            answer = self.handle_response(error.code or 400, {"error": "invalid_request"}, [*default_json_headers])
        answer.headers.extend(name_value for name_value in NO_STORE if name_value[0] not in answer.headers)
        return answer

    def create_oauth2_request(self, request: object) -> _Request:  # noqa: ARG002  Authlib gives None
        return _Request(_http(), self._authority)

    def get_token_grant(self, request: _Request) -> _ClientCredentials:
        """Return the one grant there is; Authlib's own refusal repeats what was sent."""
        if request.payload.grant_type != CLIENT_CREDENTIALS:
            raise OAuth2Error(
                error="unsupported_grant_type",
                description=f"A client's grant type is {CLIENT_CREDENTIALS}; the others are in the server's metadata.",
            )
        return _ClientCredentials(request, self)

    def query_client(self, client_id: str) -> None:
        """Find no client by its id alone: only a signature makes a client."""

    def save_token(self, token: object, request: object) -> None:
        """Store nothing: the token carries its claims, and its issue is in the audit trail."""

    def authenticate_client(self, request: _Request, methods: list[str], endpoint: str = "token") -> _Client:  # noqa: ARG002  Authlib's signature
        form = request.form
        try:
            found = self.tokens().authenticate_client(
                form.get("client_assertion_type"), form.get("client_assertion"), form.get("client_id")
            )
        except ClientAuthenticationError as error:
            raise _invalid_client(error, request) from error
        request.auth_method = PRIVATE_KEY_JWT
        return _Client(found)


class _ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = (PRIVATE_KEY_JWT,)

    def validate_token_request(self) -> None:
        """Check nothing yet: proving the client and issuing its token are one transaction of the service."""

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Return the token; Authlib's own way would write it into the debug log."""
        form, tokens = self.request.form, self.server.tokens()
        asked = TokenRequest(
            Shown(self.request.headers.get("DPoP"), "POST", tokens.issuer + TOKEN_PATH),
            form.get("client_assertion_type"),
            form.get("client_assertion"),
            form.get("client_id"),
            form.get("scope"),
            form.get("authorization_details"),
        )
        token = _issued(tokens, asked, self.request)
        answer: dict[str, object] = {
            "access_token": token.value,
            "token_type": token.token_type,
            "expires_in": token.expires_in,
            "scope": token.scope,
        }
        if token.details:
            answer["authorization_details"] = authorization_details.documents(token.details)
        return 200, answer, self.TOKEN_RESPONSE_HEADER


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]  # Authlib has no types
    CLIENT_AUTH_METHODS = (PRIVATE_KEY_JWT,)

    def authenticate_token(self, request: _Request, client: _Client) -> TokenClaims | None:
        claims: TokenClaims | None = self.server.tokens().inspect(_token_of(request))
        # Another client's token looks like one that is not there (RFC 7662, section 4).
        return claims if claims is not None and claims.client == client.get_client_id() else None

    def create_introspection_payload(self, token: TokenClaims | None) -> dict[str, object]:
        if token is None:
            return {"active": False}
        issuer = self.server.tokens().issuer
        payload: dict[str, object] = {
            "active": True,
            "iss": issuer,
            "aud": issuer,
            "sub": token.client,
            "client_id": token.client,
            "token_type": "Bearer" if token.jkt is None else "DPoP",
            "scope": " ".join(sorted(token.roles)),
            "iat": token.issued_at,
            "exp": token.expires_at,
            "jti": token.jti,
        }
        if token.jkt is not None:
            payload["cnf"] = {"jkt": token.jkt}  # RFC 9449, section 6.2
        if token.details:
            payload["authorization_details"] = authorization_details.documents(token.details)  # RFC 9396, section 9.2
        return payload


class _Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    CLIENT_AUTH_METHODS = (PRIVATE_KEY_JWT,)

    def create_endpoint_response(self, request: _Request) -> tuple[int, dict[str, str], list[tuple[str, str]]]:
        client = self.authenticate_endpoint_client(request)
        tokens: Tokens = self.server.tokens()
        token = _token_of(request)
        claims = tokens.inspect(token)
        if claims is None and self.server.revoke_further is not None:
            self.server.revoke_further(client.record, token)
        if claims is not None:  # RFC 7009, section 2.2: an invalid token is no error
            try:
                tokens.revoke(client.record, claims)
            except InvalidTokenError as error:
                raise InvalidGrantError(error.detail) from error
        return 200, {}, default_json_headers


def _issued(tokens: Tokens, asked: TokenRequest, request: _Request) -> AccessToken:
    """Return the token, or raise the error as the standards name it."""
    try:
        return tokens.request_token(asked)
    except ClientAuthenticationError as error:
        raise _invalid_client(error, request) from error
    except ProofRefusedError as error:  # RFC 9449, section 5
        raise OAuth2Error(error="invalid_dpop_proof", description=error.detail) from error
    except DetailsRefusedError as error:  # RFC 9396, section 5
        raise OAuth2Error(error="invalid_authorization_details", description=error.detail) from error
    except GrantTypeRefusedError as error:
        raise UnauthorizedClientError(error.detail) from error
    except ScopeRefusedError as error:
        raise InvalidScopeError(error.detail) from error


def _invalid_client(error: ClientAuthenticationError, request: _Request) -> InvalidClientError:
    # RFC 6749 section 5.2: 401 with a challenge only for a client that tried HTTP authentication.
    return InvalidClientError(description=error.detail, status_code=401 if "Authorization" in request.headers else 400)


def _http() -> Request:
    """Return the present request, where a parameter of Authlib's hides the name."""
    return request


def _token_of(request: _Request) -> str:
    # token_type_hint is only a hint (RFC 7009, section 2.1): there is one type.
    token = request.form.get("token")
    if not token:
        raise InvalidRequestError("The parameter token is missing.")
    return str(token)


def _check_form(http: Request) -> None:
    """Raise ``InvalidRequestError`` unless the parameters come once each, in a form (RFC 6749, section 3.2)."""
    if http.args:
        raise InvalidRequestError("Parameters belong into the body, not into the URL.")
    if http.mimetype != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The body must be application/x-www-form-urlencoded.")
    if any(len(values) > 1 for values in http.form.to_dict(flat=False).values()):
        raise InvalidRequestError("A parameter was given more than once.")
