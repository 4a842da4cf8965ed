"""What a bench found, in words and as the page ``RESULTS.md``."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

from bench.measure import Run

_LIBRARIES = (
    "polars", "polars-hash", "pyarrow", "adbc-driver-sqlite", "python-calamine", "cryptography", "SQLAlchemy", "numpy",
)  # fmt: skip
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours against a reference, run in turn: pairs of one round each."""

    title: str
    ours: str
    reference: str
    goal: float
    """The ratio may be this at the most."""
    pairs: Sequence[tuple[Run, Run]]
    note: str = ""

    @property
    def wall(self) -> float:
        """Return the median of the ratios of wall time, pair by pair."""
        return median(ours.seconds / other.seconds for ours, other in self.pairs)

    @property
    def cpu(self) -> float:
        """Return the same of CPU time."""
        return median(ours.cpu / other.cpu for ours, other in self.pairs)

    @property
    def met(self) -> bool:
        """Whether the goal, which is of wall time, was met."""
        return self.wall <= self.goal

    def line(self) -> str:
        """Return one line for the terminal."""
        ours, other = self._middle(0), self._middle(1)
        verdict = "met" if self.met else "MISSED"
        return (
            f"{self.title}: ratio {self.wall:.2f} (goal {self.goal:g}, {verdict}); {self.ours} {ours.seconds:.2f} s, "
            f"{self.reference} {other.seconds:.2f} s; by CPU time {self.cpu:.2f}"
        )

    def section(self) -> str:
        """Return the section of the page."""
        rows = "\n".join(
            f"| {number} | {ours.seconds:.2f} | {ours.cpu:.2f} | {other.seconds:.2f} | {other.cpu:.2f} | "
            f"{ours.seconds / other.seconds:.2f} | {ours.cpu / other.cpu:.2f} |"
            for number, (ours, other) in enumerate(self.pairs, start=1)
        )
        return (
            f"## {self.title}\n\n"
            f"**Ratio {self.wall:.2f}** by wall time, {self.cpu:.2f} by CPU time (medians of the pairs). "
            f"Goal: at most {self.goal:g} by wall time: {'met' if self.met else 'not met'}.\n\n"
            f"| pair | {self.ours}, s | CPU s | {self.reference}, s | CPU s | ratio | by CPU |\n"
            f"|---|---|---|---|---|---|---|\n{rows}\n\n{self.note}\n"
        )

    def _middle(self, side: int) -> Run:
        return sorted((pair[side] for pair in self.pairs), key=lambda run: run.seconds)[(len(self.pairs) - 1) // 2]


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long one person waits for an answer: medians in milliseconds, and what whole-school acts take."""

    title: str
    goal: float
    """Milliseconds that no median may exceed."""
    medians: Mapping[str, float]
    seconds: Mapping[str, float]
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether every median stays within the goal."""
        return all(median_ms <= self.goal for median_ms in self.medians.values())

    def line(self) -> str:
        """Return one line for the terminal."""
        told = ", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in self.medians.items())
        acts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seconds.items())
        return f"{self.title}: {told} (goal {self.goal:g} ms, {'met' if self.met else 'MISSED'}); {acts}"

    def section(self) -> str:
        """Return the section of the page."""
        rows = "\n".join(f"| {name} | {milliseconds:.1f} ms |" for name, milliseconds in self.medians.items())
        rows += "\n" + "\n".join(f"| {name} | {seconds:.2f} s |" for name, seconds in self.seconds.items())
        return (
            f"## {self.title}\n\nGoal: medians of at most {self.goal:g} ms: {'met' if self.met else 'NOT met'}.\n\n"
            f"| what | time |\n|---|---|\n{rows}\n\n{self.note}\n"
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory of the whole process tree, by rows of the extract."""

    goal: int
    """Bytes that no size may exceed."""
    growth: float
    """The largest may be so many times the smallest and still count as flat."""
    peaks: Sequence[tuple[int, int]]
    """Rows, bytes."""

    @property
    def met(self) -> bool:
        """Whether all stay below the goal, and the largest is not far above the smallest."""
        found = [peak for _, peak in self.peaks]
        return max(found) <= self.goal and self.peaks[-1][1] <= self.growth * self.peaks[0][1]

    def line(self) -> str:
        """Return one line for the terminal."""
        sizes = ", ".join(f"{rows:,} rows {peak / _MIB:,.0f} MiB" for rows, peak in self.peaks)
        return f"peak memory of the extract: {sizes} (goal {self.goal / _MIB:,.0f} MiB and flat, {self._verdict()})"

    def section(self) -> str:
        """Return the section of the page."""
        rows = "\n".join(f"| {rows:,} | {peak / _MIB:,.0f} |" for rows, peak in self.peaks)
        return (
            "## Peak memory of the extract\n\n"
            f"Goal: at most {self.goal / _MIB:,.0f} MiB, and the largest at most {self.growth:g} times the smallest: "
            f"{self._verdict()}.\n\n| rows | MiB, whole process tree |\n|---|---|\n{rows}\n\n"
            "Resident memory of the worker and its reader process, summed, looked at every 20 ms; the highest of all "
            "runs. Shared pages count twice. The interpreter and its libraries are in it.\n"
        )

    def _verdict(self) -> str:
        return "met" if self.met else "NOT met"


def page(
    command: str,
    load: tuple[float, float, float],
    ratios: Sequence[Ratio],
    memory: Memory,
    latencies: Latencies | None = None,
    *,
    judged: bool,
) -> str:
    """Return the whole page. ``load`` are the load averages of the machine before the first run.

    ``judged`` is false for sizes too small for the goals.
    """
    missed = [ratio.title for ratio in ratios if not ratio.met] + ([] if memory.met else ["peak memory"])
    told = [] if latencies is None else [latencies]
    missed += [one.title for one in told if not one.met]
    verdict = f"**Not met: {'; '.join(missed)}.**" if missed else "**All goals were met in this run.**"
    if not judged:
        verdict = "**A quick run: its sizes are too small for the goals, so that they are not judged.**"
    facts = [
        f"- command: `{command}`",
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- machine: {os.cpu_count()} cores ({platform.machine()}), {_memory() / (1 << 30):.0f} GiB of memory, "
        f"{platform.system()}; load before the first run {load[0]:.2f}",
        f"- Python {platform.python_version()}; " + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    ]
    sections = "\n".join([*(ratio.section() for ratio in ratios), memory.section(), *(one.section() for one in told)])
    return (
        f"# Results of the benches\n\n{verdict}\n\n" + "\n".join(facts) + "\n\n"
        "Every figure is of this one run. A ratio compares runs that followed each other on the same machine; each run "
        "is a process of its own, timed inside, without the start of the interpreter and its imports. On a machine "
        "with other work the ratio by CPU time is the steadier one.\n\n" + sections
    )


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
