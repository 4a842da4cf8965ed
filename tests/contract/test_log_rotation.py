"""The log's key is changed by an entry: whoever signs takes it up, whoever has the old key alone does not write."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from gateway.audit.errors import LogKeyMissingError
from gateway.audit.records import LogKeyRecord
from gateway.audit.store import SqlLogStore
from gateway.errors import ConfigurationError, ConflictError, ParameterError, UnavailableError
from gateway.journal import Tx
from tests.factories.journal import trail
from tests.factories.rotation import FIRST, OVERLAP, Signed, key_folder

OLD = FIRST.verifier


@pytest.fixture
def log(tables_url: str, tmp_path: Path) -> Iterator[Signed]:
    made = Signed(tables_url, key_folder(tmp_path / "keys"))
    yield made
    made.close()


def test_both_keys_sign_from_the_commit_of_the_entry_on_and_the_new_one_alone_after(log: Signed) -> None:
    log.append(2)
    new = log.rotate()
    log.append(2)
    log.clock.at += OVERLAP - timedelta(microseconds=1)
    log.append()
    log.clock.at += timedelta(microseconds=1)
    log.append()
    both = {OLD.id, new.id}
    assert log.signers() == {1: {OLD.id}, 2: {OLD.id}, 3: both, 4: both, 5: both, 6: both, 7: {new.id}}
    (entry,) = trail(log.engine, "log.key")
    assert (entry["facts"]["old_key"], entry["facts"]["new_key"]) == (str(OLD), str(new))
    assert [(one.key, one.entry) for one in log.keys.listed()] == [(OLD, None), (new, 2)]
    for trusted in ((OLD,), (new,), (OLD, new), (new, OLD)):
        report = log.verify(*trusted)
        assert report.ok, report.findings
        assert report.checkpoints == 7


def test_another_process_takes_the_new_key_up_without_a_restart(log: Signed) -> None:
    running = Signed(log.url, log.folder, log.clock)
    running.append()
    new = log.rotate()
    running.append()
    log.end_overlap()
    running.append()
    running.close()
    assert log.signers() == {1: {OLD.id}, 2: {OLD.id, new.id}, 3: {OLD.id, new.id}, 4: {new.id}}


def test_a_process_without_the_new_key_writes_nothing_until_it_has_it(log: Signed, tmp_path: Path) -> None:
    other = Signed(log.url, key_folder(tmp_path / "other"), log.clock)  # another server
    other.append()
    new = log.rotate()
    name = f"log-{new.id.hex()}.pem"
    with pytest.raises(LogKeyMissingError) as caught:
        other.append()
    assert caught.value.missing == (name,)
    assert log.verify(OLD).size == 2
    shutil.copyfile(log.folder / name, other.folder / name)
    other.append()
    other.close()
    assert log.signers()[3] == {OLD.id, new.id}


class Blind(SqlLogStore):
    """A program of before: it does not know that keys change."""

    def log_keys(self, tx: Tx) -> list[LogKeyRecord]:
        return []


def test_the_database_itself_refuses_a_checkpoint_without_the_newest_key(log: Signed) -> None:
    old = Signed(log.url, log.folder, log.clock, store_type=Blind)
    old.append()
    log.rotate()
    with pytest.raises(UnavailableError) as caught:
        old.append()
    assert isinstance(caught.value.__cause__, DBAPIError) or "log_checkpoints" in str(caught.value.__cause__)
    old.close()
    assert (log.verify(OLD).size, log.verify(OLD).ok) == (2, True)


def test_a_destroyed_key_is_not_needed_after_the_overlap(log: Signed) -> None:
    log.append()
    log.rotate()
    log.end_overlap()
    third = log.rotate()  # and once more
    log.end_overlap()
    for file in log.folder.iterdir():
        if third.id.hex() not in file.name:
            file.unlink()
    alone = Signed(log.url, log.folder, log.clock)
    alone.append()
    alone.close()
    assert log.signers()[4] == {third.id}
    report = log.verify(OLD)
    assert report.ok, report.findings


def test_the_key_is_not_changed_again_while_two_sign(log: Signed) -> None:
    log.rotate()
    with pytest.raises(ConflictError):
        log.rotate()
    with pytest.raises(ParameterError):
        log.keys.rotate(timedelta(days=-1))
    assert len(trail(log.engine, "log.key")) == 1
    log.end_overlap()
    log.rotate()
    assert len(log.keys.listed()) == 3


def test_a_prepared_key_waits_and_is_the_one_that_comes(log: Signed) -> None:
    waiting = log.keys.prepare()
    assert log.keys.prepare() == waiting
    log.append()
    assert log.signers() == {1: {OLD.id}}
    assert log.rotate() == waiting
    log.end_overlap()
    log.keys.files.make()
    log.keys.files.make()
    with pytest.raises(ConflictError, match="More than one"):
        log.rotate()


def test_of_two_changes_at_once_one_holds(log: Signed, tmp_path: Path) -> None:
    log.append()
    others = [Signed(log.url, key_folder(tmp_path / f"keys-{n}"), log.clock) for n in range(3)]
    start, failed = threading.Barrier(3), list[Exception]()

    def run(one: Signed) -> None:
        start.wait()
        try:
            one.rotate()
        except (ConflictError, LogKeyMissingError, UnavailableError) as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert len(failed) == 2
    assert len(trail(log.engine, "log.key")) == 1
    assert log.verify(OLD).ok


def test_a_damaged_key_file_stops_and_says_so(log: Signed) -> None:
    (log.folder / "log-00000000.pem").write_text("half a key", encoding="ascii")
    with pytest.raises(ConfigurationError, match="log-00000000"):
        log.rotate()
    log.append()
    assert log.verify(OLD).ok


def test_the_rows_of_keys_are_guarded(log: Signed) -> None:
    log.rotate()
    for statement in (
        "UPDATE log_keys SET vkey = 'x' WHERE number = 0",
        "UPDATE log_keys SET entry = 7",
        "DELETE FROM log_keys",
        "INSERT INTO log_keys (number, vkey, mark, overlap_until) VALUES (9, 'x', 'x', '')",
    ):
        with pytest.raises(DBAPIError), log.engine.begin() as connection:
            connection.exec_driver_sql(statement)
