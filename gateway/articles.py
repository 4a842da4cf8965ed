"""Where the gateway keeps the rules of Article 50: declared beside the code, collected for ``docs/rules.md``.

The registry declares its own rules in ``core_registry.domain.rules``; the two never import each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

ARTICLE_50: Final = frozenset(f"A50-{number}" for number in range(1, 17))
"""Every rule id that the gateway may declare."""

KEPT: Final[list[tuple[str, str]]] = []
"""Rule id and place (``module:name``) of all that was declared by the modules imported so far."""

_T = TypeVar("_T")


def keeps(*rules: str) -> Callable[[_T], _T]:
    """Declare that the decorated function or class keeps ``rules``. Raises ``KeyError`` for an id that is none."""
    unknown = sorted(set(rules) - ARTICLE_50)
    if unknown:
        raise KeyError(f"no rule of Article 50: {', '.join(unknown)}")

    def declare(kept: _T) -> _T:
        where = f"{getattr(kept, '__module__', '')}:{getattr(kept, '__qualname__', '')}"
        KEPT.extend((rule, where) for rule in rules)
        return kept

    return declare
