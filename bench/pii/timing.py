"""How long a text takes: 100 characters at a time, and characters a second. One thread, one core."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.pii.detectors import Detect

LENGTH = 100
GOAL, AMBITIOUS = 10.0, 5.0
"""Milliseconds for 100 characters, 95th percentile."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Wall time and CPU time of a text of 100 characters in milliseconds, and characters a second."""

    p50: float
    p95: float
    cpu_p50: float
    cpu_p95: float
    rate: float
    texts: int

    def line(self) -> str:
        """Return one line for people."""
        verdict = "ambitious" if self.p95 <= AMBITIOUS else "met" if self.p95 <= GOAL else "NOT met"
        return (
            f"{LENGTH} characters: p50 {self.p50:.1f} ms, p95 {self.p95:.1f} ms (goal ≤ {GOAL:g}, ambitious ≤ "
            f"{AMBITIOUS:g}: {verdict}); CPU time p50 {self.cpu_p50:.1f}, p95 {self.cpu_p95:.1f} ms; "
            f"{self.rate:,.0f} characters/s ({self.texts} texts)"
        )


def measure_speed(detect: Detect, texts: Sequence[str], rounds: int = 400) -> Speed:
    """Return how fast ``detect`` is on pieces of 100 characters, made by joining ``texts``.

    Wall time tells what other work on the machine costs as well; CPU time of the process is beside it.
    """
    joined = "".join(texts)
    while len(joined) < rounds * LENGTH:
        joined += joined
    pieces = [joined[start * LENGTH : (start + 1) * LENGTH] for start in range(rounds)]
    for piece in pieces[:20]:
        detect(piece, None)
    wall, cpu = np.zeros(rounds), np.zeros(rounds)
    for number, piece in enumerate(pieces):
        began, spent = time.perf_counter(), time.process_time()
        detect(piece, None)
        wall[number] = time.perf_counter() - began
        cpu[number] = time.process_time() - spent
    p50, p95 = np.quantile(wall, [0.5, 0.95]) * 1000
    cpu_p50, cpu_p95 = np.quantile(cpu, [0.5, 0.95]) * 1000
    rate = rounds * LENGTH / float(wall.sum())
    return Speed(float(p50), float(p95), float(cpu_p50), float(cpu_p95), rate, rounds)
