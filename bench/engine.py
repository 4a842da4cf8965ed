"""The benches of the anonymisation engine, side by side: what ``python -m bench`` runs of it, and with which goals.

ARX is no part of this repository: what stands against it are figures of its own run on another machine, as stated.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError, Run, run
from bench.results import Figure, Figures, Memory, Ratio, Stages

MEMORY_GOAL = 1536 << 20
ADULT_GOALS = {0.0: 1.0, 0.01: 0.3, 0.05: 0.3}
"""Suppression limit -> share of ARX's time that ours may take."""
STUDENT_GOALS = {1_000_000: 0.1, 5_000_000: 0.03}
"""Rows -> share of ARX's time."""
COPY_GOAL = 1.3
PEER_GOAL = 1 / 30
JOINT_GOAL = 2.0
RELEASES = 10
_SAMPLE = 50_000


@dataclass(frozen=True, slots=True)
class EngineSizes:
    """Rows of each bench of the engine."""

    masked: int = 5_000_000
    joint: int = 1_000_000
    students: tuple[int, ...] = (1_000_000, 5_000_000)
    peer: int = _SAMPLE
    pairs: int = 3


FULL_ENGINE = EngineSizes()
QUICK_ENGINE = EngineSizes(masked=20_000, joint=5_000, students=(), peer=1_000, pairs=1)

Say = Callable[[str], None]


def search_figures(adult: Path | None, sizes: EngineSizes, say: Say) -> Figures:
    """Return the exact search on Adult (where its folder is given) and on students, and local recoding."""
    found: list[Figure] = []
    if adult is not None:
        for limit, goal in ADULT_GOALS.items():
            one = run("bench.anonymize_search", "adult", str(adult), str(limit))
            name = f"Adult, 9 quasi-identifiers, k = 5, suppression {limit:.0%}: time"
            found.append(Figure(name, one.seconds, one.answer["reference"], goal, "s"))
            equal = 0.0 if one.answer["equal"] else 1.0
            found.append(Figure(f"the same: Loss {one.answer['loss']:.7f}, distance from the optimum", equal, 1.0, 0.0))
        local = run("bench.local_recoding", "local", str(adult))
        found.append(Figure("Adult, k = 5, local recoding, none dropped: Loss", local.answer["loss"], 0.178, 1.0))
        say(f"Adult: local recoding Loss {local.answer['loss']:.4f} in {local.seconds:.1f} s")
    for size in sizes.students:
        one = run("bench.anonymize_search", "students", str(size))
        if size in STUDENT_GOALS:
            name = f"students, 5 quasi-identifiers, k = 10, suppression 1 %, {size:,} rows: time, grouping included"
            found.append(Figure(name, one.seconds, one.answer["reference"], STUDENT_GOALS[size], "s"))
    for figure in found:
        say(figure.line())
    return Figures(
        "The search against ARX's figures",
        found,
        "ARX 3.9.2: 0.044, 0.57 and 0.72 s on Adult (JVM warm), 7.5 and 100 s on students, measured on another "
        "machine of two cores: an order of magnitude. Its optimum is compared exactly."
        + ("" if adult is not None else " Adult was left out: give its folder as `ADULT=`."),
    )


def masking(work: Path, sizes: EngineSizes, say: Say) -> tuple[list[Ratio], Memory]:
    """Mask and pseudonymise to Parquet beside a plain copy, and beside presidio-structured on a sample."""
    table, target = work / "pupils.parquet", work / "masked.parquet"
    say(f"writing {sizes.masked:,} invented pupils in clear")
    run("bench.masking", "fill", str(table), str(sizes.masked))
    pairs: list[tuple[Run, Run]] = []
    for _ in range(sizes.pairs):
        ours = run("bench.masking", "ours", str(table), str(target))
        pairs.append((ours, run("bench.masking", "copy", str(table), str(target))))
        say(f"mask and pseudonym: {ours.seconds:.2f} s against {pairs[-1][1].seconds:.2f} s")
    peer = run("bench.masking", "presidio", str(table), str(sizes.peer))
    mine = peer.answer["ours"]
    other = (Run(mine["seconds"], mine["cpu"], 0), peer)
    table.unlink()
    target.unlink(missing_ok=True)
    return [
        Ratio(
            f"Masks and a pseudonym to Parquet, {sizes.masked:,} rows", "ours", "plain copy", COPY_GOAL, pairs,
            "Five masks, a pseudonym, a generalised birth date, all else kept, batch by batch. The other: Polars reads "
            "and writes the same columns.",
        ),
        Ratio(
            f"The same work as presidio-structured, {sizes.peer:,} rows", "ours", "presidio-structured", PEER_GOAL,
            [other], "Without reading and writing files. The other: its mask and custom operators with the same keyed "
            "hash.",
        ),
    ], Memory(MEMORY_GOAL, 1.0, [(sizes.masked, max(one.peak for one, _ in pairs))], "masking")  # fmt: skip


def joint(work: Path, sizes: EngineSizes, say: Say) -> Ratio:
    """Judge a release against ten earlier ones, beside the check of the release by itself."""
    home = work / "joint"
    say(f"writing {RELEASES} earlier releases of {sizes.joint:,} rows")
    run("bench.joint_k", "fill", str(home), str(sizes.joint), str(RELEASES))
    pairs = []
    for _ in range(sizes.pairs):
        ours = run("bench.joint_k", "joint", str(home))
        pairs.append((ours, run("bench.joint_k", "single", str(home))))
        say(f"joint k: {ours.seconds:.2f} s against {pairs[-1][1].seconds:.2f} s")
    shutil.rmtree(home)
    return Ratio(
        f"Joint k and differencing over {RELEASES} earlier releases of {sizes.joint:,} rows", "joint", "single",
        JOINT_GOAL, pairs,
        "Ours: tags of the rows, the sealed rows of every earlier release read, opened and joined, joint classes and "
        "differences judged. The other: what a release needs anyway; rows read and grouped, levels chosen, classes "
        "measured.",
    )  # fmt: skip


def staged(home: Path, profiles: Sequence[str], say: Say) -> Stages:
    """Take rows from the database to a signed, reported, scanned extract, and tell time and memory by stage."""
    tables = []
    for profile in profiles:
        found = run("bench.stages", str(home), profile)
        if not found.answer["rows"]:
            raise BenchError("no rows left")
        tables.append((profile, found))
        say(f"{profile}: {found.answer['rows']:,} rows in {found.seconds:.1f} s, peak {found.peak >> 20:,} MiB")
    return Stages(tables)
