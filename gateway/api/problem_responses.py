"""Problems as RFC 9457 documents; an unlisted exception becomes a bare 500 with an incident id."""

from __future__ import annotations

import json

from flask import Response
from werkzeug.exceptions import HTTPException, TooManyRequests

from gateway.accounts.errors import BoundTokenError, InvalidTokenError, ProofRefusedError
from gateway.accounts.keys import ALGORITHM
from gateway.api.limits import fields_of
from gateway.api.parsing import InvalidInputError
from gateway.errors import UnauthenticatedError
from gateway.incidents import report
from gateway.problems import BAD_REQUEST, UNEXPECTED, UNSTARTED, Problem, ProblemType, problem_of

CHALLENGE = f'Bearer realm="xueji", DPoP algs="{ALGORITHM}"'
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 10
_UNAUTHENTICATED = 401
_UNAVAILABLE = 503
_SERVER_ERROR = 500
_BY_STATUS: dict[int, ProblemType] = {kind.status: kind for kind in UNSTARTED}


def _challenge(error: UnauthenticatedError) -> str:
    """Return how to come back: RFC 6750 section 3, RFC 9449 section 7.1."""
    match error:
        case ProofRefusedError():
            return f'DPoP error="invalid_dpop_proof", algs="{ALGORITHM}"'
        case BoundTokenError():
            return f'DPoP error="invalid_token", algs="{ALGORITHM}"'
        case InvalidTokenError():
            return f'Bearer realm="xueji", error="invalid_token", DPoP algs="{ALGORITHM}"'
        case _:
            return CHALLENGE


def response_of(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return the problem as a response that nobody caches."""
    return _response(problem, problem.document(), headers)


def response_for(error: Exception, where: str) -> Response:
    """Return the response to any exception; ``where`` is the endpoint, for the incident log."""
    problem = problem_for(error, where)
    document = problem.document()
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInputError):
        document["errors"] = error.listed()
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, TooManyRequests) and error.retry_after is not None:
        headers |= {"Retry-After": str(error.retry_after), **fields_of(error)}
    if isinstance(error, HTTPException) and (allowed := getattr(error, "valid_methods", None)):
        headers["Allow"] = ", ".join(sorted(allowed))
    return _response(problem, document, headers)


def problem_for(error: Exception, where: str) -> Problem:
    """Return the problem of any exception; an unexpected one is reported under an incident id first."""
    known = problem_of(error)
    if known is not None:
        return known
    if isinstance(error, HTTPException) and (error.code or _SERVER_ERROR) < _SERVER_ERROR:
        # What HTTP libraries raise beyond the listed statuses are malformed requests of one sort or another.
        return Problem(_BY_STATUS.get(error.code or 0, BAD_REQUEST))
    return Problem(UNEXPECTED, extra={"incident": report(where, error)})


def _response(problem: Problem, document: dict[str, object], headers: dict[str, str] | None) -> Response:
    response = Response(json.dumps(document, ensure_ascii=False), problem.kind.status, mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if problem.kind.status == _UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = CHALLENGE
    if problem.kind.status == _UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    if "retry_after" in problem.extra:
        response.headers["Retry-After"] = str(problem.extra["retry_after"])
    response.headers.update(headers or {})
    return response
