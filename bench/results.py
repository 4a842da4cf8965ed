"""What a bench found, in words and as the page ``RESULTS.md``."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Protocol

from bench.measure import Run

_LIBRARIES = (
    "polars", "polars-hash", "pyarrow", "adbc-driver-sqlite", "python-calamine", "cryptography", "SQLAlchemy", "numpy",
)  # fmt: skip
_MIB = 1 << 20


class Part(Protocol):
    """One section of the page, with its verdict."""

    @property
    def title(self) -> str:
        """Return the heading."""

    @property
    def met(self) -> bool:
        """Whether all goals of it were met."""

    def line(self) -> str:
        """Return one line for the terminal."""

    def section(self) -> str:
        """Return the section."""


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
    what: str = "the extract"

    @property
    def title(self) -> str:
        """Return the heading."""
        return f"Peak memory of {self.what}"

    @property
    def met(self) -> bool:
        """Whether all stay below the goal, and the largest is not far above the smallest."""
        found = [peak for _, peak in self.peaks]
        return max(found) <= self.goal and self.peaks[-1][1] <= self.growth * self.peaks[0][1]

    def line(self) -> str:
        """Return one line for the terminal."""
        sizes = ", ".join(f"{rows:,} rows {peak / _MIB:,.0f} MiB" for rows, peak in self.peaks)
        return f"peak memory of {self.what}: {sizes} (goal {self.goal / _MIB:,.0f} MiB and flat, {self._verdict()})"

    def section(self) -> str:
        """Return the section of the page."""
        rows = "\n".join(f"| {rows:,} | {peak / _MIB:,.0f} |" for rows, peak in self.peaks)
        return (
            f"## {self.title}\n\n"
            f"Goal: at most {self.goal / _MIB:,.0f} MiB, and the largest at most {self.growth:g} times the smallest: "
            f"{self._verdict()}.\n\n| rows | MiB, whole process tree |\n|---|---|\n{rows}\n\n"
            "Resident memory of the worker and its reader process, summed, looked at every 20 ms; the highest of all "
            "runs. Shared pages count twice. The interpreter and its libraries are in it.\n"
        )

    def _verdict(self) -> str:
        return "met" if self.met else "NOT met"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of ours beside a stated one."""

    name: str
    ours: float
    reference: float
    goal: float
    """Share of the reference that ours may be."""
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether ours stays within the goal."""
        return self.ours <= self.goal * self.reference

    def line(self) -> str:
        """Return one line for the terminal."""
        verdict = "met" if self.met else "MISSED"
        return f"{self.name}: {self.ours:.4g} {self.unit} of {self.reference:.4g} (goal {self.goal:g}, {verdict})"


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of ours beside stated ones."""

    title: str
    figures: Sequence[Figure]
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether all were met."""
        return all(figure.met for figure in self.figures)

    def line(self) -> str:
        """Return one line for the terminal."""
        missed = [figure.name for figure in self.figures if not figure.met]
        return f"{self.title}: " + (f"MISSED: {'; '.join(missed)}" if missed else f"{len(self.figures)} goals met")

    def section(self) -> str:
        """Return the section of the page."""
        rows = "\n".join(
            f"| {one.name} | {one.ours:.4g} {one.unit} | {one.reference:.4g} {one.unit} | "
            f"{one.ours / one.reference:.3f} | {one.goal:g} | {'met' if one.met else 'NOT met'} |"
            for one in self.figures
        )
        return (
            f"## {self.title}\n\n| what | ours | reference | ratio | goal | |\n|---|---|---|---|---|---|\n{rows}\n\n"
            f"{self.note}\n"
        )


@dataclass(frozen=True, slots=True)
class Stages:
    """From the database to the finished extract: time and peak memory of each stage, by profile."""

    runs: Sequence[tuple[str, Run]]
    met: bool = True
    title: str = "From the database to the extract, stage by stage"

    def line(self) -> str:
        """Return one line for the terminal."""
        told = (
            f"{name} {one.answer['rows']:,} rows in {one.seconds:.1f} s, peak {one.peak / _MIB:,.0f} MiB"
            for name, one in self.runs
        )
        return f"{self.title}: " + "; ".join(told)

    def section(self) -> str:
        """Return the section of the page."""
        parts = [f"## {self.title}\n"]
        for name, one in self.runs:
            rows = "\n".join(
                f"| {stage} | {cost['seconds']:.2f} | {cost['peak'] / _MIB:,.0f} |"
                for stage, cost in one.answer["stages"].items()
            )
            parts.append(
                f"`{name}`: {one.answer['rows']:,} rows left, {one.answer['bytes'] / _MIB:,.0f} MiB of Parquet, "
                f"{one.seconds:.1f} s in all, peak {one.peak / _MIB:,.0f} MiB (whole process tree).\n\n"
                f"| stage | s | peak, MiB |\n|---|---|---|\n{rows}\n"
            )
        return "\n".join(parts)


def page(
    command: str,
    load: tuple[float, float, float],
    parts: Sequence[Part],
    *,
    judged: bool,
) -> str:
    """Return the whole page. ``load`` are the load averages of the machine before the first run.

    ``judged`` is false for sizes too small for the goals.
    """
    missed = [part.title for part in parts if not part.met]
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
    sections = "\n".join(part.section() for part in parts)
    return (
        f"# Results of the benches\n\n{verdict}\n\n" + "\n".join(facts) + "\n\n"
        "Every figure is of this one run. A ratio compares runs that followed each other on the same machine; each run "
        "is a process of its own, timed inside, without the start of the interpreter and its imports. On a machine "
        "with other work the ratio by CPU time is the steadier one.\n\n" + sections
    )


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
