"""I3, I4 and I5: audit before release, who answers for it, and a history that nobody rewrites unnoticed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from gateway import bootstrap, inspection
from gateway.db import make_engine
from gateway.errors import ForbiddenError, GatewayError, UnavailableError
from gateway.ids import GrantId
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.keyring import Face
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Format
from gateway.releases.records import DeliveryEnd, ExtractRequest
from tests.factories.invariants import report_of, standing_gate
from tests.factories.release_cases import (
    APPROVER,
    CASES,
    CHAIN,
    LIBRARY,
    client,
    client_of,
    grant_for,
)
from tests.factories.releases import House, make_house, opened
from tests.factories.traces import files_below

R = TypeVar("R")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


# --- I3: audit before release ----------------------------------------------------------------------------------------


class Recording:
    """The real journal, and in which order things happened around it."""

    def __init__(self, house: House, told: list[str]) -> None:
        self.journal = house.services.releases.journal
        self.told = told
        self.fail = False

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        if self.fail:
            raise UnavailableError("The log cannot be written.")
        made = self.journal.record(write, entry)
        self.told.append((entry(made[0]) if callable(entry) else entry).kind)
        return made

    def append(self, entry: EntryDraft) -> Receipt:
        if self.fail:
            raise UnavailableError("The log cannot be written.")
        receipt = self.journal.append(entry)
        self.told.append(entry.kind)
        return receipt


def test_i3_the_intent_is_durable_before_the_first_byte_and_the_outcome_after_the_last(house: House) -> None:
    told: list[str] = []
    releases = replace(house.services.releases, journal=Recording(house, told))
    extract = house.ready()
    delivery = releases.deliver(extract.id, client(extract.recipient))
    intents = house.entries("release.intent")  # read from the database, by another connection
    assert intents[-1]["facts"]["sha256"] == extract.sha256
    assert 0 <= delivery.receipt.index < delivery.receipt.tree_size
    for piece in delivery.content:
        assert piece
        told.append("bytes")
        assert not house.entries("release.outcome")
    assert told[0] == "release.intent"
    assert told[-1] == "release.outcome"
    assert set(told[1:-1]) == {"bytes"}


def test_i3_a_log_that_cannot_be_written_gives_no_bytes(house: House) -> None:
    journal = Recording(house, [])
    journal.fail = True
    extract = house.ready()
    releases = replace(house.services.releases, journal=journal)
    with pytest.raises(UnavailableError):
        releases.deliver(extract.id, client(extract.recipient))
    assert not house.entries("release.intent")
    left = house.services.applications.grant(extract.grant).uses_left
    with pytest.raises(UnavailableError):
        releases.start(extract.grant, ExtractRequest(Format.CSV), client(extract.recipient))
    assert house.services.applications.grant(extract.grant).uses_left == left
    looked: list[str] = []
    gate = replace(standing_gate(house), journal=journal)
    with pytest.raises(UnavailableError):
        gate.answer(
            LIBRARY,
            client_of("identity-check"),
            "identity-verification",
            frozenset({"stage"}),
            lambda _: looked.append("x"),
        )
    assert looked == []


@pytest.mark.parametrize("receipt", [Receipt(5, b"", 5, b""), Receipt(-1, b"", 5, b""), Receipt(0, b"", 0, b"")])
def test_i3_without_a_receipt_that_a_checkpoint_covers_the_stream_gives_nothing(house: House, receipt: Receipt) -> None:
    extract = house.ready()
    releases = house.services.releases
    delivery = house.deliver(extract)
    real = releases.reader.read(lambda tx: releases.extracts.deliveries_of(tx, extract.id))[0]
    source = releases._open(extract)
    stream = releases._stream(receipt, source, real, client(extract.recipient), {})
    with pytest.raises(ForbiddenError):
        next(stream)
    source.close()
    delivery.content.close()


def test_i3_a_delivery_that_nobody_closed_is_closed_as_unknown(house: House) -> None:
    extract = house.ready()
    delivery = house.deliver(extract)
    next(delivery.content)
    house.clock.turn(seconds=house.services.book.parameters.lease_seconds + 1)
    house.work()
    releases = house.services.releases
    (stored,) = releases.reader.read(lambda tx: releases.extracts.deliveries_of(tx, extract.id))
    assert stored.end is DeliveryEnd.UNKNOWN
    intents, outcomes = house.entries("release.intent"), house.entries("release.outcome")
    assert [one["facts"]["delivery"] for one in outcomes] == [one["facts"]["delivery"] for one in intents]
    delivery.content.close()


# --- I4: 谁批准、谁负责 ----------------------------------------------------------------------------------------------


@pytest.mark.rule("A50-10")
def test_i4_every_entry_of_a_release_leads_to_everyone_who_answers_for_it(house: House) -> None:
    extract = house.ready()
    house.content(extract)
    house.certify(extract)
    with pytest.raises(GatewayError):
        house.deliver(extract)
    capped = grant_for(house.services, CASES["bus-pseudonymous"], row_cap=10)
    house.start("bus-pseudonymous", grant=capped)
    with pytest.raises(ScopeExceededError):
        house.start("aid-masked", fields=("name_masked", "left_behind"))
    house.work()
    gate = standing_gate(house)
    gate.answer(LIBRARY, client_of("identity-check"), "identity-verification", frozenset({"stage"}), lambda _: None)
    entries = house.entries("release.")
    kinds = {entry["kind"] for entry in entries}
    assert kinds == {
        "release.requested", "release.preparing", "release.prepared", "release.intent", "release.outcome",
        "release.failed", "release.refused", "release.deleted",
    }  # fmt: skip
    for entry in entries:
        links = entry["links"]
        assert set(links) >= CHAIN, entry["kind"]
        grant = house.services.applications.grant(GrantId(links["grant"]))
        assert links["ground"] == grant.ground_id
        assert links["approver"] == grant.approver == APPROVER.account
        assert (links["basis_recorder"], links["basis_confirmer"]) == (grant.basis_recorder, grant.basis_confirmer)
        assert links["recipient"] == grant.recipient
        assert links["responsible"] == grant.responsible
        assert links["application"] == grant.application
        assert len({links["basis_recorder"], links["basis_confirmer"], links["approver"], links["executor"]}) == 4
    engine = make_engine(house.settings.gateway_url)
    with engine.connect() as connection:
        grounds = set(connection.execute(text("SELECT id FROM grounds")).scalars())
    engine.dispose()
    assert {entry["links"]["ground"] for entry in entries} <= grounds


@pytest.mark.rule("A50-10")
def test_i4_the_inspector_finds_a_release_by_each_of_them(house: House) -> None:
    from gateway.audit.records import SearchQuery
    from tests.factories.release_cases import INSPECTOR

    house.content(house.ready())
    (intent,) = house.entries("release.intent")
    for name in sorted(CHAIN | {"extract"}):
        page = house.services.audit.search(
            INSPECTOR, SearchQuery(kind="release.intent", links={name: intent["links"][name]})
        )
        assert [entry.content["facts"] for entry in page.entries] == [intent["facts"]], name


# --- I5: the operator cannot rewrite history -------------------------------------------------------------------------


def as_operator(house: House, *statements: str) -> None:
    """Do what the owner of the database file can do: drop the guards, then write."""
    house.reopen()
    path = make_url(house.settings.gateway_url).database
    assert path is not None
    with sqlite3.connect(path) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount == 1, statement
    connection.close()


def test_i5_the_guards_refuse_to_change_an_entry(house: House) -> None:
    engine = make_engine(house.settings.gateway_url)
    for statement in ("UPDATE log_entries SET body = x'00' WHERE seq = 1", "DELETE FROM log_entries WHERE seq = 1"):
        with pytest.raises(Exception, match="forbidden"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()
    assert report_of(house).ok


@pytest.mark.rule("A50-10")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entries SET body = CAST(replace(CAST(body AS TEXT), 'st-approver', 'st-somebody') AS BLOB) "
        "WHERE seq = (SELECT max(seq) FROM log_entries WHERE CAST(body AS TEXT) LIKE '%st-approver%')",
        "DELETE FROM log_entries WHERE seq = (SELECT max(seq) FROM log_entries)",
        "DELETE FROM log_entries WHERE seq = 3",
    ],
    ids=["altered", "last-deleted", "deleted"],
)
def test_i5_a_changed_or_deleted_entry_is_found(house: House, statement: str) -> None:
    assert report_of(house).ok
    as_operator(house, statement)
    report = report_of(house)
    assert not report.ok
    assert report.findings


def test_i5_a_log_written_anew_with_the_right_key_is_found_by_the_witness(tmp_path: Path) -> None:
    """Two histories from one beginning, both signed by the log's key: the operator shows the second."""
    (tmp_path / "a").mkdir()
    first = make_house(tmp_path / "a")
    signer = inspection.witness_signer(tmp_path / "witness", "inspector.example/witness")
    inspection.require_witness(first.settings, [signer.verifier])
    first.reopen()
    second_home = tmp_path / "b"
    shutil.copytree(first.settings.home, second_home)
    first.content(first.ready())
    done = inspection.witness_once(first.services, tmp_path / "witness", "inspector.example/witness")
    kept = [path.read_text(encoding="utf-8") for path in files_below(tmp_path / "witness" / "checkpoints")]
    kept = [one for one in kept if one]
    assert kept
    assert report_of(first, witnessed=tuple(kept)).ok
    first.close()
    home = tmp_path / "a" / "home"
    shutil.rmtree(home)
    shutil.copytree(second_home, home)  # the database is as it was before the delivery
    second = bootstrap.open_process(first.settings, Face.ALL, now=first.clock)
    for _ in range(done.size):
        second.services.releases.journal.append(EntryDraft("test.fact", None))
    key = str(second.services.audit.policy.logs[0])
    assert inspection.verify(lambda: first.settings, vkey=key).ok  # by itself, it holds
    report = inspection.verify(lambda: first.settings, vkey=key, witnessed=kept)
    assert not report.ok
    with pytest.raises(GatewayError):
        inspection.witness_once(second.services, tmp_path / "witness", "inspector.example/witness")
    second.close()
    second.services.sharing.close()  # type: ignore[union-attr]  # the real view has it
