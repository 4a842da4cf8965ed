"""All benches side by side: ``python -m bench`` prints ratios and writes ``bench/RESULTS.md``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import rulebook
from bench import audit, audit_search, decision, engine, extract, identity, oauth
from bench.measure import BenchError, Run, run
from bench.pii.page import free_text
from bench.results import Latencies, Memory, Part, Ratio, Stages, page
from gateway.settings import default_config

IMPORT_GOAL = 6.0
EXTRACT_GOAL = 2.0
MEMORY_GOAL = 1536 << 20
TOKEN_GOAL = 3.0
"""Of the whole request. What is computed stays within it; database and journal do not."""
DECISION_GOAL = 3.0
NIGHT_GOAL = 20.0
"""The nightly pass may take so many times the plain count of the same records."""
ANSWER_GOAL = 50.0
"""Milliseconds for work list and explain, median."""
FLAT = 1.5
"""The five-million extract may hold so many times the memory of the one-million one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of each bench, and how often a pair is run."""

    imported: int
    extracted: int
    largest: int
    pairs: int
    county: int
    records: int
    tokens: int = 3_000
    decisions: int = 5_000
    credentials: int = 300
    audited: int = 10_000
    proven: int = 10_000_000
    verified: int = 300_000
    searched: int = 1_000_000


FULL = Sizes(100_000, 1_000_000, 5_000_000, 3, 80_000, 1_000_000)
QUICK = Sizes(
    2_000, 20_000, 20_000, 1, 2_000, 20_000, tokens=100, decisions=200, credentials=20,
    audited=200, proven=5_000, verified=2_000, searched=2_000,
)  # fmt: skip


def bench_import(work: Path, sizes: Sizes) -> Ratio:
    """Import one workbook into an empty register, and read it with calamine alone."""
    form = work / "form.xlsx"
    say(f"writing a workbook of {sizes.imported:,} rows")
    run("bench.register_import", "workbook", str(form), str(sizes.imported))
    pairs = []
    landed: Run | None = None
    for number in range(sizes.pairs):
        home = work / f"register-{number}"
        landed = run("bench.register_import", "land", str(form), str(home), str(sizes.imported))
        shutil.rmtree(home)
        pairs.append((landed, run("bench.register_import", "read", str(form))))
        say_pair("import", pairs)
    if landed is None:
        raise BenchError("no pair was asked for")
    note = (
        f"{landed.answer['rows']:,} rows of a generated form in our template (.xlsx): {landed.answer['new']:,} landed, "
        f"{landed.answer['rejected']:,} were rejected with their reasons. Ours: guards, reading in a child process, "
        "validation, keys, encryption, index, sharing view, one durable transaction on SQLite. The other: "
        "`to_python` of python-calamine."
    )
    title = f"Import of {sizes.imported:,} rows"
    return Ratio(title, "import", "calamine alone", IMPORT_GOAL, pairs, note)


STAGED = ("textbook-anonymous", extract.PROFILE)
"""Profiles whose way out is told stage by stage."""


def bench_extract(work: Path, sizes: Sizes) -> tuple[Ratio, Memory, Stages]:
    """Prepare a wide pseudonymous extract, and copy the same columns plainly; then the largest ones, stage by stage."""
    home = work / "home"
    filled(home, sizes.extracted)
    columns = ",".join(extract.sources(rulebook.load(default_config())))
    pairs = []
    for _ in range(sizes.pairs):
        ours = run("bench.extract", "release", str(home))
        other = run("bench.plain_copy", str(home / "registry.db"), str(work / "copy.parquet"), columns)
        if ours.answer["rows"] != sizes.extracted or other.answer["rows"] != sizes.extracted:
            raise BenchError("one side lost rows")
        pairs.append((ours, other))
        say_pair("extract", pairs)
    peaks = [(sizes.extracted, max(ours.peak for ours, _ in pairs))]
    if sizes.largest > sizes.extracted:
        shutil.rmtree(home)
        filled(home, sizes.largest)
        large = run("bench.extract", "release", str(home))
        say(f"extract of {sizes.largest:,} rows: {large.seconds:.1f} s, peak {large.peak >> 20:,} MiB")
        peaks.append((sizes.largest, large.peak))
    stages = engine.staged(home, STAGED, say)
    note = (
        f"Level pseudonymous, profile `{extract.PROFILE}`, all its {columns.count(',') + 1} fields, whole province. "
        "Ours: plan, pseudonyms, generalisation, random order, Parquet, AES-256-GCM, leak scan of the written file, "
        "manifest and audit entries. The other: the same columns with ADBC and Polars to Parquet, in order, in clear, "
        "unchecked. The sharing view was filled directly with the rows that an import of the same generated forms "
        "makes; no registry records stand behind them."
    )
    title = f"Extract of {sizes.extracted:,} rows"
    return Ratio(title, "extract", "plain copy", EXTRACT_GOAL, pairs, note), Memory(MEMORY_GOAL, FLAT, peaks), stages


def bench_rules(work: Path, sizes: Sizes) -> tuple[Ratio, Latencies]:
    """Measure the answers of a county's desk, and the nightly pass against a plain count of the same records."""
    home = work / "county"
    say(f"importing a county of {sizes.county:,} pupils")
    run("bench.registry_rules", "county", str(home), str(sizes.county))
    told = run("bench.registry_rules", "desk", str(home)).answer
    shutil.rmtree(home)
    answers = Latencies(
        f"The desk of a county of {sizes.county:,} pupils",
        ANSWER_GOAL,
        {"work list": told["work"], "explain": told["explain"]},
        {f"verification of {told['pupils']:,} pupils": told["verify"],
         f"promotion of {told['pupils']:,} pupils": told["promote"]},
        "Medians of 200 calls of the service on SQLite, without HTTP: the work list of the county (4,500 items, "
        "a page of 50), explain of a suspension. The acts are those of the largest school, once, in one transaction.",
    )  # fmt: skip
    home = work / "records"
    say(f"filling {sizes.records:,} records (rows only: nothing behind their seals)")
    run("bench.registry_rules", "records", str(home), str(sizes.records))
    night = run("bench.registry_rules", "night", str(home))
    counted = run("bench.registry_rules", "scan", str(home))
    shutil.rmtree(home)
    did = night.answer
    note = (
        f"One pass, once: {did['overdue']:,} clocks became overdue and {did['units']:,} units were told, "
        f"{did['no_shows']:,} drop-out matters and {did['proposals']:,} proposals were opened. The other: `SELECT "
        "COUNT(*)` over the table of records with a condition that no index serves. Both on SQLite."
    )
    pairs = [(night, counted)]
    say_pair("nightly pass", pairs)
    return Ratio(
        f"Nightly pass over {sizes.records:,} records", "pass", "plain count", NIGHT_GOAL, pairs, note
    ), answers


def bench_tokens(sizes: Sizes) -> list[Ratio]:
    """Answer token requests, as computed and as served, and verify and sign beside it."""
    # a quick run shows that it runs: the kinds that stand in the note alone are left out
    kinds: dict[str, list[Run]] = {kind: [] for kind in oauth.KINDS if sizes.pairs > 1 or kind in oauth.JUDGED}
    for _ in range(sizes.pairs):
        for kind, runs in kinds.items():
            runs.append(run("bench.oauth", kind, str(sizes.tokens)))
    computed = list(zip(kinds["computed"], kinds["bare"], strict=True))
    served = list(zip(kinds["whole"], kinds["bare"], strict=True))
    say_pair("token computed", computed)
    say_pair("token served", served)
    one, bare = sizes.tokens, kinds["bare"][-1]
    figures = ", ".join(
        f"{told} {kinds[kind][-1].cpu / one * 1000:.2f} ms ({kinds[kind][-1].cpu / bare.cpu:.1f} times)"
        for kind, told in (
            ("whole", "one at a time"),
            ("together", f"from {oauth.THREADS} threads"),
            ("bound", "with a DPoP proof"),
            ("unlogged", "without the journal"),
            ("computed-bound", "computed with a proof"),
        )
        if kind in kinds
    )
    other = "The other: one ES256 verification and one signature of the cryptography library, and nothing else."
    return [
        Ratio(
            f"Token request as computed, {one:,} times", "computed", "verify and sign", TOKEN_GOAL, computed,
            "Proof of the client and the signed token, by the service on stores that are memory: no database, no "
            f"journal. {other}",
        ),
        Ratio(
            f"Token request as served, {one:,} times", "served", "verify and sign", TOKEN_GOAL, served,
            "The same with client, keys, standing of the recipient, use of the assertion, and two audit entries "
            f"committed with a signed checkpoint, on SQLite, without HTTP. {other} CPU time of a request: {figures}.",
        ),
    ]  # fmt: skip


def bench_decisions(sizes: Sizes) -> Ratio:
    """Decide the questions that the program asks most, and ask the library alone."""
    kinds: dict[str, list[Run]] = {mode: [] for mode in decision.MODES}
    for _ in range(sizes.pairs):
        for mode, runs in kinds.items():
            runs.append(run("bench.decision", mode, str(sizes.decisions)))
    pairs = list(zip(kinds["ours"], kinds["bare"], strict=True))
    say_pair("decision", pairs)
    ours = kinds["ours"][-1]
    figures = ", ".join(
        f"{told} {ours.cpu / kinds[mode][-1].cpu:.2f}"
        for mode, told in (
            ("chosen", "handed only the policies of the action"),
            ("unparsed", "handed entities as a list"),
        )
    )
    note = (
        "Ours: entities built from principal and resource, validated against the schema, asked, the answer read. The "
        "other: `cedarpy.is_authorized` on the whole set with policies, schema and entities parsed before. Ours asks "
        "only the policies that speak of the action, which is why it can keep up; ratios by CPU time against the "
        f"library {figures}. {ours.cpu / ours.answer['decisions'] * 1e6:.0f} µs of CPU time a decision."
    )
    title = f"Decision, {ours.answer['decisions']:,} times"
    return Ratio(title, "decision", "cedarpy alone", DECISION_GOAL, pairs, note)


def filled(home: Path, rows: int) -> None:
    """Make a home with ``rows`` rows of the sharing view."""
    say(f"filling the sharing view with {rows:,} rows (rows only: no registry records behind them)")
    run("bench.extract", "fill", str(home), str(rows))


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"- {text}", flush=True)


def say_pair(what: str, pairs: Sequence[tuple[Run, Run]]) -> None:
    """Print the last pair."""
    ours, other = pairs[-1]
    say(
        f"{what}, pair {len(pairs)}: {ours.seconds:.2f} s against {other.seconds:.2f} s, "
        f"ratio {ours.seconds / other.seconds:.2f} (by CPU time {ours.cpu / other.cpu:.2f})"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches; return 0 when every goal was met (or is not judged), 1 when not, 2 when a part failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast it is")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).with_name("RESULTS.md"), help="the page to write"
    )
    parser.add_argument("--adult", type=Path, help="folder with adult.csv and its hierarchies, for the search's optima")
    parser.add_argument("--work", type=Path, help="directory for databases, some gigabytes (default: a temporary one)")
    chosen = parser.parse_args(arguments)
    sizes = QUICK if chosen.quick else FULL
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="xueji-bench-", dir=chosen.work) as temporary:
        work = Path(temporary)
        try:
            parts: list[Part] = [bench_import(work, sizes), *bench_extract(work, sizes)]
            shutil.rmtree(work / "home")
            rows = engine.QUICK_ENGINE if chosen.quick else engine.FULL_ENGINE
            masked, masking_memory = engine.masking(work, rows, say)
            parts += [engine.search_figures(chosen.adult, rows, say), *masked, masking_memory]
            parts.append(engine.joint(work, rows, say))
            parts += [*bench_rules(work, sizes), *bench_tokens(sizes), bench_decisions(sizes)]
            parts.append(free_text(say, quick=chosen.quick))
            parts.append(identity.figures(sizes.credentials, say))
            parts.append(audit.figures(sizes.audited, sizes.proven, sizes.verified, sizes.pairs, say))
            parts.append(audit_search.figures(sizes.searched, say))
        except BenchError as error:
            print(f"the bench failed: {error}", file=sys.stderr)
            return 2
    print(*(part.line() for part in parts), sep="\n")
    command = "python -m bench --quick" if chosen.quick else "make bench"
    chosen.results.write_text(page(command, load, parts, judged=not chosen.quick), encoding="utf-8")
    met = all(part.met for part in parts)
    return 0 if chosen.quick or met else 1


if __name__ == "__main__":
    sys.exit(main())
