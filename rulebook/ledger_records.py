"""What a release must heed of those before it, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class LedgerRules:
    """How releases to one recipient hang together: table ``[ledger]`` of config/parameters.toml."""

    withheld_share: float = 0.2
    """Largest share of the rows of a release that may be withheld for the sake of earlier ones."""
    years: int = 6
    """Whole years, after the school year of a release, for which it counts."""
    yearly_releases: int = 400
    """Releases of one recipient for one purpose in a school year."""
    together: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    """Name of a group -> the credit codes of recipients that may pool what they hold."""


DEFAULT_LEDGER = LedgerRules()
