"""The fence of the API: who may be nobody, what a path may hold, how much may be sent. What is not listed is closed."""

from __future__ import annotations

import re
from collections.abc import Callable

from apiflask import APIBlueprint
from flask import current_app, request
from werkzeug.exceptions import NotFound

from gateway.api.authentication import bearer, principal
from gateway.principals import Principal

OPEN = frozenset(
    {
        "assessments.guardian_notice",
        "certificates.check",
        "applications.security_terms",
        "docs.index",
        "family_sessions.activate",
        "family_sessions.begin",
        "family_sessions.sign_in",
        "docs.static",
        "grants.grant_keys",
        "grants.public_register",
        "grants.public_register_csv",
        "identity.credential_issuer",
        "identity.guardian_metadata",
        "identity.jwks",
        "identity.jwt_vc_issuer",
        "identity.status_list",
        "identity.type_metadata",
        "log.checkpoint",
        "log.consistency",
        "log.hash_tile",
        "log.keys",
        "sessions.sign_in",
        "system.healthz",
        "system.metrics",
        "system.problem",
        "system.problems",
        "system.readyz",
    }
)
"""Endpoints without a caller: public documents, the log, and those where a code or password is the proof."""
SESSION = frozenset(
    {
        "sessions.acknowledge",
        "sessions.change_password",
        "sessions.end_session",
        "sessions.list_sessions",
        "sessions.security_rules",
        "sessions.sign_out",
        "sessions.sign_out_everywhere",
    }
)
"""Endpoints for a person who still has duties, who is no principal yet."""
LARGE = frozenset(
    {
        "evidence.hand_in",
        "family_cases.hand_in",
        "oversight.import_national",
        "oversight.upload_plan",
        "registry.import_form",
    }
)
"""Endpoints that take as much as the program takes at all."""
MAX_BODY_BYTES = 1 << 20
"""What the others take."""
SIZES = {"grounds.hand_in_scan": 21 << 20, "matches.create_match": 17 << 20}
"""Endpoints that take more than the others and less than all: a scan of 20 MB, a list of 16 MB, with its envelope."""
LARGEST = 2**53
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_TILE = re.compile(r"[x0-9/.p]{1,80}")


def fence(spend: Callable[[Principal], None]) -> Callable[[], None]:
    """Return what runs before every view of the API; ``spend`` counts the request of a known caller.

    Raises ``NotFound`` for a path that can name nothing, ``UnauthenticatedError``, ``TooManyRequests``.
    """

    def before_view() -> None:
        endpoint = request.endpoint
        if endpoint is None or request.method == "OPTIONS" or not _of_api():
            return
        if endpoint not in LARGE:
            request.max_content_length = SIZES.get(endpoint, MAX_BODY_BYTES)
        if endpoint in SESSION:
            bearer()
        elif endpoint not in OPEN:
            spend(principal())
        _check_path(endpoint)

    return before_view


def _of_api() -> bool:
    return isinstance(current_app.blueprints.get(request.blueprint or ""), APIBlueprint)


def _check_path(endpoint: str) -> None:
    """Refuse what no id of ours looks like, before a database is asked: it may be text that one chokes on."""
    if endpoint == "docs.static":
        return
    for name, value in (request.view_args or {}).items():
        if isinstance(value, int):
            fits = 0 <= value <= LARGEST
        else:
            fits = (_TILE if name == "tile" else _SEGMENT).fullmatch(value) is not None
        if not fits:
            raise NotFound
