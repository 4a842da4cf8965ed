"""What counts as an acceptable re-identification risk: table ``[risk]`` of config/parameters.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Environment = Literal["public", "controlled"]
"""Where a release is used: open to everybody, or with a recipient that is bound by a grant."""
ENVIRONMENTS: tuple[Environment, ...] = ("public", "controlled")


@dataclass(frozen=True, slots=True)
class RiskThreshold:
    """The threshold that applies to one release, and why it does."""

    value: float
    """Highest acceptable risk of a single record, above 0, at most 1."""
    environment: Environment


@dataclass(frozen=True, slots=True)
class RiskThresholds:
    """The highest acceptable risk of a record by environment (GB/T 42460-2023; the numbers are this project's own)."""

    public: float = 0.05
    controlled: float = 0.2
    levels: Mapping[str, Environment] = field(default_factory=lambda: MappingProxyType({}))
    """Release level -> environment; a level that is not named counts as controlled."""
    profiles: Mapping[str, Environment] = field(default_factory=lambda: MappingProxyType({}))
    """Profile -> environment, before its level."""

    def of(self, profile: str, level: str) -> RiskThreshold:
        """Return the threshold for a release of ``profile`` at ``level``."""
        environment = self.profiles.get(profile) or self.levels.get(level, "controlled")
        return RiskThreshold(self.public if environment == "public" else self.controlled, environment)


DEFAULT_RISK = RiskThresholds()
