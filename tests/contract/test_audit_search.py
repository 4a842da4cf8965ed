"""The search of the log against a plain filter over its entries, and the index against the log, on both databases."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from click.testing import CliRunner
from sqlalchemy import Engine, text

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.audit.indexing import SearchIndex
from gateway.audit.records import SearchQuery
from gateway.audit.sequencer import FAR_BEHIND
from gateway.audit.store import SqlLogStore
from gateway.audit.store import search as searching
from gateway.audit.store.following import INDEXED, PERSON
from gateway.audit.tags import Tagger, epoch_of
from gateway.cli import cli
from gateway.db import make_engine, metadata, migrate
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import micros_text
from gateway.journal import EntryDraft
from gateway.principals import AccountKind, Principal, Role
from tests.factories.journal import TAG_ROOT, make_journal, make_reader, trail

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PEOPLE = ("st-1", "st-2", "st-3")
KINDS = ("release.intent", "release.outcome", "release.refused", "account.login", "ground.recorded", "released.x")
PUPILS = tuple(SubjectRef(f"{n:032x}") for n in range(3))
CROWD = tuple(SubjectRef(f"{n:032x}") for n in range(100, 180))
SEED = 8


def drafts(dice: random.Random, count: int) -> Iterator[EntryDraft]:
    for _ in range(count):
        who = dice.choice(PEOPLE)
        unit = UnitCode(dice.choice(("140105", "140100")))
        actor = Principal(AccountId(who), AccountKind.STAFF, frozenset({Role.EXECUTOR}), unit)
        links = {"approver": dice.choice(PEOPLE), "grant": dice.choice(("gr-a", "gr-b")), "basis_recorder": "st-3"}
        facts: dict[str, Any] = {"rule": dice.choice(("A50-9", "A50-3"))} if dice.random() < 0.4 else {"n": 1}
        if dice.random() < 0.1:
            facts["problem"] = "ScopeExceededError"
        yield EntryDraft(
            dice.choice(KINDS),
            None if dice.random() < 0.2 else actor,
            outcome=dice.choice(("done", "refused")),
            facts=facts,
            links={name: value for name, value in links.items() if dice.random() < 0.6},
            policy=dice.choice((None, "default-deny")),
            subjects=(*(one for one in PUPILS if dice.random() < 0.1), *(CROWD if dice.random() < 0.05 else ())),
        )


@dataclass
class House:
    engine: Engine
    store: SqlLogStore
    index: SearchIndex
    entries: list[dict[str, Any]]
    """Oldest first, with the pupils each is about under ``subjects``."""

    def search(self, query: SearchQuery) -> list[int]:
        tagger = Tagger.from_root(TAG_ROOT)
        tags = None
        if query.subject is not None:
            tags = {epoch: tagger.tag(epoch, query.subject) for epoch in {epoch_of(START)}}
        return make_reader(self.engine).read(lambda tx: self.store.search(tx, query, tags))

    def forget(self, known: int) -> None:
        """Let the index hold the first ``known`` entries alone, as before it has followed the log."""
        with self.engine.begin() as connection:
            for table in ("log_index", "log_tags"):
                connection.execute(text(f"DELETE FROM {table} WHERE seq >= {known}"))
            connection.execute(text(f"UPDATE audit_cursors SET position = {known} WHERE name = '{INDEXED}'"))

    def plainly(self, query: SearchQuery) -> list[int]:
        """Return the same by reading every entry."""
        found = [number for number, entry in enumerate(self.entries) if fits(entry, query)]
        wanted = [number for number in reversed(found) if query.before is None or number < query.before]
        return wanted[: query.limit]


def fits(entry: dict[str, Any], query: SearchQuery) -> bool:
    actor = entry["actor"] or {}
    links = entry["links"]
    people = {actor.get("id"), *(links.get(name.removeprefix("link_")) for name in PERSON if name != "actor")}
    kind = query.kind
    return all(
        (
            kind is None or (entry["kind"].startswith(kind) if kind.endswith(".") else entry["kind"] == kind),
            query.outcome in (None, entry["outcome"]),
            query.actor in (None, actor.get("id")),
            query.unit in (None, actor.get("unit")),
            query.person is None or query.person in people,
            query.policy in (None, entry["policy"]),
            query.rule in (None, entry["facts"].get("rule")),
            query.problem in (None, entry["facts"].get("problem")),
            all(links.get(name) == value for name, value in query.links.items()),
            query.since is None or entry["at"] >= micros_text(query.since),
            query.until is None or entry["at"] < micros_text(query.until),
            query.subject is None or query.subject in entry["subjects"],
        )
    )


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    dice = random.Random(SEED)
    engine = make_engine(tables_url)
    clock = START

    def now() -> datetime:  # one that is set back now and then, and once far ahead
        nonlocal clock
        clock += timedelta(seconds=dice.choice((1, 1, 1, 60, -120, 0)))
        return clock

    journal = make_journal(engine, now=now)
    written = list(drafts(dice, 300))
    for draft in written:
        journal.append(draft)
    journal.close()
    store = SqlLogStore(engine)
    entries = [{**entry, "subjects": draft.subjects} for entry, draft in zip(trail(engine), written, strict=True)]
    yield House(engine, store, SearchIndex(store, make_reader(engine)), entries)
    engine.dispose()


def queries(dice: random.Random, last: datetime) -> Iterator[SearchQuery]:
    def maybe(*values: str) -> str | None:
        return dice.choice(values) if dice.random() < 0.25 else None

    def moment() -> datetime | None:
        return START + (last - START) * dice.uniform(-0.1, 1.1) if dice.random() < 0.3 else None

    for _ in range(250):
        links = {"grant": maybe("gr-a", "gr-b", "gr-c"), "approver": maybe(*PEOPLE)}
        yield SearchQuery(
            kind=maybe("release.", "account.", "release.refused", "nothing."),
            outcome=maybe("done", "refused"),
            actor=maybe(*PEOPLE),
            person=maybe(*PEOPLE),
            unit=maybe("140105"),
            policy=maybe("default-deny"),
            rule=maybe("A50-9"),
            problem=maybe("ScopeExceededError"),
            links={name: value for name, value in links.items() if value is not None},
            since=moment(),
            until=moment(),
            subject=maybe(*PUPILS, CROWD[0]),
            before=dice.randrange(310) if dice.random() < 0.3 else None,
            limit=dice.choice((1, 7, 200)),
        )


@pytest.mark.parametrize(("enough", "known"), [((2000,), 300), ((5, 20), 297), ((1,), 20), ((2000,), 0)])
def test_a_search_finds_what_reading_every_entry_finds(
    house: House, enough: tuple[int, ...], known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far the index has come."""
    house.forget(known)
    monkeypatch.setattr(searching, "_ENOUGH", enough)
    last = max(datetime.fromisoformat(entry["at"]) for entry in house.entries)
    hits = 0
    for query in queries(random.Random(sum(enough) + known), last):
        found = house.search(query)
        assert found == house.plainly(query), query
        hits += bool(found)
    assert hits > 50  # the questions are not all about nothing


def test_times_are_right_where_the_clock_went_back(house: House) -> None:
    back = [number for number, entry in enumerate(house.entries) if "clock_back" in entry]
    assert len(back) > 10
    for number in back:
        at = datetime.fromisoformat(house.entries[number]["at"])
        query = SearchQuery(since=at, until=at + timedelta(microseconds=1), limit=200)
        assert number in house.search(query)
        assert house.search(query) == house.plainly(query)


def test_pages_by_key_are_the_whole_in_order(house: House) -> None:
    query = SearchQuery(person="st-3", kind="release.", limit=9)
    pages: list[int] = []
    while found := house.search(query):
        pages += found
        query = replace(query, before=found[-1])
    assert pages == house.plainly(replace(query, before=None, limit=1000))
    assert len(pages) > 30


DAMAGE: list[tuple[str, list[tuple[int, tuple[str, ...]]] | None]] = [
    ("UPDATE log_index SET link_grant = 'gr-x', outcome = 'done ' WHERE seq = 7", [(7, ("link_grant", "outcome"))]),
    ("UPDATE log_index SET reached = at WHERE seq = (SELECT MIN(seq) FROM log_index WHERE at < reached)", None),
    ("DELETE FROM log_index WHERE seq = 299", [(299, ())]),
    ("DELETE FROM log_index WHERE seq IN (0, 120)", [(0, ()), (120, ())]),
    ("INSERT INTO log_index (seq, kind, at, outcome) VALUES (-1, 'a.b', 'x', 'done')", [(-1, ())]),
    ("INSERT INTO log_index (seq, kind, at, outcome) VALUES (5000, 'a.b', 'x', 'done')", [(5000, ())]),
    ("UPDATE log_tags SET seq = 299 WHERE seq = (SELECT MIN(seq) FROM log_tags)", None),
]


def test_what_the_index_has_wrong_is_named_and_written_anew(house: House) -> None:
    assert house.index.compare() == []
    for damage, told in DAMAGE:
        with house.engine.begin() as connection:
            connection.execute(text(damage))
        found = house.index.compare()
        assert found, damage
        if told is not None:
            assert [(one.index, one.members) for one in found] == told
        assert all(str(one.index) in one.detail and str(one.index) in one.detail_zh for one in found)
        done: list[int] = []
        assert house.index.rebuild(done.append) == 300
        assert sum(done) == 300
        assert house.index.compare() == [], damage


def test_the_index_takes_in_what_it_lacks_and_lacking_is_no_damage(house: House) -> None:
    house.forget(123)
    assert house.index.compare() == []
    with house.engine.begin() as connection:  # rows of entries that it has not come to
        connection.execute(text("INSERT INTO log_index (seq, kind, at, outcome) VALUES (200, 'a.b', 'x', 'done')"))
    assert [one.index for one in house.index.compare()] == [200]
    assert house.search(SearchQuery(kind="a.b")) == []
    done: list[int] = []
    assert (house.index.catch_up(done.append), sum(done), house.index.catch_up()) == (177, 177, 0)
    assert house.index.compare() == []
    house.forget(50)
    assert house.index.rebuild() == 300
    assert house.index.compare() == []


def test_the_index_follows_a_log_that_is_written(tables_url: str) -> None:
    engine = make_engine(tables_url)
    journal = make_journal(engine)
    store, reader = SqlLogStore(engine), make_reader(engine)
    for draft in drafts(random.Random(SEED), FAR_BEHIND + 1):
        journal.append(draft)
    deadline = time.monotonic() + 60
    while reader.read(store.indexed) <= FAR_BEHIND:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert SearchIndex(store, reader).compare() == []
    journal.close()
    engine.dispose()


def test_the_command_checks_and_rebuilds(house: House) -> None:
    def run(*options: str) -> tuple[int, str]:
        url = house.engine.url.render_as_string(hide_password=False)
        ran = CliRunner().invoke(cli, ["audit", "index", "--quiet", "--database", url, *options])
        return ran.exit_code, ran.stdout

    assert run("--check")[0] == 0
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE log_index SET kind = 'x.y' WHERE seq = 4"))
        connection.execute(text("DELETE FROM log_index WHERE seq = 9"))
    status, told = run()
    assert status == 1
    assert "条目 4 与日志不符：kind" in told
    assert "no row of entry 9" in told
    status, told = run("--json")
    members = [(one["index"], one["missing"], one["members"]) for one in json.loads(told)["differences"]]
    assert (status, members) == (1, [(4, False, ["kind"]), (9, True, [])])
    assert run("--rebuild")[0] == 0
    assert run("--check") == (0, "检索索引与日志一致 · the search index agrees with the log\n")


def test_an_index_of_the_version_before_is_brought_forward(database_url: str) -> None:
    migrate.upgrade(database_url)
    engine = make_engine(database_url)
    journal = make_journal(engine)
    for draft in drafts(random.Random(SEED), 30):
        journal.append(draft)
    journal.close()
    with engine.begin() as connection:
        command.downgrade(migrate._config(connection, metadata, migrate.SCRIPTS), "8a01witness")
        columns = {column["name"] for column in sa.inspect(connection).get_columns("log_index")}
        assert not {"policy", "rule", "problem", "reached"} & columns
    migrate.upgrade(database_url)
    assert SearchIndex(SqlLogStore(engine), make_reader(engine)).compare() == []
    assert [one for one in migrate.differences(database_url) if "log_index" in str(one)] == []
    engine.dispose()
