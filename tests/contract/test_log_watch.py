"""The worker looks the whole log through, bit by bit: a damage is told of once, whatever it is; both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
import sqlalchemy as sa

from gateway.accounts.store import SqlBookkeeping
from gateway.audit.errors import DamagedLogStopError
from gateway.audit.log_watch import LogWatch
from gateway.audit.merkle import leaf_hash
from gateway.audit.policy import TrustPolicy
from gateway.audit.store import DatabaseLogSource, SqlLogStore, SqlWatching
from gateway.audit.store.tables import log_checkpoints, log_entries, log_head, log_tiles
from gateway.audit.witnessing import WitnessGuard
from gateway.db import DatabaseReader
from gateway.journal import EntryDraft, Journal
from tests.factories.alerts import AlertHouse, alert_house
from tests.factories.journal import make_identity

ENTRIES = 700
CHUNK = 256
BACKUP = 600
"""There is a checkpoint of this size."""


@dataclass
class Ticks:
    """A timer that tests turn."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Watched:
    """A log of some tiles, and the watch over it."""

    house: AlertHouse
    timer: Ticks = field(default_factory=Ticks)

    def watch(self) -> LogWatch:
        """Return the watch of a worker that has just started."""
        engine = self.house.engine
        log = SqlLogStore(engine)
        return LogWatch(
            row=SqlWatching(),
            log=log,
            reader=DatabaseReader(engine),
            journal=self.house.journal,
            scratch=SqlBookkeeping(engine),
            open=lambda after: DatabaseLogSource(engine, after=after),
            policy=TrustPolicy((make_identity().signers[0].verifier,)),
            every=timedelta(hours=24),
            share=10,
            now=self.house.clock,
            timer=self.timer,
            chunk=CHUNK,
        )

    def whole(self, watch: LogWatch) -> int:
        """Let a watch go on until it has nothing to do; return in how many steps."""
        steps = 1
        while not watch.step():
            steps += 1
            assert steps < 50
        return steps

    def fill(self, count: int) -> None:
        """Append entries, several to a checkpoint."""
        waiting = [
            self.house.journal.sequencer.submit(lambda _tx: None, EntryDraft("account.logout", None, facts={"n": n}))
            for n in range(count)
        ]
        for one in waiting:
            one.result()

    def damage(self, *statements: sa.Executable) -> None:
        """Do to the tables what nobody may: the guards are taken away first, as their owner can."""
        with self.house.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                names = connection.exec_driver_sql(
                    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'guard_log%'"
                ).scalars()
                for name in list(names):
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
            else:
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)

    def told(self) -> list[dict[str, Any]]:
        """Return what was told of damages."""
        return [entry["facts"] for entry in self.house.entries("log.damaged")]

    def stops(self) -> bool:
        """Say whether a release of high risk is stopped."""
        guard = WitnessGuard(SqlLogStore(self.house.engine), frozenset({"masked"}), timedelta(days=1), self.house.clock)
        try:
            DatabaseReader(self.house.engine).read(lambda tx: guard.require(tx, "masked"))
        except DamagedLogStopError:
            quiet = replace(guard, damage_stops=False)
            DatabaseReader(self.house.engine).read(lambda tx: quiet.require(tx, "masked"))
            return True
        return False


@pytest.fixture
def watched(sqlite_tables_url: str) -> Iterator[Watched]:
    with alert_house(sqlite_tables_url) as house:
        made = Watched(house)
        made.fill(BACKUP)
        made.fill(ENTRIES - BACKUP)
        yield made


@pytest.fixture
def both(tables_url: str) -> Iterator[Watched]:
    with alert_house(tables_url) as house:
        made = Watched(house)
        made.fill(BACKUP)
        made.fill(ENTRIES - BACKUP)
        yield made


def body_of(watched: Watched, index: int) -> bytes:
    with watched.house.engine.connect() as connection:
        found = connection.execute(sa.select(log_entries.c.body).where(log_entries.c.seq == index)).scalar_one()
    return bytes(found)


def altered(watched: Watched, index: int) -> bytes:
    return body_of(watched, index).replace(b'"outcome":"done"', b'"outcome":"DONE"')


@pytest.mark.rule("A50-10")
@pytest.mark.rule("A50-16")
def test_a_log_that_holds_is_looked_through_in_steps_followed_and_nothing_is_told(both: Watched) -> None:
    watch = both.watch()
    assert not watch.step()
    assert not watch.step()
    again = both.watch()  # the worker starts anew: it goes on
    assert both.whole(again) == 1
    state = DatabaseReader(both.house.engine).read(SqlWatching().watch_state)
    assert (state.size, state.passed_size, state.damage) == (512, ENTRIES, "")
    assert f"\n{ENTRIES}\n" in state.kept
    assert again.step()
    both.fill(300)
    assert both.whole(again) == 2
    assert (both.told(), both.stops()) == ([], False)


@pytest.mark.rule("A50-10")
@pytest.mark.rule("A50-16")
def test_an_altered_entry_is_told_of_once_alerted_stops_releases_and_ends(both: Watched) -> None:
    original = body_of(both, 300)
    where = log_entries.c.seq == 300
    both.damage(sa.update(log_entries).where(where).values(body=altered(both, 300)))
    watch = both.watch()
    both.whole(watch)
    assert both.told() == [{"first_index": 300, "damage": ["altered"], "findings": 1, "size": ENTRIES}]
    assert both.stops()
    both.house.follow()
    (alert,) = both.house.all()
    assert (alert.rule, alert.severity, alert.owner, alert.unit) == ("log-damaged", "high", "inspector", "140000")
    both.whole(both.watch())
    both.house.clock.turn(hours=2)
    both.whole(watch)  # another pass
    assert len(both.told()) == 1
    both.damage(sa.update(log_entries).where(log_entries.c.seq == 20).values(body=altered(both, 20)))
    both.house.clock.turn(hours=2)
    both.whole(watch)
    assert [(one["first_index"], one["findings"]) for one in both.told()] == [(300, 1), (20, 2)]
    restored = altered(both, 20).replace(b"DONE", b"done")
    both.damage(
        sa.update(log_entries).where(where).values(body=original),
        sa.update(log_entries).where(log_entries.c.seq == 20).values(body=restored),
    )
    both.house.clock.turn(hours=2)
    both.whole(watch)
    assert len(both.house.entries("log.damage_ended")) == 1
    assert (len(both.told()), both.stops()) == (2, False)


def test_two_workers_tell_of_a_damage_once_and_once_that_it_ended(watched: Watched) -> None:
    one, two = watched.watch(), watched.watch()
    assert not one.step()
    assert not two.step()
    original = body_of(watched, 300)
    where = log_entries.c.seq == 300
    watched.damage(sa.update(log_entries).where(where).values(body=altered(watched, 300)))
    for watch in (one, two):
        watched.whole(watch)
    assert len(watched.told()) == 1
    watched.damage(sa.update(log_entries).where(where).values(body=original))
    watched.house.clock.turn(hours=2)
    for watch in (one, two):
        watched.whole(watch)
    assert len(watched.house.entries("log.damage_ended")) == 1
    assert (len(watched.told()), watched.stops()) == (1, False)


def missing(watched: Watched) -> list[Any]:
    return [sa.delete(log_entries).where(log_entries.c.seq == 400)]


def rewritten(watched: Watched) -> list[Any]:
    """Entry, hash beside it and tile, without the log's key."""
    body = altered(watched, 100)
    with watched.house.engine.connect() as connection:
        where = (log_tiles.c.level == 0) & (log_tiles.c.tile == 0)
        tile = bytearray(connection.execute(sa.select(log_tiles.c.hashes).where(where)).scalar_one())
    tile[100 * 32 : 101 * 32] = leaf_hash(body)
    return [
        sa.update(log_entries).where(log_entries.c.seq == 100).values(body=body, leaf_hash=leaf_hash(body)),
        sa.update(log_tiles).where(where).values(hashes=bytes(tile)),
    ]


def beside(watched: Watched) -> list[Any]:
    return [sa.update(log_entries).where(log_entries.c.seq == 50).values(leaf_hash=b"\1" * 32)]


def inner(watched: Watched) -> list[Any]:
    return [sa.update(log_tiles).where(log_tiles.c.level == 1).values(hashes=b"\2" * 64)]


def head(watched: Watched) -> list[Any]:
    return [sa.update(log_head).values(root=b"\3" * 32)]


def forged(watched: Watched) -> list[Any]:
    last = sa.select(sa.func.max(log_checkpoints.c.size)).scalar_subquery()
    return [sa.update(log_checkpoints).where(log_checkpoints.c.size == last).values(note="nothing\n")]


def unsigned(watched: Watched) -> list[Any]:
    return [sa.delete(log_checkpoints).where(log_checkpoints.c.size > BACKUP)]


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        (missing, {"missing"}),
        (rewritten, {"rewritten"}),
        (beside, {"hash"}),
        (inner, {"tile"}),
        (head, {"checkpoint"}),
        (forged, {"bad_signature", "unsigned"}),
        (unsigned, {"unsigned"}),
    ],
)
def test_every_kind_of_damage_is_found_by_the_steps(
    watched: Watched, damage: Callable[[Watched], list[Any]], kinds: set[str]
) -> None:
    watched.damage(*damage(watched))
    told: list[EntryDraft] = []
    watch = watched.watch()
    watch.journal = cast(Journal, Told(watched.house, told))  # what is damaged at its end cannot be written to
    watched.whole(watch)
    (entry,) = told
    assert kinds <= set(entry.facts["damage"])  # type: ignore[arg-type]  # a list
    assert watched.stops()
    watched.whole(watch)
    assert len(told) == 1


class Told:
    """A journal that keeps what it is told."""

    def __init__(self, house: AlertHouse, told: list[EntryDraft]) -> None:
        self.house = house
        self.told = told

    def record(self, write: Callable[[Any], Any], entry: EntryDraft) -> None:
        """Do the write, keep the entry."""
        self.told.append(entry)
        SqlBookkeeping(self.house.engine).write(write)


def test_an_entry_that_cannot_be_read_keeps_no_alert_from_being_raised(watched: Watched) -> None:
    watched.damage(sa.update(log_entries).where(log_entries.c.seq == 300).values(body=b"{"))
    watched.whole(watched.watch())
    watched.house.follow()
    assert [alert.rule for alert in watched.house.all()] == ["log-damaged"]


def test_an_end_that_was_cut_off_after_a_pass_contradicts_the_checkpoint_that_was_kept(both: Watched) -> None:
    watch = both.watch()
    both.whole(watch)
    with both.house.engine.connect() as connection:
        of_then = sa.select(log_checkpoints.c.root).where(log_checkpoints.c.size == BACKUP)
        root = bytes(connection.execute(of_then).scalar_one())
        edge = (log_tiles.c.level == 0) & (log_tiles.c.tile == 2)
        tile = bytes(connection.execute(sa.select(log_tiles.c.hashes).where(edge)).scalar_one())
    both.damage(  # what is here is an older backup, whole in itself
        sa.delete(log_entries).where(log_entries.c.seq >= BACKUP),
        sa.delete(log_checkpoints).where(log_checkpoints.c.size > BACKUP),
        sa.update(log_tiles).where(edge).values(hashes=tile[: (BACKUP - 512) * 32]),
        sa.update(log_head).values(size=BACKUP, root=root),
    )
    told: list[EntryDraft] = []
    watch.journal = cast(Journal, Told(both.house, told))
    both.house.clock.turn(hours=25)
    both.whole(watch)
    assert "rolled_back" in told[0].facts["damage"]  # type: ignore[operator]  # a list


def test_progress_that_was_forged_is_no_damage_and_begins_anew(watched: Watched) -> None:
    watch = watched.watch()
    watch.step()
    SqlBookkeeping(watched.house.engine).write(
        lambda tx: SqlWatching().set_watch_state(tx, replace(SqlWatching().watch_state(tx), levels=((), (b"\4" * 32,))))
    )
    fresh = watched.watch()
    for _ in range(8):
        fresh.step()
    state = DatabaseReader(watched.house.engine).read(SqlWatching().watch_state)
    assert (state.passed_size, watched.told(), watched.stops()) == (ENTRIES, [], False)


def test_no_more_than_its_share_of_the_time_is_taken(watched: Watched) -> None:
    watch = watched.watch()
    begun: list[float] = []
    step = LogWatch.step

    def slow(self: LogWatch) -> bool:
        begun.append(watched.timer.at)
        watched.timer.at += 2.0
        return step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogWatch, "step", slow)
        while watched.timer.at < 100:
            watch.run()
            watched.timer.at += 0.25
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert gaps[0] >= 20  # two seconds are ten percent of twenty
    assert min(gaps) >= 20
