"""Problems as RFC 9457 documents; an unlisted exception becomes a bare 500 with an incident id."""

from __future__ import annotations

import json

from apiflask import APIFlask, HTTPError
from flask import Response
from werkzeug.exceptions import HTTPException

from gateway.incidents import report
from gateway.problems import (
    BAD_REQUEST,
    INVALID_INPUT,
    METHOD,
    NOT_FOUND,
    RANGE,
    TOO_LARGE,
    TOO_MANY,
    UNEXPECTED,
    UNSUPPORTED,
    Problem,
    ProblemType,
    problem_of,
)

MEDIA_TYPE = "application/problem+json"
_BY_STATUS: dict[int, ProblemType] = {
    kind.status: kind
    for kind in (BAD_REQUEST, NOT_FOUND, METHOD, TOO_LARGE, RANGE, TOO_MANY, UNSUPPORTED, INVALID_INPUT)
}


def response_of(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return the problem as a response that nobody caches."""
    body = json.dumps(problem.document(), ensure_ascii=False)
    response = Response(body, problem.kind.status, mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if problem.kind.status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = 'Bearer realm="xueji"'
    if problem.kind.status == 503:  # noqa: PLR2004
        response.headers["Retry-After"] = "10"
    response.headers.update(headers or {})
    return response


def problem_for(error: Exception, where: str) -> Problem:
    """Return the problem of any exception; an unexpected one is reported under an incident id first."""
    known = problem_of(error)
    if known is not None:
        return known
    if isinstance(error, HTTPException):
        status = error.code or 500
        kind = _BY_STATUS.get(status) or ProblemType(f"http-{status}", status, "请求未能处理", error.name)
        return Problem(kind)
    return Problem(UNEXPECTED, extra={"incident": report(where, error)})


def install(app: APIFlask) -> None:
    """Make every error of the API a problem document, those of input validation too."""

    @app.error_processor
    def validation(error: HTTPError) -> Response:
        if error.status_code != INVALID_INPUT.status or not error.detail:
            return response_of(problem_for(error, "api"))
        places = {
            f"{location}: {name}": "; ".join(texts)
            for location, found in dict(error.detail).items()
            for name, texts in found.items()
        }
        document = Problem(
            INVALID_INPUT,
            detail="Change the members named in 'errors'.",
            detail_zh="请按 errors 中的提示修改。",
        ).document()
        document["errors"] = places
        return Response(
            json.dumps(document, ensure_ascii=False),
            INVALID_INPUT.status,
            mimetype=MEDIA_TYPE,
            headers={"Cache-Control": "no-store"},
        )
