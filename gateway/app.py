"""The WSGI application of one face: blueprints, limits, headers, errors."""

from __future__ import annotations

import secrets

from apiflask import APIFlask
from flask import Response, g, request
from flask_babel import Babel
from flask_limiter import Limiter
from limits.errors import StorageError
from werkzeug.exceptions import HTTPException, TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway import __doc__ as summary
from gateway import console
from gateway.api import applications, audit, extracts, grants, identity, log, oauth, problem_responses, sessions, system
from gateway.api.office import registry
from gateway.errors import UnavailableError
from gateway.keyring import Face, Key
from gateway.problems import TOO_MANY, Problem
from gateway.services import Services

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def create_app(services: Services, *, testing: bool = False) -> APIFlask:
    """Return the application of ``services.face``; opens nothing and starts nothing."""
    app = APIFlask(
        __name__, title="xueji-gateway", version="1", spec_path="/openapi.json", docs_path=None, static_folder=None
    )
    parameters = services.book.parameters
    app.config.update(
        TESTING=testing,
        SECRET_KEY=services.keyring.secret(Key.SESSION),
        SESSION_COOKIE_NAME="xueji",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=services.settings.public_url.startswith("https://"),
        MAX_CONTENT_LENGTH=parameters.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=1 << 20,
        MAX_FORM_PARTS=200,
        BABEL_DEFAULT_LOCALE="zh_Hans_CN",
        JSON_SORT_KEYS=False,
        LOCAL_SPEC_PATH=None,
        INFO={"description": (summary or "").strip()},
        OPENAPI_VERSION="3.1.0",
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Flask's provider has it, its base class does not
    app.extensions["xueji"] = services
    Babel(app)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=1, x_host=0)  # type: ignore[method-assign]  # Flask's own way
    for blueprint in _blueprints(services):
        app.register_blueprint(blueprint)
    _limit(app, services)
    _guard(app)
    _answer_errors(app)
    return app


def _blueprints(services: Services) -> list[object]:
    face = services.face
    found: list[object] = [system.blueprint]
    office = face in {Face.OFFICE, Face.ALL}
    outside = face in {Face.OUTSIDE, Face.ALL}
    if office or outside:
        found += [sessions.blueprint, applications.blueprint, grants.blueprint, extracts.blueprint]
    if office:
        found += [registry.blueprint, audit.blueprint]
    if outside:
        found += [log.blueprint, oauth.blueprint(lambda: services.tokens, public_url=services.settings.public_url)]
    found.append(identity.blueprint)
    found += console.blueprints(face)
    return found


def _limit(app: APIFlask, services: Services) -> None:
    def caller() -> str:
        principal = g.get("principal")
        return str(principal.account) if principal is not None else (request.remote_addr or "unknown")

    limiter = Limiter(
        caller,
        app=app,
        default_limits=["1200 per minute"],
        storage_uri=services.settings.rate_limit_url,
        storage_options={"socket_connect_timeout": 2} if services.settings.rate_limit_url != "memory://" else {},
        headers_enabled=True,
    )
    for endpoint, limit in _STRICT.items():
        view = app.view_functions.get(endpoint)
        if view is not None:
            app.view_functions[endpoint] = limiter.limit(limit)(view)


_STRICT = {
    "sessions.sign_in": "30 per minute",
    "identity.verify": "120 per minute",
    "identity.issue_credentials": "30 per minute",
}
"""Endpoints at which guessing would pay."""


def _guard(app: APIFlask) -> None:
    @app.before_request
    def mark() -> None:
        g.request_id = secrets.token_hex(8)

    @app.after_request
    def headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if app.config["SESSION_COOKIE_SECURE"]:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Xueji-Request"] = g.get("request_id", "")
        return response


def _answer_errors(app: APIFlask) -> None:
    problem_responses.install(app)

    def answer(error: Exception) -> Response:
        if isinstance(error, StorageError):
            error = UnavailableError("The rate-limit store does not answer.", detail_zh="限流存储不可用。")
        problem = (
            Problem(TOO_MANY)
            if isinstance(error, TooManyRequests)
            else problem_responses.problem_for(error, request.endpoint or "app")
        )
        if console.owns(request):
            return console.problem_page(problem)
        return problem_responses.response_of(problem)

    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(Exception, answer)
