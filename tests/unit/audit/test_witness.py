"""The witness cosigns only what extends what it has seen."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError, ProofError, WitnessConflictError
from gateway.audit.merkle import consistency_proof, leaf_hash, nodes_of, root_of
from gateway.audit.note import COSIGNATURE, NoteSigner, Signature, SignedNote, cosignature_time
from gateway.audit.rotation import ProvenRotation
from gateway.audit.witness import AddCheckpoint, Witness
from gateway.errors import ConfigurationError, NotFoundError, ParameterError, UnavailableError

ORIGIN = "log.example"
LOG = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEY = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32), COSIGNATURE)
LEAVES = [leaf_hash(bytes([n])) for n in range(100)]
OTHER = [leaf_hash(bytes([n, n])) for n in range(100)]
AT = datetime(2026, 11, 23, tzinfo=UTC)


def _note(size: int, leaves: list[bytes] = LEAVES) -> str:
    return str(Checkpoint(ORIGIN, size, root_of(leaves[:size])).sign([LOG]))


def _request(old: int, new: int, leaves: list[bytes] = LEAVES) -> AddCheckpoint:
    proof = consistency_proof(nodes_of(leaves), old, new) if old else []
    return AddCheckpoint(old, tuple(proof), _note(new, leaves))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, KEY, {ORIGIN: (LOG.verifier,)}, lambda: AT)


def test_witness_follows_the_log_and_keeps_each_checkpoint(witness: Witness) -> None:
    for old, new in ((0, 5), (5, 5), (5, 64), (64, 100)):
        signature = witness.add_checkpoint(AddCheckpoint.parse(str(_request(old, new))))
        text = Checkpoint(ORIGIN, new, root_of(LEAVES[:new])).text
        assert cosignature_time(text, signature, KEY.verifier) == int(AT.timestamp())
    latest = witness.latest(ORIGIN)
    assert latest is not None
    assert latest.size == 100
    assert [Checkpoint.parse_text(SignedNote.parse(n).text).size for n in witness.history(ORIGIN)] == [5, 64, 100]
    assert KEY.verifier in SignedNote.parse(witness.latest_note(ORIGIN) or "").verify([KEY.verifier])


def test_a_fork_a_rollback_and_a_false_proof_are_not_cosigned(witness: Witness) -> None:
    witness.add_checkpoint(_request(0, 50))
    with pytest.raises(ProofError):
        witness.add_checkpoint(_request(50, 60, OTHER))
    with pytest.raises(ProofError):
        witness.add_checkpoint(AddCheckpoint(50, (), _note(50, OTHER)))
    with pytest.raises(WitnessConflictError) as caught:
        witness.add_checkpoint(_request(40, 60))
    assert caught.value.extra == {"size": 50}
    with pytest.raises(ParameterError):
        witness.add_checkpoint(AddCheckpoint(50, (), _note(40)))
    with pytest.raises(ProofError):
        witness.add_checkpoint(AddCheckpoint(50, (), _note(60)))
    assert [Checkpoint.parse_text(SignedNote.parse(n).text).size for n in witness.history(ORIGIN)] == [50]


def test_an_unknown_log_and_an_unknown_key_are_refused(witness: Witness) -> None:
    with pytest.raises(NotFoundError):
        witness.add_checkpoint(AddCheckpoint(0, (), str(Checkpoint("other", 1, LEAVES[0]).sign([LOG]))))
    stranger = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    with pytest.raises(ProofError):
        witness.add_checkpoint(AddCheckpoint(0, (), str(Checkpoint(ORIGIN, 1, LEAVES[0]).sign([stranger]))))
    with pytest.raises(ProofError):
        witness.add_checkpoint(AddCheckpoint(0, (LEAVES[0],), _note(3)))


def test_of_twenty_racing_requests_one_wins(witness: Witness) -> None:
    witness.add_checkpoint(_request(0, 10))
    won: list[Signature] = []
    lost: list[WitnessConflictError] = []
    barrier = threading.Barrier(20)

    def ask(new: int) -> None:
        request = _request(10, new)
        barrier.wait()
        try:
            won.append(witness.add_checkpoint(request))
        except WitnessConflictError as error:
            lost.append(error)

    threads = [threading.Thread(target=ask, args=(20 + n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 19)


def test_once_asks_the_log_for_the_proof_it_needs(witness: Witness) -> None:
    class Log:
        size = 7

        def checkpoint(self) -> str:
            return _note(self.size)

        def rotations(self, size: int) -> list[ProvenRotation]:
            return []

        def consistency(self, old: int, new: int) -> list[bytes]:
            return consistency_proof(nodes_of(LEAVES), old, new)

    log = Log()
    assert witness.once(log, ORIGIN)[0].size == 7
    log.size = 80
    checkpoint, signature = witness.once(log, ORIGIN)
    assert cosignature_time(checkpoint.text, signature, KEY.verifier) > 0
    log.size = 79
    with pytest.raises(ProofError, match="went back"):
        witness.once(log, ORIGIN)


def test_nothing_is_cosigned_when_the_state_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    witness = Witness(tmp_path / "file", KEY, {ORIGIN: (LOG.verifier,)}, lambda: AT)
    with pytest.raises(UnavailableError):
        witness.add_checkpoint(_request(0, 1))


def test_a_log_key_is_no_witness_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Witness(tmp_path, LOG, {}, lambda: AT)


@pytest.mark.parametrize("text", ["", "old x\n\nnote", "old 1\nAAAA\n\nnote", "new 1\n\nnote", "old 01\n\nnote"])
def test_a_malformed_request_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        AddCheckpoint.parse(text)
