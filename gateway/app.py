"""The WSGI application of one face: blueprints, limits, headers, errors."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, g, request
from flask_babel import Babel
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway import console
from gateway.api import (
    access,
    accounts,
    alerts,
    applications,
    assessments,
    audit,
    canaries,
    certificates,
    checks,
    correction_orders,
    description,
    disclosures,
    docs,
    dry_runs,
    extracts,
    grants,
    grounds,
    identity,
    inspections,
    legal_bases,
    log,
    matches,
    oauth,
    oauth_preauthorized,
    oidc,
    plans,
    presence,
    presentation_wallets,
    presentations,
    problem_responses,
    recipients,
    retention,
    sessions,
    statistics,
    suppressions,
    system,
    wallets,
)
from gateway.api.counters import RequestCounter
from gateway.api.family import cases as family_cases
from gateway.api.family import children
from gateway.api.family import sessions as family_sessions
from gateway.api.limits import Limits, fields_of
from gateway.api.office import cases, evidence, oversight, papers, posts, redactions, registry
from gateway.api.uploads import GatewayRequest
from gateway.csp import CSP
from gateway.incidents import report
from gateway.keyring import Face, Key
from gateway.policies.decision import DecisionPoint
from gateway.problems import UNEXPECTED, Problem
from gateway.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
LAST_WORDS = b"500 Internal Server Error"


class Application(APIFlask):
    """APIFlask that writes no exception text anywhere: it may quote what was sent (I7)."""

    request_class = GatewayRequest

    def log_exception(self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
        """Report what even the error handler failed at, by kind and place alone."""
        if exc_info[1] is not None:
            report("app", exc_info[1])


def create_app(services: Services, *, testing: bool = False) -> APIFlask:
    """Return the application of ``services.face``; opens nothing and starts nothing."""
    app = Application(
        "gateway.app",
        title="xueji-gateway",
        version="1",
        spec_path="/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes None: there is no such folder
    )
    parameters = services.book.parameters
    app.config.update(
        TESTING=testing,
        PROPAGATE_EXCEPTIONS=False,
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
        AUTO_SERVERS=False,
        OPENAPI_VERSION="3.1.0",
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Flask's provider has it, its base class does not
    app.extensions["xueji"] = services
    Babel(app)
    for blueprint in _blueprints(services):
        app.register_blueprint(blueprint)
    for registered in app.blueprints.values():
        if not isinstance(registered, APIBlueprint):
            registered.enable_openapi = False  # type: ignore[attr-defined]  # APIFlask asks every blueprint for it
    app.spec_processor(lambda document: description.complete(cast("Any", document), app, services.settings.public_url))
    _guard(app, services)
    _answer_errors(app)
    inner: WSGIApplication = ProxyFix(app.wsgi_app, x_for=0, x_proto=1, x_host=0)
    app.wsgi_app = _Quiet(_OneSet(inner, services.decisions))  # type: ignore[method-assign]  # Flask's own way
    return app


def _blueprints(services: Services) -> list[Any]:
    face = services.face
    found: list[Any] = [system.blueprint, docs.blueprint]
    office = face in {Face.OFFICE, Face.ALL}
    outside = face in {Face.OUTSIDE, Face.ALL}
    if office or outside:
        found += [
            sessions.blueprint,
            applications.blueprint,
            plans.blueprint,
            assessments.blueprint,
            grants.blueprint,
            extracts.blueprint,
            checks.blueprint,
            matches.blueprint,
            statistics.blueprint,
            legal_bases.blueprint,
            correction_orders.blueprint,
        ]
    if office:
        found += [
            dry_runs.blueprint,
            grounds.blueprint,
            legal_bases.texts,
            disclosures.blueprint,
            registry.blueprint,
            redactions.blueprint,
            cases.blueprint,
            evidence.blueprint,
            posts.blueprint,
            oversight.blueprint,
            papers.blueprint,
            certificates.blueprint,
            audit.blueprint,
            accounts.blueprint,
            recipients.blueprint,
            alerts.blueprint,
            suppressions.blueprint,
            inspections.blueprint,
            retention.blueprint,
            presence.blueprint,
            canaries.blueprint,
        ]
    if face in {Face.ALL, Face.FAMILY, Face.OUTSIDE}:
        found += [family_sessions.blueprint, children.blueprint, family_cases.blueprint]
    if outside:
        found += [presentations.blueprint, presentation_wallets.blueprint]
        found += [
            log.blueprint,
            oauth.blueprint(
                lambda: services.tokens,
                public_url=services.settings.public_url,
                grants=_grants(services),
                revoke_further=None if services.sign_ins is None else services.sign_ins.revoke,
            ),
        ]
        if services.sign_ins is not None:
            found.append(oidc.blueprint(lambda: oauth.metadata_of(services.settings.public_url, _grants(services))))
    found += [identity.blueprint, wallets.blueprint]
    found += console.blueprints(face)
    return found


def _grants(services: Services) -> dict[str, oauth.Answer]:
    """Return who answers which grant type at the token endpoint, beside that of clients."""
    found: dict[str, oauth.Answer] = {
        oauth_preauthorized.GRANT_TYPE: lambda form, headers: oauth_preauthorized.answer(form, headers, services),
    }
    if services.sign_ins is not None:
        found[oidc.GRANT_TYPE] = lambda form, headers: oidc.answer(form, headers, services)
    return found


def _guard(app: APIFlask, services: Services) -> None:
    counter = app.extensions[system.COUNTER] = RequestCounter()
    limits = app.extensions[system.LIMITS] = Limits(app, services.settings.rate_limit_url)
    fence = access.fence(limits.spend)
    app.extensions[console.SPEND] = limits.spend

    @app.before_request
    def enter() -> None:
        g.request_id = secrets.token_hex(8)
        limits.before_request()
        fence()

    @app.after_request
    def leave(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if app.config["SESSION_COOKIE_SECURE"]:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Xueji-Request"] = g.get("request_id", "")
        counter.count(request.endpoint, response.status_code)
        return response


def _answer_errors(app: APIFlask) -> None:
    def answer(error: Exception) -> Response:
        where = request.endpoint or "app"
        if request.blueprint in {"oauth", "oidc", "presentation_wallets", "wallets"}:
            return _with_retry(oauth.error_response(problem_responses.problem_for(error, where)), error)
        if not console.owns(request):
            return problem_responses.response_for(error, where)
        problem = problem_responses.problem_for(error, where)
        try:
            return _with_retry(console.problem_page(problem), error)
        except Exception as failure:  # noqa: BLE001  a page that cannot be shown must not hide the problem it is about
            incident = report("console.problem_page", failure)
            return problem_responses.response_of(Problem(UNEXPECTED, extra={"incident": incident}))

    app.error_processor(answer)
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(Exception, answer)


def _with_retry(response: Response, error: Exception) -> Response:
    after = getattr(error, "retry_after", None)
    if after is not None:
        response.headers["Retry-After"] = str(after)
        response.headers.update(fields_of(error))
    return response


class _OneSet:
    """Lets one set of policies decide a request from start to end, whatever is loaded meanwhile."""

    def __init__(self, inner: WSGIApplication, decisions: DecisionPoint) -> None:
        self._inner = inner
        self._decisions = decisions

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._decisions.pinned():
            return self._inner(environ, start_response)


class _Quiet:
    """Keeps exceptions from the server, which would log their text: those of a body that is being sent, too."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = self._inner(environ, start_response)
        except Exception as error:  # noqa: BLE001  the last resort
            report("wsgi", error)
            start_response(LAST_WORDS.decode(), [("Content-Type", "text/plain")])
            return [LAST_WORDS]
        return _Body(body)


class BodyBrokenOffError(Exception):
    """A body ended early; the incident log says where."""


class _Body:
    """A response body whose failures are reported by kind and place; the connection is closed all the same."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self._pieces: Iterator[bytes] = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            raise
        except Exception as error:  # noqa: BLE001  any text may be personal
            raise BodyBrokenOffError(f"incident {report('body', error)}") from None

    def close(self) -> None:
        """Close the body, so that what it holds open is recorded as over."""
        closing: Callable[[], None] | None = getattr(self._body, "close", None)
        if closing is not None:
            closing()
