"""What can go wrong with free text."""

from __future__ import annotations

from gateway.errors import ConfigurationError


class ModelUnavailableError(ConfigurationError):
    """The word model is missing or is not the one that was measured: no text passes (fail closed)."""
