"""Retention on both databases: what ended is destroyed by its key, the log's proofs stay, a hold keeps, two lift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import DatabaseError

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.accesses.records import Question, QuestionId
from gateway.accesses.sealing import TextBox
from gateway.accesses.store import SqlQuestionBook
from gateway.accesses.store.questions import access_questions
from gateway.audit.bundle import verify_bundle
from gateway.audit.epoch_keys import ACCESS_TAGS
from gateway.audit.indexing import SearchIndex
from gateway.audit.policy import TrustPolicy
from gateway.audit.records import SearchQuery
from gateway.audit.store import DatabaseLogSource, SqlLogStore, shelves
from gateway.audit.store.tables import audit_requests
from gateway.audit.tags import EpochState, Tagger
from gateway.audit.verify import verify_log
from gateway.data_keys.errors import DataGoneError
from gateway.data_keys.records import DESTROYED_TEXT
from gateway.data_keys.wrapping import WrappingKeys
from gateway.db import migrate
from gateway.db.data_keys import data_keys
from gateway.errors import ConflictError, ForbiddenError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import AccountId, ApplicationId, UnitCode
from gateway.inspections.store import CaseAdoption
from gateway.inspections.store.sealing import CASE_TEXTS
from gateway.inspections.store.tables import inspection_cases, inspection_events
from gateway.journal import EntryDraft, Tx
from gateway.policies.scans import Scan
from gateway.policies.store import applications, grants, grounds
from gateway.policies.store.scans import SqlScans, approval_scans
from gateway.retention.errors import HoldStateError
from gateway.retention.records import HoldScope, LegalHoldId
from gateway.retention.store.repository import acts, holds
from tests.factories.alerts import DATA, INSPECTOR
from tests.factories.identity import LI, WANG
from tests.factories.journal import make_identity
from tests.factories.retention import OTHER, SECRET, Archive, archive

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DUE = datetime(2031, 12, 31, 16, 0, tzinfo=UTC)
"""Midnight in Shanxi: 60 months and a day after the last of 2026."""
POLICY = TrustPolicy((make_identity().keys[0],))
OLD = bytes(range(64, 96))
"""The wrapping key of the beginning."""
BOX = TextBox.from_root(bytes(32))
REASON = "省厅立案调查，材料不得销毁。"


@pytest.fixture
def house(tables_url: str, tmp_path: Path) -> Iterator[Archive]:
    with archive(tables_url, START, directory=tmp_path / "keys") as found:
        yield found


def test_what_ended_cannot_be_read_by_any_key_that_is_left_and_every_proof_still_holds(
    house: Archive, tmp_path: Path
) -> None:
    mine, case = house.read_of(LI), house.closed_case("old")
    package = tmp_path / "package.zip"
    package.write_bytes(house.audit.export(INSPECTOR))
    with house.engine.connect() as connection:
        before = connection.execute(sa.select(data_keys)).all()
        sealed = connection.execute(sa.select(inspection_cases.c.title_sealed)).scalar_one()
    raw = house.key_of(CASE_TEXTS, case)
    assert raw is not None
    assert house.case(case).title == SECRET
    assert house.audit.found(SearchQuery(subject=LI)).entries[0].index == mine

    house.clock.at = DUE
    house.sweep()
    assert house.renewal.run()

    assert house.case(case).title == house.case(case).order == DESTROYED_TEXT
    page = house.audit.found(SearchQuery(subject=LI))
    assert (page.entries, page.lost_epochs) == ((), ("2026Q4",))
    # neither the rows of today nor those of a backup of then open under anything that is left
    left = [bytes.fromhex(path.read_text()) for path in (tmp_path / "keys").iterdir()]
    with house.engine.connect() as connection:
        standing = [row.matter for row in connection.execute(sa.select(data_keys)) if row.wrapped is not None]
    left += [found for matter in standing if (found := house.key_of(ACCESS_TAGS, matter))]
    assert left
    blobs = [(sealed, f"{CASE_TEXTS}\0{case}\0title"), *((row.wrapped, _names(row)) for row in before)]
    assert [_opened(key, *blob) for key, blob in zip([raw, *[OLD] * len(before)], blobs, strict=True)].count(None) == 0
    for key, blob in product(left, blobs):
        assert _opened(key, *blob) is None
    for row in before:
        with pytest.raises(UnavailableError):
            WrappingKeys(left[0], tmp_path / "keys").key(row.wrapping)
    if house.engine.dialect.name == "sqlite":
        assert house.engine.url.database is not None
        files = [path for path in Path(house.engine.url.database).parent.glob("test.db*") if path.is_file()]
        content = b"".join(path.read_bytes() for path in files)
        assert SECRET.encode() not in content
        assert raw not in content
        assert raw.hex().encode() not in content
    # and the log, and a package of before, prove what they proved
    with DatabaseLogSource(house.engine) as source:
        assert verify_log(source, POLICY).ok
    assert verify_bundle(package, POLICY).ok
    (gone, case_gone) = sorted(house.entries("retention.destroyed"), key=lambda one: str(one["facts"]))
    assert gone["facts"] | {"keys": []} == {
        "class": "access_tags", "count": 1, "end": "destroy_key", "from": "2026-10-01", "to": "2026-12-31",
        "matters": ["2026Q4"], "keys": [],
    }  # fmt: skip
    assert case_gone["facts"]["matters"] == [case]
    assert {key for one in (gone, case_gone) for key in one["facts"]["keys"]} == {row.id for row in before}


def _names(row: sa.Row[tuple[object, ...]]) -> str:
    return f"{row.id}\0{row.data_class}\0{row.matter}"


def _opened(key: bytes, blob: bytes, bound: str) -> bytes | None:
    try:  # the key of a quarter has the number of its make before it
        return AESGCM(key[-32:]).decrypt(bytes(blob)[:12], bytes(blob)[12:], bound.encode())
    except InvalidTag:
        return None


def test_a_day_too_early_nothing_is_destroyed_and_a_second_sweep_of_a_day_does_nothing(house: Archive) -> None:
    house.read_of(LI)
    house.clock.at = DUE - timedelta(microseconds=1)
    house.sweep()
    assert house.audit.found(SearchQuery(subject=LI)).entries
    assert [one["facts"] for one in house.entries()] == [{"day": "2031-12-31", "destroyed": {}, "holds": 0}]
    house.clock.at = DUE
    house.sweep()
    house.sweep()
    told = [one["kind"] for one in house.entries()]
    assert told == ["retention.swept", "retention.destroyed", "retention.swept"]
    assert house.service.state().last_sweep == date(2032, 1, 1)
    with pytest.raises(DataGoneError):
        house.epochs.key("2026Q4")
    assert house.epochs.state("2026Q4") is EpochState.DESTROYED


def test_a_batch_that_could_not_be_written_is_tried_again_on_the_same_day(house: Archive) -> None:
    case, sweeper = house.closed_case("old"), house.sweeper()
    house.clock.at = DUE
    working, sweeper.journal = sweeper.journal, Unavailable()
    with pytest.raises(UnavailableError):
        sweeper.step()
    sweeper.journal = working
    while sweeper.step():
        continue
    assert house.case(case).title == DESTROYED_TEXT


class Unavailable:
    """A journal that cannot be written."""

    def record(self, write: object, entry: object) -> NoReturn:
        """Refuse."""
        del write, entry
        raise UnavailableError("down")

    def append(self, entry: object) -> NoReturn:
        """Refuse."""
        del entry
        raise UnavailableError("down")


@pytest.mark.parametrize(
    "scope",
    [
        HoldScope(case="ic-held"),
        HoldScope(data_class="case_texts"),
        HoldScope(unit="140100"),
        HoldScope(first_day=date(2026, 11, 23), last_day=date(2026, 11, 30)),
    ],
    ids=["case", "class", "unit-above", "days"],
)
def test_what_is_held_stays_until_another_person_lifts_the_hold(house: Archive, scope: HoldScope) -> None:
    case = house.closed_case("held")
    house.clock.at = DUE
    review = date(2032, 6, 1)
    hold = house.desk.set(INSPECTOR, scope, "晋教监〔2031〕7号", REASON, review)
    assert {(one.matter.id, one.held_by) for one in house.service.planned() if one.matter.id == case} == {
        (case, (hold.id,))
    }
    house.sweep()
    assert house.case(case).title == SECRET
    by_code = {one.rules.code: one for one in house.service.state().classes}
    assert (by_code["case_texts"].due, by_code["case_texts"].held) == (1, 1)

    with pytest.raises(HoldStateError):
        house.desk.lift(OTHER, hold.id, "调查已结束。")
    house.desk.ask_lift(INSPECTOR, hold.id, "调查已结束。")
    with pytest.raises(ForbiddenError):
        house.desk.lift(INSPECTOR, hold.id, "调查已结束。")
    assert house.entries("retention.refused_act")[0]["actor"]["id"] == INSPECTOR.account
    house.clock.turn(days=1)
    house.sweep()
    assert house.case(case).title == SECRET

    house.desk.decline(OTHER, hold.id, "尚需核对。")
    house.desk.ask_lift(OTHER, hold.id, "核对完毕。")
    house.desk.lift(INSPECTOR, hold.id, "同意。")
    house.clock.turn(days=1)
    house.sweep()
    assert house.case(case).title == DESTROYED_TEXT
    (file,) = house.desk.listed(INSPECTOR)
    assert [event.act for event in file.events] == ["set", "lift_asked", "lift_declined", "lift_asked", "lifted"]
    with pytest.raises(HoldStateError):
        house.desk.extend(INSPECTOR, hold.id, date(2032, 9, 1), "x")


def test_a_hold_that_is_not_about_it_keeps_nothing_else(house: Archive) -> None:
    held, free = house.closed_case("held"), house.closed_case("free", unit="140200")
    house.clock.at = DUE
    house.desk.set(INSPECTOR, HoldScope(data_class="case_texts", unit="140105"), "立案", REASON, date(2032, 6, 1))
    house.sweep()
    assert (house.case(held).title, house.case(free).title) == (SECRET, DESTROYED_TEXT)


def test_a_hold_needs_an_object_a_ground_and_a_review_within_the_year(house: Archive) -> None:
    day = date(2027, 1, 1)
    for scope, ground, reason, review in (
        (HoldScope(), "立案", REASON, day),
        (HoldScope(data_class="diaries"), "立案", REASON, day),
        (HoldScope(first_day=day, last_day=date(2026, 1, 1)), "立案", REASON, day),
        (HoldScope(unit="140105"), " ", REASON, day),
        (HoldScope(unit="140105"), "立案", "家长电话 13800000000", day),
        (HoldScope(unit="140105"), "立案", REASON, date(2026, 11, 23)),
        (HoldScope(unit="140105"), "立案", REASON, date(2028, 1, 1)),
    ):
        with pytest.raises(ParameterError):
            house.desk.set(INSPECTOR, scope, ground, reason, review)
    with pytest.raises(ForbiddenError):
        house.desk.set(DATA, HoldScope(unit="140105"), "立案", REASON, day)
    with pytest.raises(NotFoundError):
        house.desk.extend(INSPECTOR, LegalHoldId("rh-none"), day, REASON)
    hold = house.desk.set(INSPECTOR, HoldScope(grant="gr-1"), "立案", REASON, day)
    with pytest.raises(ParameterError):
        house.desk.extend(INSPECTOR, hold.id, day, REASON)
    assert house.desk.on(INSPECTOR, grant="gr-1") == (hold,)
    assert house.desk.on(INSPECTOR, case="gr-1") == house.desk.on(INSPECTOR) == house.desk.on(DATA, grant="gr-1") == ()


def test_a_review_that_is_past_is_said_once_and_the_hold_goes_on(house: Archive) -> None:
    hold = house.desk.set(INSPECTOR, HoldScope(unit="140105"), "立案", REASON, date(2026, 12, 1))
    assert house.desk.call_reviews() == 0
    house.clock.turn(days=9)
    assert (house.desk.call_reviews(), house.desk.call_reviews()) == (1, 0)
    assert house.service.state().holds[0].id == hold.id
    house.desk.extend(INSPECTOR, hold.id, date(2026, 12, 10), "调查未结束。")
    house.clock.turn(days=9)
    assert house.desk.call_reviews() == 1
    assert [one["facts"]["review_on"] for one in house.entries("retention.hold_review")] == [
        "2026-12-01", "2026-12-10",
    ]  # fmt: skip


def test_the_database_itself_lets_nobody_lift_alone_or_bring_a_key_back(house: Archive) -> None:
    hold = house.desk.set(INSPECTOR, HoldScope(case="ic-held"), "立案", REASON, date(2026, 12, 1))
    house.desk.ask_lift(INSPECTOR, hold.id, "调查已结束。")
    house.read_of(LI)
    lifted = {"lifted_at": "2026-11-24", "lifted_by": INSPECTOR.account}
    for statement in (
        holds.update().values(**lifted),
        holds.delete(),
        acts.update().values(reason=""),
        data_keys.delete(),
        data_keys.update().values(matter="2099Q1"),
        data_keys.update().values(wrapped=None),
    ):
        with pytest.raises(DatabaseError), house.engine.begin() as connection:
            connection.execute(statement)
    with house.engine.begin() as connection:
        house.keys.destroy(Tx(connection), ACCESS_TAGS, "2026Q4")
    with pytest.raises(DatabaseError), house.engine.begin() as connection:
        connection.execute(data_keys.update().values(wrapped=b"0" * 60, destroyed_at=None))


def test_what_stands_beyond_its_longest_time_is_said_once_a_day(house: Archive) -> None:
    house.closed_case("late")
    house.sweep()
    assert not house.watch.run()
    house.clock.at = datetime(2033, 1, 1, 2, 0, tzinfo=UTC)
    assert (house.watch.run(), house.watch.run()) == (True, True)
    told = [one["facts"] for one in house.entries("retention.overdue")]
    assert [(one["class"], one.get("oldest")) for one in told] == [
        ("access_tags", "2026-12-31"), ("case_texts", "2026-11-23"), ("*", None),
    ]  # fmt: skip
    # after so long a pause the clock may be wrong: nothing is destroyed before somebody has looked
    house.sweep()
    assert house.entries("retention.destroyed") == []
    house.sweeper().resume(OTHER)
    with pytest.raises(ConflictError):
        house.sweeper().resume(OTHER)
    house.desk.set(INSPECTOR, HoldScope(data_class="case_texts"), "立案", REASON, date(2033, 6, 1))
    house.clock.turn(days=1)
    house.sweep()
    assert [one["facts"]["class"] for one in house.entries("retention.destroyed")] == ["access_tags"]
    assert not house.watch.run()


def test_epochs_of_a_log_from_before_keep_their_tags_and_then_need_no_root(tables_url: str) -> None:
    root = bytes(range(32, 64))
    old = Tagger.from_root(root)
    with archive(tables_url, START, root=root) as before:
        before.sequencer._tagger = old  # as the program of then wrote
        index = before.read_of(LI)
        assert before.audit.found(SearchQuery(subject=LI)).entries[0].index == index  # nothing is stored yet
        stored = before.journal.record(lambda tx: before.epochs.adopt(tx, ["2026Q3", "2026Q4"]), _adopted)[0]
        assert stored == ["2026Q3", "2026Q4"]
    with archive(tables_url, START) as after:
        assert after.epochs.key("2026Q4") == old.epoch_key("2026Q4")
        assert [one.index for one in after.audit.found(SearchQuery(subject=LI)).entries] == [index]
        after.clock.at = datetime(2027, 1, 5, tzinfo=UTC)
        later = after.read_of(WANG)
        assert after.epochs.key("2027Q1") != old.epoch_key("2027Q1")
        assert [len(after.epochs.key(one)) for one in ("2026Q4", "2027Q1")] == [32, 33]  # a make for each quarter
        assert [one.index for one in after.audit.found(SearchQuery(subject=WANG)).entries] == [later]
        after.clock.at = DUE
        after.sweep()
        assert after.audit.found(SearchQuery(subject=LI)).lost_epochs == ("2026Q3", "2026Q4")
        assert [one.index for one in after.audit.found(SearchQuery(subject=WANG)).entries] == [later]


def _adopted(stored: list[str]) -> EntryDraft:
    return EntryDraft("retention.adopted", None, facts={"count": len(stored)})


def test_texts_from_before_are_put_under_seal_and_read_the_same(house: Archive) -> None:
    case = house.closed_case("clear")
    with house.engine.begin() as connection:
        for table in (inspection_cases, inspection_events):  # back to what the program of then wrote
            for act in ("update", "delete"):
                _drop_guard(connection, table.name, act)
        connection.execute(inspection_cases.update().values(title=SECRET, title_sealed=None))
        connection.execute(inspection_events.update().values(text=SECRET, text_sealed=None))
    adoption = CaseAdoption(house.keys)
    assert house.reader.read(lambda tx: adoption.waiting(tx, 9)) == [case]
    with house.engine.begin() as connection:
        assert adoption.adopt(Tx(connection), case)
        assert not adoption.adopt(Tx(connection), case)
        assert connection.execute(sa.select(inspection_cases.c.title)).scalar_one() == ""
        assert connection.execute(sa.select(inspection_events.c.text)).scalar_one() == ""
    assert house.case(case).title == SECRET
    assert [one.text for one in house.reader.read(lambda tx: house.cases.events(tx, case))] == [SECRET]


def _drop_guard(connection: sa.Connection, table: str, act: str) -> None:
    name = f"guard_{table}_{act}"
    on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on}")


def test_a_question_goes_with_its_row_and_key_and_one_that_waits_stays(house: Archive) -> None:
    book, old = SqlQuestionBook(BOX, house.keys), SqlQuestionBook(BOX)
    asked = Question(
        QuestionId("fq-new"), AccountId("gd-1"), LI, None, UnitCode("140105"), START, date(2026, 12, 7), "谁？"
    )

    def keep(tx: Tx) -> None:
        book.add(tx, asked)
        book.add(tx, replace(asked, id=QuestionId("fq-waits")))
        old.add(tx, replace(asked, id=QuestionId("fq-old")))  # from before questions had keys
        for store, name in ((book, "fq-new"), (old, "fq-old")):
            done = replace(
                asked, id=QuestionId(name), answer="因为。", answered_at=START, answered_by=AccountId("st-7")
            )
            assert store.answer(tx, done)

    house.journal.record(keep, EntryDraft("family.question_asked", None))
    read = house.reader.read(lambda tx: [book.get(tx, QuestionId(name)) for name in ("fq-new", "fq-old")])
    assert [(one.text, one.answer) for one in read if one is not None] == [("谁？", "因为。")] * 2
    with pytest.raises(DatabaseError, match="forbidden"), house.engine.begin() as connection:
        connection.execute(access_questions.delete())
    house.clock.at = datetime(2029, 11, 23, 16, 0, tzinfo=UTC)
    house.sweep()
    with house.engine.connect() as connection:
        assert connection.execute(sa.select(access_questions.c.id)).scalars().all() == ["fq-waits"]
    (gone,) = house.entries("retention.destroyed")
    facts = gone["facts"]
    assert (facts["matters"], len(facts["keys"]), facts["end"]) == (["fq-new", "fq-old"], 2, "delete_row")


def test_a_scan_goes_long_after_its_grant_and_a_hold_on_the_grant_keeps_it(house: Archive) -> None:
    with house.engine.begin() as connection:
        for name in ("1", "2"):
            _fill(connection, applications, id=f"ap-{name}", unit="140105", round=0)
            _fill(connection, grounds, id=f"g-{name}", application=f"ap-{name}")
            _fill(connection, grants, id=f"gr-{name}", application=f"ap-{name}", ground_id=f"g-{name}",
                  valid_to="2027-06-30", uses=1, uses_left=1)  # fmt: skip
        scans = SqlScans(house.keys)
        scan = Scan("sc-1", ApplicationId("ap-1"), "application/pdf", 4, "0" * 64, AccountId("st-7"), START)
        scans.insert_scan(Tx(connection), scan, b"sealed by the box")
        assert scans.sealed_scan(Tx(connection), scan.application, scan.id) == (scan, b"sealed by the box")
        assert b"sealed by the box" not in connection.execute(sa.select(approval_scans.c.sealed)).scalar_one()
        SqlScans().insert_scan(Tx(connection), replace(scan, id="sc-2", application=ApplicationId("ap-2")), b"old")
        assert scans.sealed_scan(Tx(connection), ApplicationId("ap-2"), "sc-2") is not None
    house.clock.at = datetime(2032, 6, 29, 16, 0, tzinfo=UTC)  # the last day that is kept has begun
    house.desk.set(INSPECTOR, HoldScope(grant="gr-2"), "立案", REASON, date(2033, 1, 1))
    assert [one.matter.id for one in house.service.planned()] == []
    house.clock.turn(days=1)
    assert [(one.matter.id, len(one.held_by)) for one in house.service.planned()] == [("sc-1", 0), ("sc-2", 1)]
    house.sweep()
    with house.engine.connect() as connection:
        assert connection.execute(sa.select(approval_scans.c.id)).scalars().all() == ["sc-2"]


def _fill(connection: sa.Connection, table: sa.Table, **values: object) -> None:
    """Insert a row with ``values``, and anything in what else it must have."""
    for column in table.c:
        if not column.nullable and column.server_default is None and column.default is None:
            values.setdefault(column.name, False if isinstance(column.type, sa.Boolean) else 1 if isinstance(
                column.type, sa.Integer) else "x")  # fmt: skip
    connection.execute(table.insert().values(**values))


def test_requests_that_are_entries_go_in_chunks_and_one_that_waits_stays(
    house: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "CHUNK", 2)
    index = house.journal.append(EntryDraft("access.refused", None, outcome="refused")).index
    with house.engine.begin() as connection:
        for _ in range(5):
            connection.execute(audit_requests.insert().values(draft="", entry_seq=index, tree_size=index + 1))
        connection.execute(audit_requests.insert().values(draft="{}"))
    SearchIndex(SqlLogStore(house.engine), house.reader).catch_up()
    house.clock.at = datetime(2027, 5, 23, 16, 0, tzinfo=UTC)
    house.sweep()
    with house.engine.connect() as connection:
        assert connection.execute(sa.select(audit_requests.c.draft)).scalars().all() == ["{}"]
    (gone,) = house.entries("retention.destroyed")
    facts = gone["facts"]
    assert (facts["count"], len(facts["matters"]), facts["keys"]) == (5, 3, [])


def test_a_renewal_that_was_cut_off_is_finished_at_the_next_start(house: Archive, tmp_path: Path) -> None:
    house.read_of(LI)
    case, keys = house.closed_case("kept"), tmp_path / "keys"
    before = (keys / "retention.key").read_text()
    fingerprint = house.keys.wrapping.make_next()
    assert house.keys.wrapping.make_next() == fingerprint  # made before a crash: found, not made anew
    assert not house.renewal.settle()  # not in force: the transaction has not been
    with house.engine.begin() as connection:
        assert house.keys.wrap_anew(Tx(connection), fingerprint) == 2
    stranger = WrappingKeys(bytes.fromhex(before), keys)  # another process: it finds the next key in the directory
    assert stranger.key(fingerprint)
    assert house.renewal.settle()
    assert sorted(path.name for path in keys.iterdir()) == ["retention.key"]
    assert (keys / "retention.key").read_text() != before
    assert house.case(case).title == SECRET
    assert not house.renewal.run()


def test_the_revision_makes_the_tables_that_the_stores_declare(database_url: str) -> None:
    migrate.upgrade(database_url)
    assert migrate.differences(database_url) == []
