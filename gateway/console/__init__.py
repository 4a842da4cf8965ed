"""Web pages for people: log in, apply, decide, extract, inspect, and the registry's office pages.

No page has logic of its own: each parses what was typed, calls one service and shows its answer.
"""

from __future__ import annotations

from flask import Blueprint, Request

from gateway.console import (
    accounts,
    alerts,
    applications,
    assessments,
    audit,
    auth,
    canaries,
    delegations,
    disclosures,
    dry_runs,
    extracts,
    family,
    family_accesses,
    family_card,
    family_consents,
    family_home,
    family_passkeys,
    filters,
    grants,
    grounds,
    inspections,
    legal_bases,
    matches,
    office,
    orders,
    plans,
    questions,
    recipients,
    register,
    retention,
    sign_in,
    statistics,
    suppressions,
    verifier,
    wallet,
    work,
)
from gateway.console.pages import SPEND, fence, problem_page
from gateway.keyring import Face

__all__ = ["SPEND", "blueprints", "owns", "problem_page"]

_NOT_PAGES = (
    "/v1", "/oauth", "/log", "/.well-known", "/healthz", "/readyz", "/metrics", "/problems", "/openapi.json", "/docs",
)  # fmt: skip
"""What belongs to programs; everything else is answered for people."""
_SHARED = (
    work.blueprint,
    applications.blueprint,
    assessments.blueprint,
    plans.blueprint,
    grants.blueprint,
    matches.blueprint,
    statistics.blueprint,
    extracts.blueprint,
    register.blueprint,
    legal_bases.blueprint,
    orders.blueprint,
    wallet.blueprint,
)
_OFFICE = (
    grounds.blueprint,
    legal_bases.texts,
    disclosures.blueprint,
    dry_runs.blueprint,
    audit.blueprint,
    alerts.blueprint,
    suppressions.blueprint,
    inspections.blueprint,
    retention.blueprint,
    canaries.blueprint,
    questions.blueprint,
    accounts.blueprint,
    recipients.blueprint,
    delegations.blueprint,
    *office.blueprints,
)
_FAMILY = (
    family.blueprint,
    family_home.blueprint,
    family_passkeys.blueprint,
    family_card.blueprint,
    family_consents.blueprint,
    family_accesses.blueprint,
)
"""Families sign in where relying parties send them, too."""
_BY_FACE: dict[Face, tuple[Blueprint, ...]] = {
    Face.OFFICE: (auth.blueprint, *_SHARED, *_OFFICE),
    Face.OUTSIDE: (auth.blueprint, *_SHARED, *_FAMILY, verifier.blueprint, sign_in.blueprint),
    Face.ALL: (auth.blueprint, *_SHARED, *_OFFICE, *_FAMILY, verifier.blueprint, sign_in.blueprint),
    Face.FAMILY: (wallet.blueprint, *_FAMILY),
}
"""The pages of a face; the others show only problems and what these need (``/assets``)."""


def blueprints(face: Face) -> list[Blueprint]:
    """Return the pages of ``face``, as one blueprint: ``console`` with one child for each subject."""
    parent = Blueprint(
        "console", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
    )
    parent.record_once(lambda state: filters.install(state.app.jinja_env))
    parent.before_request(fence)
    for child in _BY_FACE.get(face, ()):
        parent.register_blueprint(child)
    return [parent]


def owns(request: Request) -> bool:
    """Say whether the path of ``request`` belongs to pages, so that problems are shown and not sent as JSON."""
    path = request.path
    return not any(path == prefix or path.startswith(f"{prefix}/") for prefix in _NOT_PAGES)
