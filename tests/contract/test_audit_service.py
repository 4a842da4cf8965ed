"""Inspector's use cases, the public log, the inspection package, and what the verifier finds."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from gateway.audit.bundle import verify_bundle
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.findings import Damage, VerifyReport
from gateway.audit.leaves import decode_entry
from gateway.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from gateway.audit.note import COSIGNATURE, NoteSigner, SignedNote
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.publication import LogPublisher
from gateway.audit.receipts import TlogProof
from gateway.audit.records import SearchQuery
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.tags import Tagger
from gateway.audit.tiles import decode_bundle
from gateway.audit.verify import trust, verify_log
from gateway.audit.witness import Witness
from gateway.db import make_engine, make_read_only_engine
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import EntryDraft
from gateway.principals import AccountKind, Principal, Role
from tests.factories.journal import TAG_ROOT, make_identity, make_journal, make_reader

ROOT = Path(__file__).resolve().parents[2]
INSPECTOR = Principal(AccountId("st-i"), AccountKind.STAFF, frozenset({Role.INSPECTOR}), UnitCode("140000"), "审计员")
OFFICER = Principal(AccountId("st-o"), AccountKind.STAFF, frozenset({Role.EXECUTOR}), UnitCode("140105"))
WITNESS = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32), COSIGNATURE)
POLICY = parse_policy(f"log {make_identity().keys[0]}\nwitness office {WITNESS.verifier}\nquorum office\n")
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PUPIL, OTHER = SubjectRef("aa" * 16), SubjectRef("bb" * 16)


@dataclass
class Clock:
    at: datetime = AT

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass
class House:
    url: str
    engine: Engine
    journal: SequencerJournal
    service: AuditService
    publisher: LogPublisher

    def verify(self, policy: TrustPolicy | None = None, witnessed: tuple[str, ...] = ()) -> VerifyReport:
        engine = make_read_only_engine(self.url)
        try:
            with DatabaseLogSource(engine) as source:
                return verify_log(source, policy or trust(str(make_identity().keys[0])), witnessed=witnessed)
        finally:
            engine.dispose()

    def damage(self, *statements: str) -> None:
        """Do what the owner of the database can: drop the guards, then write."""
        with self.engine.begin() as connection:
            for table in ("log_entries", "log_tiles", "log_checkpoints", "log_head"):
                for act in ("update", "delete"):
                    on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
                    connection.execute(text(f"DROP TRIGGER IF EXISTS guard_{table}_{act}{on}"))
            on = " ON log_entries" if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER IF EXISTS guard_log_entries_insert{on}"))
            for statement in statements:
                connection.execute(text(statement))

    def damages(self, *statements: str) -> list[tuple[Damage, int | None]]:
        self.damage(*statements)
        return [(finding.damage, finding.index) for finding in self.verify().findings]


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    engine = make_engine(tables_url)
    clock = Clock()
    journal = make_journal(engine, now=clock)
    store, reader = SqlLogStore(engine), make_reader(engine)
    service = AuditService(store, reader, journal, make_identity().origin, POLICY, Tagger.from_root(TAG_ROOT), clock)
    for number in range(10):
        links = {"grant": f"g-{number % 2}", "approver": "st-9", "responsible": "张处长", "ground": f"gr-{number % 3}"}
        subjects = (PUPIL,) if number == 4 else ()
        journal.append(EntryDraft("release.intent", OFFICER, facts={"n": number}, links=links, subjects=subjects))
    many = tuple(SubjectRef(f"{n:032x}") for n in range(100))
    journal.append(EntryDraft("release.outcome", None, outcome="complete", subjects=(*many, PUPIL)))
    yield House(tables_url, engine, journal, service, LogPublisher(reader, store))
    journal.close()
    engine.dispose()


def test_search_by_every_criterion_finds_and_is_logged_first(house: House) -> None:
    def found(**criteria: object) -> list[int]:
        page = house.service.search(INSPECTOR, SearchQuery(**criteria))  # type: ignore[arg-type]  # by name
        return [entry.index for entry in page.entries]

    assert found(links={"grant": "g-1"}) == [9, 7, 5, 3, 1]
    assert found(links={"grant": "g-1", "ground": "gr-0"}) == [9, 3]
    assert found(links={"approver": "st-9"}, limit=3) == [9, 8, 7]
    assert found(links={"responsible": "张处长"}, before=2) == [1, 0]
    assert found(kind="release.outcome") == [10]
    assert found(kind="release.", outcome="complete") == [10]
    assert found(kind="release_") == []
    assert found(unit="140105", since=AT + timedelta(seconds=9)) == [9, 8]
    assert found(unit="140105", until=AT + timedelta(seconds=2)) == [0]
    assert found(actor="st-nobody") == []
    assert found(subject=PUPIL) == [21, 10, 4]  # 21 is this search itself: it is about the pupil too
    assert found(subject=OTHER) == [22]
    reads = house.service.search(INSPECTOR, SearchQuery(kind="audit.read"))
    assert len(reads.entries) == 13  # twelve before it, and itself
    assert reads.entries[0].content["actor"] == {"id": "st-i", "kind": "staff", "post": "审计员", "unit": "140000"}
    assert PUPIL not in json.dumps([dict(entry.content) for entry in reads.entries])


def test_pages_follow_each_other_without_gaps(house: House) -> None:
    seen: list[int] = []
    before = None
    while True:
        page = house.service.search(INSPECTOR, SearchQuery(kind="release.intent", limit=4, before=before))
        seen += [entry.index for entry in page.entries]
        if page.before is None:
            break
        before = page.before
    assert seen == list(range(9, -1, -1))


def test_only_an_inspector_reads(house: House) -> None:
    size = house.service.consistency(1, 11).new
    for act in (
        lambda: house.service.search(OFFICER, SearchQuery()),
        lambda: house.service.entry(OFFICER, 0),
        lambda: house.service.export(OFFICER),
    ):
        with pytest.raises(ForbiddenError):
            act()
    assert size == 11


@pytest.mark.parametrize("query", [SearchQuery(limit=0), SearchQuery(limit=201), SearchQuery(links={"pupil": "x"})])
def test_a_bad_query_is_refused(house: House, query: SearchQuery) -> None:
    with pytest.raises(ParameterError):
        house.service.search(INSPECTOR, query)


def test_entry_comes_with_a_proof_that_a_stranger_verifies(house: House) -> None:
    proven = house.service.entry(INSPECTOR, 4)
    verify_inclusion(leaf_hash(proven.body), 4, proven.tree_size, proven.proof, proven.root)
    assert TlogProof.parse(proven.receipt).verify(proven.body, trust(str(make_identity().keys[0]))).size == 12
    assert decode_entry(proven.body) == dict(proven.entry.content)
    for index in (-1, 99):
        with pytest.raises(NotFoundError):
            house.service.entry(INSPECTOR, index)


def test_consistency_between_any_two_sizes(house: House) -> None:
    for old in range(1, 12):
        proof = house.service.consistency(old, 11)
        verify_consistency(old, 11, proof.proof, proof.old_root, proof.new_root)
    with pytest.raises(ParameterError):
        house.service.consistency(0, 11)
    with pytest.raises(ParameterError):
        house.service.consistency(1, 12)


def test_public_log_gives_checkpoint_and_hash_tiles_but_no_entries(house: House) -> None:
    checkpoint = Checkpoint.parse_text(SignedNote.parse(house.publisher.checkpoint()).text)
    assert checkpoint.size == 11
    leaves = house.publisher.hash_tile("tile/0/000.p/11")
    entries = decode_bundle(house.publisher.entry_bundle("tile/entries/000.p/11"))
    assert leaves == b"".join(leaf_hash(entry) for entry in entries)
    for path in ("tile/0/000", "tile/0/000.p/12", "tile/1/000.p/1", "tile/0/001.p/1", "tile/entries/000.p/11"):
        with pytest.raises(NotFoundError):
            house.publisher.hash_tile(path)
    with pytest.raises(NotFoundError):
        house.publisher.entry_bundle("tile/entries/000.p/12")
    with pytest.raises(MalformedError):
        house.publisher.hash_tile("tile/0/../../x")


def test_witness_cosigns_and_the_quorum_is_met(house: House, tmp_path: Path) -> None:
    assert [f.damage for f in house.verify(POLICY).findings] == [Damage.UNWITNESSED]
    witness = Witness(tmp_path, WITNESS, {make_identity().origin: make_identity().keys}, lambda: AT)
    checkpoint, signature = witness.once(house.publisher, make_identity().origin)
    house.service.add_cosignature(checkpoint.size, signature.line())
    house.journal.append(EntryDraft("test.more", None))
    checkpoint, signature = witness.once(house.publisher, make_identity().origin)
    house.service.add_cosignature(checkpoint.size, signature.line())
    house.journal.append(EntryDraft("test.more", None))
    seen = house.service.witnessed()
    assert seen is not None
    assert seen.size == 12
    report = house.verify(POLICY)
    assert (report.ok, report.cosigned_size) == (True, 12)
    proven = house.service.entry(INSPECTOR, 3)
    assert TlogProof.parse(proven.receipt).verify(proven.body, POLICY).size == 12
    with pytest.raises(ProofError):
        house.service.add_cosignature(11, signature.line())
    stranger = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32), COSIGNATURE)
    with pytest.raises(ProofError):
        house.service.add_cosignature(12, stranger.cosign(checkpoint.text, 1).line())


def test_index_is_a_cache_that_is_compared_and_rebuilt(house: House) -> None:
    house.service.index.catch_up()
    assert house.service.index.compare() == []
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE log_index SET link_grant = 'g-7' WHERE seq = 3"))
        connection.execute(text("DELETE FROM log_index WHERE seq = 5"))
        connection.execute(text("DELETE FROM log_tags"))
        connection.execute(text("INSERT INTO log_index (seq, kind, at, outcome) VALUES (77, 'a.b', 'x', 'done')"))
    assert [one.index for one in house.service.index.compare()] == [3, 4, 5, 77]
    assert house.service.index.rebuild() == 11
    assert house.service.index.compare() == []
    assert [e.index for e in house.service.search(INSPECTOR, SearchQuery(subject=PUPIL)).entries] == [11, 10, 4]


@pytest.mark.parametrize("indexes", [None, [0, 4, 10]])
def test_package_verifies_for_a_stranger_and_an_altered_one_does_not(
    house: House, tmp_path: Path, indexes: list[int] | None
) -> None:
    policy = trust(str(make_identity().keys[0]))
    content = house.service.export(INSPECTOR, indexes)
    path = tmp_path / "package.zip"
    path.write_bytes(content)
    report = verify_bundle(path, policy)
    assert report.ok, report.findings
    assert report.size == 12
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert {"README.zh.md", "README.en.md", "checkpoint", "policy.txt", "manifest.json"} <= set(names)
    stranger = NoteSigner(make_identity().origin, Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    assert not verify_bundle(path, trust(str(stranger.verifier))).ok
    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(altered, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"n":4', b'"n":5') if "entries" in name else old.read(name))
    assert [(f.damage, f.index) for f in verify_bundle(altered, policy).findings] == [(Damage.ALTERED, 4)]


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(MalformedError):
        verify_bundle(path, POLICY)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(MalformedError):
        verify_bundle(path, POLICY)


# what the verifier finds


def test_a_sound_log_verifies(house: House) -> None:
    report = house.verify()
    assert report.ok
    assert (report.size, report.origin) == (11, make_identity().origin)


def test_an_altered_entry_is_named(house: House) -> None:
    assert house.damages("UPDATE log_entries SET body = (SELECT body FROM log_entries WHERE seq = 0) || body "
                         "WHERE seq = 6") == [(Damage.ALTERED, 6)]  # fmt: skip


def test_an_altered_entry_whose_hash_was_altered_too_is_named(house: House) -> None:
    with house.engine.connect() as connection:
        body = bytes(connection.execute(text("SELECT body FROM log_entries WHERE seq = 6")).scalar_one())
        connection.rollback()
    forged = body.replace(b'"n":6', b'"n":7')
    assert forged != body
    house.damage(f"UPDATE log_entries SET body = {_hex(house, forged)}, "
                 f"leaf_hash = {_hex(house, leaf_hash(forged))} WHERE seq = 6")  # fmt: skip
    assert [(f.damage, f.index) for f in house.verify().findings] == [(Damage.ALTERED, 6)]


def _hex(house: House, content: bytes) -> str:
    if house.engine.dialect.name == "postgresql":
        return f"decode('{content.hex()}', 'hex')"
    return f"x'{content.hex()}'"


def test_a_missing_entry_is_named(house: House) -> None:
    assert house.damages("DELETE FROM log_entries WHERE seq = 2") == [(Damage.MISSING, 2)]


def test_swapped_entries_are_named_as_reordered(house: House) -> None:
    found = house.damages(
        "UPDATE log_entries SET seq = 1000 WHERE seq = 2",
        "UPDATE log_entries SET seq = 2 WHERE seq = 3",
        "UPDATE log_entries SET seq = 3 WHERE seq = 1000",
    )
    assert found == [(Damage.REORDERED, 2), (Damage.REORDERED, 3)]


def test_a_cut_tail_is_found_by_the_checkpoint(house: House) -> None:
    assert house.damages("DELETE FROM log_entries WHERE seq >= 8") == [(Damage.TRUNCATED, 8)]


def test_entries_behind_the_last_checkpoint_are_found(house: House) -> None:
    assert house.damages("DELETE FROM log_checkpoints WHERE size > 9") == [(Damage.UNSIGNED, 9)]


def test_a_damaged_tile_is_told_from_a_damaged_entry(house: House) -> None:
    found = house.damages(f"UPDATE log_tiles SET hashes = {_hex(house, bytes(32 * 11))}")
    assert {damage for damage, _ in found} == {Damage.TILE}


def test_a_checkpoint_that_was_tampered_with_is_found(house: House) -> None:
    assert house.damages("UPDATE log_checkpoints SET note = replace(note, 'test.example/log', 'best.example/log') "
                         "WHERE size = 5") == [(Damage.FOREIGN, 5)]  # fmt: skip


def test_a_wrong_head_is_found(house: House) -> None:
    assert house.damages("UPDATE log_head SET size = 4") == [(Damage.CHECKPOINT, 4)]


def _rewrite(house: House, upto: int) -> None:
    """Do what an operator with the key can: write the whole history again without entry 1, signed."""
    with house.engine.connect() as connection:
        rows = connection.execute(text("SELECT body FROM log_entries ORDER BY seq")).scalars()
        bodies = [decode_entry(bytes(row)) for row in rows]
        connection.rollback()
    tables = ("log_entries", "log_tiles", "log_checkpoints", "log_head", "log_index", "log_tags", "log_cosignatures")
    for name in ("log_cosignatures", "log_tag_lists"):
        on = f" ON {name}" if house.engine.dialect.name == "postgresql" else ""
        house.damage(f"DROP TRIGGER guard_{name}_delete{on}")
    house.damage(*(f"DELETE FROM {table}" for table in (*tables, "log_tag_lists")))
    journal = make_journal(house.engine)
    for content in bodies[:upto]:
        if content["facts"] != {"n": 1}:
            facts = content["facts"]
            assert isinstance(facts, dict)
            journal.append(EntryDraft(str(content["kind"]), None, facts=facts))
    journal.close()


def test_a_history_written_again_is_caught_by_the_witness_alone(house: House, tmp_path: Path) -> None:
    witness = Witness(tmp_path, WITNESS, {make_identity().origin: make_identity().keys}, lambda: AT)
    witness.once(house.publisher, make_identity().origin)
    _rewrite(house, 11)
    for _ in range(3):
        house.journal.append(EntryDraft("test.more", None))
    assert house.verify().ok  # who kept nothing sees nothing
    found = house.verify(witnessed=tuple(witness.history(make_identity().origin))).findings
    assert [(f.damage, f.index) for f in found] == [(Damage.FORKED, 11)]
    with pytest.raises(ProofError):
        witness.once(house.publisher, make_identity().origin)


def test_a_rollback_to_an_older_backup_is_caught_by_the_witness(house: House, tmp_path: Path) -> None:
    witness = Witness(tmp_path, WITNESS, {make_identity().origin: make_identity().keys}, lambda: AT)
    witness.once(house.publisher, make_identity().origin)
    _rewrite(house, 5)
    found = house.verify(witnessed=tuple(witness.history(make_identity().origin))).findings
    assert [(f.damage, f.index) for f in found] == [(Damage.ROLLED_BACK, 4)]


def test_a_read_only_engine_cannot_write(house: House) -> None:
    engine = make_read_only_engine(house.url)
    with pytest.raises(DBAPIError, match=r"readonly|read-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM log_index"))
    engine.dispose()


def test_the_service_does_not_know_sqlalchemy() -> None:
    script = "import gateway.audit.service, gateway.audit.records, sys; print('sqlalchemy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
