"""Pages of the registry line: import, class lists, digital identities, cases. No other page enters the registry."""

from __future__ import annotations

from gateway.console.office import activations, cases, classes, drafts, imports, lives, papers, redactions, todo

__all__ = ["blueprints", "drafts"]

blueprints = (
    imports.blueprint,
    classes.blueprint,
    todo.blueprint,
    cases.blueprint,
    lives.blueprint,
    redactions.blueprint,
    papers.blueprint,
    papers.public,
    activations.blueprint,
)
