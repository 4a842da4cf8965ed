"""Answers leave at fixed moments, so that how long one took says nothing about whom it is about."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

QUANTUM_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Schedule:
    """Holds an answer until the next whole multiple of ``seconds`` after its question came."""

    seconds: float = QUANTUM_SECONDS
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def begin(self) -> float:
        """Return the moment at which a question came."""
        return self.monotonic()

    def hold(self, begun: float) -> None:
        """Wait for the next moment at which an answer may leave."""
        self.sleep(self.seconds - (self.monotonic() - begun) % self.seconds)
