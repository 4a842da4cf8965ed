"""The release plan in words, on the page of an application: what an approver signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint

from gateway.console.pages import services
from gateway.errors import GatewayError
from gateway.policies.records import Application
from gateway.releases.uses import scope_plan

blueprint = Blueprint("plans", __name__)


@blueprint.app_context_processor
def _for_templates() -> dict[str, Callable[..., object]]:
    """Give the page of an application its plan; it asks only when it shows one."""
    return {"plan_words": words_of}


def words_of(application: Application) -> Sequence[tuple[str, str]]:
    """Return the plan of ``application`` line by line, Chinese and English; nothing for a level without rows."""
    book = services().book
    if application.scope.profile not in book.profiles:
        return ()
    try:
        return scope_plan(book, application.scope, matching=True).words()
    except GatewayError:  # a level without rows, or a profile that changed: the reasons stand elsewhere on the page
        return ()
