"""How long a search of the audit log takes among a million entries and more, on both databases.

``python -m bench.audit_search DATABASE COUNT`` fills the search index of a new ``sqlite`` or ``postgresql`` database
with COUNT entries of a busy province, asks the questions of inspectors, and prints one line of JSON. What is timed is
the search in the index, up to the numbers of a page of 50 entries; decoding those is the same for every search.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median, quantiles
from typing import Final

from sqlalchemy import Engine, text

from bench.audit import postgres_log, sqlite_log
from bench.measure import answer, job, run
from bench.results import Figure, Figures
from gateway.audit.records import LINKS, SearchQuery, TagList
from gateway.audit.store import SqlLogStore
from gateway.audit.store.cache import write_index
from gateway.audit.store.following import INDEXED
from gateway.audit.tags import Tagger
from gateway.db import DatabaseReader
from gateway.instants import micros_text
from gateway.journal import Tx

GOAL: Final = 100.0
"""Milliseconds at the median (issue 8)."""
SAMPLES: Final = 200
START: Final = datetime(2023, 1, 1, tzinfo=UTC)
APART: Final = timedelta(seconds=60)
EPOCH: Final = "2026Q4"
TAGGER: Final = Tagger.from_root(bytes(range(32)))
_AT_ONCE: Final = 10_000
# how often each occurs: most entries are readings and deliveries, few are decisions or refusals
_KINDS: Final = {
    "registry.read": 380, "release.intent": 200, "release.outcome": 200, "account.login": 150, "registry.state": 40,
    "release.requested": 10, "release.prepared": 10, "release.refused": 4, "application.submitted": 2,
    "ground.recorded": 1, "ground.confirmed": 1, "application.approved": 1, "access.refused": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """Who and what the entries name; index 0 is the most frequent."""

    staff: tuple[str, ...] = tuple(f"st-{n}" for n in range(400))
    recipients: tuple[str, ...] = tuple(f"9114010{n:03d}MA0GXXX" for n in range(60))
    grants: tuple[str, ...] = tuple(f"gr-{n}" for n in range(2000))

    def rare(self, dice: random.Random, among: tuple[str, ...]) -> str:
        """Return one of ``among``, the first far more often than the last."""
        return among[min(int(dice.paretovariate(0.6)) - 1, len(among) - 1)]


def rows(count: int) -> Iterator[tuple[int, Mapping[str, str | None], TagList | None]]:
    """Yield rows of the index, the same each time."""
    dice, world = random.Random(20261123), World()
    kinds = dice.choices(list(_KINDS), list(_KINDS.values()), k=count)
    for seq, kind in enumerate(kinds):
        refused = kind.endswith("refused")
        row: dict[str, str | None] = dict.fromkeys((*(f"link_{name}" for name in LINKS), "policy", "rule", "problem"))
        row |= {"kind": kind, "at": micros_text(START + seq * APART), "outcome": "refused" if refused else "done"}
        row["actor"] = world.rare(dice, world.staff)
        row["unit"] = f"1401{dice.randrange(40):02d}"
        if refused:
            row["rule"] = dice.choice(("A50-3", "A50-9", "A50-10"))
        if kind.startswith(("release.", "application.", "ground.")):
            grant = world.rare(dice, world.grants)
            number = int(grant[3:])
            row |= {
                "link_grant": grant,
                "link_application": f"ap-{number}",
                "link_ground": f"ba-{number}",
                "link_recipient": world.recipients[number % 60],
                "link_responsible": f"责任人{number % 60}",
                "link_approver": f"st-{number % 25}",
                "link_basis_recorder": f"st-{30 + number % 20}",
                "link_basis_confirmer": f"st-{60 + number % 20}",
                "policy": "deliver-to-recipient",
            }
            if kind.startswith("release."):
                row |= {"link_executor": f"cl-{number % 60}", "link_extract": f"ex-{seq // 500}"}
        tags = None
        if kind == "registry.read":
            tags = TagList(EPOCH, (TAGGER.tag(EPOCH, f"{dice.randrange(200_000):032x}"),), listed=True)
        yield seq, row, tags


def questions(count: int) -> Iterator[tuple[SearchQuery, dict[str, bytes] | None]]:
    """Yield the questions of inspectors, and the tags where one is about a pupil: one or two conditions, or more."""
    dice, world = random.Random(7), World()
    end = START + count * APART

    def month() -> SearchQuery:
        since = START + (end - START) * dice.random()
        return SearchQuery(since=since, until=since + timedelta(days=30))

    makers: tuple[Callable[[], SearchQuery], ...] = (
        lambda: SearchQuery(links={"grant": dice.choice(world.grants)}),
        lambda: SearchQuery(links={"extract": f"ex-{dice.randrange(max(count // 500, 1))}"}),
        lambda: SearchQuery(links={"responsible": f"责任人{dice.randrange(60)}"}),
        lambda: SearchQuery(links={"ground": f"ba-{dice.randrange(2000)}"}, kind="ground."),
        lambda: SearchQuery(links={"recipient": dice.choice(world.recipients), "approver": f"st-{dice.randrange(25)}"}),
        lambda: SearchQuery(person=dice.choice(world.staff)),
        lambda: SearchQuery(person=dice.choice(world.staff[:30]), outcome="refused"),
        lambda: replace(month(), links={"approver": f"st-{dice.randrange(25)}"}, kind="release."),
        lambda: replace(month(), outcome="refused"),
        lambda: replace(month(), unit=f"1401{dice.randrange(40):02d}", kind="account."),
        lambda: SearchQuery(rule="A50-9", unit=f"1401{dice.randrange(40):02d}"),
        lambda: SearchQuery(kind="application.approved", before=dice.randrange(count)),
        lambda: SearchQuery(actor="st-0", kind="access.refused"),
        lambda: SearchQuery(kind="release."),
        month,
    )
    for number in range(SAMPLES):
        yield makers[number % len(makers)](), None
    for _ in range(SAMPLES // 10):
        yield SearchQuery(), {EPOCH: TAGGER.tag(EPOCH, f"{dice.randrange(200_000):032x}")}


@contextmanager
def database(name: str) -> Iterator[Engine]:
    """Yield an engine on an empty log."""
    if name == "postgresql":
        with postgres_log() as engine:
            yield engine
    else:
        with sqlite_log() as (engine, _):
            yield engine


def _search(store: SqlLogStore, query: SearchQuery, tags: dict[str, bytes] | None, tx: Tx) -> list[int]:
    return store.search(tx, query, tags)


def measure(name: str, count: int) -> None:
    """Fill an index, ask, and answer with the milliseconds."""
    with database(name) as engine:
        made = rows(count)
        while some := [row for row, _ in zip(made, range(_AT_ONCE), strict=False)]:
            with engine.begin() as connection:
                write_index(connection, some)
        with SqlLogStore(engine).transaction() as tx:
            SqlLogStore(engine).move_cursor(tx, INDEXED, 0, count)
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
        store, reader, spent = SqlLogStore(engine), DatabaseReader(engine), list[float]()
        found = 0
        with job() as cost:
            for query, tags in questions(count):
                start = time.perf_counter()
                found += bool(reader.read(partial(_search, store, query, tags)))
                spent.append((time.perf_counter() - start) * 1000)
    answer(cost, p50=median(spent), p99=quantiles(spent, n=100)[98], worst=max(spent), asked=len(spent), found=found)


def figures(count: int, say: Callable[[str], None]) -> Figures:
    """Measure both databases and hold the medians against the goal."""
    found = {name: run("bench.audit_search", name, str(count)).answer for name in ("sqlite", "postgresql")}
    told = "; ".join(
        f"{name}: p50 {one['p50']:.1f} ms, p99 {one['p99']:.1f} ms, worst {one['worst']:.1f} ms"
        for name, one in found.items()
    )
    say(f"search of the audit log, {count:,} entries: {told}")
    note = (
        f"{told}. Questions of inspectors by person, approver, recipient, ground, grant, extract, rule, unit, kind, "
        "outcome, month and pupil, one to three conditions each; a page of 50 entries. The index alone is filled and "
        "asked: decoding the entries of a page is the same for every search."
    )
    return Figures(
        "Search of the audit log",
        [
            Figure(f"search in {count:,} entries, p50, {name}", one["p50"], GOAL, 1.0, "ms")
            for name, one in found.items()
        ],
        note,
    )


def main() -> int:
    """Measure one database; return 0."""
    measure(sys.argv[1], int(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
