"""Whoever trusts one key of a log follows its change to the other, and no change that was not signed."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.bundle import Bundle, verify_bundle
from gateway.audit.errors import ProofError
from gateway.audit.findings import Damage, VerifyReport
from gateway.audit.merkle import EMPTY_ROOT
from gateway.audit.note import NoteSigner, SignedNote, VerifierKey
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.receipts import TlogProof
from gateway.audit.rotation import KIND, decode_proven, encode_proven, keys_document, rotation_facts
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.tiled import FolderFiles, TiledSource
from gateway.audit.verify import verify_log
from gateway.audit.witness import AddCheckpoint, Witness
from gateway.audit.witnessing import request_for
from gateway.journal import EntryDraft, JsonValue
from tests.factories.rotation import FIRST, INSPECTOR, STRANGER, Signed, key_folder, rotated, signed_by
from tests.factories.tampering import WITNESS, owner_of

OLD = FIRST.verifier
CHANGE = 3
"""The index of the entry that changes the key in the log of ``rotated``."""


@dataclass
class Shown:
    """A log across a change of its key, and what of it leaves the gateway."""

    log: Signed
    new: VerifierKey
    folder: Path

    def trusts(self) -> tuple[tuple[VerifierKey, ...], ...]:
        return ((OLD,), (self.new,), (OLD, self.new))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    root = tmp_path_factory.mktemp("rotated")
    log, new = rotated(f"sqlite:///{root / 'log.db'}", root / "keys")
    audit = log.audit()
    (root / "chosen.zip").write_bytes(audit.export(INSPECTOR, [1, 4, 7]))
    (root / "whole.zip").write_bytes(audit.export(INSPECTOR))
    audit.mirror(FolderFiles(root / "mirror").write)
    yield Shown(log, new, root)
    log.close()


@pytest.fixture
def log(tables_url: str, tmp_path: Path) -> Iterator[Signed]:
    made = Signed(tables_url, key_folder(tmp_path / "keys"))
    yield made
    made.close()


def damages(report: VerifyReport) -> list[tuple[Damage, int | None]]:
    return [(one.damage, one.index) for one in report.findings]


# what holds


@pytest.mark.parametrize("place", ["whole.zip", "chosen.zip", "mirror"])
def test_packages_and_folders_verify_from_either_key(shown: Shown, place: str) -> None:
    for trusted in shown.trusts():
        report = verify_bundle(shown.folder / place, TrustPolicy(trusted))
        assert report.ok, (trusted, report.findings)
    assert not verify_bundle(shown.folder / place, TrustPolicy((STRANGER.verifier,))).ok


@pytest.mark.parametrize("place", ["whole.zip", "chosen.zip"])
def test_a_package_carries_all_keys_with_their_spans(shown: Shown, place: str) -> None:
    with Bundle.open(shown.folder / place) as bundle:
        assert bundle.policy().logs == (OLD, shown.new)
        told = json.loads(bundle.read("keys.json") or b"")
    spans = [(one["vkey"], one["signs_from"], one["signs_until"], one["entry"]) for one in told["keys"]]
    assert spans == [(str(OLD), 0, "2026-12-23T10:00:00.000000Z", None), (str(shown.new), CHANGE + 1, None, CHANGE)]


def test_the_public_part_verifies_by_the_public_keys_alone(shown: Shown, tmp_path: Path) -> None:
    files = FolderFiles(shown.folder / "mirror")
    for trusted in shown.trusts():
        assert verify_log(TiledSource(files), TrustPolicy(trusted), hashes_only=True).ok
    other = FolderFiles(tmp_path)
    for path in sorted((shown.folder / "mirror").rglob("*")):
        if path.is_file():
            other.write(str(path.relative_to(shown.folder / "mirror")), path.read_bytes())
    document = json.loads((tmp_path / "keys.json").read_text())
    document["keys"][1]["entry"] = 2  # an entry that changes nothing
    (tmp_path / "keys.json").write_text(json.dumps(document))
    report = verify_log(TiledSource(other), TrustPolicy((OLD,)), hashes_only=True)
    assert (Damage.KEY_ROTATION, 2) in damages(report)


@pytest.mark.parametrize("index", [0, CHANGE, 5, 7])
def test_a_receipt_leads_from_the_old_key_to_the_one_that_signed(shown: Shown, index: int) -> None:
    proven = shown.log.audit().proof(index)
    proof = TlogProof.parse(proven.receipt)
    for trusted in shown.trusts():
        assert proof.verify(proven.body, TrustPolicy(trusted)).size == proven.tree_size
    alone = replace(proof, rotations=())
    with pytest.raises(ProofError, match="No known key"):
        alone.verify(proven.body, TrustPolicy((OLD,)))
    with pytest.raises(ProofError):
        proof.verify(proven.body, TrustPolicy((STRANGER.verifier,)))
    elsewhere = replace(proof, rotations=(replace(proof.rotations[0], index=2),))
    with pytest.raises(ProofError):
        elsewhere.verify(proven.body, TrustPolicy((OLD,)))


def test_a_log_whose_key_never_changed_shows_no_keys(log: Signed) -> None:
    log.append(2)
    assert TlogProof.parse(log.audit().proof(0).receipt).rotations == ()
    assert log.publisher().keys() == []
    assert keys_document("x", [])["keys"] == []


def test_cosignatures_count_on_both_sides_of_the_change(log: Signed, tmp_path: Path) -> None:
    policy = parse_policy(f"log {OLD}\nwitness w {WITNESS.verifier}\nquorum w\n")
    audit, witness = log.audit(policy), Witness(tmp_path / "w", WITNESS, {OLD.name: (OLD,)}, log.clock)
    for act in (log.append, log.rotate, log.end_overlap):
        act()
        log.append()
        checkpoint, line = witness.once(log.publisher(), OLD.name)
        audit.add_cosignature(checkpoint.size, line.line())
        seen = audit.witnessed()
        assert seen is not None
        assert seen.size == checkpoint.size
    path = tmp_path / "whole.zip"
    path.write_bytes(audit.export(INSPECTOR))
    report = verify_bundle(path, policy, witnessed=witness.history(OLD.name))
    assert report.ok, report.findings
    assert report.cosigned_size == report.size - 1  # the last is the export's own entry


# what does not


def _entry(log: Signed, facts: dict[str, JsonValue]) -> None:
    SequencerJournal(log.sequencer).append(EntryDraft(KIND, None, facts=facts))


def test_a_change_that_the_old_key_did_not_sign_is_none(log: Signed) -> None:
    log.append(2)
    other = NoteSigner(OLD.name, STRANGER.key)
    facts = rotation_facts(other, other, "2026-12-23T10:00:00.000000Z")
    _entry(log, {**facts, "old_key": str(OLD)})  # says one thing, the statement another
    text = facts["statement"]
    assert isinstance(text, str)
    note = SignedNote.parse(text)
    told = note.text.replace(f"old {other.verifier}", f"old {OLD}")
    forged = SignedNote(told, (other.sign(told), other.sign(told)))
    _entry(log, {**facts, "old_key": str(OLD), "statement": str(forged)})
    _entry(log, {"old_key": str(OLD)})
    report = log.verify(OLD)
    assert damages(report) == [(Damage.KEY_ROTATION, 2), (Damage.KEY_ROTATION, 3), (Damage.KEY_ROTATION, 4)]
    assert "did not sign" in report.findings[1].detail


def test_a_change_from_a_key_that_signs_no_more_is_none(log: Signed) -> None:
    log.append()
    log.rotate()
    _entry(log, rotation_facts(FIRST, STRANGER, "2026-12-23T10:00:00.000000Z"))  # the old key was stolen
    assert damages(log.verify(OLD)) == [(Damage.KEY_ROTATION, 2)]


def _resign(log: Signed, size: int, *signers: NoteSigner) -> str:
    note = signed_by(size, log.publisher().root(size), *signers)
    with owner_of(log.url) as vandal:
        vandal.set_note(size, note)
    return note


def test_a_checkpoint_that_only_the_old_key_signed_is_refused_from_the_entry_on(log: Signed) -> None:
    log.append(2)
    new = log.rotate()
    log.append(2)
    log.end_overlap()
    log.append()
    for size in (4, 6):
        _resign(log, size, FIRST)
    for trusted in ((OLD,), (OLD, new), (new,)):
        report = log.verify(*trusted)
        assert damages(report) == [(Damage.RETIRED_KEY, 4), (Damage.UNSIGNED, 5), (Damage.RETIRED_KEY, 6)]
    with pytest.raises(ProofError, match="replaced"):
        TlogProof.parse(log.audit().proof(0).receipt).verify(log.audit().proof(0).body, TrustPolicy((OLD,)))


def test_a_new_key_without_an_entry_is_found(log: Signed) -> None:
    log.append(4)
    for size in (3, 4):
        _resign(log, size, STRANGER)
    assert {one for one, _ in damages(log.verify(OLD))} == {Damage.UNKNOWN_KEY, Damage.UNSIGNED}
    report = log.verify(OLD, STRANGER.verifier)  # the reader's file lists both: the log itself has to tell of it
    assert damages(report) == [(Damage.KEY_ROTATION, 3)]


def test_a_key_that_signs_before_its_entry_is_found(log: Signed) -> None:
    log.append(2)
    new = log.rotate()
    signer = log.keys.files.find(new)
    assert signer is not None
    _resign(log, 2, signer)
    assert damages(log.verify(OLD)) == [(Damage.KEY_ROTATION, 2)]


def test_an_entry_of_a_change_that_was_altered_or_taken_away_is_named(log: Signed) -> None:
    log.append(2)
    new = log.rotate()
    log.append()
    log.end_overlap()
    log.append()
    with owner_of(log.url) as vandal:
        body = vandal.body(2)
        vandal.do("UPDATE log_entries SET body = ? WHERE seq = 2", body.replace(b"2026-12-23", b"2027-12-23"))
    for trusted in ((OLD,), (new,)):
        found = damages(log.verify(*trusted))
        assert (Damage.ALTERED, 2) in found
        assert (Damage.KEY_ROTATION, 2) in found
    with owner_of(log.url) as vandal:
        vandal.do("DELETE FROM log_entries WHERE seq = 2")
    found = damages(log.verify(OLD))
    assert (Damage.MISSING, 2) in found
    assert (Damage.KEY_ROTATION, 2) in found


def test_the_table_of_keys_is_held_against_the_log(log: Signed) -> None:
    log.append(2)
    log.rotate()
    log.append()
    with owner_of(log.url) as vandal:
        vandal.do("UPDATE log_keys SET entry = 1 WHERE number = 1")
    assert (Damage.KEY_ROTATION, 1) in damages(log.verify(OLD))
    with owner_of(log.url) as vandal:
        vandal.do("DELETE FROM log_keys")
    assert log.verify(OLD).ok  # the entries say it all


def test_a_database_of_before_has_no_table_of_keys(log: Signed) -> None:
    log.append(2)
    with owner_of(log.url) as vandal:
        vandal.do("DROP TABLE log_keys")
    assert log.verify(OLD).ok


def test_a_package_without_its_file_of_keys_still_verifies_forward(shown: Shown, tmp_path: Path) -> None:
    with zipfile.ZipFile(shown.folder / "whole.zip") as whole, zipfile.ZipFile(tmp_path / "cut.zip", "w") as cut:
        for name in whole.namelist():
            if name != "keys.json":
                cut.writestr(name, whole.read(name))
    found = damages(verify_bundle(tmp_path / "cut.zip", TrustPolicy((OLD,))))
    assert set(found) <= {(Damage.UNKNOWN_KEY, None)}  # the newest checkpoint, looked at before the entries


# the witness


def test_a_witness_of_the_old_key_learns_the_new_one_and_goes_back_to_none(log: Signed, tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", WITNESS, {OLD.name: (OLD,)}, log.clock)
    log.append(2)
    witness.once(log.publisher(), OLD.name)
    log.rotate()
    log.append()
    witness.once(log.publisher(), OLD.name)  # both sign: it need not have learnt, and has
    assert decode_proven((tmp_path / "w" / sha256(OLD.name.encode()).hexdigest() / "keys").read_text())
    log.end_overlap()
    log.append()
    again = Witness(tmp_path / "w", WITNESS, {OLD.name: (OLD,)}, log.clock)  # started anew
    again.add_checkpoint(request_for(log.store, log.reader, WITNESS.verifier, 4))
    log.append()
    stolen = signed_by(6, log.publisher().root(6), FIRST)
    proof = request_for(log.store, log.reader, WITNESS.verifier, 5).proof
    with pytest.raises(ProofError, match="replaced"):
        again.add_checkpoint(AddCheckpoint(5, proof, stolen))


def test_a_witness_of_both_keys_never_goes_back_to_the_first(log: Signed, tmp_path: Path) -> None:
    log.append()
    new = log.rotate()
    witness = Witness(tmp_path / "w", WITNESS, {OLD.name: (OLD, new)}, log.clock)
    witness.add_checkpoint(request_for(log.store, log.reader, WITNESS.verifier, 0))
    log.append()
    stolen = signed_by(3, log.publisher().root(3), FIRST)
    proof = request_for(log.store, log.reader, WITNESS.verifier, 2).proof
    with pytest.raises(ProofError, match="replaced"):
        witness.add_checkpoint(AddCheckpoint(2, proof, stolen))


def test_a_witness_learns_nothing_from_a_log_that_does_not_hold_the_change(log: Signed, tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", WITNESS, {OLD.name: (OLD,)}, log.clock)
    log.append(2)
    log.rotate()
    (change,) = log.publisher().rotations(3)
    with pytest.raises(ProofError):
        witness.learn(signed_by(3, EMPTY_ROOT, FIRST), [change])
    with pytest.raises(ProofError):
        witness.learn(str(log.notes()[3]), [replace(change, index=1)])
    with pytest.raises(ProofError):  # the log holds it, the new key did not sign
        witness.learn(signed_by(3, log.publisher().root(3), FIRST), [change])
    stranger = Witness(tmp_path / "s", WITNESS, {OLD.name: (STRANGER.verifier,)}, log.clock)
    stranger.learn(str(log.notes()[3]), [change])
    assert not list((tmp_path / "s").rglob("keys"))


@pytest.mark.parametrize(
    "bad", [{"index": -1}, {"index": True}, {"body": "*"}, {"proof": ["AAAA"]}, {"proof": None}, {"index": "1"}]
)
def test_keys_in_a_proof_that_cannot_be_read_are_refused(shown: Shown, bad: dict[str, Any]) -> None:
    text = encode_proven(shown.log.publisher().rotations(8))
    told = json.loads(base64.b64decode(text))
    told["rotations"][0] |= bad
    with pytest.raises(Exception, match="cannot be read"):
        decode_proven(base64.b64encode(json.dumps(told).encode()).decode())
    assert decode_proven("AAAA") == ()
